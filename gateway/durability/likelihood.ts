// The log-likelihood of life data under a log-location-scale model, with gradient and Hessian.
// Written in z = a + b ln t + c.x, in which it is concave for censored data (Burridge 1981).
// Knows nothing of what the parameters mean (fit.ts) or of how they are found (newton.ts).
import type { Family } from './family.ts'
import { countLives, type Lives } from './lives.ts'
import { refuse } from './refusal.ts'

/** Rows of one kind: ln t, weights and covariates (each centred by the sample's centre). */
interface Group {
  y: Float64Array
  y2?: Float64Array
  w: Float64Array
  x: Float64Array[]
}

/** Life data arranged for the likelihood: one group per kind of knowledge. */
export interface Sample {
  exact: Group
  right: Group
  interval: Group
  entry: Group
  /** ln t is measured from here, for conditioning. */
  centre: number
  covariates: number
  /** Sum of ln t over exact failures: the Jacobian of the log scale. */
  sumLogExact: number
  failures: number
}

const pick = (values: Float64Array, rows: Uint32Array, f: (v: number) => number): Float64Array => {
  const out = new Float64Array(rows.length)
  for (let i = 0; i < rows.length; i++) out[i] = f(values[rows[i] as number] as number)
  return out
}

type Kind = 'exact' | 'right' | 'interval' | 'entry'

/** Row numbers by kind. Rows of weight 0 and units last seen working at age 0 say nothing. */
const rowsByKind = ({ lower, upper, entry, weight }: Lives): Record<Kind, Uint32Array> => {
  const n = lower.length
  const rows = {
    exact: new Uint32Array(n),
    right: new Uint32Array(n),
    interval: new Uint32Array(n),
  }
  const late = new Uint32Array(entry ? n : 0)
  let [exact, right, interval, entered] = [0, 0, 0, 0]
  for (let i = 0; i < n; i++) {
    if (weight && !((weight[i] as number) > 0)) continue
    const low = lower[i] as number
    const high = upper[i] as number
    if (high === Number.POSITIVE_INFINITY) {
      if (low > 0) rows.right[right++] = i
    } else if (high === low) rows.exact[exact++] = i
    else rows.interval[interval++] = i
    if (entry && (entry[i] as number) > 0) late[entered++] = i
  }
  return {
    exact: rows.exact.subarray(0, exact),
    right: rows.right.subarray(0, right),
    interval: rows.interval.subarray(0, interval),
    entry: late.subarray(0, entered),
  }
}

/** Mean of ln t over the failures, or over all rows without any. */
const logCentre = ({ lower, upper, weight }: Lives): number => {
  let sum = 0
  let count = 0
  for (let i = 0; i < lower.length; i++) {
    const high = upper[i] as number
    if (high === Number.POSITIVE_INFINITY) continue
    const w = weight?.[i] ?? 1
    const low = lower[i] as number
    sum += w * Math.log(low > 0 ? 0.5 * (low + high) : 0.5 * high)
    count += w
  }
  return count > 0 ? sum / count : 0
}

/**
 * Arranges life data (and optional covariate columns) for the likelihood functions.
 * Left-censored rows are intervals from ln 0 = -Infinity.
 */
export const prepare = (lives: Lives, covariates: readonly Float64Array[] = []): Sample => {
  const { lower, upper, entry, weight } = lives
  const rows = rowsByKind(lives)
  const centre = logCentre(lives)
  const log = (v: number) => Math.log(v) - centre
  const group = (index: Uint32Array, values: Float64Array): Group => ({
    y: pick(values, index, log),
    w: weight ? pick(weight, index, (v) => v) : new Float64Array(index.length).fill(1),
    x: covariates.map((c) => pick(c, index, (v) => v)),
  })
  const exact = group(rows.exact, lower)
  return {
    exact,
    right: group(rows.right, lower),
    interval: { ...group(rows.interval, lower), y2: pick(upper, rows.interval, log) },
    entry: entries(group(rows.entry, entry ?? lower), lives, log),
    centre,
    covariates: covariates.length,
    sumLogExact: exact.y.reduce((t, y, i) => t + (exact.w[i] as number) * (y + centre), 0),
    failures: countLives(lives).failures,
  }
}

