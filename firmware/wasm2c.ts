// A loop's wasm to C: runs wabt's wasm2c, which comes from npm as wasm itself. It writes only into
// the folder it is given. The C goes with runtime/wasm-rt.h, written for this very version.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
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

/** Writes `loop.wasm`, `loop.c` and `loop.h` into `folder`. */
export const translate = (wasm: Uint8Array, folder: string): void => {
  writeFileSync(join(folder, 'loop.wasm'), wasm)
  // The name is given, or it would come from the file; relative paths keep the output the same
  // in every folder.
  const args = [join(wabt().folder, 'bin', 'wasm2c'), 'loop.wasm', '-n', 'loop', '-o', 'loop.c']
  execFileSync(process.execPath, args, { cwd: folder, stdio: 'pipe' })
}
