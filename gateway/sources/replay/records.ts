// Lines of a file to cycles: every record is checked against its form before anything is sent. What
// is wrong is said with the line's number; nothing is guessed or repaired.
import { unitIdPattern } from '../../../hardware-profiles/names.ts'
import type { Path, RecordForm } from './form.ts'

/** One cycle of a tool, checked. */
export interface Cycle {
  readonly unit: string
  /** The tool's own lifetime counter. */
  readonly cycle: number
  /** When its curve begins, microseconds since 1970. */
  readonly startUs: number
  /** Microseconds since `startUs`, ascending; one a point. */
  readonly timesUs: readonly number[]
  /** Values by signal, each as long as `timesUs`. */
  readonly curve: Readonly<Record<string, readonly number[]>>
  /** Values by signal that hold for every point. */
  readonly constant: Readonly<Record<string, number>>
}

export interface Mistake {
  /** From 1. */
  readonly line: number
  readonly message: string
}

export type Parsed = { readonly line: number; readonly cycle: Cycle } | Mistake

export interface ReadOptions {
  readonly form: RecordForm
  /** What the dates' zone is ahead of UTC, microseconds. */
  readonly zoneUs: number
  /** Id for every record instead of the tool's serial number. */
  readonly unit?: string
}

/** Longest record, bytes; the longest of the known file has 30 KB. */
const lineBytesMax = 4 * 1024 * 1024

/** Every line of a file as a cycle or as what is wrong with it. Empty lines are passed over. */
export async function* readCycles(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions,
): AsyncGenerator<Parsed> {
  const newest = new Map<string, number>()
  for await (const { line, bytes } of linesOf(chunks)) {
    if (bytes === undefined) {
      yield { line, message: `is longer than ${lineBytesMax} bytes` }
      continue
    }
    if (bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)) continue
    const result = parseCycle(bytes, options)
    if (typeof result === 'string') {
      yield { line, message: result }
      continue
    }
    const before = newest.get(result.unit) ?? -1
    if (result.cycle <= before) {
      yield { line, message: `cycle ${result.cycle} comes after cycle ${before} of the same tool` }
      continue
    }
    newest.set(result.unit, result.cycle)
    yield { line, cycle: result }
  }
}

/** Lines with their numbers from 1; `bytes` is undefined for one that is too long. */
async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ line: number; bytes: Uint8Array | undefined }> {
  let line = 1
  let parts: Uint8Array[] = []
  let length = 0
  const take = (part: Uint8Array): void => {
    length += part.length
    if (length <= lineBytesMax) parts.push(part)
    else parts = []
  }
  const finish = (): { line: number; bytes: Uint8Array | undefined } => {
    const bytes = length <= lineBytesMax ? Buffer.concat(parts) : undefined
    parts = []
    length = 0
    return { line: line++, bytes }
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      take(chunk.subarray(from, at))
      from = at + 1
      yield finish()
    }
    take(chunk.subarray(from))
  }
  if (length > 0) yield finish()
}

/** A record's cycle, or what is wrong with it in words. */
export const parseCycle = (bytes: Uint8Array, options: ReadOptions): Cycle | string => {
  let record: unknown
  try {
    record = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    return `is not JSON: ${(error as Error).message.slice(0, 120)}`
  }
  try {
    return cycleOf(record, options)
  } catch (error) {
    if (error instanceof Wrong) return error.message
    throw error
  }
}

class Wrong extends Error {}

const cycleOf = (record: unknown, { form, zoneUs, unit: givenUnit }: ReadOptions): Cycle => {
  for (const { path, value } of form.fixed) {
    const found = at(record, path)
    if (found !== value) throw new Wrong(`${name(path)} is ${show(found)}, not ${show(value)}`)
  }
  const cycle = at(record, form.cycle.path)
  if (!Number.isSafeInteger(cycle) || (cycle as number) < 0) {
    throw new Wrong(`${name(form.cycle.path)} is ${show(cycle)}, not a count`)
  }
  const startUs = dateUs(at(record, form.date), name(form.date)) - zoneUs
  const steps = at(record, form.steps)
  if (!Array.isArray(steps) || steps.length !== 1) {
    const found = Array.isArray(steps) ? `has ${steps.length} steps` : `is ${show(steps)}`
    throw new Wrong(`${name(form.steps)} ${found}; a record of this form has one step`)
  }
  const [step] = steps
  const curve = curveOf(step, form)
  const timesUs = timesOf(curve[form.time] ?? [], form)
  const constant = Object.fromEntries(
    form.perStep.map(({ path, signal }) => [signal, numberOf(at(step, path), name(path))]),
  )
  const unit = givenUnit ?? unitOf(at(record, form.serial.path), form)
  return { unit, cycle: cycle as number, startUs, timesUs, curve, constant }
}

const unitOf = (serial: unknown, { serial: { path, prefix } }: RecordForm): string => {
  const unit = `${prefix}${String(serial)}`
  if (typeof serial === 'string' && new RegExp(unitIdPattern).test(unit)) return unit
  throw new Wrong(`${name(path)} is ${show(serial)}, not a serial number that can name a unit`)
}

const curveOf = (step: unknown, form: RecordForm): Record<string, readonly number[]> => {
  const lengths: string[] = []
  const curve: Record<string, readonly number[]> = {}
  for (const { path, signal } of form.curve) {
    const values = at(step, path)
    if (!Array.isArray(values)) throw new Wrong(`${name(path)} is ${show(values)}, not a list`)
    curve[signal] = values.map((value, i) => numberOf(value, `${name(path)}[${i}]`))
    lengths.push(`${values.length} ${path.at(-1) ?? ''}`)
  }
  const sizes = new Set(Object.values(curve).map((values) => values.length))
  if (sizes.size > 1) throw new Wrong(`the curve has ${lengths.join(', ')}`)
  if (sizes.has(0)) throw new Wrong('the curve has no points')
  return curve
}

/**
 * Seconds to whole microseconds. Each point is later than the one before, else they would be one.
 */
const timesOf = (seconds: readonly number[], form: RecordForm): number[] => {
  const times = seconds.map((s) => Math.round(s * 1e6))
  const i = times.findIndex((us, n) => us < 0 || us <= (times[n - 1] ?? -1))
  if (i < 0) return times
  const before = i === 0 ? 'the beginning' : `${seconds[i - 1]} s`
  throw new Wrong(`${form.time} is ${seconds[i]} s at point ${i}, not after ${before}`)
}

const datePattern = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})$/

/** A date without a zone as if it were UTC, microseconds since 1970. */
const dateUs = (value: unknown, field: string): number => {
  const parts =
    typeof value === 'string' ? datePattern.exec(value)?.slice(1).map(Number) : undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts ?? []
  const ms = Date.UTC(year, month - 1, day, hour, minute, second)
  // Date.UTC takes 2021-02-30 for 2 March.
  const isReal =
    parts !== undefined &&
    new Date(ms).toISOString().slice(0, 19) === String(value).replace(' ', 'T')
  if (isReal) return ms * 1000
  throw new Wrong(`${field} is ${show(value)}, not a date like 2021-02-15 14:40:15`)
}

const numberOf = (value: unknown, field: string): number => {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new Wrong(`${field} is ${show(value)}, not a number`)
}

const at = (node: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<string, unknown>)[key]
        : undefined,
    node,
  )

const name = (path: Path): string => `"${path.join('.')}"`

const show = (value: unknown): string =>
  value === undefined ? 'missing' : (JSON.stringify(value) ?? typeof value).slice(0, 60)
