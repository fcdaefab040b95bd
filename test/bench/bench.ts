// `npm run bench`: every figure of the README beside this file, one part after the other, so that
// no part disturbs another. `npm run bench -- broker loop` runs only those.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const parts = [
  'broker',
  'influx',
  'latency',
  'catch-up',
  'connections',
  'path',
  'backlog',
  'loop',
  'log',
  'page',
  'durability',
  'lifecycle',
  'opcua',
  'firmware',
]

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !parts.includes(name))
if (unknown.length > 0) {
  console.error(`no part "${unknown.join('", "')}"; parts: ${parts.join(', ')}`)
  process.exit(2)
}
for (const part of asked.length > 0 ? asked : parts) {
  console.log(`\n== ${part}`)
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${part}.ts`)], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
}
