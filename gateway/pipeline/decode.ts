// First verb of the pipeline: the bytes of a log record to a message of ours, or to the reason why
// it is none. It knows forms, not machines' meaning; it never throws and never looks at anything
// else.
import { parseTopic, type TopicKind } from '../../hardware-profiles/names.ts'
import { nearest } from '../../hardware-profiles/validate.ts'
import type { QuarantineReason } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Machine } from '../core/machine.ts'
import { decodeRecord, type LogRecord } from '../core/record.ts'

/** Where a topic leads: worked out once a topic. */
export interface Route {
  readonly machine: Machine
  readonly unit: string
  readonly kind: Exclude<TopicKind, 'command'>
}

/** Body of a hello, checked. Times in microseconds. */
export interface Hello {
  readonly boot: number
  readonly t: number
  readonly profile?: string
  readonly firmware?: string
  readonly key?: string
  readonly custody?: Custody
  readonly simulated?: boolean
  /** Types of the profile's events that the unit finds by itself and sends as items. */
  readonly finds?: readonly string[]
}
export type Custody = 'secure_element' | 'controller_flash' | 'gateway'

/** Body of a report: its form is checked, the names and values in it are not. */
export interface RawReport {
  /** All three or none. */
  readonly boot: number | undefined
  readonly seq: number | undefined
  readonly t: number | undefined
  /** Source's wall clock, microseconds since 1970. */
  readonly time: number | undefined
  readonly v: Readonly<Record<string, unknown>> | undefined
  readonly c: Readonly<Record<string, unknown>> | undefined
  readonly q: Readonly<Record<string, unknown>> | undefined
}

/** What a board kept until a gateway came. Its number is used once in the unit's life. */
export interface Item {
  readonly boot: number
  readonly number: number
  readonly kind: 'event' | 'usage'
  /** Base64; its layout is the firmware's. */
  readonly data: string
}

/** What a unit says of a command, checked. Times in microseconds of uptime. */
export interface Answer {
  readonly boot: number
  readonly t: number
  readonly id: string
  readonly kind: string
  readonly accepted: boolean
  readonly reason?: string
  readonly values?: Readonly<Record<string, unknown>>
  /** Over a challenge, hex; the desk that asked has judged it. */
  readonly signature?: string
}

/** What came of a challenge, as the source that asked has judged it. */
export interface Proof {
  readonly boot: number
  /** Uptime, microseconds. */
  readonly t: number
  readonly key: string
  readonly proven: boolean
  /** A short word; present where it is not proven. */
  readonly why?: string
}

/** A recording of a black box, as the source that keeps it tells of it. */
export interface Recorded {
  readonly boot: number
  /** Uptime, microseconds. */
  readonly t: number
  /** The board's own count of its recordings, and the boot that this one is of. */
  readonly number: number
  readonly of: number
  /** Code of what froze it. */
  readonly cause: number
  /** SHA-256, hex. */
  readonly digest: string
}

/** Why a record cannot be used, and what exactly is wrong in it. */
export interface Fault {
  readonly reason: QuarantineReason
  readonly detail: string
}

export type Message =
  | { readonly kind: 'hello'; route: Route; record: LogRecord; hello: Hello }
  | { readonly kind: 'report'; route: Route; record: LogRecord; report: RawReport }
  | { readonly kind: 'signed'; route: Route; record: LogRecord }
  | { readonly kind: 'item'; route: Route; record: LogRecord; item: Item }
  | { readonly kind: 'answer'; route: Route; record: LogRecord; answer: Answer }
  | { readonly kind: 'proof'; route: Route; record: LogRecord; proof: Proof }
  | { readonly kind: 'recording'; route: Route; record: LogRecord; recorded: Recorded }
  | { readonly kind: 'fault'; route: Route | undefined; record: LogRecord; fault: Fault }
  | { readonly kind: 'foreign' }

export type Decode = (body: Uint8Array) => Message

/** Topics remembered; a workshop has hundreds of units, a flood of foreign topics must not stay. */
const routesMax = 65_536

