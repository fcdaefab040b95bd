// One life of our host application over the wire: it is born, hears a node, misses a message that
// comes late and one that does not come, hears deaths, is called gone by another, is cut off and
// comes back, and ends.
import { decodeState, encodeState } from '../../gateway/sparkplug/state.ts'
import { bdSeq, beBorn, bound, bytesOf, say } from './node.ts'
import {
  client,
  hear,
  host,
  hostSettings,
  type Packet,
  pause,
  type Stops,
  startServer,
  startTap,
  type Tap,
  textOf,
  until,
} from './stand.ts'
import { read } from './wire.ts'

export interface HostLife {
  tap: Tap
  connects: (Packet & { at: number })[]
  /** Its own STATE messages, in order. */
  states: (Packet & { at: number })[]
  /** Requests for a birth: before the late message was due, and after one that never came. */
  asked: [intime: number, missed: number]
  commands: (Packet & { payloadRead: ReturnType<typeof read> })[]
  /** Reports after the death of the unit, and after that of the node. */
  unitDeath: { time: number; q: object; saidMs: number }
  nodeDeath: { time: number; q: object; saidMs: number }
  /** STATE messages before and after another called it gone. */
  revived: [before: number, after: number]
  /** Place in the wire where it was told to end. */
  ending: number
}

const topic = 'spBv1.0/STATE/scada'
const data = (seq: number) => bytesOf([{ alias: 1, type: 'Int32', value: seq }], seq)

export const liveAsHost = async (stops: Stops): Promise<HostLife> => {
  const { port } = await startServer(stops)
  const tap = await startTap(port, { stops })
  const node = { from: 'line/press', unit: 'drill-8', machine: 'test_drill' }
  const units = [...hostSettings(0).units, { ...node, items: { motor_current: 'Load' } }]
  const world = await host(hostSettings(tap.port, { units }), stops)
  const press = await client(port, stops)
  await until(() => statesOf(tap).length === 1)
  const load = { name: 'Load', type: 'Double', value: 1.5 }
  await say(press, 'NBIRTH', bytesOf([bdSeq(0), load], 0))
  await say(press, 'DBIRTH', bytesOf(bound, 1))
  const last = () => textOf(world.records.at(-1) as never) as { time: number; q: object }

  const commands = await hear(press, 'spBv1.0/line/NCMD/press')
  await say(press, 'DDATA', data(3))
  await pause(50)
  await say(press, 'DDATA', data(2))
  await pause(400)
  const inTime = commands.length
  await say(press, 'DDATA', data(5))
  await until(() => commands.length > inTime)
  const asked: [number, number] = [inTime, commands.length]

  const unitMs = Date.now() - 5000
  await say(press, 'DDEATH', bytesOf([], 6, unitMs))
  await until(() => last().q !== undefined)
  const unitDeath = { ...last(), saidMs: unitMs }
  await say(press, 'DBIRTH', bytesOf(bound, 7))
  await until(() => last().q === undefined)
  const nodeMs = Date.now()
  const before = world.records.length
  await say(press, 'NDEATH', bytesOf([bdSeq(0)], undefined, nodeMs - 3_600_000))
  await until(() => world.records.length === before + 2)
  const stale = world.records.slice(before).map((r) => textOf(r) as { time: number; q: object })
  const nodeDeath = {
    time: stale[0]?.time ?? 0,
    q: { ...stale[0]?.q, unit: stale[1]?.q },
    saidMs: nodeMs,
  }

  const revivedFrom = statesOf(tap).length
  const gone = encodeState({ online: false, timestamp: Date.now() })
  await press.publishAsync(topic, gone, { qos: 1, retain: true })
  await until(() => statesOf(tap).length > revivedFrom)
  const revived: [number, number] = [revivedFrom, statesOf(tap).length]
  await pause(5)
  tap.cut()
  await until(() => statesOf(tap).length > revived[1])
  await beBorn(press)
  const ending = tap.sent.length
  await world.source.stop()
  const connects = tap.sent.flatMap((p, at) => (p.cmd === 'connect' ? [{ ...p, at }] : []))
  return {
    ...{ tap, connects, states: statesOf(tap), asked, unitDeath, nodeDeath, revived, ending },
    commands: tap.sent
      .filter((p) => p.topic?.includes('/NCMD/') === true)
      .map((p) => ({ ...p, payloadRead: read(p.payload as Buffer) })),
  }
}

export const statesOf = ({ sent }: Tap): (Packet & { at: number })[] =>
  sent.flatMap((p, at) => (p.cmd === 'publish' && p.topic === topic ? [{ ...p, at }] : []))

export const stateOf = (message: { payload?: Buffer }) =>
  decodeState(message.payload ?? Buffer.alloc(0))