/** Entries of rows, followed by those that a life table counts apart. */
const entries = (rows: Group, { joined }: Lives, log: (v: number) => number): Group => {
  if (!joined) return rows
  if (rows.x.length) refuse('wrong_kind', 'a life table has no covariates', 'Fit without them')
  return {
    y: Float64Array.from([...rows.y, ...joined.age.map(log)]),
    w: Float64Array.from([...rows.w, ...joined.weight]),
    x: [],
  }
}

/** Value, gradient and Hessian of the log-likelihood in theta = [a, b, c...]. */
export interface Evaluation {
  value: number
  gradient: Float64Array
  /** Row-major, k x k. */
  hessian: Float64Array
}

type Term = (z: number, out: Float64Array) => void

/** Adds sign * w * g(z) over a group; z = a + b y + c.x. */
const addGroup = (
  e: Evaluation,
  theta: Float64Array,
  { group, term, sign }: { group: Group; term: Term; sign: number },
): void => {
  const { y, w, x } = group
  const k = theta.length
  const out = new Float64Array(3)
  const a = theta[0] as number
  const b = theta[1] as number
  let [v, g0, g1, h00, h01, h11] = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < y.length; i++) {
    const yi = y[i] as number
    let z = a + b * yi
    for (let j = 2; j < k; j++)
      z += (theta[j] as number) * ((x[j - 2] as Float64Array)[i] as number)
    term(z, out)
    const wi = sign * (w[i] as number)
    const d1 = wi * (out[1] as number)
    const d2 = wi * (out[2] as number)
    v += wi * (out[0] as number)
    g0 += d1
    g1 += d1 * yi
    h00 += d2
    h01 += d2 * yi
    h11 += d2 * yi * yi
    if (k > 2) addCovariates(e, { x, i, y: yi, d1, d2 })
  }
  e.value += v
  addCorner(e, [g0, g1, h00, h01, h11])
}

const addCorner = (
  e: Evaluation,
  [g0, g1, h00, h01, h11]: [number, number, number, number, number],
): void => {
  const k = e.gradient.length
  add(e.gradient, 0, g0)
  add(e.gradient, 1, g1)
  add(e.hessian, 0, h00)
  add(e.hessian, 1, h01)
  add(e.hessian, k, h01)
  add(e.hessian, k + 1, h11)
}

const add = (values: Float64Array, i: number, v: number): void => {
  values[i] = (values[i] as number) + v
}

const addCovariates = (
  e: Evaluation,
  { x, i, y, d1, d2 }: { x: Float64Array[]; i: number; y: number; d1: number; d2: number },
): void => {
  const k = e.gradient.length
  for (let j = 2; j < k; j++) {
    const xj = (x[j - 2] as Float64Array)[i] as number
    add(e.gradient, j, d1 * xj)
    for (let m = 0; m < k; m++) {
      const xm = m === 0 ? 1 : m === 1 ? y : ((x[m - 2] as Float64Array)[i] as number)
      if (m > j) continue
      add(e.hessian, j * k + m, d2 * xj * xm)
      if (m < j) add(e.hessian, m * k + j, d2 * xj * xm)
    }
  }
}

/** ln(F(z2) - F(z1)) from the tail in which the difference does not cancel. */
const logBetween = (family: Family, z1: number, z2: number): number => {
  if (z1 === Number.NEGATIVE_INFINITY) return family.logCdf(z2)
  if (z1 + z2 < 0) {
    const high = family.logCdf(z2)
    return high + Math.log(-Math.expm1(family.logCdf(z1) - high))
  }
  const t = new Float64Array(3)
  family.logSurvivor(z1, t)
  const high = t[0] as number
  family.logSurvivor(z2, t)
  return high + Math.log(-Math.expm1((t[0] as number) - high))
}

