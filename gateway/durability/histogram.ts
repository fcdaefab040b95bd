// How long a machine ran in which band of a quantity: 32 bands of current, torque, temperature or
// speed, as the board keeps them. Histograms of one grid add; that is all they are for.
import { refuse } from './refusal.ts'

/** Number of bands that a board keeps per quantity. */
export const BANDS = 32

/** Time (or counts) per band. Values outside the grid go to the first or last band. */
export interface Histogram {
  readonly low: number
  readonly high: number
  /** Seconds, or whatever weight was given, per band. */
  readonly weight: Float64Array
}

/** An empty histogram from low to high, in the unit of the quantity. Refuses: bad_argument. */
export const emptyHistogram = (low: number, high: number, bands = BANDS): Histogram =>
  high > low && bands >= 1
    ? { low, high, weight: new Float64Array(bands) }
    : refuse('bad_argument', `bands from ${low} to ${high}`, 'High must be above low')

/** Band of a value: 0 to bands - 1, or -1 for a value that is no number. */
export const bandOf = ({ low, high, weight }: Histogram, value: number): number => {
  if (Number.isNaN(value)) return -1
  const band = Math.floor(((value - low) / (high - low)) * weight.length)
  return Math.min(weight.length - 1, Math.max(0, band))
}

/** A new histogram with `weights[i]` (default 1) added for each value; NaN values are left out. */
export const withValues = (
  histogram: Histogram,
  values: ArrayLike<number>,
  weights?: ArrayLike<number>,
): Histogram => {
  const weight = Float64Array.from(histogram.weight)
  for (let i = 0; i < values.length; i++) {
    const band = bandOf(histogram, values[i] as number)
    if (band >= 0) weight[band] = (weight[band] as number) + (weights?.[i] ?? 1)
  }
  return { ...histogram, weight }
}

/** Sum of histograms of one grid. Refuses: bad_argument (different grids). */
export const addHistograms = (a: Histogram, b: Histogram): Histogram => {
  if (a.low !== b.low || a.high !== b.high || a.weight.length !== b.weight.length) {
    refuse('bad_argument', 'the histograms have different bands', 'Add only equal quantities')
  }
  return { ...a, weight: a.weight.map((w, i) => w + (b.weight[i] as number)) }
}

/** Lower edge of a band; edge(bands) is the upper end. */
export const edgeOf = ({ low, high, weight }: Histogram, band: number): number =>
  low + ((high - low) * band) / weight.length

/**
 * Value below which the fraction p of the weight lies, linear within a band.
 * Refuses: bad_argument for an empty histogram.
 */
export const quantileOf = (histogram: Histogram, p: number): number => {
  const total = histogram.weight.reduce((a, b) => a + b, 0)
  if (!(total > 0)) refuse('bad_argument', 'the histogram is empty', 'Nothing has been counted yet')
  let left = p * total
  for (let band = 0; band < histogram.weight.length; band++) {
    const w = histogram.weight[band] as number
    if (w > 0 && left <= w) return edgeOf(histogram, band + left / w)
    left -= w
  }
  return histogram.high
}
