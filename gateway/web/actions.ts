// The few things that a page may do, not only read: command a unit, pair a new one, take a record
// out of quarantine, have the gateway read its settings again. A request has to be JSON from a page
// of ours, or from a program; what is done is another part's matter.
import type { IncomingMessage } from 'node:http'
import type { CommandRequest, Commands } from '../commands/open.ts'
import { limits } from '../core/limits.ts'
import type { PairingOffer } from '../pairing/desk.ts'
import type { ReloadOutcome } from '../reload/reload.ts'
import type { RequeueOutcome, RequeueRequest } from '../requeue.ts'
import { unitOf } from './api.ts'
import { json, Refused } from './reply.ts'

export interface Actions extends Pick<Commands, 'command' | 'update' | 'check' | 'firmware'> {
  /** Absent where units are not paired. */
  pair?(): PairingOffer
  requeue(request: RequeueRequest): Promise<RequeueOutcome>
  /** `isDry`: only says what would change. */
  reload(isDry: boolean): Promise<ReloadOutcome>
}

const requeuePath = '/api/quarantine/requeue'
const reloadPath = '/api/reload'
const path = /^\/api\/(?:pairing|reload|quarantine\/requeue|units\/([^/]{1,64})\/(command|update))$/
const bodyBytesMax = 4096
/** A whole payload in base64 beside the rest. */
const requeueBytesMax = bodyBytesMax + Math.ceil((limits.payloadBytes * 4) / 3)
/** Images for two slots of the largest board, with their manifest, in base64. */
const updateBytesMax = 2 ** 21

/** Whether this path takes a POST. */
export const isAction = (asked: string): boolean => path.test(asked)

/** The reply to a POST. Throws Refused, or what the part that acts throws. */
export const act = async (actions: Actions, asked: string, request: IncomingMessage) => {
  const isRequeue = asked === requeuePath
  const [, unit, what] = path.exec(asked) ?? []
  const isUpdate = what === 'update'
  const largest = isUpdate ? updateBytesMax : bodyBytesMax
  const body = await bodyOf(request, isRequeue ? requeueBytesMax : largest, isUpdate)
  if (isRequeue) return json(await actions.requeue(requeueOf(body)))
  if (asked === reloadPath) return json(await actions.reload(body['dry'] === true))
  if (unit !== undefined && isUpdate) {
    const release = releaseOf(body)
    if (body['check'] === true) return json(await actions.check(unitOf(unit), release))
    return json(await actions.update(unitOf(unit), release), 202)
  }
  if (unit !== undefined) return json(await actions.command(unitOf(unit), requestOf(body)))
  const offer = actions.pair?.()
  if (offer === undefined) {
    throw new Refused(409, 'pairing_off', {
      message: 'Units are not paired here.',
      remedy: 'Set units.enrol to "pairing".',
    })
  }
  // Loaded where it is asked for, which is seldom.
  const { qrRows } = await import('../pairing/qr.ts')
  return json({ ...offer, qr: qrRows(offer.uri) })
}

const requestOf = (body: Readonly<Record<string, unknown>>): CommandRequest => {
  const { kind, values, holdsMs = 5000, key, cause } = body
  if (kind === 'make_key' || kind === 'challenge') return { kind }
  if (kind === 'trust' && typeof key === 'string') return { kind, key }
  if (kind === 'reset_trip' && typeof cause === 'string') return { kind, cause }
  const isNamed = typeof values === 'object' && values !== null && !Array.isArray(values)
  const numbers = isNamed && Object.values(values).every((value) => typeof value === 'number')
  if (kind !== 'setpoint' || !numbers || typeof holdsMs !== 'number') {
    throw malformed('is no {"kind":"setpoint","values":{name: number},"holdsMs":5000}')
  }
  return { kind, values: values as Record<string, number>, holdsMs }
}

const releaseOf = ({ release }: Readonly<Record<string, unknown>>): Uint8Array => {
  if (typeof release === 'string' && base64.test(release)) return Buffer.from(release, 'base64')
  throw malformed('is no {"release":"<base64 of the file .signed>"}')
}

const requeueOf = ({ offset, payload, reason }: Readonly<Record<string, unknown>>) => {
  if (typeof reason === 'string' && offset === undefined && payload === undefined) return { reason }
  const isPayload = payload === undefined || (typeof payload === 'string' && base64.test(payload))
  if (reason !== undefined || !Number.isSafeInteger(offset) || !isPayload) {
    throw malformed('is no {"offset":17,"payload":"<base64>"} and no {"reason":"unit_unknown"}')
  }
  return {
    offset: offset as number,
    ...(typeof payload === 'string' && { payload: Buffer.from(payload, 'base64') }),
  }
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/

const bodyOf = async (
  request: IncomingMessage,
  bytesMax: number,
  isRelease: boolean,
): Promise<Readonly<Record<string, unknown>>> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > bytesMax) throw isRelease ? tooLong() : malformed(`has over ${bytesMax} bytes`)
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

const tooLong = (): Refused =>
  new Refused(413, 'release_too_long', {
    message: 'The file is longer than a release for any board.',
    remedy: 'Take the file .signed that "tenfold build --sign" wrote.',
    headers: { Connection: 'close' },
  })

const malformed = (what: string): Refused =>
  new Refused(400, 'body_malformed', {
    message: `The body of the request ${what}.`,
    remedy: 'See "tenfold help command" or "tenfold help quarantine".',
    headers: { Connection: 'close' },
  })
