// What a reading does to a unit's life: uptime, wear, conditions of its maintenance plan, its first
// failure. Compiled once a machine, so that a reading costs look-ups; changes only the state given.

import type { Profile, WearSpec } from '../../hardware-profiles/profile.ts'
import { bearingLifeUsed, minerDamage, type SnCurve } from '../durability/damage.ts'
import { type LifeState, mostBlocks } from './life.ts'
import type { LifecycleState } from './states.ts'
import { type ClosedSpan, type Doing, doingOf, foldContact } from './uptime.ts'
import * as wear from './wear.ts'

/** The part of a unit's state that is looked at: newest values by the profile's positions. */
export interface LivingUnit {
  readonly lifecycle: LifecycleState | null
  readonly life: LifeState
  readonly values: readonly (number | null)[]
  readonly totals: readonly (number | null)[]
}

export interface LifeFold {
  /** A reading in the order of the unit's own time; unusable values absent. */
  reading(
    unit: LivingUnit,
    reading: { timeUs: number; values: readonly (number | undefined)[] },
  ): readonly ClosedSpan[]
  /** The lifecycle has changed at a time, without a reading. */
  changed(unit: LivingUnit, timeUs: number): readonly ClosedSpan[]
  /** A part has failed, by a rule of the profile. */
  failed(unit: LivingUnit, part: string, timeUs: number): void
  /** Damage so far by name of the wear: 1 is the rated life. */
  damage(life: LifeState): Record<string, number>
  /** Hours of use over the whole life: the run time counter, or what readings tell. */
  hours(unit: Pick<LivingUnit, 'totals' | 'life'>): number
  /** Microseconds of silence after which nobody knows. */
  readonly silentUs: number
}

/** Where a profile says nothing of uptime: ten minutes. */
const usualSilentS = 600
const hoursPer: Readonly<Record<string, number>> = {
  us: 1 / 3.6e9,
  ms: 1 / 3.6e6,
  s: 1 / 3600,
  h: 1,
}

export const createLifeFold = (profile: Profile): LifeFold => {
  const names = Object.keys(profile.signals)
  const { uptime } = profile
  const silentUs = (uptime?.silentAfterS ?? usualSilentS) * 1e6
  const inUse = uptime && matcher(profile, { signal: uptime.signal, values: uptime.inUse })
  const down = uptime?.down && matcher(profile, uptime.down)
  const conditions = conditionsOf(profile)
  const foldWear = profile.wear && wearFold(profile.wear, names)
  const hours = hoursOf(profile)
  const damage = damageOf(profile.wear)

  const doing = ({ lifecycle, values }: LivingUnit): Doing =>
    doingOf(lifecycle, { inUse: inUse?.(values) ?? false, down: down?.(values) ?? false })

  return {
    silentUs,
    hours,
    damage,
    reading(unit, { timeUs, values }) {
      const { life } = unit
      life.bornUs ??= timeUs
      life.bornHours ??= hours(unit)
      const { contactUs, doing: before } = life.uptime
      const spans = foldContact(life.uptime, { timeUs, next: doing(unit) }, silentUs)
      for (const { task, index, holds } of conditions) {
        const value = values[index]
        if (value !== undefined && life.reached[task] === undefined && holds(value)) {
          life.reached[task] = timeUs
        }
      }
      // What was done between two readings is what it did at the first of them.
      if (foldWear && before === 'in_use' && contactUs !== null && timeUs > contactUs) {
        const heldUs = timeUs - contactUs
        if (heldUs <= holdUs) {
          const ms = Math.floor(timeUs / 1000) - Math.floor(contactUs / 1000)
          foldWear(life, { ms, timeUs, values })
          closeBlock(life, damage)
        }
      }
      return spans
    },
    changed: (unit, timeUs) =>
      foldContact(unit.life.uptime, { timeUs, next: doing(unit) }, silentUs),
    failed(unit, part, timeUs) {
      unit.life.failed ??= { part, hours: hours(unit), timeUs }
    },
  }
}

/** A reading further from the one before tells nothing of the load between them. */
const holdUs = 2_000_000

const matcher = (
  profile: Profile,
  { signal, values }: { signal: string; values: readonly string[] },
): ((newest: readonly (number | null)[]) => boolean) => {
  const index = Object.keys(profile.signals).indexOf(signal)
  const words = profile.signals[signal]?.values ?? ['false', 'true']
  const wanted = words.map((word) => values.includes(word))
  return (newest) => wanted[newest[index] ?? -1] === true
}

