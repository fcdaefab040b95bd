// Pairing of new units: a short code, shown on the page and as a QR code, that is good for minutes
// and for one unit. The unit logs in with it and with a secret that it has made itself and proven
// to belong with its key; from then on that secret is its password. Nobody types or sees a
// credential.
import { createHash, timingSafeEqual } from 'node:crypto'
import { parseDid } from '../attestation/did.ts'
import { checkPassword, hashPassword } from '../credentials.ts'
import type { DurableMap } from '../log/durable-map.ts'

export interface PairingOffer {
  /** Such as `7K3M-Q2XR`. */
  code: string
  /** Seconds that it is good for. */
  seconds: number
  /** What a QR code says: `tenfold-pair:<code>`, with the broker's address where that is known. */
  uri: string
}

export interface Enrolled {
  /** scrypt entry of its secret. */
  hash: string
  /** did:key that it proved to hold. */
  key: string
  /** Microseconds since 1970. */
  pairedUs: number
}

export interface PairingParts {
  map: DurableMap
  clock: { nowUs(): number; monotonicMs(): number }
  /** Secure random bytes. */
  random(bytes: number): Uint8Array
  note(line: string): void
}

/** 32 signs without I, L, O and U (Crockford's base 32): read aloud and typed without mistakes. */
const signs = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const codeSigns = 8
const lifeMs = 10 * 60_000
/** Wrong codes after which the present one is void: a guess has then a chance of 1 in 10^11. */
const guessesMax = 10

export class PairingDesk {
  readonly #parts: PairingParts
  #open: { code: string; untilMs: number; guesses: number } | undefined

  constructor(parts: PairingParts) {
    this.#parts = parts
  }

  /** A new code; the one before is void. */
  offer(address?: string): PairingOffer {
    const { random, clock } = this.#parts
    const plain = Array.from(random(codeSigns), (byte) => signs[byte % 32]).join('')
    this.#open = { code: plain, untilMs: clock.monotonicMs() + lifeMs, guesses: 0 }
    const code = `${plain.slice(0, 4)}-${plain.slice(4)}`
    const uri = `tenfold-pair:${code}${address === undefined ? '' : `?broker=${address}`}`
    return { code, seconds: lifeMs / 1000, uri }
  }

  enrolled(unit: string): Enrolled | undefined {
    const text = this.#parts.map.get(unit)
    return text === undefined ? undefined : (JSON.parse(text) as Enrolled)
  }

  /** A unit's password, or its first one: `pair.<code>.<secret>.<did:key>.<signature>`. */
  async check(unit: string, password: string): Promise<boolean> {
    if (password.startsWith('pair.')) return this.#redeem(unit, password)
    const known = this.enrolled(unit)
    return checkPassword(known === undefined ? {} : { [unit]: known.hash }, unit, password)
  }

  async #redeem(unit: string, password: string): Promise<boolean> {
    const { note, random, clock, map } = this.#parts
    const [, code = '', secret = '', key = '', signature = ''] = password.split('.')
    if (!this.#spend(code)) {
      note(`${unit} was not paired (code_wrong): the code is wrong, used or too old`)
      return false
    }
    const before = this.enrolled(unit)
    if (before !== undefined && before.key !== key) {
      note(`${unit} was not paired (key_other): it is enrolled with another key`)
      return false
    }
    const isProven = secretPattern.test(secret) && proves({ unit, code, secret }, key, signature)
    if (!isProven) {
      note(`${unit} was not paired (key_unproven): its signature does not fit its key`)
      return false
    }
    const hash = await hashPassword(secret, random(16))
    await map.set(unit, JSON.stringify({ hash, key, pairedUs: clock.nowUs() }))
    note(`${unit} was paired, with the key ${key}`)
    return true
  }

  /** A code is spent by the first who shows it, before anything else is looked at. */
  #spend(given: string): boolean {
    const open = this.#open
    if (open === undefined) return false
    if (this.#parts.clock.monotonicMs() >= open.untilMs) {
      this.#open = undefined
      return false
    }
    const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
    if (timingSafeEqual(digest(plainCode(given)), digest(open.code))) {
      this.#open = undefined
      return true
    }
    open.guesses += 1
    if (open.guesses >= guessesMax) {
      this.#open = undefined
      this.#parts.note(`the pairing code is void (code_guessed): ${guessesMax} wrong ones`)
    }
    return false
  }
}

const secretPattern = /^[\w-]{22,86}$/

/** As a person may write it: small letters, no dash, O for 0 and I or L for 1. */
const plainCode = (text: string): string =>
  text.toUpperCase().replace(/[-\s]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1')

export interface PairingClaim {
  unit: string
  code: string
  secret: string
}

/** What the unit signs: it cannot be used for another unit, code or secret, nor elsewhere. */
export const pairingBytes = ({ unit, code, secret }: PairingClaim): Buffer =>
  Buffer.from(`tenfold pairing v1\n${unit}\n${plainCode(code)}\n${secret}\n`)

const proves = (claim: PairingClaim, did: string, signature: string): boolean => {
  try {
    const { suite, bytes } = parseDid(did)
    return suite.verify(Buffer.from(signature, 'base64url'), pairingBytes(claim), bytes)
  } catch {
    return false
  }
}
