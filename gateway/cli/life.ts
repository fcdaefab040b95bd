// `tenfold life`: what a gateway knows of one unit's life, as text: state, uptime, shifts, wear,
// hours left, battery, parts, plan. Reads the store beside a gateway that runs or not; every figure
// is the page's.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import { prepareMachine } from '../core/machine.ts'
import type { Due, UnitLife, UnitShift, UnitUptime, UnitWear } from '../core/queries.ts'
import { openStoreReader } from '../sinks/store/store.ts'
import type { Io } from './io.ts'
import { profilesOf } from './serve.ts'

export const summary = "prints one unit's life: uptime, shifts, wear, hours left, plan, parts"
export const usage = `usage: tenfold life <unit> [--json]

  --json           prints it as JSON
${configUsage}

Give the settings that the gateway was started with. For the demo: --data .tenfold/demo`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...configOptions, json: { type: 'boolean', default: false } },
  })
  const [unit, ...more] = positionals
  if (unit === undefined || more.length > 0) {
    const remedy = 'See "tenfold help life".'
    throw new OperatingError('usage', { message: 'name one unit', remedy })
  }
  const { config } = readConfig(io, values).loaded
  const machines = new Map(profilesOf().map((p) => [p.machine, prepareMachine(p)]))
  const reader = openStoreReader(join(config.data, 'store'), machines)
  try {
    const { queries } = reader
    const life = queries.life({ unit, nowUs: systemClock().nowUs() })
    if (values.json) io.out(JSON.stringify(life, null, 2))
    else {
      const known = queries.unit(unit)
      const marks = known?.simulated === true ? ', SIMULATED' : ''
      io.out(`${unit}: a ${known?.machine}, ${known?.lifecycle.replaceAll('_', ' ')}${marks}`)
      for (const line of linesOf(life)) io.out(line)
    }
    return 0
  } finally {
    reader.close()
  }
}

/** The whole of it; what is not known is said so. */
export const linesOf = (life: UnitLife): string[] => [
  ...section('Lifecycle, newest first', life.steps.slice(0, 10).map(stepLine)),
  ...section('Uptime', life.uptime === undefined ? ['no contact yet'] : uptimeLines(life.uptime)),
  ...section(
    'Shifts (OEE, ISO 22400-2)',
    life.shifts.length === 0
      ? ['none is booked: no OEE. See "tenfold claim shift".']
      : life.shifts.flatMap(shiftLines),
  ),
  ...section('Wear', life.wear === undefined ? ['not in its machine file'] : wearLines(life.wear)),
  ...section('Maintenance', life.maintenance.map(dueLine)),
  ...section(
    'Failures without a maintenance record',
    life.failures
      .filter(({ reconciled }) => !reconciled)
      .map(({ type, part, timeUs }) => `${day(timeUs)}  ${type}, ${part}: unreconciled`),
  ),
  ...section('Parts replaced or failed', life.parts.map(partLine)),
]

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]

const day = (timeUs: number): string => new Date(timeUs / 1000).toISOString().slice(0, 16)
const share = (part: number): string => `${(Math.floor(part * 1000) / 10).toFixed(1)} %`
const range = ({ lower, upper }: { lower: number; upper: number }): string =>
  `${share(lower)} to ${share(upper)}`
const digits = (value: number): string => String(Number(value.toPrecision(4)))

const stepLine = (step: UnitLife['steps'][number]): string => {
  const { type, timeUs, from, to, refused, declared, author, entrySeq, reason } = step
  const why = reason === undefined ? '' : `: ${reason}`
  const by = declared ? `declared by ${author ?? 'a claim that has not come'}` : 'measured'
  const entry = entrySeq === undefined ? '' : `, entry ${entrySeq}`
  const no = refused === undefined ? '' : `; REFUSED: ${refused}`
  return `${day(timeUs)}  ${type}: ${from ?? 'unknown'} -> ${to} (${by}${entry})${why}${no}`
}

const uptimeLines = ({ spentS, now, availability, failures, ...mean }: UnitUptime): string[] => [
  `now ${now}; ${Object.entries(spentS)
    .filter(([, seconds]) => seconds > 0)
    .map(([name, seconds]) => `${name} ${digits(seconds / 3600)} h`)
    .join(', ')}`,
  availability === undefined
    ? 'no time to judge by yet'
    : `available ${range(availability)}: silent time taken as down, and as up`,
  mean.mtbfH === undefined
    ? `${failures} failures; ${mean.hidden ?? 'no mean time between them'}`
    : `${failures} failures; mean time between them ${digits(mean.mtbfH.lower)} to ` +
      `${digits(mean.mtbfH.upper)} h`,
  ...(mean.mttrH === undefined ? [] : [`mean time to repair ${digits(mean.mttrH)} h`]),
]

