// The other end goes away in every way that it can: frozen, gone without a word, cut, restarted,
// not reading. Data flow again within seconds of its return, nothing is lost, nothing doubled.
import { connect as connectTcp, type Socket } from 'node:net'
import mqtt from 'mqtt'
import { afterEach, describe, test } from 'vitest'
import { long, sleep, World, within } from './world.ts'

let world: World
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await world.remove()
})

const awayMs = long ? 20_000 : 1500
const limitMs = 5000
const moving = async (): Promise<void> => {
  const { acknowledged } = world
  while (world.acknowledged < acknowledged + 200) await sleep(10)
}

describe('a database', () => {
  const outages: [string, () => Promise<void>][] = [
    [
      'whose cable carries nothing for a while',
      async () => {
        world.link?.freeze()
        await sleep(awayMs)
        world.link?.thaw()
      },
    ],
    ['that has forgotten its connections without a word', async () => world.link?.forget()],
    ['whose connections are reset', async () => world.link?.cut()],
    [
      'that is killed and comes back',
      async () => {
        await world.influx?.kill()
        await sleep(awayMs)
        await world.influx?.start()
      },
    ],
    [
      'that is restarted',
      async () => {
        await world.influx?.restart()
      },
    ],
  ]
  test.each(outages)('%s gets everything once, soon after', async (what, outage) => {
    world = await World.start()
    if (world.influx === undefined) return
    await moving()
    await world.flows('influx1')
    await outage()
    within(await world.flows('influx1'), limitMs, `a database ${what}: data flow after`)
    await moving()
    await world.check()
  })
})

describe('units', () => {
  const losses: [string, () => Promise<void>][] = [
    [
      'whose cable carries nothing for a while',
      async () => {
        world.cable.freeze()
        await sleep(awayMs)
        world.cable.thaw()
      },
    ],
    [
      'whose connections end at one side only',
      async () => {
        world.cable.forget()
        await sleep(200)
        // The gateway still believes in the old ones: the new ones take their place.
        for (const unit of world.units) unit.reconnect()
      },
    ],
    ['whose connections are reset', async () => world.cable.cut()],
  ]
  test.each(losses)('%s lose nothing and are heard soon after', async (what, loss) => {
    world = await World.start()
    await moving()
    await loss()
    const { acknowledged } = world
    const beginMs = performance.now()
    while (world.acknowledged === acknowledged) await sleep(10)
    within(performance.now() - beginMs, limitMs, `units ${what}: acknowledged after`)
    await moving()
    await world.check()
  })
})

/** Subscribes to all reports, QoS 1, and never reads a byte again. */
const frozenEar = async (port: number): Promise<Socket> => {
  const socket = connectTcp(port, '127.0.0.1')
  ends.push(() => socket.destroy())
  socket.on('error', () => {})
  const id = 'frozen-ear'
  const connect = Buffer.concat([
    Buffer.from([0x10, 12 + id.length, 0, 4, 77, 81, 84, 84, 4, 2, 0, 0, 0, id.length]),
    Buffer.from(id),
  ])
  socket.write(connect)
  socket.write(Buffer.from([0x82, 6, 0, 1, 0, 1, 35, 1]))
  await sleep(200)
  socket.pause()
  return socket
}

test('a subscriber that stopped reading holds up neither units nor other subscribers', async () => {
  world = await World.start({ set: { 'mqtt.limits.slowSeconds': 1 }, reportBytes: 8000 })
  await frozenEar(world.mqttPort)
  const ear = mqtt.connect(`mqtt://127.0.0.1:${world.mqttPort}`, { reconnectPeriod: 0 })
  ends.push(() => ear.endAsync(true))
  let heard = 0
  ear.on('message', () => heard++)
  await ear.subscribeAsync('#', { qos: 0 })
  for (let second = 0; second < (long ? 20 : 4); second++) {
    const [{ acknowledged }, before] = [world, heard]
    while (world.acknowledged < acknowledged + 100 || heard === before) await sleep(10)
    await sleep(500)
  }
  while (!/frozen-ear.*drain timeout/.test(world.gateway.printed())) await sleep(50)
  await world.check()
})
