// What the folds of a unit's life mean, in figures for a page: availability with both bounds, mean
// times or why there are none, life used and left. Pure; every method is durability's.
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { UnitUptime, UnitWear } from '../core/queries.ts'
import { Refusal } from '../durability/refusal.ts'
import { hoursLeft, type SurvivorFn, survivesDamage } from '../durability/remaining.ts'
import { availability, meanTimes, type StateSpan } from '../durability/uptime.ts'
import { createLifeFold, type LivingUnit } from './fold.ts'
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

/** undefined before the first contact. */
export const uptimeFigures = (question: FiguresQuestion): UnitUptime | undefined => {
  const { profile, unit, spans, nowUs } = question
  const fold = structuredClone(unit.life.uptime)
  const { doing, contactUs } = fold
  if (doing === null || contactUs === null) return undefined
  const { silentUs } = createLifeFold(profile)
  const closed = foldContact(fold, { timeUs: nowUs, next: doing }, silentUs)
  const all = [...spans, ...closed]
  if (fold.open !== null && fold.contactUs !== null && fold.contactUs > fold.open.fromUs) {
    all.push({ ...fold.open, toUs: fold.contactUs })
  }
  const history = all.map(seconds)
  const { failures, mtbfH, mttrH, hidden } = meanTimes([history])
  const before = unit.life.uptime.spentUs.unknown
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
  const bearings = new Set(wear.bearings.map(({ name }) => name))
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
    left: leftOf(
      parts.flatMap(({ name }) => {
        const history = historyOf(unit, name)
        if (history === undefined) return []
        const of = bearings.has(name) ? { median: bearingMedian, scatter: bearingScatter } : {}
        return [survivesDamage({ ...history, ...of })]
      }),
    ),
    battery: batteryOf(profile, unit),
  }
}

/** Damage added in each block of use; undefined before the first block is full. */
const historyOf = ({ life }: LivingUnit, name: string) => {
  const totals = life.blocks.totals[name] ?? []
  if (totals.length === 0) return undefined
  const hours = life.blocks.fromMs / 3.6e6 / totals.length
  return {
    hours: totals.map(() => hours),
    damage: totals.map((total, i) => Math.max(0, total - (totals[i - 1] ?? 0))),
  }
}

const confidence = 0.9

const leftOf = (sources: readonly SurvivorFn[]): UnitWear['left'] => {
  if (sources.length === 0) return undefined
  try {
    const { median, lower, upper } = hoursLeft(sources, { confidence })
    return { confidence, median: finite(median), lower: finite(lower), upper: finite(upper) }
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
  return { part: spec.part, firstOhm, newestOhm, windows, cycles }
}
