// What a board's counts of usage mean: the layout that both sides must agree on, and the form in
// which a source hands an item on. Knows neither boards nor the pipeline; pure.
import type { WearSpec } from './profile.ts'

/** Of a histogram, and of cycles by range and mean (gateway/durability/rainflow.ts). */
export const usageBins = 32
export const usageCycleBins = 32 * 15

/** An item of usage: values over the unit's whole life, as of the end of a stretch. */
export interface UsageBody {
  boot: number
  /** Number of the item in the unit's outbox: an item that comes twice is taken once. */
  number: number
  what: 'bands' | 'cycles'
  /** Which histogram or which fatigue of the profile's wear. */
  index: number
  /** Place of the first value. */
  first: number
  values: number[]
  layout: number
  /** Uptime of the boot, seconds: counted after `fromS` or in a boot before, told at `toS`. */
  fromS: number
  toS: number
  /** Time in use that was counted, milliseconds. */
  usedMs: number
}

/**
 * FNV-1a of what is counted and over which grid. A board that counts by another profile states
 * another layout, and its counts are not taken for ours.
 */
export const usageLayout = ({
  histograms,
  fatigue,
}: Pick<WearSpec, 'histograms' | 'fatigue'>): number => {
  const grid = ({ signal, low, high }: { signal: string; low: number; high: number }) => [
    ...[signal, low, high],
  ]
  const text = JSON.stringify([histograms.map(grid), fatigue.map(grid)])
  let hash = 2166136261
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 16777619)
  return hash >>> 0
}

const headBytes = 24

/**
 * The bytes of an outbox item of kind `usage` (firmware/runtime/usage.h) to the message's body;
 * undefined where they are none.
 */
export const readUsageItem = (
  item: { boot: number; number: number },
  bytes: Uint8Array,
): UsageBody | undefined => {
  if (bytes.length < headBytes || bytes.length % 4 !== 0 || bytes[0] !== 1) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [what, index = 0] = [bytes[1], bytes[2]]
  const [first, count] = [view.getUint16(4, true), view.getUint16(6, true)]
  if ((what !== 0 && what !== 1) || count * 4 !== bytes.length - headBytes) return undefined
  if (first + count > (what === 0 ? usageBins : usageCycleBins)) return undefined
  return {
    ...{ boot: item.boot, number: item.number, what: what === 0 ? 'bands' : 'cycles' },
    ...{ index, first, layout: view.getUint32(8, true) },
    values: Array.from({ length: count }, (_, i) => view.getUint32(headBytes + 4 * i, true)),
    ...{ fromS: view.getUint32(12, true), toS: view.getUint32(16, true) },
    usedMs: view.getUint32(20, true) * 10,
  }
}
