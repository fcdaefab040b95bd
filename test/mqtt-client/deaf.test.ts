// A broker that is there and says nothing: noticed within seconds, and not where it is this process
// that does not read. With a broker of a few packets, so that a test decides what it answers.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { connectMs } from '../../gateway/mqtt/peer.ts'
import { later, source, topic, until } from './stand.ts'

/** Takes everybody in, grants every filter; answers a PINGREQ where it is told to. */
const quietBroker = async () => {
  const state = { answersPings: true, connections: 0, pings: 0, sockets: [] as Socket[] }
  const server = createServer((socket) => {
    state.connections += 1
    state.sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      const kind = (bytes[0] ?? 0) >> 4
      if (kind === 1) socket.write(Uint8Array.of(0x20, 2, 0, 0))
      if (kind === 8) socket.write(Uint8Array.of(0x90, 3, bytes[2] ?? 0, bytes[3] ?? 0, 1))
      if (kind === 12) {
        state.pings += 1
        if (state.answersPings) socket.write(Uint8Array.of(0xd0, 0))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  later(() => {
    for (const socket of state.sockets) socket.destroy()
    server.close()
  })
  const publish = (id: number): void => {
    const name = Buffer.from(topic('report'))
    const rest = [0, name.length, ...name, id >> 8, id & 255, 123, 125]
    state.sockets.at(-1)?.write(Uint8Array.of(0x32, rest.length, ...rest))
  }
  return { state, publish, url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const settings = { version: '3.1.1' as const, filters: ['#'] }

test('one that answers is kept, one that does not is left, and said', async () => {
  const { state, url } = await quietBroker()
  const { notes } = await source({ ...settings, url })
  await until(() => state.pings >= 3)
  expect(state.connections).toBe(1)
  state.answersPings = false
  await until(() => state.connections === 2)
  expect(notes.join()).toContain('(broker_unreachable): it has not answered for 2 s; trying again')
})

test('while a message waits for the log, nobody is taken for deaf', async () => {
  const { state, url, publish } = await quietBroker()
  const { held } = await source({ ...settings, url })
  await until(() => state.pings >= 1)
  state.answersPings = false
  publish(1)
  await until(() => held.length === 1)
  // Twice as long as silence is borne.
  await new Promise((resolve) => setTimeout(resolve, 7000))
  expect(state.connections).toBe(1)
  held[0]?.done()
  await until(() => state.connections === 2)
})

test('a broker is given little time to let us in, and now and then more', () => {
  const waits = Array.from({ length: 8 }, (_, attempt) => connectMs(attempt))
  expect(waits).toEqual([3000, 3000, 3000, 12_000, 3000, 3000, 3000, 12_000])
})
