// Between a source and the log: a message on a foreign topic becomes hello and report of ours, and
// is acknowledged when all of them are durable. Every other message passes as it is. Owns only
// which units have said hello in this run.
import { topicOf } from '../../hardware-profiles/names.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { limits } from '../core/limits.ts'
import { prepareMachine } from '../core/machine.ts'
import type { LogRecord } from '../core/record.ts'
import type { Emit } from '../core/source.ts'
import { compile, type Mapping, read, type Topic } from './mapping.ts'
import type { ForeignSettings } from './settings.ts'

export interface Foreign {
  /** What has to be subscribed at a broker outside. */
  readonly filters: readonly string[]
  /** Whether who is logged in under this name may publish there, by the settings. */
  mayPublish(topic: string, login: string): boolean
  /** The way to the log with the translation in it. */
  through(emit: Emit): Emit
}

/** Units whose hello is remembered; beyond, they say it again. */
const unitsMax = 10_000

/** A message of one unit, found in one mapping. */
interface Found {
  readonly mapping: Mapping
  readonly topic: Topic
  /** Empty where the topic is about all units of the mapping. */
  readonly unit: string
}

/** Throws an OperatingError where settings and profiles contradict each other. */
export const createForeign = (settings: ForeignSettings, profiles: readonly Profile[]): Foreign => {
  const machines = new Map(profiles.map((one) => [one.machine, prepareMachine(one)]))
  const mappings = compile(settings, machines)
  const patterns = mappings.flatMap(({ topics }) => topics.map(({ pattern }) => pattern))
  return {
    filters: [...new Set(patterns.map(({ filter }) => filter))],
    mayPublish: (topic, login) => mappings.some((one) => isOf(one, { topic, login })),
    through: (emit) => (mappings.length === 0 ? emit : new Translation(mappings, emit).emit),
  }
}

const isOf = (mapping: Mapping, { topic, login }: { topic: string; login: string }): boolean =>
  [...mapping.topics.map(({ pattern }) => pattern), ...mapping.ignored].some((pattern) => {
    const name = pattern.match(topic)
    if (name === undefined) return false
    if (mapping.login !== undefined) return mapping.login === login
    return mapping.unitOf(name) === login
  })

class Translation {
  readonly #mappings: readonly Mapping[]
  readonly #emit: Emit
  /** Units that have said hello, each with its mapping. */
  #heard = new Map<string, Mapping>()

  constructor(mappings: readonly Mapping[], emit: Emit) {
    this.#mappings = mappings
    this.#emit = emit
  }

  readonly emit: Emit = (record, done) => {
    const found = this.#find(record.topic)
    if (found.length === 0 && !this.#isIgnored(record.topic)) {
      this.#emit(record, done)
      return
    }
    const records = found.flatMap((one) => this.#translate(one, record))
    let [left, failed] = [records.length, undefined as Error | undefined]
    if (left === 0) done()
    for (const [i, one] of records.entries()) {
      // Numbered as the message is: only the last, before which all of it is in the log.
      const isLast = i === records.length - 1
      this.#emit(isLast ? one : { ...one, exchange: undefined }, (error) => {
        // Its hello may be among what is not durable: it is said again.
        if (error !== undefined) for (const { unit } of found) this.#heard.delete(unit)
        failed ??= error
        left -= 1
        if (left === 0) done(failed)
      })
    }
  }

  #find(topic: string): Found[] {
    const found: Found[] = []
    for (const mapping of this.#mappings) {
      for (const one of mapping.topics) {
        const name = one.pattern.match(topic)
        if (name === undefined) continue
        const unit = mapping.unitOf(name)
        if (unit !== undefined) found.push({ mapping, topic: one, unit })
        else if (!one.pattern.namesUnit) found.push({ mapping, topic: one, unit: '' })
      }
    }
    return found
  }

  #isIgnored(topic: string): boolean {
    return this.#mappings.some(({ ignored, knows }) =>
      ignored.some((pattern) => {
        const name = pattern.match(topic)
        return name !== undefined && (!pattern.namesUnit || knows(name))
      }),
    )
  }

  #translate({ mapping, topic, unit }: Found, record: LogRecord): LogRecord[] {
    if (unit === '') return this.#ofAll({ mapping, topic }, record)
    const about = (kind: 'hello' | 'report', payload: string | Uint8Array): LogRecord => ({
      ...record,
      topic: topicOf({ machine: mapping.machine, unit, kind }),
      payload: Buffer.from(payload as Uint8Array),
    })
    const { payload } = record
    // Too long to be looked into: the pipeline says so.
    if (payload.length > limits.payloadBytes) return [about('report', payload)]
    const said = read(topic, payload)
    if (said.kind === 'unfit') return [about('report', misfit(said.why, record))]
    const hello = this.#hello(unit, mapping) ? [about('hello', '{"boot":0,"t":0}')] : []
    if (said.kind === 'online') return hello
    const report = said.kind === 'offline' ? away(mapping) : said.report
    return report === undefined ? hello : [...hello, about('report', JSON.stringify(report))]
  }

  /** What a bridge says of itself: without it nothing is known of its units. */
  #ofAll({ mapping, topic }: Omit<Found, 'unit'>, record: LogRecord): LogRecord[] {
    const said = read(topic, record.payload)
    // It is about no unit: quarantined under its own topic.
    if (said.kind === 'unfit') return [record]
    const report = said.kind === 'offline' ? away(mapping) : undefined
    if (report === undefined) return []
    const payload = Buffer.from(JSON.stringify(report))
    return [...this.#heard].flatMap(([unit, its]) => {
      const topic = topicOf({ machine: mapping.machine, unit, kind: 'report' })
      return its === mapping ? [{ ...record, topic, payload }] : []
    })
  }

  /** Whether it has not been said yet. */
  #hello(unit: string, mapping: Mapping): boolean {
    if (this.#heard.get(unit) === mapping) return false
    if (this.#heard.size >= unitsMax) this.#heard = new Map()
    this.#heard.set(unit, mapping)
    return true
  }
}

/** Of a unit that is away nothing is known: a quality, and no values. */
const away = ({ signals }: Mapping): object | undefined =>
  signals.length === 0 ? undefined : { q: Object.fromEntries(signals.map((name) => [name, 'bad'])) }

/** Keeps the message as it came, for whoever looks into the quarantine. */
const misfit = (why: string, { topic, payload }: LogRecord): string => {
  const text = Buffer.from(payload).toString('utf8')
  return JSON.stringify({ foreign: { why, topic, payload: text.slice(0, misfitChars) } })
}

/** An escaped character is up to 6 bytes: with the rest it stays below the limit of a payload. */
const misfitChars = 8192
