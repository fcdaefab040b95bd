// Rows of a sheet into life data (one row per unit) or histories (one row per event of a machine).
// Checks each row on its own and against the others: units, serial numbers, order of dates.
import type { Fate } from './claim.ts'
import {
  checkProblems,
  findColumn,
  needColumn,
  type Problem,
  readDate,
  readEnd,
  readFate,
  readNumber,
  type Sheet,
} from './csv.ts'
import { checkWidth, Faults } from './faults.ts'
import { type Lives, livesFrom } from './lives.ts'
import { refuse } from './refusal.ts'
import type { History } from './repairable.ts'

/** Names of columns as the user gave them; absent ones are looked for under their usual names. */
export interface LifeColumns {
  age?: string | undefined
  status?: string | undefined
  entry?: string | undefined
  unit?: string | undefined
  mode?: string | undefined
  count?: string | undefined
  made?: string | undefined
  at?: string | undefined
}

export const USUAL = {
  age: ['age', 'hours', 'time', 'cycles', 'km', 'days', 'run_hours', 'age_h', 'ttf'],
  status: ['status', 'failed', 'fate', 'event', 'censored_or_failed'],
  machine: ['machine', 'system', 'unit', 'serial', 'id'],
  event: ['event', 'status', 'failed'],
} as const

/** Life data read from a sheet. Columns are as long as the good rows. */
export interface ReadLives {
  readonly lives: Lives
  readonly fate: readonly Fate[]
  readonly mode: readonly string[]
  /** Unit of the ages, from the cells or the column's name. */
  readonly ageUnit: string
  readonly rows: number
  readonly leftOut: number
  /** How many of these had not failed; absent where no column says so. */
  readonly leftOutRunning?: number
  readonly problems: readonly Problem[]
}

/** The unit most cells carry; others are faults. No unit at all is none. */
export const readAges = (
  sheet: Sheet,
  column: number,
  faults: Faults,
): { ages: (number | undefined)[]; unit: string } => {
  const read = sheet.rows.map((row) => readNumber(row.cells[column] ?? ''))
  const seen = new Map<string, number>()
  for (const r of read) if ('value' in r) seen.set(r.unit, (seen.get(r.unit) ?? 0) + 1)
  const unit = [...seen].sort((p, q) => q[1] - p[1])[0]?.[0] ?? ''
  const ages = sheet.rows.map((row, i) => {
    const r = read[i] as ReturnType<typeof readNumber>
    if (!('value' in r)) return faults.add(row, column, r)
    if (r.unit !== unit) {
      const name = (u: string) => (u === '' ? 'no unit' : `"${u}"`)
      return faults.add(row, column, {
        reason: `has ${name(r.unit)} where most rows have ${name(unit)}`,
        remedy: 'Convert the column to one unit',
      })
    }
    if (!(r.value > 0)) {
      return faults.add(row, column, {
        reason: r.value < 0 ? 'is a negative age' : 'is an age of zero',
        remedy: 'Ages count up from 0; check the dates or counters it was made from',
      })
    }
    return r.value
  })
  return { ages, unit }
}

const HOUR_MS = 3_600_000

/** Ages in hours between the two dates of a row. */
const agesFromDates = (
  sheet: Sheet,
  [made, at]: [number, number],
  faults: Faults,
): (number | undefined)[] =>
  sheet.rows.map((row) => {
    const from = faults.take(row, made, readDate)
    const to = faults.take(row, at, readEnd)
    if (from === undefined || to === undefined) return undefined
    if (to <= from) {
      return faults.add(row, at, {
        reason: `is ${to < from ? 'before' : 'the moment'} the unit was made (${row.cells[made]})`,
        remedy: 'Check which of the two dates is wrong, or whether they are swapped',
      })
    }
    return (to - from) / HOUR_MS
  })

const checkSerials = (sheet: Sheet, column: number, faults: Faults): void => {
  const first = new Map<string, number>()
  for (const row of sheet.rows) {
    const serial = row.cells[column] ?? ''
    const line = first.get(serial)
    if (line !== undefined) {
      faults.add(row, column, {
        reason: `is the serial number of line ${line} too`,
        remedy: 'Correct the serial, or use --repairable for machines with several events',
      })
    } else if (serial !== '') first.set(serial, row.line)
  }
}

const places = (sheet: Sheet, names: LifeColumns) => {
  const find = (flag: keyof LifeColumns) =>
    findColumn(sheet, { flag: `--${flag}`, name: names[flag] })
  const [made, at] = [find('made'), find('at')]
  const dated = names.age === undefined && made !== undefined && at !== undefined
  if ((made === undefined) !== (at === undefined)) {
    refuse('bad_column', 'only one of the two date columns is named', 'Give both --made and --at')
  }
  const age = dated
    ? undefined
    : needColumn(sheet, { flag: '--age', name: names.age, usual: USUAL.age })
  const status = needColumn(sheet, { flag: '--status', name: names.status, usual: USUAL.status })
  return {
    age,
    status,
    made,
    at,
    entry: find('entry'),
    unit: find('unit'),
    mode: find('mode'),
    count: find('count'),
  }
}

/**
 * One row per unit into life data. Ages from a column, or from two dates (hours of calendar time);
 * with both, the dates are only checked. Status: failed or censored (1, 0 and other usual words);
 * silent units are kept as running and marked in `fate`.
 * Refuses: bad_column; bad_row unless skipBadRows; too_few rows are left to the fits.
 */
