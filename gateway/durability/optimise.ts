// Root finding and minimisation for the likelihoods: Brent in one dimension, Nelder-Mead in a few.
// Derivative-based work (Newton) sits in likelihood.ts, where the derivatives are.
// Nothing here knows what it optimises.
import { refuse } from './refusal.ts'

type Fn = (x: number) => number

interface BrentState {
  a: number
  b: number
  fa: number
  fb: number
}

const brentStep = (s: BrentState, c: number, fc: number): number => {
  if (s.fa !== fc && s.fb !== fc) {
    return (
      (s.a * s.fb * fc) / ((s.fa - s.fb) * (s.fa - fc)) +
      (s.b * s.fa * fc) / ((s.fb - s.fa) * (s.fb - fc)) +
      (c * s.fa * s.fb) / ((fc - s.fa) * (fc - s.fb))
    )
  }
  return s.b - (s.fb * (s.b - s.a)) / (s.fb - s.fa)
}

/**
 * Root of f in [low, high], where f changes sign; relative tolerance.
 * Source: Brent (1973), chapter 4. Refuses (no_convergence) when the signs are equal.
 */
export const findRoot = (
  f: Fn,
  [low, high]: readonly [number, number],
  tolerance = 1e-13,
): number => {
  const s: BrentState = { a: low, b: high, fa: f(low), fb: f(high) }
  if (s.fa === 0) return s.a
  if (s.fb === 0) return s.b
  if (s.fa > 0 === s.fb > 0 || Number.isNaN(s.fa + s.fb)) {
    refuse('no_convergence', `no sign change between ${low} and ${high}`, 'Widen the interval')
  }
  let c = s.a
  let fc = s.fa
  let bisected = true
  for (let i = 0; i < 300 && s.fb !== 0; i++) {
    const size = Math.abs(s.b - s.a)
    if (size <= tolerance * Math.max(Math.abs(s.b), 1e-300)) break
    let x = brentStep(s, c, fc)
    const between = x > Math.min((3 * s.a + s.b) / 4, s.b) && x < Math.max((3 * s.a + s.b) / 4, s.b)
    bisected = !between || Math.abs(x - s.b) >= (bisected ? Math.abs(s.b - c) : size) / 2
    if (bisected) x = (s.a + s.b) / 2
    const fx = f(x)
    c = s.b
    fc = s.fb
    if (s.fa > 0 === fx > 0) {
      s.a = x
      s.fa = fx
    } else {
      s.b = x
      s.fb = fx
    }
    if (Math.abs(s.fa) < Math.abs(s.fb)) {
      ;[s.a, s.b, s.fa, s.fb] = [s.b, s.a, s.fb, s.fa]
    }
  }
  return s.b
}

const GOLDEN = (3 - Math.sqrt(5)) / 2

/**
 * Minimum of a unimodal f on [low, high] by golden section with parabolic steps.
 * Source: Brent (1973), chapter 5. Tolerance is absolute in x, relative to |x| above 1.
 */
export const minimise1 = (
  f: Fn,
  [low, high]: readonly [number, number],
  tolerance = 1e-10,
): number => {
  let a = low
  let b = high
  let x = a + GOLDEN * (b - a)
  let [w, v, e, d] = [x, x, 0, 0]
  let fx = f(x)
  let [fw, fv] = [fx, fx]
  for (let i = 0; i < 200; i++) {
    const middle = 0.5 * (a + b)
    const tol = tolerance * Math.max(1, Math.abs(x))
    if (Math.abs(x - middle) <= 2 * tol - 0.5 * (b - a)) break
    const r = (x - w) * (fx - fv)
    const q0 = (x - v) * (fx - fw)
    const q = 2 * (q0 - r)
    const p = ((x - v) * q0 - (x - w) * r) * (q > 0 ? -1 : 1)
    const aq = Math.abs(q)
    const parabola = Math.abs(p) < Math.abs(0.5 * aq * e) && p > aq * (a - x) && p < aq * (b - x)
    e = parabola ? d : x < middle ? b - x : a - x
    d = parabola ? p / aq : GOLDEN * e
    const u = x + (Math.abs(d) >= tol ? d : d > 0 ? tol : -tol)
    const fu = f(u)
    if (fu <= fx) {
      if (u < x) b = x
      else a = x
      ;[v, fv, w, fw, x, fx] = [w, fw, x, fx, u, fu]
    } else {
      if (u < x) a = u
      else b = u
      if (fu <= fw || w === x) [v, fv, w, fw] = [w, fw, u, fu]
      else if (fu <= fv || v === x || v === w) [v, fv] = [u, fu]
    }
  }
  return x
}

interface Vertex {
  x: number[]
  f: number
}

const blend = (centre: number[], x: number[], t: number): number[] =>
  centre.map((c, i) => c + t * ((x[i] as number) - c))

const nextSimplex = (f: (x: number[]) => number, s: Vertex[]): Vertex[] => {
  const worst = s[s.length - 1] as Vertex
  const rest = s.slice(0, -1)
  const best = s[0] as Vertex
  const centre = best.x.map(
    (_, i) => rest.reduce((t, p) => t + (p.x[i] as number), 0) / rest.length,
  )
  const at = (t: number): Vertex => {
    const x = blend(centre, worst.x, t)
    return { x, f: f(x) }
  }
  const reflected = at(-1)
  if (reflected.f < best.f) {
    const expanded = at(-2)
    return [...rest, expanded.f < reflected.f ? expanded : reflected]
  }
  if (reflected.f < (rest[rest.length - 1] as Vertex).f) return [...rest, reflected]
  const inside = at(reflected.f < worst.f ? -0.5 : 0.5)
  if (inside.f < Math.min(reflected.f, worst.f)) return [...rest, inside]
  return s.map((p, i) => {
    if (i === 0) return p
    const x = blend(best.x, p.x, 0.5)
    return { x, f: f(x) }
  })
}

/**
 * Minimum of f near `start` by the simplex of Nelder and Mead (1965), started again at its own
 * result until a restart brings nothing. f may return Infinity outside its domain.
 */
export const minimise = (
  f: (x: number[]) => number,
  start: readonly number[],
  { step = 0.1, tolerance = 1e-13 } = {},
): { x: number[]; f: number } => {
  let best: Vertex = { x: [...start], f: f([...start]) }
  for (let restart = 0; restart < 20; restart++) {
    const from = best.f
    let simplex: Vertex[] = [best]
    for (let i = 0; i < start.length; i++) {
      const x = best.x.map((v, j) => (j === i ? v + step * Math.max(0.1, Math.abs(v)) : v))
      simplex.push({ x, f: f(x) })
    }
    for (let k = 0; k < 400 * start.length; k++) {
      simplex.sort((p, q) => p.f - q.f)
      const spread = (simplex[simplex.length - 1] as Vertex).f - (simplex[0] as Vertex).f
      if (spread <= tolerance * (Math.abs((simplex[0] as Vertex).f) + 1e-300)) break
      simplex = nextSimplex(f, simplex)
    }
    simplex.sort((p, q) => p.f - q.f)
    best = simplex[0] as Vertex
    if (from - best.f <= tolerance * Math.abs(best.f)) break
  }
  return best
}
