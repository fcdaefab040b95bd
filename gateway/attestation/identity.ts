// Keys and secrets that we hold: made from random bytes, kept in files of mode 0600, never printed.
// Signing side: node:crypto and files; nothing on the verifying side may import values from here.
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fromBase64, toBase64 } from './bytes.ts'
import { AttestationError } from './codes.ts'
import { didOf, parseDid, type Suite } from './did.ts'
import { writeAtomically } from './files.ts'

/** Signs with a key that it alone holds. Nothing that prints a signer shows the key. */
export interface Signer {
  did: string
  suite: Suite
  publicKey: Uint8Array
  /** Raw signature over the message. */
  sign(message: Uint8Array): Uint8Array
}

/**
 * `random(n)` gives n unpredictable bytes; the composition root passes node:crypto's randomBytes.
 */
export type Random = (bytes: number) => Uint8Array

/** Where a gateway's own key and the secret of its blinds lie in its data folder. */
export const gatewayKeyFiles = (dataFolder: string): { key: string; blind: string } => ({
  key: join(dataFolder, 'keys', 'gateway.pem'),
  blind: join(dataFolder, 'keys', 'blind.key'),
})

/** PKCS #8 of an Ed25519 key (RFC 8410, 7) up to its 32-byte seed. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

const signerOf = (key: KeyObject): Signer => {
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  const publicKey = Uint8Array.from(Buffer.from(x ?? '', 'base64url'))
  const did = didOf(publicKey)
  return {
    did,
    suite: parseDid(did).suite,
    publicKey,
    sign: (message) => Uint8Array.from(sign(null, message, key)),
  }
}

const keyOfSeed = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })

/** Signer of a 32-byte seed (RFC 8032 private key). */
export const signerOfSeed = (seed: Uint8Array): Signer => signerOf(keyOfSeed(seed))

/** Text of a secret file that only its owner may read. */
const readSecret = (path: string): string => {
  if (!existsSync(path)) throw new AttestationError('no_key_file', `no key at ${path}`)
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new AttestationError('key_file_open', `${path} can be read by others`)
  }
  return readFileSync(path, 'utf8')
}

/** Signer of a key file (PKCS #8 PEM). Throws no_key_file, key_file_open, bad_key_file. */
export const loadSigner = (path: string): Signer => {
  const pem = readSecret(path)
  let key: KeyObject | undefined
  try {
    key = createPrivateKey(pem)
  } catch {
    // The reason may quote the content: it is left out on purpose.
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new AttestationError('bad_key_file', `${path} holds no Ed25519 key`)
  }
  return signerOf(key)
}

/** Signer of a key file; the first call makes the key. An existing file is never replaced. */
export const loadOrCreateSigner = (path: string, random: Random): Signer => {
  if (!existsSync(path)) {
    writeAtomically(path, keyOfSeed(random(32)).export({ format: 'pem', type: 'pkcs8' }))
  }
  return loadSigner(path)
}

/** 32 secret bytes of a file; the first call makes them. */
export const loadOrCreateSecret = (path: string, random: Random): Uint8Array => {
  if (!existsSync(path)) writeAtomically(path, `${toBase64(random(32))}\n`)
  const text = readSecret(path)
  try {
    const secret = fromBase64(text.trimEnd())
    if (secret.length === 32) return secret
  } catch {
    // Said below, without quoting the content.
  }
  throw new AttestationError('bad_key_file', `${path} does not hold 32 bytes of base64`)
}
