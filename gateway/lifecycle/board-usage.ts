// What a board counted of its own use over the unit's whole life, months without a gateway
// included, and what it means: time in bands, damage by Miner's sum. Kept beside what readings
// tell, never added to it: both count the same hours. Pure.
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { BoardWear } from '../core/queries.ts'
import { minerDamage } from '../durability/damage.ts'
import { RainflowRecord } from '../durability/rainflow.ts'
import { curveOf } from './fold.ts'

export interface BoardUsage {
  /** Of the profile's wear that it was counted by. */
  layout: number
  /** The newest item: told in this boot at `toS`; counted after `fromS`, or in a boot before. */
  boot: number
  fromS: number
  toS: number
  /** Time in use, milliseconds. */
  usedMs: number
  /** Boot and number of the newest item of each place: an older one says nothing new. */
  newest: Record<string, [boot: number, number: number]>
  /** Hundredths of a second in use by band, by signal. */
  bands: Record<string, number[]>
  /** Half cycles by range and mean (durability's RainflowRecord), by name of the wear. */
  cycles: Record<string, number[]>
}

/** Figures for a page; undefined where no board ever told. */
export const boardWear = ({ wear }: Profile, board: BoardUsage | null): BoardWear | undefined => {
  if (wear === undefined || board === null) return undefined
  const { boot, fromS, toS, usedMs } = board
  return {
    ...{ boot, fromS, toS, usedHours: usedMs / 3.6e6 },
    bands: wear.histograms.flatMap(({ signal, low, high }) => {
      const counts = board.bands[signal]
      return counts === undefined ? [] : [{ signal, low, high, ms: counts.map((n) => n * 10) }]
    }),
    parts: wear.fatigue.flatMap((spec) => {
      const counts = board.cycles[spec.name]
      if (counts === undefined) return []
      const record = new RainflowRecord(spec.low, spec.high)
      record.halves.set(counts)
      const { name, description, part } = spec
      return [{ name, description, part, used: minerDamage(curveOf(spec), record.cycles()) }]
    }),
  }
}
