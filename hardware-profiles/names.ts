// The only place that spells a topic, a measurement, a field, a column or a panel's uid. Everything
// is derived from a profile's own names, so that firmware, gateway, database and dashboard cannot
// drift. Browser-safe: imports nothing but units.
import { unitOf } from './units.ts'

/**
 * What a message is about, last level of its topic. `command` goes to the unit, the rest come from
 * it; an `item` is what a board kept for a gateway: an event, a snapshot of its usage; an `answer`
 * says what became of a command; a `proof` is the gateway's own word on a unit's key, a `recording`
 * on a recording of its black box that it keeps.
 */
export const topicKinds = [
  'hello',
  'report',
  'entry',
  'claim',
  'item',
  'answer',
  'proof',
  'recording',
  'command',
] as const
export type TopicKind = (typeof topicKinds)[number]

export interface TopicParts {
  machine: string
  unit: string
  kind: TopicKind
}

/**
 * Form of a machine's, signal's or counter's name: it becomes a topic level, a column and a
 * constant.
 */
export const namePattern = '^[a-z][a-z0-9_]{0,47}$'
/** Form of a unit's id. */
export const unitIdPattern = '^[a-z0-9][a-z0-9-]{0,62}$'

const root = 'tenfold/v1'
const reportEnd = `/${topicKinds[1]}`
const unitId = new RegExp(unitIdPattern)
const kinds: ReadonlySet<string> = new Set(topicKinds)

export const topicOf = ({ machine, unit, kind }: TopicParts): string =>
  `${root}/${machine}/${unit}/${kind}`

/** MQTT filter of all that units send of one kind. */
export const topicFilter = (kind: TopicKind): string => `${root}/+/+/${kind}`

/** The parts of a topic of ours, or undefined where it is not one. */
export const parseTopic = (topic: string): TopicParts | undefined => {
  const parts = topic.split('/')
  if (parts.length !== 5 || `${parts[0]}/${parts[1]}` !== root) return undefined
  const [, , machine, unit, kind] = parts as [string, string, string, string, string]
  return unitId.test(unit) && kinds.has(kind)
    ? { machine, unit, kind: kind as TopicKind }
    : undefined
}

/** Whether a topic of ours carries telemetry; cheap, for the path of every message. */
export const isReport = (topic: string): boolean => topic.endsWith(reportEnd)

/** Field in InfluxDB and column in the embedded store: the name and its unit, `motor_current_a`. */
export const fieldOf = (name: string, ucum: string): string => {
  const { suffix } = unitOf(ucum)
  return suffix === '' ? name : `${name}_${suffix}`
}

/** Measurement of a machine's reports: its name. */
export const measurementOf = (machine: string): string => machine
/** Measurement of the daily rollup of a unit's counters, one point a unit and day. */
export const dailyMeasurement = 'unit_daily'
/** The same from power-on to power-off: one point a unit and boot, at the moment of power-on. */
export const sessionMeasurement = 'unit_session'
/** Boot that a session is, and totals of counters when it began. */
export const sessionBootField = 'session.boot'
export const beganOf = (field: string): string => `${field}.began`
/** Measurement of events, one point an event. */
export const eventMeasurement = 'event'

/** Measurement of what a unit's life has come to, one point a unit and day. */
export const lifeMeasurement = 'unit_life'
/** The same of all units of a machine: no unit's identity is in it. */
export const cohortMeasurement = 'cohort_life'

/** Columns that say what a point is about; every other column of a point is a value. */
export const unitColumn = 'unit'
export const machineColumn = 'machine'
export const typeColumn = 'type'
/** How long InfluxDB keeps a kind of point is set by its retention policy, one each. */
export const retentionPolicies = { reports: 'raw', daily: 'daily', events: 'event' } as const
// A dot keeps the fields below apart from every name that a profile can give.
/** Boot and sequence of a report: in every point of a report, whatever else it carries. */
export const bootField = 'report.boot'
export const sequenceField = 'report.sequence'
/** Quality code of a signal, where it is not the one that its profile leads to expect. */
export const qualityFieldOf = (field: string): string => `${field}.quality`
/** Smallest and greatest value of a signal on a day. */
export const dailyLowOf = (field: string): string => `${field}.min`
export const dailyHighOf = (field: string): string => `${field}.max`
/** First and last report of a day, microseconds since 1970. */
export const firstSeenField = 'seen.first_us'
export const lastSeenField = 'seen.last_us'
export const simulatedField = 'unit.simulated'
/** Part of the rated life of a bearing or tooth that is used, by name of the wear. */
export const usedFieldOf = (wear: string): string => `used.${wear}`
/** Figures of a life, each with its unit last; parts of 1 have none. */
export const lifeFields = {
  ...{ leftLow: 'left.lower_h', left: 'left.median_h', leftHigh: 'left.upper_h' },
  ...{ health: 'battery.health', resistance: 'battery.resistance_ohm' },
  ...{ availableLow: 'availability.lower', availableHigh: 'availability.upper' },
  ...{ mtbfLow: 'mtbf.lower_h', mtbfHigh: 'mtbf.upper_h', mttr: 'mttr_h' },
  ...{ failures: 'life.failures', unreconciled: 'life.unreconciled' },
  ...{ due: 'plan.due', overdue: 'plan.overdue', oee: 'shift.oee' },
} as const
export const cohortFields = {
  ...{ units: 'cohort.units', failures: 'cohort.failures', silent: 'cohort.silent' },
  ...{ b10: 'b10_h', b10Low: 'b10.lower_h', b10High: 'b10.upper_h' },
  ...{ claim: 'claim.least', repairs: 'cohort.repairs' },
} as const
/** A counter as it stood at an event. */
export const counterAtOf = (field: string): string => `counter.${field}`

/** Table of a machine's reports in the embedded store. */
export const tableOf = (machine: string): string => `report_${machine}`
/** Table of the minima and maxima of a machine's reports there. */
export const summaryTableOf = (machine: string): string => `summary_${machine}`

export const dashboardUid = (machine: string): string => `tenfold-${machine.replaceAll('_', '-')}`
export const dashboardFile = (machine: string): string => `${machine.replaceAll('_', '-')}.json`

/** Constant of a loop in AssemblyScript: `current_limit` becomes `CURRENT_LIMIT`. */
export const constantOf = (name: string): string => name.toUpperCase()

/** Namespace of our nodes in OPC UA; it never changes, as clients find nodes by it. */
export const opcUaNamespace = 'urn:tenfold:v1:units'
/** Node id of a unit's machine there, or of a part of it by its path: text, stable for ever. */
export const opcUaNodeOf = (unit: string, ...path: readonly string[]): string =>
  `s=${[unit, ...path].join('/')}`

/** Where Home Assistant looks for what a signal or counter of a unit is (its MQTT discovery). */
export const discoveryTopicOf = (
  kind: 'sensor' | 'binary_sensor',
  { unit, name }: { unit: string; name: string },
): string => `homeassistant/${kind}/tenfold-${unit}/${name}/config`
