// What the folds of a unit's life mean, in figures for a page: availability with both bounds, mean
// times or why there are none, life used and left. Pure; every method is durability's.
import type { Profile, WearSpec } from '../../hardware-profiles/profile.ts'
import type { BatteryCapacity, LeftSource, UnitUptime, UnitWear } from '../core/queries.ts'
import { Refusal } from '../durability/refusal.ts'
import {
  type ConditionHistory,
  hoursLeft,
  type SurvivorFn,
  survivesCondition,
  survivesDamage,
} from '../durability/remaining.ts'
import { availability, meanTimes, type StateSpan } from '../durability/uptime.ts'
import { healthTrend, newPack, packHealth } from './battery.ts'
import { boardWear } from './board-usage.ts'
import { createLifeFold, type LivingUnit, packSpecOf } from './fold.ts'
import { type ClosedSpan, foldContact } from './uptime.ts'

const seconds = ({ fromUs, toUs, state }: ClosedSpan): StateSpan => ({
  ...{ fromS: fromUs / 1e6, toS: toUs / 1e6, state },
})

export interface FiguresQuestion {
  readonly profile: Profile
  readonly unit: LivingUnit
  /** Closed stretches, ascending. */
  readonly spans: readonly ClosedSpan[]
  readonly nowUs: number
}

/** As if the unit were heard of now: what it has spent, and every stretch of it. */
const untilNow = ({ profile, unit, spans, nowUs }: FiguresQuestion) => {
  const fold = structuredClone(unit.life.uptime)
  const { doing, contactUs } = fold
  if (doing === null || contactUs === null) return undefined
  const { silentUs } = createLifeFold(profile)
  const closed = foldContact(fold, { timeUs: nowUs, next: doing }, silentUs)
  const all = [...spans, ...closed]
  if (fold.open !== null && fold.contactUs !== null && fold.contactUs > fold.open.fromUs) {
    all.push({ ...fold.open, toUs: fold.contactUs })
  }
  return { fold, doing, history: all.map(seconds) }
}

/** Every stretch of a unit's time up to now, seconds since 1970, ascending. */
export const uptimeSpans = (question: FiguresQuestion): StateSpan[] =>
  untilNow(question)?.history ?? []

/** undefined before the first contact. */
export const uptimeFigures = (question: FiguresQuestion): UnitUptime | undefined => {
  const now = untilNow(question)
  if (now === undefined) return undefined
  const { fold, doing, history } = now
  const { failures, mtbfH, mttrH, hidden } = meanTimes([history])
  const before = question.unit.life.uptime.spentUs.unknown
  return {
    spentS: Object.fromEntries(
      Object.entries(fold.spentUs).map(([name, us]) => [name, us / 1e6] as const),
    ),
    now: fold.spentUs.unknown > before ? 'unknown' : doing,
    availability: availability([history]),
    ...{ failures, mtbfH, mttrH, hidden },
  }
}

/**
 * Median and scatter of a bearing's life as fractions of its L10: a Weibull of slope 1.5, as behind
 * a1 of ISO 281: (ln 2 / -ln 0.9)^(1/1.5), and pi / (1.5 sqrt 6) for the logarithm.
 */
const bearingMedian = (Math.LN2 / -Math.log(0.9)) ** (1 / 1.5)
const bearingScatter = Math.PI / (1.5 * Math.sqrt(6))

/** undefined where the profile names no wear. */
export const wearFigures = (profile: Profile, unit: LivingUnit): UnitWear | undefined => {
  const { wear } = profile
  if (wear === undefined) return undefined
  const { life } = unit
  const fold = createLifeFold(profile)
  const damage = fold.damage(life)
  const parts = [...wear.fatigue, ...wear.bearings].map(({ name, description, part }) => ({
    ...{ name, description, part, used: damage[name] ?? 0 },
  }))
  return {
    usedHours: life.usedMs / 3.6e6,
    bands: wear.histograms.flatMap(({ signal }) => {
      const bands = life.bands[signal]
      return bands === undefined ? [] : [{ signal, ...bands }]
    }),
    parts,
    left: leftOf([...loadSources(wear, unit), ...conditionSources(wear, life)]),
    battery: batteryOf(profile, unit),
    board: boardWear(profile, life.board),
  }
}

interface Source extends Pick<LeftSource, 'name' | 'part' | 'by'> {
  readonly survives: SurvivorFn
}

const loadSources = ({ fatigue, bearings }: WearSpec, unit: LivingUnit): Source[] => {
  const turning = new Set<unknown>(bearings)
  return [...fatigue, ...bearings].flatMap((spec) => {
    const history = historyOf(unit, spec.name)
    if (history === undefined) return []
    const of = turning.has(spec) ? { median: bearingMedian, scatter: bearingScatter } : {}
    const survives = survivesDamage({ ...history, ...of })
    return [{ name: spec.name, part: spec.part, by: 'load' as const, survives }]
  })
}

