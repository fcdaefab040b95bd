// From the integers of a loop's channels to the names and units of a profile, and from counters
// modulo 2^32 to lifetime totals. Pure but for the totals it keeps.
import type { LoopSpec, Profile } from '../../hardware-profiles/profile.ts'
import type { LoopKind } from '../loop-kind.ts'
import type { SimBoard } from './sim-board.ts'

type Value = number | string | boolean

/**
 * Reads the signals of a board as a report gives them; what the loop never reported is left out.
 */
export const createSignals = (parts: {
  board: SimBoard
  loop: LoopKind
  spec: LoopSpec
  profile: Profile
}): (() => Record<string, Value>) => {
  const { board, loop, spec, profile } = parts
  const list = [
    { channels: loop.inputs, raw: board.inputs, known: undefined },
    { channels: loop.outputs, raw: board.outputs, known: undefined },
    { channels: loop.states, raw: board.reported, known: board.known },
  ].flatMap(({ channels, raw, known }) =>
    channels.map(({ name, scale, values }, index) => {
      const signal = spec.channels[name] ?? name
      const type = profile.signals[signal]?.type
      const decimals = Math.max(0, Math.round(-Math.log10(scale)))
      const convert = (value: number): Value => {
        if (values !== undefined) return values[value] ?? value
        if (type === 'boolean') return value !== 0
        return Number((value * scale).toFixed(decimals))
      }
      return { signal, index, raw, known, convert }
    }),
  )
  return () => {
    const report: Record<string, Value> = {}
    for (const { signal, index, raw, known, convert } of list) {
      if (known === undefined || known[index] === 1) report[signal] = convert(raw[index] ?? 0)
    }
    return report
  }
}

export interface Totals {
  /** Adds what the loop has counted since the last call. */
  update(): void
  /** Lifetime totals by the loop's counter names, in the loop's steps. */
  totals(): Record<string, number>
}

/** Lifetime totals of a loop's counters, going on from `kept`. */
export const createTotals = (
  board: SimBoard,
  loop: LoopKind,
  kept: Readonly<Record<string, number>>,
): Totals => {
  const first = loop.states.length
  const last = new Uint32Array(loop.counters.length)
  const totals = loop.counters.map(({ name }) => kept[name] ?? 0)
  return {
    update: () => {
      for (let i = 0; i < last.length; i += 1) {
        const now = (board.reported[first + i] ?? 0) >>> 0
        // Modulo 2^32: right as long as a counter moves less than that between two calls.
        totals[i] = (totals[i] ?? 0) + ((now - (last[i] ?? 0)) >>> 0)
        last[i] = now
      }
    },
    totals: () => Object.fromEntries(loop.counters.map(({ name }, i) => [name, totals[i] ?? 0])),
  }
}

/** Totals by the profile's names and in its units, whole, rounded down. */
export const countersOf = (
  loop: LoopKind,
  spec: LoopSpec,
  totals: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(
    loop.counters.map(({ name, scale }) => [
      spec.channels[name] ?? name,
      Math.floor((totals[name] ?? 0) * scale),
    ]),
  )
