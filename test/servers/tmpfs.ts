// A small file system of its own, for tests of a full or read-only disk. Needs the right to mount;
// where that is missing the test says so in one line and is skipped (TENFOLD_REQUIRE_REAL=1:
// fails).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Mounted {
  readonly path: string
  readOnly(on: boolean): void
  unmount(): void
}

/** Mounts `mib` MiB of memory, or undefined where this user may not. */
export const mountTmpfs = (mib: number): Mounted | undefined => {
  const path = mkdtempSync(join(tmpdir(), 'tenfold-mount-'))
  const mount = (...args: string[]): void => {
    execFileSync('mount', [...args, path], { stdio: 'ignore' })
  }
  try {
    mount('-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs')
  } catch {
    rmdirSync(path)
    if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error('this user may not mount')
    console.log('skipped: a small disk needs the right to mount a tmpfs')
    return undefined
  }
  return {
    path,
    readOnly: (on) => mount('-o', `remount,${on ? 'ro' : 'rw'}`),
    unmount: () => {
      execFileSync('umount', ['-l', path])
      rmdirSync(path)
    },
  }
}
