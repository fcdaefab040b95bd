// Messages that no database can take, in the middle of good ones: invalid, foreign, of the wrong
// type, too long, in conflict with what a database already has. Each ends in quarantine with its
// reason, in the books of the sinks that would not have it, and no good one waits for it.
import mqtt from 'mqtt'
import { afterEach, expect, test } from 'vitest'
import { long, machine, World } from './world.ts'

let world: World
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await world.remove()
})

const topic = (unit: string, kind = 'report') => `tenfold/v1/${machine}/${unit}/${kind}`
const rounds = long ? 2000 : 20

/** Of each kind one a round, with what the store thinks of it. */
const poison = (n: number): [topic: string, payload: string | Buffer][] => [
  [topic('poison'), '{"boot":1,"seq":'],
  [topic('poison'), Buffer.from([0xff, 0xfe, 0, n & 255])],
  [topic('poison'), `{"boot":1,"seq":${n},"t":${n},"v":{"no_such_signal":1}}`],
  [topic('poison'), `{"boot":1,"seq":${n},"t":${n},"v":{"motor_current":"high"}}`],
  [topic('poison'), `{"boot":1,"seq":${n},"t":${n},"v":{"motor_current":1e999}}`],
  [topic('poison'), `{"boot":1.5,"seq":-${n + 1},"t":${n}}`],
  [topic('poison'), `{"boot":1,"seq":${n},"t":9007199254740993}`],
  [topic('poison'), `{"v":{"motor_current":1},"time":${n}}`],
  [topic('poison'), `[${n}]`],
  [topic('stranger-without-hello'), `{"boot":1,"seq":${n},"t":${n},"v":{"motor_current":1}}`],
  ['tenfold/v1/no_such_machine/poison/report', '{}'],
  ['some/other/topic', `${n}`],
  [topic('poison', 'hello'), '{"boot":"one"}'],
  [topic('poison'), `{"boot":1,"seq":${n},"t":${n},"v":{}${' '.repeat(65_536)}}`],
]

test('poison between good messages is set aside, each piece once, and nothing waits', async () => {
  world = await World.start()
  if (world.influx !== undefined) {
    // Somebody else has written this field as a whole number: the shard has its type now.
    await world.flows('influx1')
    const line = `${machine},unit=other torque_nm=3i ${Date.now()}000000`
    const body = { method: 'POST', body: line }
    await fetch(`${world.influx.url}/write?db=tenfold&rp=raw`, body)
  }
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${world.mqttPort}`)
  ends.push(() => client.endAsync(true))
  await client.publishAsync(topic('poison', 'hello'), '{"boot":1,"t":0}', { qos: 1 })
  let pieces = 0
  for (let n = 0; n < rounds; n++) {
    const all = poison(n).map(([to, payload]) => client.publishAsync(to, payload, { qos: 1 }))
    const conflict = `{"boot":1,"seq":${n},"t":${n},"v":{"torque":1.5}}`
    all.push(client.publishAsync(topic('poison'), conflict, { qos: 1 }))
    await Promise.all(all)
    pieces += all.length - 1
  }
  expect(pieces).toBe(rounds * poison(0).length)
  await world.check({ store: pieces, influx1: pieces + rounds })
})
