// The array kernel of the tests, from AssemblyScript to C, with wasm's bounds checks on, as a file
// that takes a loop's place in a test image. A loop may not have memory: this is measured only to
// say what it would cost.
/// <reference path="../../firmware/twin/wasm.d.ts" />
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { translate } from '../../firmware/wasm2c.ts'

const flags = [
  ...['--runtime', 'stub', '--noAssert', '--use', 'abort=', '-O3', '--noExportMemory'],
  ...['--initialMemory', '1', '--maximumMemory', '1'],
]

/**
 * One page, the least there is, in the board's RAM. It never grows: each access is checked against
 * a constant, and the compiler leaves out the checks of indices that it can bound.
 */
const memory = `#include "constants.h"
#include "wasm-rt.h"
#include "memory.h"
static u8 page[65536] __attribute__((aligned(8)));
static inline void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, u64 pages, u64 most,
                                           bool is64, u32 bytes) {
  *memory = (wasm_rt_memory_t){page, pages, most, pages * bytes, is64};
}
static inline void wasm_rt_free_memory(wasm_rt_memory_t *memory) { (void)memory; }
`
const loop = `
static w2c_fir fir;
static void loop_stop(void) { w2c_board_writeOutput(0, OUT_DUTY, 0); }
static void loop_start(void) {
  wasm2c_fir_instantiate(&fir);
  loop_stop();
}
static void loop_step(void) {
  w2c_board_report(0, REPORT_PASSES, w2c_fir_filter(&fir, (u32)inputs[IN_LEVEL]));
}
`

export interface ArrayKernel {
  /** Path of a header for `exerciseOf`. */
  file: string
  /** The same module in V8. */
  inNode(): (x: number) => number
  remove(): void
}

export const arrayKernel = (): ArrayKernel => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-array-'))
  const require = createRequire(import.meta.url)
  const compiler = join(require.resolve('assemblyscript/package.json'), '..', 'bin', 'asc.js')
  const source = join(import.meta.dirname, 'fixtures', 'arrays', 'fir.ts')
  execFileSync(process.execPath, [compiler, source, '-o', 'fir.wasm', ...flags], { cwd: folder })
  const wasm = new Uint8Array(readFileSync(join(folder, 'fir.wasm')))
  translate(wasm, folder, 'fir')
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const code = text('fir.c')
    .replace('#include "fir.h"', text('fir.h'))
    .replace('(uint64_t)sizeof(t) > mem->size', '(uint64_t)sizeof(t) > sizeof page')
  const file = join(folder, 'array-kernel.h')
  writeFileSync(file, [memory, code, loop].join('\n'))
  const inNode = (): ((x: number) => number) =>
    new WebAssembly.Instance(new WebAssembly.Module(wasm), {}).exports['filter'] as (
      x: number,
    ) => number
  return { file, inNode, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
