// What a gateway remembers of a unit's life beside its lifecycle state: what maintenance, uptime
// and wear are worked out from. Plain JSON data of bounded size, kept in one transaction with a
// cursor.
import type { PackFold } from './battery.ts'
import type { BoardUsage } from './board-usage.ts'
import { newUptime, type UptimeFold } from './uptime.ts'
import { type BandFold, type CycleFold, newResistance, type ResistanceFold } from './wear.ts'

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
  /** Milliseconds of use of the unit when the first block began, and when the open one did. */
  startMs: number
  fromMs: number
  /** Damage at the end of each closed block. */
  totals: number[]
}

/** The part that is in the unit now, where it was replaced or has failed. */
export interface PartLife {
  serial: string | null
  /** When it came in; null for the one that the unit was met with. */
  sinceUs: number | null
  /** Hours of use of the unit then. */
  hours: number
  /** Totals of the unit then. */
  counters: Record<string, number>
  failed: { hours: number; timeUs: number } | null
}

export interface LifeState {
  /** First contact, microseconds since 1970, and hours of use then. */
  bornUs: number | null
  bornHours: number | null
  /** By task. */
  done: Record<string, Done>
  /** Since when a condition of the plan has held, by task; until the work is done. */
  reached: Record<string, number>
  /** By part. */
  parts: Record<string, PartLife>
  /** did:key of whoever accepted it last. */
  owner: string | null
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
  pack: PackFold | null
  /** What the board counted by itself. */
  board: BoardUsage | null
  /** By name of the wear. */
  blocks: Record<string, Blocks>
}

/** Use in a block at first, milliseconds: six minutes. */
export const firstBlockMs = 360_000
export const mostBlocks = 32

export const newBlocks = (usedMs: number): Blocks => ({
  ...{ spanMs: firstBlockMs, startMs: usedMs, fromMs: usedMs, totals: [] },
})

export const newLife = (): LifeState => ({
  ...{ bornUs: null, bornHours: null, done: {}, reached: {}, parts: {}, owner: null, failed: null },
  ...{ uptime: newUptime(), usedMs: 0, bands: {}, cycles: {}, loads: {}, resistance: null },
  ...{ pack: null, board: null, blocks: {} },
})

/** A life as an older gateway kept it has less in it. */
export const completeLife = (kept: Partial<LifeState>): LifeState => {
  const { blocks = {}, resistance = null } = kept
  // All wear had its blocks together.
  const { spanMs, fromMs, totals } = blocks as unknown as Record<string, unknown>
  const split =
    typeof spanMs === 'number' && typeof fromMs === 'number' && typeof totals === 'object'
      ? Object.entries(totals as Record<string, number[]>).map(([name, list]) => [
          name,
          { spanMs, fromMs, startMs: 0, totals: list },
        ])
      : undefined
  return {
    ...newLife(),
    ...kept,
    ...(split && { blocks: Object.fromEntries(split) }),
    ...(resistance && { resistance: { ...newResistance(), ...resistance } }),
  }
}
