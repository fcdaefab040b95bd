// End to end: reports of 5 values, published over MQTT as fast as they are acknowledged, until each
// is in the embedded store and in a real InfluxDB 1.x. The rate is all of them over the time from
// the first to the last. Generator, gateway and database share the machine's cores.
import { machineLine, median } from './machine.ts'
import { load, sleep, startStage } from './stage.ts'

const rounds = 5
const loadMs = 4000
const rates: number[] = []
let most = 0

console.log(machineLine())
for (let round = 1; round <= rounds; round++) {
  const stage = await startStage()
  if (stage === undefined) break
  const beginMs = performance.now()
  const sent = load(stage.gateway.mqttPort, { values: 5, warmMs: 0, ms: loadMs })
  let acknowledged: number | undefined
  const acknowledging = sent.then((done) => {
    acknowledged = done.acknowledged
    return performance.now() - beginMs
  })
  const took = new Map<string, number>()
  while (acknowledged === undefined || took.size < 2) {
    await sleep(20)
    most = Math.max(most, stage.residentMb())
    for (const { sink, pending } of await stage.books()) {
      const over = acknowledged !== undefined && pending === 0
      if (over && !took.has(sink)) took.set(sink, performance.now() - beginMs)
    }
  }
  const ackedMs = await acknowledging
  const [row] = await stage.influx.query(
    'SELECT count("report.sequence") AS n FROM "raw"."cordless_drill"',
    { db: 'tenfold' },
  )
  // Each of 50 units has said hello once, too.
  const reports = acknowledged
  const at = (ms: number): string => Math.round((reports / ms) * 1000).toLocaleString('en')
  const rate = (reports / (took.get('influx1') ?? Number.NaN)) * 1000
  rates.push(rate)
  console.log(
    `round ${round}: ${reports.toLocaleString('en')} reports; acknowledged ${at(ackedMs)}/s, ` +
      `in the store ${at(took.get('store') ?? 0)}/s, in InfluxDB ${at(took.get('influx1') ?? 0)}/s` +
      `${Number(row?.['n']) === reports ? '' : `, of which it has ${row?.['n']}`}`,
  )
  await stage.remove()
}
if (rates.length > 0) {
  const rate = Math.round(median(rates)).toLocaleString('en')
  console.log(`median ${rate} messages/s of 5 values in both (goal 40,000)`)
  console.log(`gateway: ${Math.round(most)} MiB resident at most`)
}
