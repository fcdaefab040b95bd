// What an edge node says of our units: births, data by exception, deaths. Keeps the last value of
// every item, so that a birth can be said at any time. Makes messages only; it neither connects nor
// remembers over a restart. Data of the past are marked as such, whole and unaltered.
import type { Reading, UnitEvent } from '../core/delivery.ts'
import type { Machine } from '../core/machine.ts'
import { quality } from '../core/quality.ts'
import { type Datatype, encode, type Outgoing, qualityCodes } from './payload.ts'
import { Sequence } from './sequence.ts'
import { type NodeName, nodeTopic, unitTopic } from './topics.ts'

export interface EdgeOptions {
  name: NodeName
  /** Readings older than this are history, milliseconds. */
  historicalMs: number
  /** A unit that is silent for so long is said to be dead, milliseconds. */
  silentMs: number
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number
  monotonicMs(): number
}

export interface Message {
  topic: string
  payload: Buffer
}

interface Entry {
  name: string
  alias: number
  datatype: Datatype
  unit: string | undefined
  value: Outgoing['value']
  quality: number | undefined
  timestampMs: number
}

interface Unit {
  entries: Entry[]
  /** Source time of what it said last, microseconds since 1970. */
  newestUs: number
  heardMs: number
  born: boolean
  /** The reading that its birth has carried. */
  bornWith: Reading | undefined
}

export const rebirthName = 'Node Control/Rebirth'
const heardName = 'Units/Heard'
const heardAlias = 0
const eventName = 'Events/Last'
/** Units of one node; each keeps its last values in memory. */
const unitsMax = 10_000

export class EdgeNode {
  readonly #options: EdgeOptions
  readonly #units = new Map<string, Unit>()
  readonly #sequence = new Sequence()
  #nextAlias = heardAlias + 1
  /** What was said last of how many units are heard. */
  #said = 0

  constructor(options: EdgeOptions) {
    this.#options = options
  }

