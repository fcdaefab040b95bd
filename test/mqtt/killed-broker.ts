// The embedded broker with a real log and its memory of sessions, in a process of its own that ends
// itself by SIGKILL where it is told: `node killed-broker.ts <folder> [<step> <nth>]`. Steps of a
// QoS 2 message, in their order: note, noted, append, logged, store, stored; then the PUBREC.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../gateway/core/clock.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { type DurableMap, openDurableMap } from '../../gateway/log/durable-map.ts'
import { ownRecords } from '../../gateway/own-records.ts'
import { MqttBroker } from '../../gateway/sources/mqtt/broker.ts'
import { openOwnLog } from './own-log.ts'

const [folder = '', killAt, nth = '1'] = process.argv.slice(2)
const seen = new Map<string, number>()
const step = (name: string): void => {
  const count = (seen.get(name) ?? 0) + 1
  seen.set(name, count)
  if (name === killAt && count === Number(nth)) process.kill(process.pid, 'SIGKILL')
}

const watched = (map: DurableMap): DurableMap => ({
  get: (key) => map.get(key),
  entries: () => map.entries(),
  set: async (key, value) => {
    const isOurs = key.startsWith('["in"')
    if (isOurs) step(value === '' ? 'store' : 'note')
    await map.set(key, value)
    if (isOurs) step(value === '' ? 'stored' : 'noted')
  },
  delete: (key) => map.delete(key),
  close: () => map.close(),
})

const clock = systemClock()
const random = (bytes: number): Uint8Array => randomBytes(bytes)
const log = await openOwnLog(folder)
const broker = new MqttBroker({
  ...{ host: '127.0.0.1', port: 0, clock, machines: new Set(['cordless_drill']) },
  ...{ payloadBytes: 65_536, connections: 10, note: () => {} },
  epoch: Buffer.from(random(6)).toString('hex'),
  sessions: async () =>
    watched(await openDurableMap({ folder: join(folder, 'sessions'), clock, random })),
  own: ownRecords(log, { folder: join(folder, 'log'), source: 'mqtt' }),
})
await broker.start((record, done) => {
  step('append')
  log.append(encodeRecord(record), true, (error) => {
    step('logged')
    done(error)
  })
})
process.stdout.write(`port ${broker.port}\n`)