export const createDecode = (machines: ReadonlyMap<string, Machine>): Decode => {
  const routes = new Map<string, Route | Fault>()
  const routeOf = (topic: string): Route | Fault => {
    const known = routes.get(topic)
    if (known !== undefined) return known
    if (routes.size >= routesMax) routes.clear()
    const route = resolve(topic, machines)
    routes.set(topic, route)
    return route
  }
  return (body) => {
    let record: LogRecord
    try {
      record = decodeRecord(body)
    } catch {
      // Its CRC was right: another version of this software has written it.
      return { kind: 'foreign' }
    }
    const route = routeOf(record.topic)
    if ('reason' in route) return { kind: 'fault', route: undefined, record, fault: route }
    return decodePayload(route, record)
  }
}

const resolve = (topic: string, machines: ReadonlyMap<string, Machine>): Route | Fault => {
  const parts = parseTopic(topic)
  if (parts === undefined) return fault('topic_unknown', `topic ${quote(topic)}`)
  const { machine: name, unit, kind } = parts
  if (kind === 'command') return fault('topic_unknown', 'commands go to a unit, not from it')
  const machine = machines.get(name)
  if (machine !== undefined) return { machine, unit, kind }
  return fault('machine_unknown', `machine ${quote(name)}${near(name, [...machines.keys()])}`)
}

const decodePayload = (route: Route, record: LogRecord): Message => {
  const { payload } = record
  const refuse = (found: Fault): Message => ({ kind: 'fault', route, record, fault: found })
  if (payload.length === 0) return refuse(fault('payload_empty', `${route.kind} without a payload`))
  if (payload.length > limits.payloadBytes) {
    return refuse(
      fault('payload_oversize', `${payload.length} bytes, at most ${limits.payloadBytes}`),
    )
  }
  if (route.kind === 'entry' || route.kind === 'claim') return { kind: 'signed', route, record }
  let json: unknown
  try {
    json = JSON.parse((payload as Buffer).toString())
  } catch (error) {
    return refuse(fault('json_malformed', (error as Error).message.slice(0, 200)))
  }
  if (!isObject(json)) return refuse(fault('json_not_object', 'the payload is not a JSON object'))
  if (route.kind === 'hello') {
    const hello = readHello(json)
    return isFault(hello) ? refuse(hello) : { kind: 'hello', route, record, hello }
  }
  if (route.kind === 'item') {
    const item = readItem(json)
    return isFault(item) ? refuse(item) : { kind: 'item', route, record, item }
  }
  if (route.kind === 'answer') {
    const answer = readAnswer(json)
    return isFault(answer) ? refuse(answer) : { kind: 'answer', route, record, ...answer }
  }
  if (route.kind === 'proof') {
    const proof = readProof(json, record.source)
    return isFault(proof) ? refuse(proof) : { kind: 'proof', route, record, proof }
  }
  if (route.kind === 'recording') {
    const recorded = readRecorded(json, record.source)
    return isFault(recorded) ? refuse(recorded) : { kind: 'recording', route, record, recorded }
  }
  const report = readReport(json, record.properties?.['time'])
  return isFault(report) ? refuse(report) : { kind: 'report', route, record, report }
}

/**
 * Microseconds since 1970 of a user property `time`: those themselves, or RFC 3339 with its zone.
 * The text as it is where it is neither.
 */
const timeOf = (text: string): number | string => {
  if (/^\d{1,16}$/.test(text)) return Number(text)
  const isDate = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text)
  const ms = isDate ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? text : ms * 1000
}

const reportFields = ['boot', 'seq', 't', 'time', 'v', 'c', 'q']

