// What a reading does to a unit's life: uptime, wear, conditions of its maintenance plan, its first
// failure. Compiled once a machine, so that a reading costs look-ups; changes only the state given.

import type { Profile, WearSpec } from '../../hardware-profiles/profile.ts'
import { bearingLifeUsed, minerDamage, type SnCurve } from '../durability/damage.ts'
import { foldPack, newPack, type PackSpec } from './battery.ts'
import { type LifeState, mostBlocks, newBlocks } from './life.ts'
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
  /**
   * A part has failed, by a rule of the profile. `sinceUs`: not before this, where a board tells of
   * it late and nobody heard that boot.
   */
  failed(unit: LivingUnit, part: string, at: { timeUs: number; sinceUs?: number }): void
  /** Damage so far by name of the wear: 1 is the rated life. */
  damage(life: LifeState): Record<string, number>
  /** Hours of use over the whole life: the run time counter, or what readings tell. */
  hours(unit: Pick<LivingUnit, 'totals' | 'life'>): number
  /** Microseconds of silence after which nobody knows. */
  readonly silentUs: number
}

/** Where a profile says nothing of uptime: ten minutes. */
const usualSilentS = 600
/** Hours in one unit of a run time counter, by UCUM code. */
export const hoursPer: Readonly<Record<string, number>> = {
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
  const foldBattery = profile.wear?.battery && batteryFold(profile.wear.battery, names)
  const damage = damageOf(profile.wear)
  const { fatigue = [], bearings = [] } = profile.wear ?? {}
  const worn = [...fatigue, ...bearings].map(({ name }) => name)

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
      foldBattery?.(unit, { timeUs, values, hours: hours(unit) })
      // What was done between two readings is what it did at the first of them.
      if (foldWear && before === 'in_use' && contactUs !== null && timeUs > contactUs) {
        const heldUs = timeUs - contactUs
        if (heldUs <= holdUs) {
          const ms = Math.floor(timeUs / 1000) - Math.floor(contactUs / 1000)
          foldWear(life, { ms, timeUs, values })
          closeBlocks(life, { names: worn, damage })
        }
      }
      return spans
    },
    changed: (unit, timeUs) =>
      foldContact(unit.life.uptime, { timeUs, next: doing(unit) }, silentUs),
    failed(unit, part, { timeUs, sinceUs = timeUs }) {
      const { life } = unit
      const failure = { hours: hours(unit), timeUs }
      life.failed ??= { part, ...failure }
      const now = life.parts[part] ?? originalPart()
      life.parts[part] = now
      // Told late, it may be of the part that was there before.
      if (now.sinceUs === null || sinceUs >= now.sinceUs) now.failed ??= failure
    },
  }
}

/** The part that the unit was met with: taken to be as old as the unit. */
export const originalPart = (): LifeState['parts'][string] => ({
  ...{ serial: null, sinceUs: null, hours: 0, counters: {}, failed: null },
})

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
  { histograms, fatigue, bearings }: WearSpec,
  names: readonly string[],
): ((life: LifeState, stretch: Stretch) => void) => {
  const at = (name: string): number => names.indexOf(name)
  const bands = histograms.map((spec) => ({ ...spec, index: at(spec.signal) }))
  const cycles = fatigue.map((spec) => ({ ...spec, index: at(spec.signal) }))
  const turning = bearings.map((b) => ({ ...b, torqueAt: at(b.torque), speedAt: at(b.speed) }))
  return (life, { ms, values }) => {
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
  }
}

type BatterySpec = NonNullable<WearSpec['battery']>

/** As the fold of the pack needs it; undefined where the profile does not say when it is full. */
export const packSpecOf = ({ cells, capacityC, leastStepA }: BatterySpec): PackSpec | undefined =>
  cells === undefined || capacityC === undefined
    ? undefined
    : { ...cells, ratedAh: capacityC / 3600, restA: leastStepA / 10 }

const batteryFold = (
  battery: BatterySpec,
  names: readonly string[],
): ((
  unit: LivingUnit,
  reading: { timeUs: number; values: readonly (number | undefined)[]; hours: number },
) => void) => {
  const at = (name: string | undefined): number => (name === undefined ? -1 : names.indexOf(name))
  const [vAt, iAt] = [at(battery.voltage), at(battery.current)]
  const [dutyAt, tAt] = [at(battery.duty), at(battery.temperature)]
  const spec = packSpecOf(battery)
  return ({ life }, { timeUs, values, hours }) => {
    const volts = values[vAt]
    const given = values[iAt]
    const duty = dutyAt < 0 ? 100 : values[dutyAt]
    if (volts === undefined || given === undefined || duty === undefined) return
    // Behind a switched bridge the pack gives its current for a part of the time only.
    const amps = (given * duty) / 100
    life.resistance ??= wear.newResistance()
    // A duty of 0 is what the loop has just decided; voltage and current are of the moment before,
    // and what flows back into the pack while the motor coasts is not known.
    if (duty === 0) wear.breakResistance(life.resistance)
    else wear.foldResistance(life.resistance, { volts, amps, timeUs, hours }, battery.leastStepA)
    if (spec === undefined) return
    life.pack ??= newPack()
    foldPack(life.pack, { timeUs, volts, amps, celsius: values[tAt], hours }, spec)
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
const closeBlocks = (
  life: LifeState,
  { names, damage }: { names: readonly string[]; damage: LifeFold['damage'] },
): void => {
  let now: Record<string, number> | undefined
  for (const name of names) {
    let blocks = life.blocks[name]
    if (blocks === undefined) {
      blocks = newBlocks(life.usedMs)
      life.blocks[name] = blocks
    }
    if (life.usedMs - blocks.fromMs < blocks.spanMs) continue
    now ??= damage(life)
    blocks.fromMs = life.usedMs
    blocks.totals.push(now[name] ?? 0)
    if (blocks.totals.length < mostBlocks) continue
    blocks.totals = blocks.totals.filter((_, i) => i % 2 === 1)
    blocks.spanMs *= 2
  }
}
