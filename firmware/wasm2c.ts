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
 * Writes `<name>.wasm`, `<name>.c` and `<name>.h` into `folder`. What the tool does to floats and
 * products the slow way, runtime/wasm-float.h and wasm-product.h do again.
 */
export const translate = (wasm: Uint8Array, folder: string, name = 'loop'): void => {
  runTool(wasm, folder, name)
  const file = join(folder, `${name}.c`)
  const lines = readFileSync(file, 'utf8').split('\n')
  const first = ownFrom(lines, name)
  lines.splice(first, 0, '#include "wasm-float.h"', '')
  writeFileSync(file, ownProducts(lines.join('\n')))
}

/**
 * Products by name. One of 64 bits that is only shifted right by a constant and cut off, as fixed
 * point does, is one step: the tool writes each of wasm's instructions as a line, and what it has
 * cut off is of no use to anybody.
 */
const ownProducts = (c: string): string =>
  c
    .replace(scaled, '$4 = wasm_scaled($1, $2, $3ull);')
    .replace(/(var_j\d+) \*= (var_j\d+);/g, '$1 = wasm_product($1, $2);')
    .replace(/(var_i\d+) \*= (var_i\d+);/g, '$1 = wasm_product32($1, $2);')

const scaled = new RegExp(
  String.raw`(var_j\d+) \*= (var_j\d+);\s+\2 = (\d+)ull;\s+` +
    String.raw`\1 = \(u64\)\(\(s64\)\1 >> \(\2 & 63\)\);\s+(var_i\d+) = \(u32\)\(\1\);`,
  'g',
)

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
  const lines = readFileSync(file, 'utf8').split('\n')
  const own = lines.slice(ownFrom(lines, name))
  writeFileSync(file, [`#include "${name}.h"`, ...own].join('\n'))
}

/** Where the tool's macros end and the module's own lines begin. */
const ownFrom = (lines: readonly string[], name: string): number => {
  const first = lines.findIndex(
    (line) => line.startsWith('static ') && line.includes(`w2c_${name}`),
  )
  if (first < 0) throw new Error(`wasm2c's output for ${name} is not as expected`)
  return first
}
