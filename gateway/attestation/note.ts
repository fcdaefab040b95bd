// C2SP signed-note v1 with Ed25519 signatures (type 0x01) and its verifier keys: the text form in
// which logs, witnesses and their tools speak. Parsing is strict. Browser-safe; keys stay outside.
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, fromBase64, toBase64, toHex, utf8 } from './bytes.ts'
import { AttestationError } from './codes.ts'
import { isStrongKey, verifyEd25519 } from './ed25519.ts'

/** A key that signs notes: its name, and its id (4 bytes). */
export interface NoteKey {
  name: string
  id: Uint8Array
  publicKey: Uint8Array
}

/** What signs notes: a name for its key, and the key. */
export interface NoteSigner {
  name: string
  publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

export interface NoteSignature {
  name: string
  id: Uint8Array
  signature: Uint8Array
}

export interface Note {
  /** The signed text, with its last newline. */
  text: string
  signatures: readonly NoteSignature[]
}

const ed25519Type = 0x01
/** Most signatures of a note; the standard asks for at least 16. */
export const maxSignatures = 64
/** Longest note, characters. */
export const maxNoteChars = 65_535
const namePattern = /^[^\s+\p{White_Space}\p{Cc}]{1,200}$/u

/** Key of a name: id = SHA-256(name, newline, type, public key)[0..4]. */
export const noteKey = (name: string, publicKey: Uint8Array): NoteKey => {
  if (!namePattern.test(name) || !isStrongKey(publicKey)) {
    throw new AttestationError('bad_vkey', `not a key name and an Ed25519 key: ${name}`)
  }
  const id = sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(ed25519Type), publicKey))
  return { name, id: id.slice(0, 4), publicKey }
}

/** Verifier key text: `<name>+<id in hex>+<base64 of type and key>`. */
export const encodeVkey = ({ name, id, publicKey }: NoteKey): string =>
  `${name}+${toHex(id)}+${toBase64(concatBytes(Uint8Array.of(ed25519Type), publicKey))}`

export const parseVkey = (text: string): NoteKey => {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text)
  const [, name = '', id = '', encoded = ''] = parts ?? []
  const material = parts === null ? new Uint8Array() : fromBase64(encoded)
  if (material.length !== 33 || material[0] !== ed25519Type) {
    throw new AttestationError('bad_vkey', `not an Ed25519 verifier key: ${text.slice(0, 200)}`)
  }
  const key = noteKey(name, material.slice(1))
  if (toHex(key.id) !== id) throw new AttestationError('bad_vkey', `key id of ${name} is not ${id}`)
  return key
}

/** Signs a text (ends in a newline) and returns the note. */
export const signNote = (text: string, signer: NoteSigner): string => {
  const { name, id } = noteKey(signer.name, signer.publicKey)
  const signature = concatBytes(id, signer.sign(utf8(text)))
  const note = `${text}\n— ${name} ${toBase64(signature)}\n`
  parseNote(note)
  return note
}

const parseSignature = (line: string): NoteSignature => {
  const [dash, name, encoded, ...more] = line.split(' ')
  if (dash !== '—' || name === undefined || encoded === undefined || more.length > 0) {
    throw new AttestationError('bad_note', 'a signature line must be: dash, name, base64')
  }
  const bytes = fromBase64(encoded)
  if (!namePattern.test(name) || bytes.length < 5) {
    throw new AttestationError('bad_note', 'a signature line has a wrong name or is too short')
  }
  return { name, id: bytes.slice(0, 4), signature: bytes.slice(4) }
}

/** Takes a note apart; no signature is verified. */
export const parseNote = (note: string): Note => {
  const hasControl = Array.from(note).some((char) => char < ' ' && char !== '\n')
  if (note.length > maxNoteChars || hasControl || !note.isWellFormed()) {
    throw new AttestationError('bad_note', 'control character, lone surrogate or too long')
  }
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) {
    throw new AttestationError(
      'bad_note',
      'no blank line before the signatures, or no last newline',
    )
  }
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > maxSignatures) throw new AttestationError('bad_note', 'too many signatures')
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) }
}

/**
 * Text of a note that the key has signed. Signatures of other keys are ignored, as the standard
 * asks; a wrong signature of this key rejects the whole note.
 */
export const openNote = (note: string, key: NoteKey): string => {
  const { text, signatures } = parseNote(note)
  const own = signatures.filter(({ name, id }) => name === key.name && equalBytes(id, key.id))
  if (own.length === 0) {
    throw new AttestationError('no_known_signature', `no signature of ${encodeVkey(key)}`)
  }
  if (own.every(({ signature }) => verifyEd25519(signature, utf8(text), key.publicKey))) return text
  throw new AttestationError('bad_note_signature', `a signature of ${key.name} is wrong`)
}
