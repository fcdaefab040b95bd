// The few things that a page may do, not only read: command a unit, pair a new one. A request has
// to be JSON from a page of ours, or from a program; what is done is another part's matter.
import type { IncomingMessage } from 'node:http'
import type { CommandOutcome, SetpointRequest } from '../commands/desk.ts'
import type { PairingOffer } from '../pairing/desk.ts'
import { unitOf } from './api.ts'
import { json, Refused, type Reply } from './reply.ts'

export interface Actions {
  command(unit: string, request: SetpointRequest): Promise<CommandOutcome>
  /** Absent where units are not paired. */
  pair?(): PairingOffer
}

const path = /^\/api\/(?:pairing|units\/([^/]{1,64})\/command)$/
const bodyBytesMax = 4096

/** Whether this path takes a POST. */
export const isAction = (asked: string): boolean => path.test(asked)

/** The reply to a POST. Throws Refused, or what the part that acts throws. */
export const act = async (actions: Actions, asked: string, request: IncomingMessage) => {
  const body = await bodyOf(request)
  const unit = path.exec(asked)?.[1]
  if (unit !== undefined) {
    return outcome(await actions.command(unitOf(unit), requestOf(body)))
  }
  const offer = actions.pair?.()
  if (offer === undefined) {
    throw new Refused(409, 'pairing_off', {
      message: 'Units are not paired here.',
      remedy: 'Set units.enrol to "pairing".',
    })
  }
  return json(offer)
}

const outcome = (value: CommandOutcome): Reply => json(value)

const requestOf = (body: Readonly<Record<string, unknown>>): SetpointRequest => {
  const { kind, values, holdsMs = 5000 } = body
  const isNamed = typeof values === 'object' && values !== null && !Array.isArray(values)
  const numbers = isNamed && Object.values(values).every((value) => typeof value === 'number')
  if (kind !== 'setpoint' || !numbers || typeof holdsMs !== 'number') {
    throw malformed('is no {"kind":"setpoint","values":{name: number},"holdsMs":5000}')
  }
  return { kind, values: values as Record<string, number>, holdsMs }
}

const bodyOf = async (request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > bodyBytesMax) throw malformed(`has over ${bodyBytesMax} bytes`)
    chunks.push(chunk as Buffer)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString())
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // The same answer as below.
  }
  throw malformed('is no JSON object')
}

const malformed = (what: string): Refused =>
  new Refused(400, 'body_malformed', {
    message: `The body of the request ${what}.`,
    remedy: 'See "tenfold help command".',
    headers: { Connection: 'close' },
  })
