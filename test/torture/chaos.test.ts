// Everything at once, at random: gateway and database killed, cables frozen, forgotten and cut, one
// after the other while units report. TENFOLD_FAULTS=500 for more, TENFOLD_SEED=7 for the same
// again.
import { afterEach, test } from 'vitest'
import { long, randomOf, sleep, World, within } from './world.ts'

const faults = Number(process.env['TENFOLD_FAULTS'] ?? (long ? 200 : 8))
const seed = Number(process.env['TENFOLD_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const random = randomOf(seed)
let world: World
afterEach(() => world.remove())

const pause = () => sleep(random() * 400)
const kinds: Record<string, () => Promise<void>> = {
  async gateway() {
    await world.gateway.kill()
    await pause()
    await world.startGateway()
  },
  async database() {
    await world.influx?.kill()
    await pause()
    await world.influx?.start()
  },
  async both() {
    await Promise.all([world.gateway.kill(), world.influx?.kill()])
    await Promise.all([world.startGateway(), world.influx?.start()])
  },
  async 'frozen database'() {
    world.link?.freeze()
    await pause()
    world.link?.thaw()
  },
  'forgotten database': async () => world.link?.forget(),
  'cut database': async () => world.link?.cut(),
  async 'frozen units'() {
    world.cable.freeze()
    await pause()
    world.cable.thaw()
  },
  async 'forgotten units'() {
    world.cable.forget()
    await pause()
    for (const unit of world.units) unit.reconnect()
  },
  'cut units': async () => world.cable.cut(),
}

test(`${faults} faults at random: everything once, everywhere (seed ${seed})`, async () => {
  world = await World.start({ burst: { reports: 10, everyMs: 20 } })
  const names = Object.keys(kinds)
  for (let n = 0; n < faults; n++) {
    const name = names[Math.floor(random() * names.length)] as string
    await kinds[name]?.()
    const { acknowledged, unservedMs } = world
    const beginMs = performance.now()
    while (world.acknowledged === acknowledged) await sleep(5)
    if (world.influx) await world.flows('influx1')
    const tookMs = performance.now() - beginMs
    // Another program's hold on the processor is no outage of these.
    const waitedMs = Math.max(0, world.unservedMs - unservedMs)
    const said = `fault ${n} (${name}): data flow after ${Math.round(tookMs)} ms, with a processor`
    within(Math.max(0, tookMs - waitedMs), 10_000, said)
    await pause()
  }
  await world.check()
}, 7_200_000)
