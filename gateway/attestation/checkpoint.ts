// The log's signed statements: checkpoints (C2SP tlog-checkpoint v1: origin, size, root), proofs
// that travel with one (C2SP tlog-proof v1), and heads: which entry of a unit is its last at that
// size. Extension lines are refused: no cosignature covers them. Browser-safe; keys stay outside.
import { fromBase64, toBase64 } from './bytes.ts'
import { AttestationError } from './codes.ts'
import { maxProofHashes } from './merkle.ts'
import { type NoteKey, type NoteSigner, openNote, parseNote, signNote } from './note.ts'

export interface Checkpoint {
  origin: string
  size: number
  root: Uint8Array
}

/**
 * What the log's operator says of one unit at one size. A signed word of the operator until the map
 * proves it; a leaf that contradicts it is proof of fraud.
 */
export interface HeadStatement {
  origin: string
  size: number
  /** Blinded unit key, as in the leaf. */
  blinded: Uint8Array
  seq: number
  hash: Uint8Array
  /**
   * How many forks of the unit's chain the operator has seen: the file's owner cannot hide them.
   */
  forks: number
  /** Title of the unit's profile: the operator's word, for people. */
  title: string
}

export interface LogProof {
  index: number
  hashes: readonly Uint8Array[]
  /** The checkpoint as signed note. */
  checkpoint: string
}

type Undefinable<T> = { [Key in keyof T]: T[Key] | undefined }

const headLine = 'tenfold-head@v1'
const proofLine = 'c2sp.org/tlog-proof@v1'
const linePattern = /^[^\p{Cc}\p{Zl}\p{Zp}]{1,200}$/u

const parseCount = (text: string | undefined): number | undefined =>
  text !== undefined && /^(0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text))
    ? Number(text)
    : undefined

const parseHash = (text: string | undefined): Uint8Array | undefined => {
  const bytes = text === undefined ? undefined : fromBase64(text)
  return bytes?.length === 32 ? bytes : undefined
}

/** Signs a checkpoint; the signer's name is the origin. */
export const signCheckpoint = (
  { size, root }: Omit<Checkpoint, 'origin'>,
  signer: NoteSigner,
): string => signNote(`${signer.name}\n${size}\n${toBase64(root)}\n`, signer)

/** Checkpoint of a text whose signature is checked elsewhere. */
const parseCheckpointText = (text: string): Checkpoint => {
  const [origin, sizeText, rootText, end, ...more] = text.split('\n')
  const size = parseCount(sizeText)
  const root = size === undefined ? undefined : parseHash(rootText)
  const isWhole = end === '' && more.length === 0
  if (!origin || !isWhole || size === undefined || root === undefined) {
    throw new AttestationError('bad_checkpoint', 'not the three lines origin, size, root')
  }
  return { origin, size, root }
}

/**
 * What a checkpoint says, before anybody's signature is checked: to look up the key to check with.
 */
export const peekCheckpoint = (note: string): Checkpoint =>
  parseCheckpointText(parseNote(note).text)

/** A checkpoint signed by the log's key, whose name is its origin. */
export const openCheckpoint = (note: string, key: NoteKey): Checkpoint => {
  const checkpoint = parseCheckpointText(openNote(note, key))
  if (checkpoint.origin === key.name) return checkpoint
  throw new AttestationError(
    'origin_mismatch',
    `checkpoint of ${checkpoint.origin}, key of ${key.name}`,
  )
}

/** Signs a head statement; the signer's name is the origin. */
export const signHead = (head: Omit<HeadStatement, 'origin'>, signer: NoteSigner): string => {
  const { size, blinded, seq, hash, forks, title } = head
  const unit = [toBase64(blinded), seq, toBase64(hash), forks, title]
  const lines = [headLine, signer.name, size, ...unit, '']
  const note = signNote(lines.join('\n'), signer)
  parseHeadText(parseNote(note).text)
  return note
}

const parseHeadText = (text: string): HeadStatement => {
  const [first, origin, size, ...unit] = text.split('\n')
  const [blinded, seq, hash, forks, title, end, ...more] = unit
  const head = {
    origin: origin || undefined,
    size: parseCount(size),
    blinded: parseHash(blinded),
    seq: parseCount(seq),
    hash: parseHash(hash),
    forks: parseCount(forks),
    title: linePattern.test(title ?? '') ? title : undefined,
  }
  const isForm = first === headLine && end === '' && more.length === 0
  if (isForm && isWhole(head)) return head
  throw new AttestationError('bad_head', `not a ${headLine}`)
}

const isWhole = (head: Undefinable<HeadStatement>): head is HeadStatement =>
  Object.values(head).every((value) => value !== undefined)

/** A head statement signed by the log's key. */
export const openHead = (note: string, key: NoteKey): HeadStatement => {
  const head = parseHeadText(openNote(note, key))
  if (head.origin === key.name) return head
  throw new AttestationError('origin_mismatch', `head of ${head.origin}, key of ${key.name}`)
}

/** Text of a tlog-proof. */
export const encodeProof = ({ index, hashes, checkpoint }: LogProof): string =>
  [proofLine, `index ${index}`, ...hashes.map(toBase64), '', checkpoint].join('\n')

/**
 * Takes a tlog-proof apart; nothing is verified. `extra` data are refused: nothing would sign them.
 */
export const parseProof = (text: string): LogProof => {
  const split = text.indexOf('\n\n')
  const [first, indexLine = '', ...hashLines] = text.slice(0, Math.max(split, 0)).split('\n')
  const index = parseCount(/^index ([0-9]+)$/.exec(indexLine)?.[1])
  if (first !== proofLine || index === undefined || hashLines.length > maxProofHashes) {
    throw new AttestationError('bad_proof', `not a ${proofLine}`)
  }
  const hashes = hashLines.map((line) => {
    const hash = parseHash(line)
    if (hash === undefined) throw new AttestationError('bad_proof', 'a hash must have 32 bytes')
    return hash
  })
  return { index, hashes, checkpoint: text.slice(split + 2) }
}
