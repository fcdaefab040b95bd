// A command of the gateway, as the JSON that MQTT carries, in the form that a board takes:
// setpoint, challenge, claim, reset of a trip. Gives what is wrong with it; a board checks it all
// again. Pure.
import type { Questions } from './questions.ts'

type Send = (line: Questions) => string | undefined

/** Longest time that a setpoint may hold, as in firmware/runtime/link-setpoint.h. */
const holdsMsMax = 60_000
const hexPattern = /^[0-9a-f]{64}$/

/** `{"kind": ...}`: what to do with the line, which gives what went wrong. */
export const readCommand = (payload: string): Send => {
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch {
    return () => 'it is not JSON'
  }
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >
  switch (given['kind']) {
    case 'setpoint':
      return setpoint(given)
    case 'challenge':
      return challenge(given)
    case 'include_claim':
      return claim(given)
    case 'reset_trip':
      return resetTrip(given)
    default:
      return () => `a board knows no command "${String(given['kind']).slice(0, 40)}"`
  }
}

const setpoint =
  ({ values, holds_ms: holdsMs, id }: Record<string, unknown>): Send =>
  (line) => {
    if (typeof values !== 'object' || values === null) return '"values" is missing'
    const isTime = Number.isInteger(holdsMs) && Number(holdsMs) > 0
    if (!isTime || Number(holdsMs) > holdsMsMax) return `"holds_ms" is not 1 to ${holdsMsMax}`
    const answerId = typeof id === 'string' ? id : undefined
    return line.setpoint(values as Record<string, unknown>, Number(holdsMs), answerId)
  }

const challenge =
  ({ nonce, id, boot }: Record<string, unknown>): Send =>
  (line) => {
    if (typeof nonce !== 'string' || !hexPattern.test(nonce)) return '"nonce" is not 64 hex digits'
    if (typeof id !== 'string') return '"id" is missing'
    return line.challenge(Buffer.from(nonce, 'hex'), { id, boot: Number(boot) })
  }

const claim =
  ({ claim: digest, type }: Record<string, unknown>): Send =>
  (line) => {
    if (typeof digest !== 'string' || !hexPattern.test(digest)) return '"claim" is no digest'
    if (typeof type !== 'string' || type.length > 48) return '"type" is no name'
    const sent = line.command('claim', [Buffer.from(digest, 'hex'), type])
    return sent ? undefined : 'the unit is not heard'
  }

/** The cause must be the one that is latched: the board refuses any other. */
const resetTrip =
  ({ cause }: Record<string, unknown>): Send =>
  (line) => {
    const isCause = Number.isInteger(cause) && Number(cause) > 0 && Number(cause) < 4096
    if (!isCause) return '"cause" is no code of a trip'
    const sent = line.command('resetTrip', [Number(cause)])
    return sent ? undefined : 'the unit is not heard'
  }
