// A unit that shows that it has its key: signs the nonce of a challenge, by the same rules as a
// setpoint (of this boot, in time, a number that was not there). It moves nothing, and no hand need
// hold the machine. Pure but for the number that it remembers.
import { challengeMessage, nonceBytes } from '../challenge.ts'
import { type CommandAnswer, type CommandRefusal, type Now, readCommand } from './setpoints.ts'

/** Signs with the unit's key; absent in a unit without one. */
export type Sign = (message: Uint8Array) => Uint8Array

export class Challenges {
  readonly #sign: Sign | undefined
  #number = 0

  constructor(sign: Sign | undefined) {
    this.#sign = sign
  }

  /** Answers; undefined where it is no challenge. */
  take(command: Uint8Array, now: Now): CommandAnswer | undefined {
    const given = readCommand(command)
    const { id, kind } = given
    if (kind !== 'challenge' || typeof id !== 'string') return undefined
    const { boot, uptimeUs: t } = now
    const nonce = nonceOf(given['nonce'])
    const reason = this.#refuse(given, nonce, now)
    if (reason !== undefined || nonce === undefined || this.#sign === undefined) {
      return { boot, t, id, kind, accepted: false, reason: reason ?? 'failed' }
    }
    this.#number = Number(given['number'])
    const signed = this.#sign(challengeMessage(nonce, { boot, t }))
    const signature = Array.from(signed, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return { boot, t, id, kind, accepted: true, signature }
  }

  #refuse(
    { number, boot: asked, before_t: beforeUs }: Record<string, unknown>,
    nonce: Uint8Array | undefined,
    { boot, uptimeUs }: Now,
  ): CommandRefusal | undefined {
    const whole = [number, asked, beforeUs].every(Number.isSafeInteger)
    if (!whole || nonce === undefined) return 'malformed'
    const isLate = uptimeUs > Number(beforeUs) || Number(number) <= this.#number
    return asked !== boot || isLate ? 'stale' : undefined
  }
}

const nonceOf = (hex: unknown): Uint8Array | undefined => {
  if (typeof hex !== 'string' || !/^[0-9a-f]*$/.test(hex) || hex.length !== 2 * nonceBytes) {
    return undefined
  }
  return Uint8Array.from({ length: nonceBytes }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  )
}
