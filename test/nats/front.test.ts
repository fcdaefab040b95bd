// The front against a real nats-server that takes a message and is too slow to say so: the message
// is offered again, and is in the stream once.
import { setTimeout } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { openFleet } from '../../gateway/sources/nats/connection.ts'
import { natsInstalled, startNats } from '../servers/nats.ts'
import { startSource, stream, topic } from './stand.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

test.runIf(natsInstalled())(
  'a message whose answer was late is in the stream once',
  async () => {
    const server = await startNats(1)
    stops.push(() => server.remove())
    const settings = {
      ...{ servers: [...server.urls], name: 'g', fleet: 'test', replicas: 1, shards: 1 },
      ...{ leaseMs: 600_000, confirmedBy: 'influx1' as const, bytesMax: 1024 ** 2 },
    }
    const { jsm, connection } = await openFleet(settings, {
      ...{ secret: () => '', chainKey: 'did:key:one' },
    })
    stops.push(() => connection.close())
    const source = await startSource(settings, stops)
    server.freeze(0)
    stops.push(() => server.thaw(0))
    // It stops a moment after it was told to.
    await setTimeout(200)
    const record = { receivedUs: 1, source: 'mqtt', session: '', topic, retained: false }
    const taken = new Promise<Error | undefined>((resolve) => {
      source.front?.({ ...record, payload: Buffer.from('{"v":{}}') }, resolve)
    })
    // The first attempt lasts 2 s; 3 s without an answer end the connection.
    await setTimeout(2800)
    server.thaw(0)
    expect(await taken).toBeUndefined()
    const { state } = await jsm.streams.info(stream)
    expect(state.last_seq).toBe(1)
  },
  60_000,
)