/** Damage added in each block of use; undefined before the first block is full. */
const historyOf = ({ life }: LivingUnit, name: string) => {
  const { totals = [], fromMs = 0, startMs = 0 } = life.blocks[name] ?? {}
  if (totals.length === 0) return undefined
  const hours = (fromMs - startMs) / 3.6e6 / totals.length
  return {
    hours: totals.map(() => hours),
    damage: totals.map((total, i) => Math.max(0, total - (totals[i - 1] ?? 0))),
  }
}

/** A line through fewer points would be told by chance: it is normal in place of Student. */
const leastPoints = 6

const conditionSources = ({ battery }: WearSpec, life: LivingUnit['life']): Source[] => {
  if (battery === undefined) return []
  const { part, cells, resistanceLimit } = battery
  const sources: Source[] = []
  const add = (name: string, history: ConditionHistory): void => {
    const { hours } = history
    const first = hours[0]
    const isEnough = hours.length >= leastPoints && hours[hours.length - 1] !== first
    if (!isEnough) return
    sources.push({ name, part, by: 'condition', survives: survivesCondition(history) })
  }
  const spec = packSpecOf(battery)
  if (spec !== undefined && cells !== undefined && life.pack !== null) {
    add('battery_health', { ...healthTrend(life.pack, spec), limit: cells.endOfLife })
  }
  const { trend = [], firstOhm = null } = life.resistance ?? {}
  if (resistanceLimit !== undefined && firstOhm !== null) {
    const [hours, value] = [0, 1].map((at) => trend.filter((_, i) => i % 2 === at))
    const limit = resistanceLimit * (value?.[0] ?? firstOhm)
    add('battery_resistance', { hours: hours ?? [], value: value ?? [], limit })
  }
  return sources
}

const confidence = 0.9

const leftOf = (sources: readonly Source[]): UnitWear['left'] => {
  if (sources.length === 0) return undefined
  try {
    const hours = (list: readonly Source[]) => {
      const left = hoursLeft(
        list.map(({ survives }) => survives),
        { confidence },
      )
      const { median, lower, upper } = left
      return { median: finite(median), lower: finite(lower), upper: finite(upper) }
    }
    const each = sources.map((source) => {
      const { name, part, by } = source
      return { name, part, by, ...hours([source]) }
    })
    return { confidence, ...hours(sources), sources: each }
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

const finite = (hours: number): number | null => (Number.isFinite(hours) ? hours : null)

const batteryOf = (profile: Profile, { life, totals }: LivingUnit): UnitWear['battery'] => {
  const spec = profile.wear?.battery
  if (spec === undefined) return undefined
  const counters = Object.values(profile.counters)
  const charge = totals[counters.findIndex(({ role }) => role === 'charge')] ?? null
  const { firstOhm = null, newestOhm = null, windows = 0 } = life.resistance ?? {}
  const cycles =
    charge === null || spec.capacityC === undefined ? undefined : charge / spec.capacityC
  const capacity = capacityOf(spec, life)
  return { part: spec.part, firstOhm, newestOhm, windows, cycles, capacity }
}

const capacityOf = (
  battery: NonNullable<WearSpec['battery']>,
  life: LivingUnit['life'],
): BatteryCapacity | undefined => {
  const spec = packSpecOf(battery)
  if (spec === undefined) return undefined
  const pack = life.pack ?? newPack()
  const health = packHealth(pack, spec)
  const good = health?.points.filter(({ rejected }) => !rejected) ?? []
  const newest = good.at(-1)
  const truncated = (health?.points.length ?? 0) - good.length
  return {
    ratedAh: spec.ratedAh,
    health: health?.now ?? null,
    newestAh: newest?.measure.capacityAh ?? null,
    recovered: newest?.recovered ?? false,
    // Those that were thinned out had counted too.
    accepted: pack.count - pack.partial - pack.unseen - pack.truncated - truncated,
    ...{ ended: pack.count, partial: pack.partial, unseen: pack.unseen, endCycle: pack.endCycle },
  }
}

/** What a task may wait for: parts of the rated capacity, and of the first resistance. */
export const figureOf = (
  profile: Profile,
  life: LivingUnit['life'],
  figure: 'battery_health' | 'battery_resistance',
): number | undefined => {
  const battery = profile.wear?.battery
  if (battery === undefined) return undefined
  if (figure === 'battery_health') return capacityOf(battery, life)?.health ?? undefined
  const { firstOhm = null, newestOhm = null } = life.resistance ?? {}
  return firstOhm === null || newestOhm === null ? undefined : newestOhm / firstOhm
}
