// What the tests of mutated payloads have in common: numbers from a seed, sound bytes made wrong,
// and books that judge every record in a real pipeline. A reading must say exactly what its payload
// says, everything else must be aside by a reason, and the heap must not grow.
import { randomInt } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'
import type { Reading } from '../../gateway/core/delivery.ts'
import type { Machine } from '../../gateway/core/machine.ts'
import { quality } from '../../gateway/core/quality.ts'
import { encodeRecord, type LogRecord } from '../../gateway/core/record.ts'
import { type Outcome, Pipeline } from '../../gateway/pipeline/pipeline.ts'
import type { SignalSpec } from '../../hardware-profiles/profile.ts'

/** Payloads for each source. */
export const count = Number(process.env['TENFOLD_FUZZ'] ?? 3000)
export const seed = Number(process.env['TENFOLD_SEED'] ?? randomInt(2 ** 31))

export type Next = (below: number) => number

/** xorshift32 (Marsaglia 2003): fast, and the same everywhere. */
export const numbers = (start: number): Next => {
  let state = start || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

export const oneOf = <T>(next: Next, all: readonly T[]): T => all[next(all.length)] as T

const words = [
  ...['null', 'true', '1e999', '-1', '-0', '0.5', '4294967296', '9007199254740993', '"', '{', ']'],
  ...['{}', '[]', ',', ':', '\u0000', '\ud800', '"nan"', '"__proto__":{},', '"v":{},', '"c":0,'],
].map((word) => Buffer.from(word))

/** A few bytes changed, cut out, doubled, or replaced by a word of JSON; seldom bare noise. */
export const mutate = (sound: Uint8Array, next: Next): Buffer => {
  if (next(64) === 0) return Buffer.from(Array.from({ length: next(64) }, () => next(256)))
  let bytes = Buffer.from(sound)
  for (let changes = 1 + next(3); changes > 0; changes -= 1) {
    const at = next(bytes.length + 1)
    const kind = next(5)
    if (kind === 0) bytes[at] = next(256)
    else if (kind === 1) bytes[at] = 48 + next(10)
    else {
      const rest = bytes.subarray(at + (kind === 2 ? 0 : next(8)))
      const put = kind === 2 ? bytes.subarray(at, at + next(40)) : oneOf(next, words)
      bytes = Buffer.concat([bytes.subarray(0, at), put, rest])
    }
  }
  return bytes
}

/** Values that a JSON field can have; some of them are right by chance. */
export const anyValue = (next: Next): unknown =>
  [
    ...[null, true, false, 0, 1, -1, 0.1, 1e300, -1e-300, 2 ** 53, 2 ** 31, next(1000) / 8],
    ...['', 'nan', 'ON', 'idle', 'run', '12', [], [1], {}, { a: 1 }, 'x'.repeat(300)],
  ][next(23)]

const toNumber = (spec: SignalSpec, said: unknown): unknown => {
  if (typeof said === 'boolean') return Number(said)
  return typeof said === 'string' ? spec.values?.indexOf(said) : said
}

const wholeTypes = ['integer', 'boolean', 'enum']

interface Said {
  v?: Record<string, unknown>
  c?: Record<string, unknown>
  q?: Record<string, unknown>
}

/** What is wrong with a reading, seen beside the payload that it comes from. */
const wrongIn = ({ machine, values, quality: marks, counters }: Reading, said: Said) => {
  const { signals, counters: counterSpecs } = machine.profile
  for (const [i, [name, spec]] of Object.entries(signals).entries()) {
    const [value, mark = 0] = [values[i], marks[i]]
    const own = said.v && Object.hasOwn(said.v, name) ? said.v[name] : undefined
    if (value !== (own === undefined ? undefined : toNumber(spec, own))) return `${name}: invented`
    if (value === undefined) {
      if (mark === quality.good) return `${name}: good without a value`
      continue
    }
    if (!Number.isFinite(value)) return `${name}: not finite`
    if (wholeTypes.includes(spec.type) && !Number.isInteger(value)) return `${name}: not whole`
    const options = spec.values?.length ?? 0
    const range = spec.type === 'enum' ? ([0, options - 1] as const) : spec.range
    const [low = -Infinity, high = Infinity] = range ?? []
    if ((value < low || value > high) && mark <= quality.absent) return `${name}: beyond its range`
    if (said.q?.[name] !== undefined && said.q[name] !== 'good' && mark === 0)
      return `${name}: good`
  }
  for (const [i, name] of Object.keys(counterSpecs).entries()) {
    const own = said.c && Object.hasOwn(said.c, name) ? said.c[name] : undefined
    if (counters[i] !== own) return `${name}: invented`
    if (own !== undefined && !(Number.isSafeInteger(own) && (own as number) >= 0)) return name
  }
  return undefined
}

const kinds = ['reading', 'hello', 'answer', 'item', 'signed', 'duplicate', 'quarantine']

/** Every record that a source has made, and how it ended. */
export class Account {
  readonly ends = new Map<string, number>()
  /** Payloads that the source itself has refused, by a reason. */
  refused = 0
  records = 0
  readonly #pipeline: Pipeline
  readonly #heaps: number[] = []

  constructor(machines: ReadonlyMap<string, Machine>) {
    this.#pipeline = new Pipeline({ machines, enrol: 'hello', load: () => undefined })
  }

  take(record: LogRecord): Outcome {
    const outcome = this.#pipeline.process(this.records++, encodeRecord(record))
    this.#pipeline.commit()
    this.ends.set(outcome.kind, (this.ends.get(outcome.kind) ?? 0) + 1)
    const { payload } = record
    const said = (): Said => JSON.parse(Buffer.from(payload).toString()) as Said
    const wrong = outcome.kind === 'reading' ? wrongIn(outcome.reading, said()) : undefined
    if (wrong !== undefined) expect.unreachable(`${wrong} in ${Buffer.from(payload)}`)
    if (outcome.kind === 'quarantine' && outcome.detail === '') expect.unreachable('no reason')
    return outcome
  }

  /**
   * Runs one payload after another; a thousand times in all the heap is looked at, and whoever
   * waits in this process has its turn.
   */
  async each(one: (n: number) => unknown): Promise<void> {
    const every = Math.max(1000, Math.ceil(count / 50))
    for (let n = 0; n < count; n += 1) {
      await one(n)
      if (n % every !== every - 1) continue
      await new Promise((resolve) => setImmediate(resolve))
      this.#heaps.push(heapMiB())
    }
  }

  /** The books balance, no end is unknown, both good and bad ones were met, the heap is flat. */
  close(source: string): void {
    const ends = Object.fromEntries(this.ends)
    const { length } = this.#heaps
    const [early, late] = [this.#heaps[Math.floor(length / 3)] ?? 0, this.#heaps.at(-1) ?? 0]
    const heap = `heap ${early.toFixed(1)}, later ${late.toFixed(1)} MiB`
    const books = `${this.records} records ${JSON.stringify(ends)}, ${this.refused} refused`
    console.log(`${source}: ${count} payloads, seed ${seed}: ${books}; ${heap}`)
    expect(Object.keys(ends).filter((kind) => !kinds.includes(kind))).toEqual([])
    expect(Object.values(ends).reduce((sum, n) => sum + n, 0)).toBe(this.records)
    expect(ends['reading']).toBeGreaterThan(0)
    expect((ends['quarantine'] ?? 0) + this.refused).toBeGreaterThan(0)
    if (length >= 20) expect(late).toBeLessThan(early + 16)
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const heapMiB = (): number => {
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}
