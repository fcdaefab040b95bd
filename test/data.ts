// Where the tests find the real and published data sets: beside the project, never inside it.
// A test that needs one that is absent is skipped, with the reason printed; with
// TENFOLD_REQUIRE_REAL=1 it fails.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Absolute path of a folder or file of the shared data, or undefined (and one line printed). */
export const sharedData = (name: string): string | undefined => {
  const path = join(import.meta.dirname, '..', '..', 'shared', 'data', name)
  if (existsSync(path)) return path
  if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(`no data at ${path}`)
  console.log(`skipped: no data at ${path}`)
  return undefined
}
