// From publish to queryable: one unit publishes now and then, and an InfluxQL query asks until the
// report is there. Without other traffic, and beside 5,000 reports a second of 50 other units. The
// time of the query that finds it is part of it.
import { connectUnit } from '../../gateway/mqtt/client.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { machineLine } from './machine.ts'
import { load, percentile, sleep, startStage } from './stage.ts'

const machine = 'cordless_drill'
const unit = 'probe'
const probes = 200
const stage = await startStage()
console.log(machineLine())
if (stage === undefined) process.exit(0)
const { gateway, influx } = stage
const connection = await connectUnit({
  url: `mqtt://127.0.0.1:${gateway.mqttPort}`,
  clientId: unit,
})
await connection.publish(topicOf({ machine, unit, kind: 'hello' }), '{"boot":1,"t":0}')
let seq = 0

const probe = async (): Promise<number> => {
  const sequence = seq++
  const report = `{"boot":1,"seq":${sequence},"t":${sequence},"v":{"motor_current":1.5}}`
  const beginMs = performance.now()
  await connection.publish(topicOf({ machine, unit, kind: 'report' }), report)
  const statement =
    `SELECT "report.sequence" AS s FROM "raw"."${machine}" ` +
    `WHERE "unit" = '${unit}' AND "report.sequence" = ${sequence}`
  while ((await influx.query(statement, { db: 'tenfold' })).length === 0) await sleep(2)
  return performance.now() - beginMs
}

const measure = async (what: string, goalMs: number): Promise<void> => {
  const times: number[] = []
  for (let i = 0; i < probes; i++) {
    times.push(await probe())
    // At any moment of what the gateway does at intervals.
    await sleep((i * 37) % 300)
  }
  const [half, most] = [percentile(times, 0.5), percentile(times, 0.99)].map(Math.round)
  console.log(`${what}: p50 ${half} ms, p99 ${most} ms of ${probes} (goal p99 ${goalMs} ms)`)
}

// The database is made at the first write.
await sleep(1000)
await probe()
await measure('idle', 250)
const loading = load(gateway.mqttPort, { inFlight: 10, everyMs: 100, ms: 90_000 })
await sleep(3000)
await measure('beside 5,000 reports/s', 1000)
loading.catch(() => {})
await connection.stop()
await stage.remove()
process.exit(0)
