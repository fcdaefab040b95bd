// A database that was away gets what it has missed while new reports come in at 1,000/s: how fast it
// catches up, and how far the live values (embedded store, pages) are behind meanwhile. In the
// database itself new reports stand in the order of the log, behind what it has missed.
import { machineLine } from './machine.ts'
import { load, percentile, sleep, startStage } from './stage.ts'

const stage = await startStage()
console.log(machineLine())
if (stage === undefined) process.exit(0)
const { gateway, influx } = stage
await influx.stop()
await load(gateway.mqttPort, { ms: 4000, warmMs: 0 })
const pendingOf = async (sink: string): Promise<number> =>
  (await stage.books()).find((one) => one.sink === sink)?.pending ?? 0
while ((await pendingOf('store')) > 0) await sleep(50)
const live = load(gateway.mqttPort, { boot: 2, inFlight: 2, everyMs: 100, ms: 600_000 })
live.catch(() => {})
await sleep(2000)
await influx.start()
const before = await pendingOf('influx1')
const beginMs = performance.now()
const lagsMs: number[] = []
let left = before
while (left > 2000) {
  await sleep(20)
  const books = await stage.books()
  lagsMs.push((books.find(({ sink }) => sink === 'store')?.lagUs ?? 0) / 1000)
  left = books.find(({ sink }) => sink === 'influx1')?.pending ?? 0
}
const seconds = (performance.now() - beginMs) / 1000
const rate = (before + 1000 * seconds - left) / seconds
console.log(
  `${Math.round(before).toLocaleString('en')} missed reports caught up in ${seconds.toFixed(1)} s, ` +
    `beside 1,000/s live: ${Math.round(rate).toLocaleString('en')}/s (goal 20,000)`,
)
console.log(
  `live lag meanwhile: p50 ${percentile(lagsMs, 0.5).toFixed(0)} ms, ` +
    `p99 ${percentile(lagsMs, 0.99).toFixed(0)} ms (goal 2,000 ms)`,
)
await stage.remove()
process.exit(0)
