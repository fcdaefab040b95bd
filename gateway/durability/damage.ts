// From loads to life used: Miner's sum on an S-N curve, and bearing and gear life after ISO 281
// from the one number a board accumulates. A damage of 1 is the rated life, at which the stated
// share of parts survives: it is not the moment of failure.
import type { Cycle } from './rainflow.ts'
import { refuse } from './refusal.ts'

/**
 * An S-N (Woehler) curve from the profile: cycles to failure N = referenceCycles *
 * (referenceRange / range)^exponent. Below `limit` no damage, or, with `lowExponent`, the flatter
 * line of Haibach (1970) (2 exponent - 1 is usual). Ranges in the unit of the counted loads.
 */
export interface SnCurve {
  referenceRange: number
  referenceCycles: number
  exponent: number
  limit?: number
  lowExponent?: number
  /** Mean load at which the part breaks at once: Goodman's correction; absent means none. */
  ultimate?: number
}

/** Refuses a curve that is not one. */
export const checkCurve = (curve: SnCurve): SnCurve =>
  curve.referenceRange > 0 && curve.referenceCycles > 0 && curve.exponent > 0
    ? curve
    : refuse(
        'bad_argument',
        'an S-N curve needs three positive numbers',
        'Check the part in the profile',
      )

/** Cycles to failure at a range (Infinity below the limit). */
export const cyclesToFailure = (curve: SnCurve, range: number): number => {
  const { referenceRange, referenceCycles, exponent, limit = 0, lowExponent } = curve
  if (range <= 0) return Number.POSITIVE_INFINITY
  if (range >= limit) return referenceCycles * (referenceRange / range) ** exponent
  if (lowExponent === undefined) return Number.POSITIVE_INFINITY
  return referenceCycles * (referenceRange / limit) ** exponent * (limit / range) ** lowExponent
}

/**
 * Range with zero mean that hurts as much: range / (1 - mean/ultimate) (Goodman 1899).
 * Pressing means (below 0) are taken as 0; a mean at or above the ultimate gives Infinity.
 */
export const equivalentRange = (
  { ultimate }: SnCurve,
  { range, mean }: Pick<Cycle, 'range' | 'mean'>,
): number => {
  if (ultimate === undefined || mean <= 0) return range
  return mean >= ultimate ? Number.POSITIVE_INFINITY : range / (1 - mean / ultimate)
}

/** Damage of one cycle: count / N. */
export const cycleDamage = (
  curve: SnCurve,
  cycle: Pick<Cycle, 'range' | 'mean' | 'count'>,
): number => {
  const range = equivalentRange(curve, cycle)
  const n = cyclesToFailure(curve, range)
  return range === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : cycle.count / n
}

/**
 * Miner's sum D = sum n_i / N_i over counted cycles (a fraction of life, 1 = failure at the
 * median).
 * Refuses: bad_argument. Source: Palmgren (1924); Miner (1945).
 */
export const minerDamage = (
  curve: SnCurve,
  cycles: Iterable<Pick<Cycle, 'range' | 'mean' | 'count'>>,
): number => {
  checkCurve(curve)
  let damage = 0
  for (const cycle of cycles) damage += cycleDamage(curve, cycle)
  return damage
}

/** Miner's sum of a repeating block of loads, each held for a time against a rated life. */
export interface BlockDamage {
  /** Fraction of life used by one block. */
  readonly perBlock: number
  readonly blocksToFailure: number
  /** Share of each load in the damage; sums to 1. */
  readonly shares: Float64Array
}

/**
 * Miner's rule by time at load: D = sum t_i / L_i, both in one unit of time.
 * Refuses: bad_argument (lengths, a rated life not positive, a negative time).
 */
export const blockDamage = (
  timeAt: ArrayLike<number>,
  ratedLife: ArrayLike<number>,
): BlockDamage => {
  if (timeAt.length !== ratedLife.length || timeAt.length === 0) {
    refuse('bad_argument', 'times and rated lives differ in number', 'Give one rated life per load')
  }
  const parts = Float64Array.from(timeAt, (t, i) => {
    const life = ratedLife[i] as number
    return t >= 0 && life > 0
      ? t / life
      : refuse('bad_argument', `load ${i}: time ${t}, rated life ${life}`, 'Both must be positive')
  })
  const perBlock = parts.reduce((a, b) => a + b, 0)
  return { perBlock, blocksToFailure: 1 / perBlock, shares: parts.map((d) => d / perBlock) }
}

/** Reliability factor a1 of ISO 281:2007, table 12, by percent surviving. */
const A1: Readonly<Record<number, number>> = {
  90: 1,
  95: 0.64,
  96: 0.55,
  97: 0.47,
  98: 0.37,
  99: 0.25,
}

/** A bearing or gear: basic dynamic load rating in N and the life exponent. */
export interface Bearing {
  /** C in N: the load borne for a million revolutions by 90 % of bearings. */
  ratingN: number
  /** 3 for ball bearings, 10/3 for roller bearings (ISO 281:2007, 4.1); a gear's own slope. */
  exponent: number
  /** Percent that shall survive the life: 90 (default), 95, 96, 97, 98 or 99. */
  survivalPercent?: number
}

/** Life modification for the percent surviving. Refuses a percentage that the table lacks. */
export const reliabilityFactor = (survivalPercent: number): number =>
  A1[survivalPercent] ??
  refuse(
    'bad_argument',
    `no a1 for ${survivalPercent} %`,
    `Use one of ${Object.keys(A1).join(', ')}`,
  )

/**
 * Rated life in revolutions at a constant equivalent load P in N: a1 (C/P)^p 10^6.
 * Source: ISO 281:2007, 7 and 9.2. Refuses: bad_argument.
 */
export const ratedRevolutions = (bearing: Bearing, loadN: number): number => {
  checkBearing(bearing)
  if (!(loadN > 0)) refuse('bad_argument', `load ${loadN} N`, 'Give a positive load')
  const a1 = reliabilityFactor(bearing.survivalPercent ?? 90)
  return a1 * (bearing.ratingN / loadN) ** bearing.exponent * 1e6
}

const checkBearing = ({ ratingN, exponent }: Bearing): void => {
  if (!(ratingN > 0 && exponent > 0)) {
    refuse('bad_argument', `rating ${ratingN} N, exponent ${exponent}`, 'Both must be positive')
  }
}

/**
 * Fraction of the rated life used, from the board's accumulator sum(P^p n) in N^p revolutions:
 * sum / (a1 C^p 10^6). A sum, because lives used add (Palmgren); 1 is the rated life, at which
 * survivalPercent of the bearings still run. Refuses: bad_argument.
 */
export const bearingLifeUsed = (bearing: Bearing, loadRevolutions: number): number => {
  checkBearing(bearing)
  if (!(loadRevolutions >= 0)) {
    refuse(
      'bad_argument',
      `accumulated load ${loadRevolutions}`,
      'The counter can only grow from 0',
    )
  }
  const a1 = reliabilityFactor(bearing.survivalPercent ?? 90)
  return loadRevolutions / (a1 * bearing.ratingN ** bearing.exponent * 1e6)
}

/** Constant load in N that would have used the same life: (sum(P^p n) / n)^(1/p). */
export const equivalentLoad = (
  exponent: number,
  loadRevolutions: number,
  revolutions: number,
): number => (revolutions > 0 ? (loadRevolutions / revolutions) ** (1 / exponent) : 0)
