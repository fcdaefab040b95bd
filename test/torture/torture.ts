// `npm run torture`: the tests that kill, cut and fuzz, in their long forms, one file after the
// other. Hours, not minutes; `npm test` runs the same files in their short forms.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { root } from '../tree.ts'

const long = {
  TENFOLD_KILLS: '1000',
  TENFOLD_FUZZ: '1000000',
  TENFOLD_FUZZ_RUNS: '1000000',
  TENFOLD_LONG: '1',
  TENFOLD_ALL_CUTS: '1',
  TENFOLD_ALL_VECTORS: '1',
}
const folders = [
  ...['test/torture', 'test/log', 'test/store', 'test/mqtt', 'test/mqtt-client', 'test/influx'],
  'test/nats',
  ...['test/opcua', 'test/sparkplug', 'test/serial', 'test/firmata', 'test/foreign', 'test/boards'],
  ...['test/kernel', 'test/signing'],
]

const vitest = createRequire(import.meta.url).resolve('vitest/package.json')
const { status } = spawnSync(
  process.execPath,
  [
    join(dirname(vitest), 'vitest.mjs'),
    ...['run', '--config', 'test/vitest.config.ts', '--testTimeout', '7200000'],
    ...['--fileParallelism=false', ...(process.argv.length > 2 ? process.argv.slice(2) : folders)],
  ],
  { cwd: root, stdio: 'inherit', env: { ...long, ...process.env } },
)
process.exitCode = status ?? 1
