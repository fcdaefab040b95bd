// Single-precision arithmetic with the flags and modes of FPSCR (ARMv7-M ARM, A2.5 and the FP
// pseudocode of appendix D), rounded to nearest even. A double holds a product exactly and a sum,
// quotient or root well enough that rounding it again gives the right single (Figueroa, 1995: 53 is
// at least 2 * 24 + 2); what is left over says whether it was exact. Pure but for `flags`.

/** Cumulative bits of FPSCR. */
export const raised = { invalid: 1, zero: 2, overflow: 4, underflow: 8, inexact: 16, input: 128 }
export const modes = { defaultNan: 1 << 25, flush: 1 << 24 }

const defaultNan = 0x7fc0_0000
const least = 2 ** -126
const infinity = 0x7f80_0000

const isNan = (bits: number): boolean => (bits & 0x7fff_ffff) > infinity
const isSignalling = (bits: number): boolean => isNan(bits) && (bits & 0x40_0000) === 0

export class Arithmetic {
  /** Bits raised since they were taken. */
  flags = 0
  mode = 0
  readonly #float = new Float32Array(1)
  readonly #bits = new Int32Array(this.#float.buffer)
  readonly #double = new Float64Array(1)
  readonly #long = new BigInt64Array(this.#double.buffer)

  valueOf32(bits: number): number {
    this.#bits[0] = bits
    return this.#float[0] ?? 0
  }
  bitsOf32(value: number): number {
    this.#float[0] = value
    return this.#bits[0] ?? 0
  }

  /** Denormals are zeroes where FPSCR.FZ says so. */
  take(bits: number): number {
    const tiny = (bits & infinity) === 0 && (bits & 0x7f_ffff) !== 0
    if (!tiny || (this.mode & modes.flush) === 0) return bits
    this.flags |= raised.input
    return bits & -(2 ** 31)
  }

