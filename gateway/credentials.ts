// Names and scrypt hashes of their passwords, for the broker and the pages. A file of these is no
// secret that opens a door by itself, but it stays private: mode 0600. No password is kept or
// printed.
import { scrypt, timingSafeEqual } from 'node:crypto'
import { OperatingError } from './core/errors.ts'

/** Name -> `scrypt$<log2 N>$<r>$<p>$<salt>$<hash>`, salt and hash in base64url. */
export type Credentials = Readonly<Record<string, string>>

/** RFC 7914: cost 2^14, 16 MiB and some 40 ms a check: a guess is dear, a reconnect is not. */
const cost = { log2N: 14, r: 8, p: 1 }
const saltBytes = 16
const hashBytes = 32
const form = /^scrypt\$(1[0-9]|20)\$([1-9]|[1-2]\d|3[0-2])\$([1-4])\$([\w-]{22})\$([\w-]{43})$/

/** The entries of a credentials file. Throws an OperatingError that names the wrong entry. */
export const parseCredentials = (path: string, text: string): Credentials => {
  const wrong = (message: string): OperatingError =>
    new OperatingError('credentials_malformed', {
      message: `${path} ${message}`,
      remedy: 'Write its entries with "tenfold config user <name>".',
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw wrong('is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong('is not an object of names and hashes')
  }
  for (const [name, hash] of Object.entries(value)) {
    if (typeof hash !== 'string' || !form.test(hash)) {
      throw wrong(`has no scrypt hash for "${name}"`)
    }
  }
  return Object.assign(Object.create(null), value)
}

/** The entry of a password. @param salt 16 random bytes, never used before */
export const hashPassword = async (password: string, salt: Uint8Array): Promise<string> => {
  if (salt.length !== saltBytes) throw new RangeError(`a salt has ${saltBytes} bytes`)
  const { log2N, r, p } = cost
  const hash = await derive(password, salt, cost)
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  return `scrypt$${log2N}$${r}$${p}$${text(salt)}$${text(hash)}`
}

/** Whether the password is this name's. An unknown name takes as long as a wrong password. */
export const checkPassword = async (
  credentials: Credentials,
  name: string,
  password: string,
): Promise<boolean> => {
  const entry = Object.hasOwn(credentials, name) ? credentials[name] : undefined
  const parts = form.exec(entry ?? '')
  if (parts === null) {
    await derive(password, new Uint8Array(saltBytes), cost)
    return false
  }
  const [, log2N, r, p, salt = '', hash = ''] = parts
  const numbers = { log2N: Number(log2N), r: Number(r), p: Number(p) }
  const found = await derive(password, Buffer.from(salt, 'base64url'), numbers)
  return timingSafeEqual(found, Buffer.from(hash, 'base64url'))
}

const derive = (password: string, salt: Uint8Array, { log2N, r, p }: typeof cost) =>
  new Promise<Buffer>((resolve, reject) => {
    const N = 2 ** log2N
    const options = { N, r, p, maxmem: 256 * N * r }
    scrypt(password.normalize('NFC'), salt, hashBytes, options, (error, hash) => {
      if (error === null) resolve(hash)
      else reject(error)
    })
  })
