// InfluxQL of every panel, variable and annotation: names from hardware-profiles/names.ts,
// Grafana's macros left in ($timeFilter, $__interval, $unit). Text only; it asks nothing of a
// database.
import {
  bootField,
  cohortMeasurement,
  dailyHighOf,
  dailyLowOf,
  dailyMeasurement,
  eventMeasurement,
  lastSeenField,
  lifeMeasurement,
  machineColumn,
  measurementOf,
  qualityFieldOf,
  retentionPolicies,
  typeColumn,
  unitColumn,
} from '../hardware-profiles/names.ts'

/** Name of the variable that chooses units; with All it expands to every unit of the machine. */
export const unitVariable = 'unit'

const quoted = (name: string): string => `"${name}"`
const text = (value: string): string => `'${value}'`
const from = (policy: string, measurement: string): string =>
  `FROM ${quoted(policy)}.${quoted(measurement)}`
const ofUnits = `${quoted(unitColumn)} =~ /^$${unitVariable}$/`
const eachUnit = `GROUP BY ${quoted(unitColumn)}`

/** A field, and what its column is called. */
export interface Column {
  readonly name: string
  readonly field: string
}

const reports = (machine: string): string =>
  `${from(retentionPolicies.reports, measurementOf(machine))} WHERE $timeFilter AND ${ofUnits}`
const days = (machine: string): string =>
  `${from(retentionPolicies.daily, dailyMeasurement)} ` +
  `WHERE ${quoted(machineColumn)} = ${text(machine)} AND ${ofUnits}`
const ofMachine = (policy: string, measurement: string, machine: string): string =>
  `${from(policy, measurement)} WHERE ${quoted(machineColumn)} = ${text(machine)}`
const lives = (machine: string): string =>
  `${ofMachine(retentionPolicies.daily, lifeMeasurement, machine)} AND ${ofUnits}`
const events = (machine: string): string =>
  `${from(retentionPolicies.events, eventMeasurement)} WHERE $timeFilter ` +
  `AND ${quoted(machineColumn)} = ${text(machine)} AND ${ofUnits}`

const selected = (columns: readonly Column[], call: (field: string) => string): string =>
  columns.map(({ name, field }) => `${call(quoted(field))} AS ${quoted(name)}`).join(', ')

/** Units that have reported. */
export const unitsQuery = (machine: string): string =>
  `SHOW TAG VALUES ${from(retentionPolicies.reports, measurementOf(machine))} ` +
  `WITH KEY = ${quoted(unitColumn)}`

/** Means over the time; a gap stays a gap. */
export const meanQuery = (machine: string, columns: readonly Column[]): string =>
  `SELECT ${selected(columns, (field) => `mean(${field})`)} ${reports(machine)} ` +
  `GROUP BY time($__interval), ${quoted(unitColumn)} fill(null)`

/** The newest value of each stretch of time, for what has no mean; a gap stays a gap. */
export const stateQuery = (machine: string, column: Column): string =>
  `SELECT ${selected([column], (field) => `last(${field})`)} ${reports(machine)} ` +
  `GROUP BY time($__interval), ${quoted(unitColumn)} fill(null)`

/** Reports in each stretch of time; 0 shows a gap. */
export const reportsQuery = (machine: string): string =>
  `SELECT count(${quoted(bootField)}) AS "reports" ${reports(machine)} ` +
  `GROUP BY time($__interval), ${quoted(unitColumn)} fill(0)`

/** Minutes with at least one report. */
export const onlineQuery = (machine: string): string =>
  `SELECT count("reports") AS "online" FROM (SELECT count(${quoted(bootField)}) AS "reports" ` +
  `${reports(machine)} GROUP BY time(1m), ${quoted(unitColumn)} fill(none)) ` +
  `WHERE $timeFilter ${eachUnit}`

/** Samples whose quality is not the expected one. */
export const qualityQuery = (machine: string, columns: readonly Column[]): string => {
  const codes = columns.map(({ name, field }) => ({ name, field: qualityFieldOf(field) }))
  return (
    `SELECT ${selected(codes, (field) => `count(${field})`)} ${reports(machine)} ` +
    `GROUP BY time($__interval), ${quoted(unitColumn)} fill(none)`
  )
}

/** Milliseconds since 1970 of the newest report, over all time. */
export const lastSeenQuery = (machine: string): string =>
  `SELECT max(${quoted(lastSeenField)}) / 1000 AS "last_seen" ${days(machine)} ${eachUnit}`

/** Where a counter stands, over all time. */
export const counterQuery = (machine: string, column: Column): string =>
  `SELECT ${selected([column], (field) => `last(${field})`)} ${days(machine)} ${eachUnit}`

/** How far a counter is past the last multiple of an interval, over all time. */
export const intervalQuery = (machine: string, column: Column, every: number): string =>
  `SELECT ${selected([column], (field) => `last(${field}) % ${every}`)} ` +
  `${days(machine)} ${eachUnit}`

/** By how much a counter grew from the day before. */
export const dailyUseQuery = (machine: string, column: Column): string =>
  `SELECT ${selected([column], (field) => `non_negative_difference(last(${field}))`)} ` +
  `${days(machine)} AND $timeFilter GROUP BY time(1d), ${quoted(unitColumn)} fill(none)`

/** Smallest and greatest value of each day. */
export const extremesQuery = (machine: string, columns: readonly Column[]): string => {
  const low = columns.map(({ name, field }) => ({ name: `${name} min`, field: dailyLowOf(field) }))
  const high = columns.map(({ name, field }) => ({
    name: `${name} max`,
    field: dailyHighOf(field),
  }))
  return (
    `SELECT ${selected(low, (field) => `min(${field})`)}, ` +
    `${selected(high, (field) => `max(${field})`)} ${days(machine)} AND $timeFilter ` +
    `GROUP BY time(1d), ${quoted(unitColumn)} fill(none)`
  )
}

/** What lives had come to, day by day. */
export const lifeQuery = (machine: string, columns: readonly Column[]): string =>
  `SELECT ${selected(columns, (field) => `last(${field})`)} ${lives(machine)} AND $timeFilter ` +
  `GROUP BY time(1d), ${quoted(unitColumn)} fill(none)`

/** What lives have come to, over all time. */
export const lifeNowQuery = (machine: string, column: Column): string =>
  `SELECT ${selected([column], (field) => `last(${field})`)} ${lives(machine)} ${eachUnit}`

/** The same of the machine's cohort. */
export const cohortQuery = (machine: string, columns: readonly Column[]): string =>
  `SELECT ${selected(columns, (field) => `last(${field})`)} ` +
  `${ofMachine(retentionPolicies.daily, cohortMeasurement, machine)} AND $timeFilter ` +
  'GROUP BY time(1d) fill(none)'

/** Newest first. */
export const eventTableQuery = (machine: string): string =>
  `SELECT ${quoted(unitColumn)}, ${quoted(typeColumn)}, "severity", "cause", "description" ` +
  `${events(machine)} ORDER BY time DESC LIMIT 500`

export const annotationQuery = (machine: string, severity: string): string =>
  `SELECT "cause", ${quoted(typeColumn)}, ${quoted(unitColumn)} ` +
  `${events(machine)} AND "severity" = ${text(severity)} LIMIT 1000`