  death(bdSeq: number): Message {
    const items = [this.#bdSeq(bdSeq)]
    const timestampMs = this.#options.nowMs()
    return {
      topic: nodeTopic('NDEATH', this.#options.name),
      payload: encode({ timestampMs, items }),
    }
  }

  /** The node's birth and that of every unit that is heard. */
  birth(bdSeq: number): Message[] {
    const timestampMs = this.#options.nowMs()
    const living = [...this.#units].filter(([, { born }]) => born)
    this.#said = living.length
    const rebirth: Outgoing = {
      ...{ name: rebirthName, timestampMs, datatype: 'Boolean' },
      ...{ withDatatype: true, value: false },
    }
    const items = [this.#bdSeq(bdSeq), rebirth, { ...this.#heard(), name: heardName }]
    const seq = this.#sequence.restart()
    const topic = nodeTopic('NBIRTH', this.#options.name)
    const all = [{ topic, payload: encode({ timestampMs, seq, items }) }]
    for (const [id, unit] of living) all.push(this.#unitBirth(id, unit))
    return all
  }

  /**
   * Births of units that are new, then what has changed, one message a reading. Throws a RangeError
   * beyond the bound of units.
   */
  data(readings: readonly Reading[], events: readonly UnitEvent[]): Message[] {
    const births: Message[] = []
    for (const one of [...readings, ...events]) {
      const unit = this.#unitOf(one.unit, one.machine)
      unit.heardMs = this.#options.monotonicMs()
      if (unit.born) continue
      unit.born = true
      if ('values' in one) {
        // A birth says current values: those that it comes from.
        unit.bornWith = one
        for (const [entry, value, code] of valuesOf(one, unit)) keep(entry, one, { value, code })
        unit.newestUs = Math.max(unit.newestUs, one.timeUs)
      }
      births.push(this.#unitBirth(one.unit, unit))
    }
    const data = readings.flatMap((reading) => this.#reading(reading))
    return [...births, ...this.#count(), ...data, ...events.flatMap((one) => this.#event(one))]
  }

  /** Deaths of units that have said nothing for too long. */
  silent(): Message[] {
    const nowMs = this.#options.monotonicMs()
    const deaths: Message[] = []
    for (const [id, unit] of this.#units) {
      if (!unit.born || nowMs - unit.heardMs < this.#options.silentMs) continue
      unit.born = false
      const seq = this.#sequence.next()
      const payload = encode({ timestampMs: this.#options.nowMs(), seq, items: [] })
      deaths.push({ topic: this.#topic('DDEATH', id), payload })
    }
    return [...deaths, ...this.#count()]
  }

  #count(): Message[] {
    const { name, nowMs } = this.#options
    const count = [...this.#units.values()].filter(({ born }) => born).length
    if (count === this.#said) return []
    this.#said = count
    const items = [{ ...this.#heard(), withDatatype: false }]
    const seq = this.#sequence.next()
    const payload = encode({ timestampMs: nowMs(), seq, items })
    return [{ topic: nodeTopic('NDATA', name), payload }]
  }

  #heard(): Outgoing {
    const timestampMs = this.#options.nowMs()
    const value = this.#said
    return { alias: heardAlias, timestampMs, datatype: 'Int32', withDatatype: true, value }
  }

  #bdSeq(value: number): Outgoing {
    const timestampMs = this.#options.nowMs()
    return { name: 'bdSeq', timestampMs, datatype: 'Int64', withDatatype: true, value }
  }

  #unitOf(id: string, machine: Machine): Unit {
    const known = this.#units.get(id)
    if (known !== undefined) return known
    if (this.#units.size >= unitsMax) throw new RangeError(`more than ${unitsMax} units`)
    const entries = entriesOf(machine, () => this.#nextAlias++)
    const unit = { entries, newestUs: 0, heardMs: 0, born: false, bornWith: undefined }
    this.#units.set(id, unit)
    return unit
  }

  #unitBirth(id: string, unit: Unit): Message {
    const timestampMs = this.#options.nowMs()
    const items = unit.entries.map((entry) => ({
      ...entry,
      withDatatype: true,
      timestampMs: entry.value === null ? timestampMs : entry.timestampMs,
    }))
    const seq = this.#sequence.next()
    return { topic: this.#topic('DBIRTH', id), payload: encode({ timestampMs, seq, items }) }
  }

  #reading(reading: Reading): Message[] {
    const unit = this.#unitOf(reading.unit, reading.machine)
    if (unit.bornWith === reading) {
      // Once: in a delivery that is tried again it is of the past.
      unit.bornWith = undefined
      return []
    }
    const { historicalMs, nowMs } = this.#options
    const timestampMs = Math.floor(reading.timeUs / 1000)
    const historical = reading.timeUs < unit.newestUs || nowMs() - timestampMs > historicalMs
    const changed: Outgoing[] = []
    for (const [entry, value, code] of valuesOf(reading, unit)) {
      const isNew = entry.value !== value || entry.quality !== code
      keep(entry, reading, { value, code })
      if (!isNew && !historical) continue
      const { alias, datatype } = entry
      changed.push({ alias, datatype, value, quality: code, ...past(timestampMs, historical) })
    }
    unit.newestUs = Math.max(unit.newestUs, reading.timeUs)
    return this.#message(reading.unit, changed)
  }

  #event({ unit: id, machine, type, cause, timeUs }: UnitEvent): Message[] {
    const unit = this.#unitOf(id, machine)
    const entry = unit.entries.at(-1)
    if (entry === undefined) return []
    const timestampMs = Math.floor(timeUs / 1000)
    const historical = this.#options.nowMs() - timestampMs > this.#options.historicalMs
    const value = `${type}: ${cause}`
    if (timestampMs >= entry.timestampMs) Object.assign(entry, { value, timestampMs })
    const { alias, datatype } = entry
    return this.#message(id, [{ alias, datatype, value, ...past(timestampMs, historical) }])
  }

  #message(id: string, items: readonly Outgoing[]): Message[] {
    if (items.length === 0) return []
    const seq = this.#sequence.next()
    const payload = encode({ timestampMs: this.#options.nowMs(), seq, items })
    return [{ topic: this.#topic('DDATA', id), payload }]
  }

  #topic(kind: 'DBIRTH' | 'DDATA' | 'DDEATH', unit: string): string {
    return unitTopic(kind, { ...this.#options.name, unit })
  }
}

/** As the last value of an entry, where it is not older than the present one. */
const keep = (
  entry: Entry,
  { timeUs }: Reading,
  { value, code }: { value: Outgoing['value']; code: number | undefined },
): void => {
  const timestampMs = Math.floor(timeUs / 1000)
  if (timestampMs >= entry.timestampMs) Object.assign(entry, { value, quality: code, timestampMs })
}

const past = (timestampMs: number, historical: boolean) => ({
  ...{ timestampMs, withDatatype: false },
  ...(historical ? { historical } : {}),
})

/** Signals, counters, and the last event, in this order. */
const entriesOf = (machine: Machine, alias: () => number): Entry[] => {
  const entry = (name: string, datatype: Datatype, unit?: string): Entry => ({
    ...{ name, alias: alias(), datatype, unit },
    ...{ value: null, quality: undefined, timestampMs: 0 },
  })
  const { signals, counters } = machine.profile
  return [
    ...Object.entries(signals).map(([name, { type, unit }]) => entry(name, typeOf(type), unit)),
    ...Object.entries(counters).map(([name, { unit }]) => entry(`Counters/${name}`, 'Int64', unit)),
    entry(eventName, 'String'),
  ]
}

const typeOf = (type: 'number' | 'integer' | 'boolean' | 'enum'): Datatype =>
  (({ number: 'Double', integer: 'Int64', boolean: 'Boolean', enum: 'String' }) as const)[type]

type Value = [entry: Entry, value: Outgoing['value'], quality: number | undefined]

/** What a reading says; a signal that it does not carry is not in it. */
const valuesOf = (reading: Reading, { entries }: Unit): Value[] => {
  const { machine, values, counters } = reading
  const specs = Object.values(machine.profile.signals)
  const found: Value[] = []
  specs.forEach((spec, i) => {
    const entry = entries[i]
    const code = reading.quality[i] ?? quality.absent
    if (entry === undefined || code === quality.absent) return
    const number = code <= quality.uncertain ? values[i] : undefined
    if (number === undefined) found.push([entry, null, qualityCodes.bad])
    else if (spec.type === 'enum') found.push([entry, spec.values?.[number] ?? null, undefined])
    else found.push([entry, spec.type === 'boolean' ? number !== 0 : number, undefined])
  })
  counters.forEach((count, i) => {
    const entry = entries[specs.length + i]
    if (entry !== undefined && count !== undefined) found.push([entry, count, undefined])
  })
  return found
}