const conditionsOf = ({ maintenance, signals }: Profile) => {
  const names = Object.keys(signals)
  return maintenance.flatMap((task) => {
    if (!('signal' in task)) return []
    const holds =
      'above' in task
        ? (value: number): boolean => value > task.above
        : (value: number): boolean => value < task.below
    return [{ task: task.task, index: names.indexOf(task.signal), holds }]
  })
}

interface Stretch {
  readonly ms: number
  readonly timeUs: number
  readonly values: readonly (number | undefined)[]
}

const wearFold = (
  { histograms, fatigue, bearings, battery }: WearSpec,
  names: readonly string[],
): ((life: LifeState, stretch: Stretch) => void) => {
  const at = (name: string): number => names.indexOf(name)
  const bands = histograms.map((spec) => ({ ...spec, index: at(spec.signal) }))
  const cycles = fatigue.map((spec) => ({ ...spec, index: at(spec.signal) }))
  const turning = bearings.map((b) => ({ ...b, torqueAt: at(b.torque), speedAt: at(b.speed) }))
  const pack = battery && { ...battery, vAt: at(battery.voltage), iAt: at(battery.current) }
  return (life, { ms, timeUs, values }) => {
    life.usedMs += ms
    for (const { signal, low, high, index } of bands) {
      const value = values[index]
      if (value === undefined) continue
      let fold = life.bands[signal]
      if (fold?.low !== low || fold.high !== high) {
        fold = wear.newBands(low, high)
        life.bands[signal] = fold
      }
      wear.foldBand(fold, value, ms)
    }
    for (const { name, low, high, index } of cycles) {
      const value = values[index]
      if (value === undefined) continue
      let fold = life.cycles[name]
      if (fold?.low !== low || fold.high !== high) {
        fold = wear.newCycles(low, high)
        life.cycles[name] = fold
      }
      wear.foldCycle(fold, value)
    }
    for (const { name, exponent, forcePerTorque, speedRatio, torqueAt, speedAt } of turning) {
      const torque = values[torqueAt]
      const speed = values[speedAt]
      if (torque === undefined || speed === undefined) continue
      const turns = (Math.abs(speed) * speedRatio * ms) / 60_000
      const load = (Math.abs(torque) * forcePerTorque) ** exponent * turns
      life.loads[name] = (life.loads[name] ?? 0) + load
    }
    if (pack === undefined) return
    const volts = values[pack.vAt]
    const amps = values[pack.iAt]
    if (volts === undefined || amps === undefined) return
    life.resistance ??= wear.newResistance()
    wear.foldResistance(life.resistance, { volts, amps, timeUs }, pack.leastStepA)
  }
}

/** The curve of the profile in the form of the durability library. */
export const curveOf = ({ curve }: WearSpec['fatigue'][number]): SnCurve => ({
  ...{ referenceRange: curve.range, referenceCycles: curve.cycles, exponent: curve.exponent },
  ...(curve.limit !== undefined && { limit: curve.limit }),
})

const damageOf =
  (spec: WearSpec | undefined) =>
  (life: LifeState): Record<string, number> => {
    const out: Record<string, number> = {}
    for (const fatigue of spec?.fatigue ?? []) {
      const fold = life.cycles[fatigue.name]
      out[fatigue.name] = fold ? minerDamage(curveOf(fatigue), wear.cyclesOf(fold)) : 0
    }
    for (const { name, ratingN, exponent } of spec?.bearings ?? []) {
      out[name] = bearingLifeUsed({ ratingN, exponent }, life.loads[name] ?? 0)
    }
    return out
  }

const hoursOf = ({ counters }: Profile): LifeFold['hours'] => {
  const index = Object.values(counters).findIndex(({ role }) => role === 'run_time')
  const factor = hoursPer[Object.values(counters)[index]?.unit ?? ''] ?? 0
  return ({ totals, life }) => {
    const total = index < 0 ? null : (totals[index] ?? null)
    return total === null ? life.usedMs * (hoursPer['ms'] ?? 0) : total * factor
  }
}

/** Notes the damage at the end of a block of use; when there are many, two become one. */
const closeBlock = (life: LifeState, damage: (life: LifeState) => Record<string, number>): void => {
  const { blocks } = life
  if (life.usedMs - blocks.fromMs < blocks.spanMs) return
  blocks.fromMs = life.usedMs
  let most = 0
  for (const [name, total] of Object.entries(damage(life))) {
    const totals = blocks.totals[name] ?? []
    totals.push(total)
    blocks.totals[name] = totals
    most = Math.max(most, totals.length)
  }
  if (most < mostBlocks) return
  for (const [name, totals] of Object.entries(blocks.totals)) {
    blocks.totals[name] = totals.filter((_, i) => i % 2 === 1)
  }
  blocks.spanMs *= 2
}
