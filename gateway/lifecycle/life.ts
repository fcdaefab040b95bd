// What a gateway remembers of a unit's life beside its lifecycle state: what maintenance, uptime
// and wear are worked out from. Plain JSON data of bounded size, kept in one transaction with a
// cursor.
import { newUptime, type UptimeFold } from './uptime.ts'
import type { BandFold, CycleFold, ResistanceFold } from './wear.ts'

/** When a task of the maintenance plan was last done. */
export interface Done {
  timeUs: number
  /** Totals as the unit signed them in the entry that includes the work. */
  counters: Record<string, number>
}

/** Damage at the ends of equal stretches of use; neighbours join when they are many. */
export interface Blocks {
  /** Use in one block, milliseconds. */
  spanMs: number
  /** Milliseconds of use when the open block began. */
  fromMs: number
  /** By name of the wear: damage at the end of each closed block. */
  totals: Record<string, number[]>
}

export interface LifeState {
  /** First contact, microseconds since 1970, and hours of use then. */
  bornUs: number | null
  bornHours: number | null
  /** By task. */
  done: Record<string, Done>
  /** Since when a condition of the plan has held, by task; until the work is done. */
  reached: Record<string, number>
  /** The first failure: part, hours of use, time. */
  failed: { part: string; hours: number; timeUs: number } | null
  uptime: UptimeFold
  /** Time in use, milliseconds, as far as readings tell. */
  usedMs: number
  bands: Record<string, BandFold>
  cycles: Record<string, CycleFold>
  /** Sum of force^p times revolutions, by bearing: N^p. */
  loads: Record<string, number>
  resistance: ResistanceFold | null
  blocks: Blocks
}

/** Use in a block at first, milliseconds: six minutes. */
export const firstBlockMs = 360_000
export const mostBlocks = 32

export const newLife = (): LifeState => ({
  ...{ bornUs: null, bornHours: null, done: {}, reached: {}, failed: null },
  ...{ uptime: newUptime(), usedMs: 0, bands: {}, cycles: {}, loads: {}, resistance: null },
  blocks: { spanMs: firstBlockMs, fromMs: 0, totals: {} },
})
