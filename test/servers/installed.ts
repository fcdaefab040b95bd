// Whether a program of a Debian package is there, for tests that start it. Where it is absent they
// are skipped with one printed line; with TENFOLD_REQUIRE_REAL=1 that is an error.
import { execFileSync } from 'node:child_process'

/** @param program in the PATH, or where Debian puts servers */
export const isInstalled = (program: string, debian: string): boolean => {
  try {
    execFileSync('sh', ['-c', `command -v ${program} || test -x /usr/sbin/${program}`])
    return true
  } catch {
    const reason = `${program} is not installed (Debian: apt-get install ${debian})`
    if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
    console.log(`skipped: ${reason}`)
    return false
  }
}
