// What the public log holds of an entry: a blinded unit key, sequence, previous hash and entry
// hash, nothing else. Without the blind nobody can tell which leaves belong to one unit's key.
// Browser-safe; the blind travels in the passport, so that its holder can find the leaves.
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8 } from './bytes.ts'
import { type Cbor, encodeCbor } from './cbor.ts'
import { parseDid } from './did.ts'
import type { EntryPayload } from './entry.ts'

/** Blind of one unit (32 bytes), derived from the gateway's secret: nothing to store per unit. */
export const unitBlind = (secret: Uint8Array, unit: string): Uint8Array =>
  hmac(sha256, secret, concatBytes(utf8('tenfold-blind@v1\n'), utf8(unit)))

/** HMAC-SHA-256(blind, public key): what stands for the unit in public. */
export const blindedKey = (unit: string, blind: Uint8Array): Uint8Array =>
  hmac(sha256, blind, parseDid(unit).bytes)

/** Leaf bytes of an entry: deterministic CBOR {key, seq, prev, entry}. */
export const leafOf = (
  entry: Pick<EntryPayload, 'unit' | 'seq' | 'prev'> & { hash: Uint8Array },
  blind: Uint8Array,
): Uint8Array =>
  encodeCbor(
    new Map<string, Cbor>([
      ['key', blindedKey(entry.unit, blind)],
      ['seq', entry.seq],
      ['prev', entry.prev],
      ['entry', entry.hash],
    ]),
  )
