// Builds a passport from what a store holds. The store's owner implements PassportSource; nothing
// here knows its tables. Entries that no checkpoint covers yet are left out, and counted for the
// caller. Writing side; the signer is the log's own, for the head statement.
import { equalBytes } from './bytes.ts'
import { encodeProof, peekCheckpoint, signHead } from './checkpoint.ts'
import { verifyClaim } from './claim.ts'
import { AttestationError } from './codes.ts'
import { parseDisclosure } from './disclosure.ts'
import { verifyEntry } from './entry.ts'
import { blindedKey } from './leaf.ts'
import { encodeVkey, type NoteSigner, noteKey } from './note.ts'
import { type ConsistencyFrom, encodePassport } from './passport-file.ts'
import type { TrustLine } from './trust.ts'

/** An entry as stored: its bytes as signed, and the index of its leaf, absent while it has none. */
export interface StoredEntry {
  bytes: Uint8Array
  leafIndex?: number
}

/**
 * What a passport is made from; read-only and synchronous, one consistent view from the first call
 * to `close`. `unit` is the unit's id as in its topic. Errors of the store pass through.
 */
export interface PassportSource {
  /** Ids of all units that have a chain, for messages. */
  units(): readonly string[]
  /** The unit's chain in the order of its sequence, from `made` on; empty for an unknown unit. */
  entries(unit: string): readonly StoredEntry[]
  /** Claims about the unit, as signed, in any order. */
  claims(unit: string): readonly Uint8Array[]
  /** Disclosures (`Disclosure.bytes`) of its entries and claims, in any order. */
  disclosures(unit: string): readonly Uint8Array[]
  /** Fork proofs kept for the unit: pairs of entries as signed. */
  forks(unit: string): readonly (readonly [Uint8Array, Uint8Array])[]
  /** 32 bytes, the same that blinded its leaves. */
  blind(unit: string): Uint8Array
  /** Title of the unit's profile, for people. */
  profileTitle(unit: string): string
  /** The newest checkpoint as signed note, or undefined before the first. */
  checkpoint(): string | undefined
  /** Verifier key of the log (C2SP vkey). */
  vkey(): string
  /** RFC 6962 proof that leaf `index` is in the tree of `size` (`tlog.inclusionProof`). */
  inclusionProof(place: { index: number; size: number }): readonly Uint8Array[]
  /** The log's states at the given older sizes, each joined to the tree of `size` by its proof. */
  consistency(size: number, oldSizes: readonly number[]): readonly ConsistencyFrom[]
  close(): void
}

/** Most older states in one passport. */
const maxOldSizes = 64

export interface BuiltPassport {
  text: string
  /**
   * The lines that a reader pins: the log's key and the unit's. Never to be handed over with the
   * file.
   */
  trust: readonly TrustLine[]
  /** Number of entries in the file, and of those that wait for a checkpoint. */
  entries: number
  waiting: number
}

export interface PassportParts {
  /** The log's own key, under its origin as name: signs the head statement. */
  signer: NoteSigner
  /** Sizes of the log that a reader may hold from elsewhere, such as those anchored on a chain. */
  oldSizes?: readonly number[]
}

/**
 * Builds the file. Throws unknown_unit, no_checkpoint, and origin_mismatch when the signer is not
 * the log's.
 */
export const buildPassport = (
  source: PassportSource,
  unit: string,
  { signer, oldSizes = [] }: PassportParts,
): BuiltPassport => {
  const stored = source.entries(unit)
  if (stored.length === 0) {
    const known = source.units().join(', ') || 'none'
    throw new AttestationError('unknown_unit', `no chain of unit ${unit}; known: ${known}`)
  }
  const checkpoint = source.checkpoint()
  if (checkpoint === undefined) throw new AttestationError('no_checkpoint', 'the log has none yet')
  const vkey = source.vkey()
  if (encodeVkey(noteKey(signer.name, signer.publicKey)) !== vkey) {
    throw new AttestationError('origin_mismatch', `the signer is not the log ${vkey}`)
  }
  const { size } = peekCheckpoint(checkpoint)
  const gap = stored.findIndex(({ leafIndex }) => leafIndex === undefined || leafIndex >= size)
  const covered = gap < 0 ? stored : stored.slice(0, gap)
  const last = covered.at(-1)
  const index = last?.leafIndex
  if (last === undefined || index === undefined) {
    throw new AttestationError('no_checkpoint', `no entry of ${unit} is under the checkpoint`)
  }
  const entries = covered.map(({ bytes }) => verifyEntry(bytes))
  const head = verifyEntry(last.bytes)
  const blind = source.blind(unit)
  const claims = source
    .claims(unit)
    .map(verifyClaim)
    .filter(({ hash }) =>
      entries.some(({ claim }) => claim !== undefined && equalBytes(claim, hash)),
    )
  const digests = [...entries, ...claims].flatMap((signed) => signed.digests)
  const isSigned = (digest: Uint8Array) => digests.some((one) => equalBytes(one, digest))
  const text = encodePassport({
    unit: head.unit,
    entries: covered.map(({ bytes }) => bytes),
    claims: claims.map(({ bytes }) => bytes),
    disclosures: source.disclosures(unit).filter((one) => isSigned(parseDisclosure(one).digest)),
    forks: source.forks(unit),
    blind,
    proof: encodeProof({ index, hashes: source.inclusionProof({ index, size }), checkpoint }),
    head: signHead(
      {
        ...{ size, seq: head.seq, hash: head.hash },
        blinded: blindedKey(head.unit, blind),
        forks: source.forks(unit).length,
        title: source.profileTitle(unit),
      },
      signer,
    ),
    log: vkey,
    consistency: source.consistency(size, sizesTo(size, oldSizes)),
  })
  const trust: TrustLine[] = [
    { role: 'log', key: vkey },
    { role: 'unit', key: head.unit },
  ]
  return { text, trust, entries: covered.length, waiting: stored.length - covered.length }
}

/** The newest of the sizes up to `size`, each once, ascending. */
const sizesTo = (size: number, sizes: readonly number[]): number[] =>
  [...new Set(sizes)]
    .filter((old) => old > 0 && old <= size)
    .toSorted((a, b) => a - b)
    .slice(-maxOldSizes)