export const livesFromSheet = (
  sheet: Sheet,
  names: LifeColumns,
  skipBadRows = false,
): ReadLives => {
  const place = places(sheet, names)
  const faults = new Faults(sheet)
  checkWidth(sheet, faults)
  const dated = place.made !== undefined && place.at !== undefined
  const calendar = dated
    ? agesFromDates(sheet, [place.made as number, place.at as number], faults)
    : []
  const { ages, unit } =
    place.age === undefined ? { ages: calendar, unit: 'h' } : readAges(sheet, place.age, faults)
  const fates = sheet.rows.map((row) => faults.take(row, place.status, readFate))
  const number = (column: number | undefined, missing: number, least: number) =>
    sheet.rows.map((row) => {
      if (column === undefined) return missing
      const v = faults.take(row, column, readNumber)
      return v !== undefined && v < least
        ? faults.add(row, column, {
            reason: `is below ${least}`,
            remedy: 'Correct it or remove the row',
          })
        : v
    })
  const entry = number(place.entry, 0, 0)
  const weight = number(place.count, 1, 0)
  sheet.rows.forEach((row, i) => {
    const [from, to] = [entry[i], ages[i]]
    if (place.entry !== undefined && from !== undefined && to !== undefined && from >= to) {
      faults.add(row, place.entry, {
        reason: `is not before the age ${to}`,
        remedy: 'A unit enters before it leaves',
      })
    }
  })
  if (place.unit !== undefined) checkSerials(sheet, place.unit, faults)
  checkProblems(faults.sorted, skipBadRows)
  const bad = faults.bad
  const good = sheet.rows.map((_, i) => i).filter((i) => !bad.has(sheet.rows[i]?.line ?? -1))
  const column = (values: (number | undefined)[]) =>
    Float64Array.from(good, (i) => values[i] as number)
  const fate = good.map((i) => fates[i] as Fate)
  const lives = livesFrom({
    age: column(ages),
    failed: fate.map((f) => f === 'failed'),
    ...(place.entry !== undefined && { entry: column(entry) }),
    ...(place.count !== undefined && { weight: column(weight) }),
  })
  const mode = good.map((i) =>
    place.mode === undefined ? '' : (sheet.rows[i]?.cells[place.mode] ?? ''),
  )
  const name = place.age === undefined ? 'h' : (sheet.header[place.age] ?? '')
  return {
    lives,
    fate,
    mode,
    ageUnit: unit || unitOfName(name),
    rows: sheet.rows.length,
    leftOut: bad.size,
    leftOutRunning: sheet.rows.filter(
      ({ line }, i) => bad.has(line) && fates[i] !== undefined && fates[i] !== 'failed',
    ).length,
    problems: faults.sorted,
  }
}

/** Unit of the ages by the usual names of their column. */
const UNIT_NAMES: Readonly<Record<string, string>> = {
  hours: 'h',
  hour: 'h',
  run_hours: 'h',
  age_h: 'h',
  km: 'km',
  mileage: 'km',
  days: 'days',
  dis: 'days',
  cycles: 'cycles',
}

export const unitOfName = (name: string): string => UNIT_NAMES[name.toLowerCase()] ?? ''

/** Histories read from a sheet. */
export interface ReadHistories {
  readonly histories: readonly History[]
  readonly machines: readonly string[]
  readonly ageUnit: string
  readonly rows: number
  readonly leftOut: number
  readonly problems: readonly Problem[]
}

/**
 * One row per event of a machine into histories: event 1 (failed) at a cumulative age, event 0
 * (censored) where watching ended. A machine without an end is watched until its last failure, or
 * until `end` for all. Refuses: bad_column; bad_row unless skipBadRows.
 */
export const historiesFromSheet = (
  sheet: Sheet,
  names: {
    age?: string | undefined
    machine?: string | undefined
    event?: string | undefined
    end?: number | undefined
  },
  skipBadRows = false,
): ReadHistories => {
  const machine = needColumn(sheet, {
    flag: '--machine',
    name: names.machine,
    usual: USUAL.machine,
  })
  const age = needColumn(sheet, { flag: '--age', name: names.age, usual: USUAL.age })
  const event = findColumn(sheet, { flag: '--event', name: names.event, usual: USUAL.event })
  const faults = new Faults(sheet)
  checkWidth(sheet, faults)
  const { ages, unit } = readAges(sheet, age, faults)
  const fates = sheet.rows.map((row) =>
    event === undefined || event === machine ? 'failed' : faults.take(row, event, readFate),
  )
  const by = new Map<string, { events: number[]; end: number | undefined; last: number }>()
  const bad = faults.bad
  sheet.rows.forEach((row, i) => {
    if (bad.has(row.line)) return
    const name = row.cells[machine] ?? ''
    const t = ages[i] as number
    const own = by.get(name) ?? { events: [], end: names.end, last: 0 }
    by.set(name, own)
    if (fates[i] === 'failed') own.events.push(t)
    else own.end = Math.max(own.end ?? 0, t)
    own.last = Math.max(own.last, t)
  })
  for (const [name, own] of by) {
    if (own.end === undefined || own.end >= own.last) continue
    const row = sheet.rows.find((r, i) => r.cells[machine] === name && ages[i] === own.last)
    if (row) {
      faults.add(row, age, {
        reason: `is after machine ${name} was last watched (${own.end})`,
        remedy: 'Move the end of watching, or check the age',
      })
    }
    own.events = own.events.filter((t) => t <= (own.end as number))
  }
  checkProblems(faults.sorted, skipBadRows)
  const histories = [...by.values()].map((own) => ({
    events: Float64Array.from(own.events).sort(),
    end: own.end ?? own.last,
  }))
  return {
    histories,
    machines: [...by.keys()],
    ageUnit: unit || unitOfName(sheet.header[age] ?? ''),
    rows: sheet.rows.length,
    leftOut: faults.bad.size,
    problems: faults.sorted,
  }
}
