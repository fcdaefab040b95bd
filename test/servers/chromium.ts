// Debian's Chromium, without a window, for tests of the pages. Where it is absent the tests are
// skipped with one printed line; with TENFOLD_REQUIRE_REAL=1 its absence is an error.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const program = '/usr/bin/chromium'

/** Whether the program is there; prints one line, or throws, where it is not. */
export const chromiumInstalled = (): boolean => {
  if (existsSync(program)) return true
  const reason = 'chromium is not installed (Debian: apt-get install chromium)'
  if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
  console.log(`skipped: ${reason}`)
  return false
}

/** A browser of the test's own; close it. */
export const startChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: program,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-extensions',
      '--disable-background-networking',
    ],
  })