const shiftLines = (shift: UnitShift): string[] => {
  const { fromUs, toUs, plannedS, ranS, unknownS, made, good, oee, missing } = shift
  const { availability, effectiveness, quality } = shift
  const none = 'not known'
  const ran = ranS === undefined ? '?' : digits(ranS / 3600)
  const pieces =
    made === undefined
      ? ''
      : `; ${made.count} made (${made.measured ? 'measured' : 'declared'}), ${good ?? '?'} good`
  return [
    `${day(fromUs)} to ${day(toUs)}: ${oee === undefined ? 'no OEE' : `OEE ${share(oee)}`}`,
    `  availability ${availability === undefined ? none : range(availability)}, effectiveness ` +
      `${effectiveness === undefined ? none : range(effectiveness)}, quality ` +
      `${quality === undefined ? none : share(quality)} (declared)`,
    `  planned ${digits(plannedS / 3600)} h, ran ${ran} h, ` +
      `silent ${digits(unknownS / 3600)} h${pieces}`,
    ...missing.map((what) => `  missing: ${what}`),
  ]
}

const hoursText = (value: number | null): string =>
  value === null ? 'no end in sight' : `${digits(value)} h`

const wearLines = ({ usedHours, parts, left, battery }: UnitWear): string[] => [
  `in use ${digits(usedHours)} h, as measured here`,
  ...parts.map(
    ({ name, part, used }) => `${name} (${part}): ${digits(used * 100)} % of rated life`,
  ),
  left === undefined
    ? 'hours left: not known yet, it has hardly worked'
    : `hours left: ${leftText(left)} at ${left.confidence * 100} %, by load and condition`,
  ...(left?.sources ?? []).map(
    (source) => `  ${source.name} (${source.part}), by ${source.by}: ${leftText(source)}`,
  ),
  ...(battery === undefined ? [] : batteryLines(battery)),
]

export const leftText = ({
  lower,
  median,
  upper,
}: Pick<NonNullable<UnitWear['left']>, 'lower' | 'median' | 'upper'>): string => {
  if (lower === null) return hoursText(null)
  if (median === null) return `${hoursText(null)}, ${hoursText(lower)} at the least`
  if (upper === null) return `about ${hoursText(median)}, ${hoursText(lower)} at the least`
  return `about ${hoursText(median)}, ${hoursText(lower)} to ${hoursText(upper)}`
}

const batteryLines = (battery: NonNullable<UnitWear['battery']>): string[] => {
  const { firstOhm, newestOhm, capacity, cycles } = battery
  const ohm =
    firstOhm === null || newestOhm === null
      ? 'not enough steps of load yet'
      : `${digits(firstOhm * 1000)} mOhm at first, ${digits(newestOhm * 1000)} now`
  const lines = [`battery resistance: ${ohm}`]
  if (cycles !== undefined) lines.push(`full charges drawn, all packs: ${digits(cycles)}`)
  if (capacity === undefined) return lines
  const { health, ratedAh, accepted, ended, partial, unseen, endCycle } = capacity
  const others = `${partial} partial, ${unseen} not seen whole`
  const of = `${accepted} of ${ended} discharges count; ${others}`
  const end = endCycle === null ? '' : `; below its end of life since discharge ${endCycle}`
  const what = health === null ? 'not measured yet' : `${share(health)} of ${digits(ratedAh)} Ah`
  return [...lines, `battery capacity: ${what} (${of})${end}`]
}

const dueLine = ({ task, state, by, left, unit, part }: Due): string => {
  const of = part === undefined ? '' : ` (${part})`
  const amount = left === undefined ? '' : `, ${digits(left)} ${unit} left`
  return `${state.padEnd(7)}  ${task}${of}, by ${by}${amount}`
}

const partLine = ({ part, serial, fromUs, toUs, hours, failed }: UnitLife['parts'][number]) => {
  const from = fromUs === undefined ? 'the beginning' : day(fromUs)
  const end = toUs === undefined ? 'now' : day(toUs)
  const fate = failed ? 'failed' : toUs === undefined ? 'in the unit' : 'taken out working'
  return `${part} ${serial ?? '(no serial)'}: ${from} to ${end}, ${digits(hours)} h, ${fate}`
}