/** ln(F(z2) - F(z1)) with derivatives in both ends: [v, d1, d2, d11, d12, d22]. */
const intervalTerm = (family: Family, [z1, z2]: [number, number], out: Float64Array): void => {
  const t = new Float64Array(3)
  const value = logBetween(family, z1, z2)
  family.logDensity(z2, t)
  const f2 = Math.exp((t[0] as number) - value)
  const slope2 = t[1] as number
  let f1 = 0
  let slope1 = 0
  if (z1 !== Number.NEGATIVE_INFINITY) {
    family.logDensity(z1, t)
    f1 = Math.exp((t[0] as number) - value)
    slope1 = t[1] as number
  }
  out[0] = value
  out[1] = -f1
  out[2] = f2
  out[3] = -f1 * slope1 - f1 * f1
  out[4] = f1 * f2
  out[5] = f2 * slope2 - f2 * f2
}

const addIntervals = (
  e: Evaluation,
  theta: Float64Array,
  [family, group]: [Family, Group],
): void => {
  const { y, y2, w, x } = group
  const k = theta.length
  const out = new Float64Array(6)
  const u1 = new Float64Array(k)
  const u2 = new Float64Array(k)
  for (let i = 0; i < y.length; i++) {
    u1.fill(1, 0, 1)
    const open = (y[i] as number) === Number.NEGATIVE_INFINITY
    u1[1] = open ? 0 : (y[i] as number)
    for (let j = 2; j < k; j++) u1[j] = (x[j - 2] as Float64Array)[i] as number
    u2.set(u1)
    u2[1] = (y2 as Float64Array)[i] as number
    let [z1, z2] = [0, 0]
    for (let j = 0; j < k; j++) {
      z1 += (theta[j] as number) * (u1[j] as number)
      z2 += (theta[j] as number) * (u2[j] as number)
    }
    intervalTerm(family, [open ? Number.NEGATIVE_INFINITY : z1, z2], out)
    addInterval(e, { u1, u2, out, w: w[i] as number })
  }
}

const addInterval = (
  e: Evaluation,
  { u1, u2, out, w }: { u1: Float64Array; u2: Float64Array; out: Float64Array; w: number },
): void => {
  const k = e.gradient.length
  const [v, d1, d2, d11, d12, d22] = out as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  e.value += w * v
  for (let j = 0; j < k; j++) {
    const [p1, p2] = [u1[j] as number, u2[j] as number]
    add(e.gradient, j, w * (d1 * p1 + d2 * p2))
    for (let m = 0; m < k; m++) {
      const [q1, q2] = [u1[m] as number, u2[m] as number]
      add(e.hessian, j * k + m, w * (d11 * p1 * q1 + d12 * (p1 * q2 + p2 * q1) + d22 * p2 * q2))
    }
  }
}

/**
 * Log-likelihood of the sample (natural log, densities per unit of t) at theta = [a, b, c...]:
 * sum over exact of ln f(z) + ln b - ln t, right ln S, interval ln(S1 - S2), minus ln S(entry).
 */
export const evaluate = (sample: Sample, family: Family, theta: Float64Array): Evaluation => {
  const k = theta.length
  const e = { value: 0, gradient: new Float64Array(k), hessian: new Float64Array(k * k) }
  const b = theta[1] as number
  addGroup(e, theta, { group: sample.exact, term: family.logDensity, sign: 1 })
  addGroup(e, theta, { group: sample.right, term: family.logSurvivor, sign: 1 })
  if (sample.interval.y.length) addIntervals(e, theta, [family, sample.interval])
  if (sample.entry.y.length)
    addGroup(e, theta, { group: sample.entry, term: family.logSurvivor, sign: -1 })
  let exact = 0
  for (const w of sample.exact.w) exact += w
  e.value += exact * Math.log(b) - sample.sumLogExact
  add(e.gradient, 1, exact / b)
  add(e.hessian, k + 1, -exact / (b * b))
  return e
}