  /** The NaN that comes of operands of which one is none; undefined: none is. */
  #nan(...operands: readonly number[]): number | undefined {
    const found = operands.find(isSignalling) ?? operands.find(isNan)
    if (found === undefined) return undefined
    if (isSignalling(found)) this.flags |= raised.invalid
    return (this.mode & modes.defaultNan) !== 0 ? defaultNan : found | 0x40_0000
  }
  #invalid(): number {
    this.flags |= raised.invalid
    return defaultNan
  }

  /** @param exact correct to a double @param left what is missing of it: 0 where that is all */
  #round(exact: number, left: number, tiny = Math.abs(exact) < least): number {
    const result = Math.fround(exact)
    if (tiny && exact !== 0 && (this.mode & modes.flush) !== 0) {
      this.flags |= raised.underflow
      return this.bitsOf32(exact < 0 ? -0 : 0)
    }
    if (result !== exact || left !== 0) {
      this.flags |= raised.inexact
      if (tiny) this.flags |= raised.underflow
      if (!Number.isFinite(result)) this.flags |= raised.overflow
    }
    return this.bitsOf32(result)
  }

  add(x: number, y: number): number {
    const [a, b] = [this.take(x), this.take(y)]
    const nan = this.#nan(a, b)
    if (nan !== undefined) return nan
    const [p, q] = [this.valueOf32(a), this.valueOf32(b)]
    const sum = p + q
    if (Number.isNaN(sum)) return this.#invalid()
    if (!Number.isFinite(sum)) return this.bitsOf32(sum)
    return this.#round(sum, lost(p, q, sum))
  }

  /** A NaN that is subtracted keeps its sign. */
  subtract(x: number, y: number): number {
    return this.add(x, isNan(y) ? y : y ^ -(2 ** 31))
  }

  multiply(x: number, y: number): number {
    const [a, b] = [this.take(x), this.take(y)]
    const nan = this.#nan(a, b)
    if (nan !== undefined) return nan
    const product = this.valueOf32(a) * this.valueOf32(b)
    if (Number.isNaN(product)) return this.#invalid()
    return Number.isFinite(product) ? this.#round(product, 0) : this.bitsOf32(product)
  }

  divide(x: number, y: number): number {
    const [a, b] = [this.take(x), this.take(y)]
    const nan = this.#nan(a, b)
    if (nan !== undefined) return nan
    const [p, q] = [this.valueOf32(a), this.valueOf32(b)]
    const quotient = p / q
    if (Number.isNaN(quotient)) return this.#invalid()
    if (!Number.isFinite(quotient)) {
      if (q === 0 && Number.isFinite(p)) this.flags |= raised.zero
      return this.bitsOf32(quotient)
    }
    if (p === 0 || !Number.isFinite(q)) return this.bitsOf32(quotient)
    const whole = Math.fround(quotient)
    const exact = Number.isFinite(whole) && whole * q === p
    return this.#round(quotient, exact ? 0 : 1, Math.abs(p) < least * Math.abs(q))
  }

  root(x: number): number {
    const a = this.take(x)
    const nan = this.#nan(a)
    if (nan !== undefined) return nan
    const value = this.valueOf32(a)
    if (value < 0) return this.#invalid()
    if (value === 0 || !Number.isFinite(value)) return a
    const root = Math.sqrt(value)
    return this.#round(root, Math.fround(root) ** 2 === value ? 0 : 1)
  }

  /** a + x * y, rounded once. */
  fused(a: number, x: number, y: number): number {
    const [base, one, two] = [this.take(a), this.take(x), this.take(y)]
    const [p, q, r] = [this.valueOf32(one), this.valueOf32(two), this.valueOf32(base)]
    const product = p * q
    const isInvalid = Number.isNaN(product) && !Number.isNaN(p) && !Number.isNaN(q)
    // Infinity times zero is invalid even where the addend is a quiet NaN.
    if (isInvalid && isNan(base) && !isSignalling(base)) return this.#invalid()
    const nan = this.#nan(base, one, two)
    if (nan !== undefined) return nan
    const sum = r + product
    if (Number.isNaN(sum)) return this.#invalid()
    if (!Number.isFinite(sum)) return this.bitsOf32(sum)
    const left = lost(r, product, sum)
    return this.#round(left === 0 ? sum : this.#odd(sum, left), left)
  }

  /** Rounded to odd, so that the next rounding sees what was left. */
  #odd(sum: number, left: number): number {
    this.#double[0] = sum
    const bits = this.#long[0] ?? 0n
    if ((bits & 1n) === 1n) return sum
    this.#long[0] = bits + (left > 0 === sum > 0 ? 1n : -1n)
    return this.#double[0] ?? 0
  }

  /** N, Z, C and V as bits 31 to 28. @param quiet NaNs are no error but signalling ones */
  compare(x: number, y: number, quiet: boolean): number {
    const [a, b] = [this.take(x), this.take(y)]
    if (isNan(a) || isNan(b)) {
      if (!quiet || isSignalling(a) || isSignalling(b)) this.flags |= raised.invalid
      return 0x3000_0000
    }
    const [p, q] = [this.valueOf32(a), this.valueOf32(b)]
    if (p === q) return 0x6000_0000
    return p < q ? -(2 ** 31) : 0x2000_0000
  }

  /** @param scale 2 to the fraction's bits @param limits of the integer @param nearest else to 0 */
  toInteger(
    x: number,
    scale: number,
    { min, max, nearest }: { min: number; max: number; nearest: boolean },
  ): number {
    const bits = this.take(x)
    if (isNan(bits)) {
      this.flags |= raised.invalid
      return 0
    }
    const exact = this.valueOf32(bits) * scale
    const whole = nearest ? toEven(exact) : Math.trunc(exact)
    if (whole < min || whole > max) {
      this.flags |= raised.invalid
      return whole < min ? min : max
    }
    if (whole !== exact) this.flags |= raised.inexact
    return whole
  }

  fromInteger(value: number, scale: number): number {
    return this.#round(value / scale, 0)
  }
}

/** What a sum of two doubles lost (Knuth's TwoSum). */
const lost = (a: number, b: number, sum: number): number => {
  const part = sum - a
  return a - (sum - part) + (b - part)
}

const toEven = (value: number): number => {
  const low = Math.floor(value)
  const over = value - low
  if (over === 0.5) return low % 2 === 0 ? low : low + 1
  return over > 0.5 ? low + 1 : low
}
