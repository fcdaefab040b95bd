// The gateway's TLS certificate ends while units are connected: who is connected goes on, who comes
// new refuses it and keeps what it has, the gateway says so, and a renewed one is taken up without
// a restart. Nothing that was acknowledged is missing, nothing is there twice.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { issueClient } from '../../gateway/certificates/clients.ts'
import { ownAuthority, ownServer, validity } from '../../gateway/certificates/files.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import { connectUnit, type UnitConnection } from '../../gateway/mqtt/client.ts'
import type { TlsDoor } from '../../gateway/sources/mqtt/listeners.ts'
import { later, startBroker, tempFolder, topicOfDrill, until } from '../mqtt/stand.ts'
import { sleep, within } from './world.ts'

const hosts = ['localhost', '127.0.0.1']
const dayUs = 86_400_000_000
const lastsMs = 2500

test('an expired certificate turns new units away only, until it is renewed', async () => {
  const folder = tempFolder()
  const at = (nowUs: number, name = 'now') => ({
    folder: name === 'now' ? folder : tempFolder(),
    clock: { nowUs: () => nowUs },
    random: (bytes: number) => randomBytes(bytes),
  })
  const nowUs = systemClock().nowUs()
  const own = at(nowUs - validity.server * dayUs + lastsMs * 1000)
  const { certificate: ca } = await ownAuthority(own)
  let pair = await ownServer(own, hosts)
  const material = async () => ({ ...pair, authority: ca })
  const tls: TlsDoor = { host: '127.0.0.1', port: 0, clients: 'either', material }
  const { broker, records, notes } = await startBroker({ tls })
  const url = `mqtts://127.0.0.1:${broker.tlsPort}`
  const { certificate: cert, key } = await issueClient(own, 'drill-1')
  const connect = async (clientId: string): Promise<UnitConnection> => {
    const one = await connectUnit({ url, clientId, tls: { ca, cert, key }, reconnectMs: 60_000 })
    later(() => one.stop())
    return one
  }
  const drill = await connect('drill-1')
  let acknowledged = 0
  const publish = async (unit: UnitConnection): Promise<void> => {
    await unit.publish(topicOfDrill('report'), `{"boot":1,"seq":${acknowledged},"t":1}`)
    acknowledged += 1
  }
  for (const endMs = Date.now() + lastsMs; Date.now() < endMs; ) await publish(drill)
  await publish(drill)
  await expect(connect('drill-1:new')).rejects.toThrow()
  await broker.renew()
  await until(() => notes.some((line) => /certificate has expired/.test(line)))

  pair = await ownServer({ ...own, clock: systemClock() }, hosts)
  const beginMs = performance.now()
  await broker.renew()
  const again = await connect('drill-1:new')
  await publish(again)
  within(performance.now() - beginMs, 5000, 'a new unit is heard after the renewal, after')
  await publish(drill)
  await sleep(50)
  const seen = records.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).seq)
  expect(seen).toEqual(Array.from({ length: acknowledged }, (_, i) => i))
})
