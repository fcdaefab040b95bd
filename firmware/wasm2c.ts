// A loop's wasm to C: runs wabt's wasm2c, which comes from npm as wasm itself. It writes only into
// the folder it is given. The C goes with runtime/wasm-rt.h, written for this very version.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Where wabt lies, and its version. */
const wabt = (): { folder: string; version: string } => {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('wabt'))
  const { version } = require('wabt/package.json') as { version: string }
  return { folder, version }
}

/** Version of the tool, for the manifest. */
export const wasm2cVersion = (): string => wabt().version

/**
 * Writes `<name>.wasm`, `<name>.c` and `<name>.h` into `folder`. What the tool does to floats,
 * products and divisions the slow way, runtime/wasm-float.h and wasm-product.h do again.
 */
export const translate = (wasm: Uint8Array, folder: string, name = 'loop'): void => {
  runTool(wasm, folder, name)
  const file = join(folder, `${name}.c`)
  const lines = marked(readFileSync(file, 'utf8').split('\n'), name)
  const first = ownFrom(lines, name)
  lines.splice(first, 0, '#include "wasm-float.h"', '')
  writeFileSync(file, ownArithmetic(lines.join('\n')))
}

/**
 * Products and divisions by name, as the tool writes each of wasm's instructions as a line. One of
 * 64 bits that is only shifted right by a constant and cut off, as fixed point does, is one step.
 * A constant that was used up in one is of no use to what follows.
 */
const ownArithmetic = (c: string): string =>
  c
    .replace(scaled, '$4 = wasm_scaled($1, $2, $3ull);')
    .replace(/(var_j\d+) \*= (var_j\d+);/g, '$1 = wasm_product($1, $2);')
    .replace(/(var_i\d+) \*= (var_i\d+);/g, '$1 = wasm_product32($1, $2);')
    .replace(divided, (line: string, ...[, divisor = '', x, size]: string[]) => {
      const by = reciprocal(BigInt(divisor), size === '32' ? 32 : 64)
      if (by === undefined) return line
      const [name, suffix] = size === '32' ? ['wasm_divided32', 'u'] : ['wasm_divided', 'ull']
      return `${x} = ${name}(${x}, ${by.factor}${suffix}, ${by.bits});`
    })

const scaled = new RegExp(
  String.raw`(var_j\d+) \*= (var_j\d+);\s+\2 = (\d+)ull;\s+` +
    String.raw`\1 = \(u64\)\(\(s64\)\1 >> \(\2 & 63\)\);\s+(var_i\d+) = \(u32\)\(\1\);`,
  'g',
)
const divided = /(var_[ij]\d+) = (\d+)u(?:ll)?;\s+(var_[ij]\d+) = I(32|64)_DIV_S\(\3, \1\);/g

/**
 * What a signed division of that many bits multiplies by instead: 2^bits < divisor < 2^(bits + 1),
 * and the factor is 2^(size + bits) / divisor, rounded up. It is off by less than the divisor, so
 * that the quotient is exact for every number of that size (Granlund and Montgomery, "Division by
 * invariant integers using multiplication", 1994, theorem 4.2). Undefined where the compiler does
 * as well: powers of 2; by 0 it traps, and no loop divides by less.
 */
export const reciprocal = (
  divisor: bigint,
  size: 32 | 64,
): { factor: bigint; bits: number } | undefined => {
  const isPower = (divisor & (divisor - 1n)) === 0n
  if (isPower || divisor >= 1n << BigInt(size - 1)) return undefined
  const bits = divisor.toString(2).length - 1
  return { factor: ((1n << BigInt(size + bits)) + divisor - 1n) / divisor, bits }
}

const runTool = (wasm: Uint8Array, folder: string, name: string): void => {
  writeFileSync(join(folder, `${name}.wasm`), wasm)
  // The name is given, or it would come from the file; relative paths keep the output the same
  // in every folder.
  const files = [`${name}.wasm`, '-n', name, '-o', `${name}.c`]
  const args = [join(wabt().folder, 'bin', 'wasm2c'), ...files]
  execFileSync(process.execPath, args, { cwd: folder, stdio: 'pipe' })
}

/**
 * The same for a second module of one translation unit: what the tool puts before each module (its
 * own macros and helpers, the same every time) is there already.
 */
export const translateSecond = (wasm: Uint8Array, folder: string, name: string): void => {
  runTool(wasm, folder, name)
  const file = join(folder, `${name}.c`)
  const lines = marked(readFileSync(file, 'utf8').split('\n'), name)
  const own = lines.slice(ownFrom(lines, name))
  writeFileSync(file, [`#include "${name}.h"`, ...own].join('\n'))
}

/** The beginning of a loop's turn, and only that, is a label of this kind. */
const turn = /^\s*var_L\d+:\s*$/

/**
 * A name for the place at which each turn of each loop begins, so that step-bound.ts finds the loop
 * in the machine code. It is no instruction.
 */
const marked = (lines: readonly string[], name: string): string[] => {
  let count = 0
  return lines.map((line) => {
    if (!turn.test(line)) return line
    count += 1
    return `${line} WASM_TURN("${name}_${count - 1}")`
  })
}

/** Where the tool's macros end and the module's own lines begin. */
const ownFrom = (lines: readonly string[], name: string): number => {
  const first = lines.findIndex(
    (line) => line.startsWith('static ') && line.includes(`w2c_${name}`),
  )
  if (first < 0) throw new Error(`wasm2c's output for ${name} is not as expected`)
  return first
}