/** @param beside time that came as a user property, in its text */
const readReport = (
  json: Readonly<Record<string, unknown>>,
  beside: string | undefined,
): RawReport | Fault => {
  const { foreign } = json as { foreign?: unknown }
  if (isObject(foreign)) return misfit(foreign)
  for (const name in json) {
    if (!reportFields.includes(name)) return unknownField(name, reportFields)
  }
  const given = json as { [K in keyof RawReport]: unknown }
  const { boot, seq, t, v, c, q } = given
  const time = given.time ?? (beside === undefined ? undefined : timeOf(beside))
  const isCounted = boot !== undefined || seq !== undefined || t !== undefined
  if (isCounted && !(isWhole(boot) && isWhole(seq) && isWhole(t))) {
    return fault('sequence_wrong', `boot ${show(boot)}, seq ${show(seq)}, t ${show(t)}`)
  }
  if (time !== undefined && !isWhole(time)) {
    return fault('type_wrong', `time ${show(time)}: whole microseconds since 1970`)
  }
  const wrong =
    (v !== undefined && !isObject(v) && 'v') ||
    (c !== undefined && !isObject(c) && 'c') ||
    (q !== undefined && !isObject(q) && 'q')
  if (wrong !== false) return fault('type_wrong', `"${wrong}" is not an object of names and values`)
  return { boot, seq, t, time, v, c, q } as RawReport
}

/** What gateway/foreign could not translate, with its topic and payload as they came. */
const misfit = ({ why, topic }: { why?: unknown; topic?: unknown }): Fault =>
  fault('foreign_unfit', `${show(topic)}: ${String(why).slice(0, 200)}`)

const itemFields = ['boot', 'number', 'kind', 'data']

const readItem = (json: Readonly<Record<string, unknown>>): Item | Fault => {
  for (const name in json) {
    if (!itemFields.includes(name)) return unknownField(name, itemFields)
  }
  const { boot, number, kind, data } = json as { [K in keyof Item]: unknown }
  if (!isWhole(boot) || !isWhole(number)) {
    return fault('sequence_wrong', `boot ${show(boot)}, number ${show(number)}`)
  }
  if (kind !== 'event' && kind !== 'usage') return fault('type_wrong', `kind ${show(kind)}`)
  if (typeof data !== 'string') return fault('type_wrong', `data ${show(data)}: base64`)
  return { boot, number, kind, data }
}

const answerFields = ['boot', 't', 'id', 'kind', 'accepted', 'reason', 'values', 'signature']
const signaturePattern = /^[0-9a-f]{128}$/
const wordPattern = /^[a-z0-9_]{1,48}$/

/** Wrapped, since an answer has a reason of its own, and is no fault by that. */
const readAnswer = (json: Readonly<Record<string, unknown>>): { answer: Answer } | Fault => {
  for (const name in json) {
    if (!answerFields.includes(name)) return unknownField(name, answerFields)
  }
  const { boot, t, id, kind, ...said } = json as { [K in keyof Answer]: unknown }
  const { accepted, reason, values, signature } = said
  if (!isWhole(boot) || !isWhole(t)) {
    return fault('sequence_wrong', `boot ${show(boot)}, t ${show(t)}`)
  }
  const wrong = Object.entries({ id, kind, reason }).find(
    ([name, word]) => (name !== 'reason' && word === undefined) || !matches(word, wordPattern),
  )
  if (wrong !== undefined) return fault('type_wrong', `${wrong[0]} ${show(wrong[1])}: a short word`)
  if (typeof accepted !== 'boolean') return fault('type_wrong', `accepted ${show(accepted)}`)
  if (values !== undefined && !isObject(values))
    return fault('type_wrong', `values ${show(values)}`)
  if (!matches(signature, signaturePattern))
    return fault('type_wrong', `signature ${show(signature)}: 128 hex digits`)
  return { answer: json as unknown as Answer }
}

/**
 * Who challenges units and judges the answer: a board's own line by itself, the gateway's desk when
 * a person asks. Nobody else's word on a key counts.
 */
const provingSources: ReadonlySet<string> = new Set(['serial', 'gateway'])
/** Who fetches and keeps recordings of black boxes. */
const keepingSources: ReadonlySet<string> = new Set(['serial'])
const proofFields = ['boot', 't', 'key', 'proven', 'why']

const readProof = (json: Readonly<Record<string, unknown>>, source: string): Proof | Fault => {
  if (!provingSources.has(source)) return fault('topic_unknown', 'a unit cannot vouch for itself')
  for (const name in json) {
    if (!proofFields.includes(name)) return unknownField(name, proofFields)
  }
  const { boot, t, key, proven, why } = json as { [K in keyof Proof]: unknown }
  if (!isWhole(boot) || !isWhole(t)) {
    return fault('sequence_wrong', `boot ${show(boot)}, t ${show(t)}`)
  }
  const isSound = typeof key === 'string' && keyPattern.test(key) && typeof proven === 'boolean'
  if (isSound && matches(why, wordPattern)) return json as unknown as Proof
  return fault('type_wrong', `key ${show(key)}, proven ${show(proven)}, why ${show(why)}`)
}

