// One life of our edge node over the wire: waits for its host, is born, says data, is asked for
// its birth, sees its host go and come, loses a unit, ends, starts again. The checks look at what
// it sent.
import { encodeState } from '../../gateway/sparkplug/state.ts'
import { event } from '../influx/readings.ts'
import {
  client,
  edge,
  nowMs,
  Payload,
  reading,
  type Stops,
  startServer,
  startTap,
  type Tap,
  tempFolder,
  until,
} from './stand.ts'
import { type Wire, wireOf } from './wire.ts'

export interface EdgeWorld extends Wire {
  tap: Tap
  /** Packets sent when the host had not come, when another had, when it was offline. */
  waiting: number
  /** Connections before and after an offline STATE that was older than the online one. */
  afterStale: [before: number, after: number]
  /** Place in the wire where its host was said to be gone, and where it was back. */
  gone: number
  back: number
  /** Place where a rebirth was asked for. */
  asked: number
  /** Where the second run began. */
  restarted: number
  /** What a second server heard after the host of the first had gone: connects by server. */
  walked: [first: number, second: number]
}

const births = (tap: Tap): number =>
  tap.sent.filter(({ topic }) => topic?.includes('/NBIRTH/') === true).length

export const rebirth = (): Buffer =>
  Buffer.from(
    Payload.encode({
      timestamp: nowMs(),
      metrics: [{ name: 'Node Control/Rebirth', datatype: 11, booleanValue: true }],
    }).finish(),
  )

export const liveOnce = async (stops: Stops): Promise<EdgeWorld> => {
  const { port } = await startServer(stops)
  const tap = await startTap(port, { stops })
  const folder = tempFolder(stops)
  const scada = await client(port, stops)
  const say = (host: string, online: boolean, timestamp: number) =>
    scada.publishAsync(`spBv1.0/STATE/${host}`, encodeState({ online, timestamp }), {
      ...{ qos: 1, retain: true },
    })
  const t = nowMs()
  const config = { primaryHost: 'scada', silentSeconds: 0.6 }
  const first = edge(tap.port, { stops, folder, config })
  const opened = first.open()
  await until(() => tap.got.some(({ cmd }) => cmd === 'suback'))
  await say('other', true, t)
  await say('scada', false, t)
  await until(() => tap.got.filter(({ cmd }) => cmd === 'publish').length >= 1)
  const waiting = tap.sent.filter(({ cmd }) => cmd === 'publish').length
  await say('scada', true, t + 10)
  await opened

  const timeUs = t * 1000
  await first.write({ readings: [reading('drill-1', { timeUs })], events: [] })
  await first.write({ readings: [reading('drill-2', { timeUs })], events: [] })
  await first.write(changes(timeUs))
  const asked = tap.sent.length
  await scada.publishAsync('spBv1.0/hall/NCMD/gate', rebirth())
  await until(() => births(tap) === 2)
  await first.write({ readings: [reading('drill-1', at(timeUs + 3000, 7))], events: [] })
  await until(() => tap.sent.some(({ topic }) => topic?.includes('/DDEATH/') === true))
  const before = wireOf(tap.sent).connects.length
  await say('scada', false, t + 5)
  await first.write({ readings: [reading('drill-1', at(timeUs + 4000, 8))], events: [] })
  const afterStale: [number, number] = [before, wireOf(tap.sent).connects.length]
  const gone = tap.sent.length
  await say('scada', false, t + 20)
  await until(() => wireOf(tap.sent).connects.length > before)
  const back = tap.sent.length
  await say('scada', true, t + 30)
  await until(() => births(tap) === 3)
  await first.stop()
  const restarted = tap.sent.length
  const second = edge(tap.port, { stops, folder })
  await second.open()
  await second.stop()
  const walked = await walk(stops)
  return {
    ...wireOf(tap.sent),
    ...{ tap, waiting, afterStale, gone, back, asked, restarted, walked },
  }
}

const at = (timeUs: number, current: number) => ({
  timeUs,
  values: [1200, current, 21, 18, 2, 1, 1],
})

const changes = (timeUs: number) => ({
  readings: [
    reading('drill-1', at(timeUs + 1000, 4)),
    reading('drill-1', at(timeUs + 2000, 4)),
    reading('drill-1', { ...at(timeUs - 1000, 9), quality: Uint8Array.of(0, 5, 0, 0, 0, 0, 0) }),
  ],
  events: [event({ type: 'stalled', unit: 'drill-1', timeUs: timeUs + 1000 })],
})

/** Two servers; its host is on the second only. */
const walk = async (stops: Stops): Promise<[number, number]> => {
  const taps: Tap[] = []
  for (const _ of [1, 2]) taps.push(await startTap((await startServer(stops)).port, { stops }))
  const [one, two] = taps as [Tap, Tap]
  const [near, far] = [await client(one.port, stops), await client(two.port, stops)]
  const state = (online: boolean, timestamp: number) => encodeState({ online, timestamp })
  const options = { qos: 1, retain: true } as const
  await near.publishAsync('spBv1.0/STATE/scada', state(true, 1), options)
  const servers = taps.map(({ port }) => `mqtt://127.0.0.1:${port}`)
  const node = edge(one.port, { stops, config: { servers, primaryHost: 'scada' } })
  await node.open()
  await near.publishAsync('spBv1.0/STATE/scada', state(false, 2), options)
  await far.publishAsync('spBv1.0/STATE/scada', state(true, 1), options)
  await until(() => births(two) === 1)
  // Its own, not those of this test's clients.
  const own = ({ sent }: Tap) => wireOf(sent).wills.length
  const isGone = one.sent.filter(({ cmd }) => cmd === 'disconnect').length === 1
  return [isGone ? own(one) : -1, own(two)]
}
