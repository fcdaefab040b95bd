// Load from a process of its own, so that what is measured is the broker: many units, each with a
// fixed number of QoS 1 reports of 100 bytes of JSON on their way. Prints one line of JSON.
import { parseArgs } from 'node:util'
import { RawUnit } from '../mqtt/raw-unit.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    machine: { type: 'string', default: 'cordless_drill' },
    clients: { type: 'string', default: '50' },
    inFlight: { type: 'string', default: '50' },
    warmMs: { type: 'string', default: '1000' },
    ms: { type: 'string', default: '3000' },
    boot: { type: 'string', default: '1' },
    /** Between two bursts of a client; 0 = as fast as it goes. */
    everyMs: { type: 'string', default: '0' },
    values: { type: 'string', default: '3' },
  },
})

const reportOf = (boot: number, seq: number): string => {
  const wave = (seq % 97) / 10
  const more = values.values === '5' ? `,"torque":${wave / 4},"duty":40.25` : ''
  const measured = `"v":{"motor_current":${wave},"pack_voltage":18.5,"trigger":50${more}}`
  return `{"boot":${boot},"seq":${seq},"t":${1000 + seq * 50},${measured}}`.padEnd(100)
}

const boot = Number(values.boot)
const units = Array.from(
  { length: Number(values.clients) },
  (_, i) =>
    new RawUnit({
      unit: `bench-${i}`,
      machine: values.machine,
      port: Number(values.port),
      inFlight: Number(values.inFlight),
      everyMs: Number(values.everyMs),
      hello: `{"boot":${boot},"t":0}`,
      report: (seq) => reportOf(boot, seq),
    }),
)
const total = (): number => units.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

await sleep(Number(values.warmMs))
const [countBefore, timeBefore] = [total(), performance.now()]
await sleep(Number(values.ms))
const seconds = (performance.now() - timeBefore) / 1000
const perSecond = (total() - countBefore) / seconds
for (const unit of units) unit.pause()
while (units.some(({ open }) => open > 0)) await sleep(20)
console.log(JSON.stringify({ perSecond, acknowledged: total() }))
process.exit(0)