const recordedFields = ['boot', 't', 'number', 'of', 'cause', 'digest']

const readRecorded = (
  json: Readonly<Record<string, unknown>>,
  source: string,
): Recorded | Fault => {
  if (!keepingSources.has(source)) return fault('topic_unknown', 'a unit keeps no recordings here')
  for (const name in json) {
    if (!recordedFields.includes(name)) return unknownField(name, recordedFields)
  }
  const { boot, t, digest, ...counts } = json as { [K in keyof Recorded]: unknown }
  if (!isWhole(boot) || !isWhole(t)) {
    return fault('sequence_wrong', `boot ${show(boot)}, t ${show(t)}`)
  }
  const wrong = Object.entries(counts).find(([, count]) => !isWhole(count))
  if (wrong !== undefined) return fault('type_wrong', `${wrong[0]} ${show(wrong[1])}`)
  const isSound = typeof digest === 'string' && digestPattern.test(digest)
  return isSound ? (json as unknown as Recorded) : fault('type_wrong', `digest ${show(digest)}`)
}

const helloFields = ['boot', 't', 'profile', 'firmware', 'key', 'custody', 'simulated', 'finds']
const findsMost = 64
const custodies = ['secure_element', 'controller_flash', 'gateway']
const digestPattern = /^[0-9a-f]{64}$/
const keyPattern = /^did:key:z[1-9A-HJ-NP-Za-km-z]{16,128}$/

const readHello = (json: Readonly<Record<string, unknown>>): Hello | Fault => {
  for (const name in json) {
    if (!helloFields.includes(name)) return unknownField(name, helloFields)
  }
  const { boot, t, profile, firmware, key, custody, simulated, finds } = json as {
    [K in keyof Hello]: unknown
  }
  if (!isWhole(boot) || !isWhole(t)) {
    return fault('sequence_wrong', `boot ${show(boot)}, t ${show(t)}`)
  }
  const wrong =
    (!matches(profile, digestPattern) && ['profile', profile, '64 hex digits']) ||
    (!matches(firmware, digestPattern) && ['firmware', firmware, '64 hex digits']) ||
    (!matches(key, keyPattern) && ['key', key, 'did:key:z...']) ||
    (custody !== undefined &&
      !custodies.includes(custody as string) && ['custody', custody, custodies.join(' or ')]) ||
    (simulated !== undefined &&
      typeof simulated !== 'boolean' && ['simulated', simulated, 'true or false']) ||
    (finds !== undefined && !areTypes(finds) && ['finds', finds, 'a list of types of events'])
  if (wrong === false) return json as unknown as Hello
  return fault('type_wrong', `${wrong[0]} ${show(wrong[1])}: ${wrong[2]}`)
}

const areTypes = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length <= findsMost &&
  value.every((one) => typeof one === 'string' && wordPattern.test(one))

const matches = (value: unknown, pattern: RegExp): boolean =>
  value === undefined || (typeof value === 'string' && pattern.test(value))

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isWhole = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

export const fault = (reason: QuarantineReason, detail: string): Fault => ({ reason, detail })
export const isFault = (value: object): value is Fault => 'reason' in value

const unknownField = (name: string, known: readonly string[]): Fault =>
  fault('field_unknown', `${quote(name)}${near(name, known)}`)

/** What a person may read of a value that was sent: short, and on one line. */
export const show = (value: unknown): string => {
  if (value === undefined) return 'missing'
  if (typeof value === 'number') return String(value)
  return JSON.stringify(value)?.slice(0, 60) ?? typeof value
}

export const quote = (name: string): string => JSON.stringify(name.slice(0, 60))

/** Names as long as a payload must not cost time. */
export const near = (name: string, known: readonly string[]): string =>
  nearest(name.slice(0, 60), known)
