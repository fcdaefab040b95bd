// Reads the shared textbook data for the durability tests, and a seeded generator for the rest.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Lives, livesFrom } from '../../gateway/durability/lives.ts'
import { sharedData } from '../data.ts'

/** Folder of the textbook data, or undefined (tests are then skipped). */
export const TEXTBOOK = sharedData('reliability-textbook')

/** Rows of a plain numeric CSV without its header; text becomes NaN. */
export const numbers = (path: string): number[][] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').map((cell) => Number(cell.replaceAll('"', ''))))

export const textbook = (file: string): number[][] => numbers(join(TEXTBOOK ?? '', file))

export const json = (name: string) => JSON.parse(readFileSync(join(TEXTBOOK ?? '', name), 'utf8'))

/** O'Connor (1985); Meeker and Escobar (1998), table C.2: distance (km), 1 or 2 = failure mode. */
export const shock: [number, number][] = [
  [6700, 1], [6950, 0], [7820, 0], [8790, 0], [9120, 2], [9660, 0], [9820, 0], [11310, 0],
  [11690, 0], [11850, 0], [11880, 0], [12140, 0], [12200, 1], [12870, 0], [13150, 2], [13330, 0],
  [13470, 0], [14040, 0], [14300, 1], [17520, 1], [17540, 0], [17890, 0], [18450, 0], [18960, 0],
  [18980, 0], [19410, 0], [20100, 2], [20100, 0], [20150, 0], [20320, 0], [20900, 2], [22700, 1],
  [23490, 0], [26510, 1], [27410, 0], [27490, 1], [27890, 0], [28100, 0],
] // biome-ignore format: one row per line would hide the table

/** Column of a table. */
export const column = (rows: number[][], i: number): number[] => rows.map((r) => r[i] as number)

/** Life data from two columns of a textbook file. */
export const livesOf = (file: string, age: number, failed: number): Lives => {
  const rows = textbook(file)
  return livesFrom({ age: column(rows, age), failed: column(rows, failed) })
}

/** Seeded uniform numbers in (0, 1): mulberry32. */
export const uniforms = (seed: number): (() => number) => {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296
  }
}

/** Weibull lives, censored at uniform ages up to `until`. */
export const simulate = (
  n: number,
  { eta, beta, until, seed = 1 }: { eta: number; beta: number; until: number; seed?: number },
) => {
  const next = uniforms(seed)
  const age = new Float64Array(n)
  const failed = new Uint8Array(n)
  for (let i = 0; i < n; i++) {
    const life = eta * (-Math.log(next())) ** (1 / beta)
    const seen = until * next()
    age[i] = Math.min(life, seen)
    failed[i] = life <= seen ? 1 : 0
  }
  return { age, failed }
}

/**
 * numpy's legacy generator (MT19937 seeded with one integer): the published examples of the Python
 * package `reliability` draw their data from it, so that they can be drawn again here.
 */
export const numpyUniforms = (seed: number): (() => number) => {
  const state = new Uint32Array(624)
  state[0] = seed
  for (let i = 1; i < 624; i++) {
    const p = state[i - 1] as number
    state[i] = Math.imul(1812433253, p ^ (p >>> 30)) + i
  }
  let at = 624
  const twist = () => {
    for (let i = 0; i < 624; i++) {
      const y =
        ((state[i] as number) & 0x80000000) | ((state[(i + 1) % 624] as number) & 0x7fffffff)
      state[i] = (state[(i + 397) % 624] as number) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
    }
    at = 0
  }
  const word = (): number => {
    if (at >= 624) twist()
    let y = state[at++] as number
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
  return () => ((word() >>> 5) * 67108864 + (word() >>> 6)) / 9007199254740992
}

/** Weibull samples as scipy draws them: alpha (-ln(1 - u))^(1/beta). */
export const numpyWeibull = (
  n: number,
  seed: number,
  { alpha, beta }: { alpha: number; beta: number },
): number[] => {
  const next = numpyUniforms(seed)
  return Array.from({ length: n }, () => alpha * (-Math.log1p(-next())) ** (1 / beta))
}
