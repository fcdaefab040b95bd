// Mutated payloads for each source whose payloads have a meaning of their own: real ones where
// there are some. Each is refused by a reason or becomes readings that say what it says; the books
// balance, the heap is flat. TENFOLD_FUZZ=1000000 for the long form, TENFOLD_SEED repeats a run.
import { readFileSync } from 'node:fs'
import {
  DataType,
  DataValue,
  type StatusCode,
  StatusCodes,
  Variant,
  VariantArrayType,
} from 'node-opcua'
import { expect, test } from 'vitest'
import { encodeCbor } from '../../gateway/attestation/cbor.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { createForeign } from '../../gateway/foreign/translate.ts'
import type { NodePlan } from '../../gateway/opcua/client/plan.ts'
import { helloOf, reportsOf } from '../../gateway/opcua/client/report.ts'
import { timeOf, toSample } from '../../gateway/opcua/client/sample.ts'
import { decodeMessage, encodeHeaders } from '../../gateway/sources/nats/message.ts'
import { formOf } from '../../gateway/sources/replay/form.ts'
import { Messages } from '../../gateway/sources/replay/messages.ts'
import { parseCycle } from '../../gateway/sources/replay/records.ts'
import { encodeFrame } from '../../gateway/sources/serial/frame.ts'
import { fromBoard } from '../../gateway/sources/serial/messages.ts'
import { bindingsOf } from '../../gateway/sparkplug/binding.ts'
import { Host } from '../../gateway/sparkplug/host.ts'
import { mappings, plug } from '../foreign/stand.ts'
import { drill } from '../influx/readings.ts'
import { machines, startUs } from '../pipeline/feed.ts'
import { cyclesFile, nutrunner, recordOf } from '../replay/record.ts'
import { profile, speaking } from '../serial/stand.ts'
import { bdSeq, bound, bytesOf } from '../sparkplug/node.ts'
import { hostSettings } from '../sparkplug/stand.ts'
import { Account, anyValue, mutate, numbers, oneOf, seed } from './fuzz.ts'

const hours = 7_200_000
const base = { receivedUs: startUs, source: 'mqtt', session: 's', retained: false }
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value) ?? 'null')

/** Real cycles of the nutrunner, cut to a few points each; one by hand where there are none. */
const realCycles = (): Record<string, unknown>[] => {
  const path = cyclesFile()
  if (path === undefined) return [recordOf({})]
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, 200)
  return lines.map((line) => {
    const record = JSON.parse(line)
    const { graph } = record['tightening steps'][0]
    for (const name of Object.keys(graph)) graph[name] = graph[name].slice(0, 6)
    return record
  })
}
const cycles = realCycles()
const form = formOf(nutrunner.profile)

const replace = (record: object, field: string, value: unknown): object => ({
  ...record,
  [field]: value,
})

test(
  'mqtt: reports of real cycles',
  async () => {
    const next = numbers(seed)
    const account = new Account(machines)
    const sound = cycles.slice(0, 20).flatMap((cycle) => {
      const parsed = parseCycle(json(cycle), { form, zoneUs: 0 })
      return typeof parsed === 'string' ? [] : [...new Messages(nutrunner, form).of(parsed)]
    })
    for (const { topic, payload } of sound) {
      account.take({ ...base, topic, payload: Buffer.from(payload) })
    }
    await account.each(() => {
      const { topic, payload } = oneOf(next, sound)
      const body = JSON.parse(payload) as { v?: object; seq?: number }
      const value = next(3) === 0 ? anyValue(next) : next(1e6) / 1000
      const v = replace(body.v ?? {}, oneOf(next, ['torque', 'angle', 'speed', 'x']), value)
      const shaped = json({ ...body, seq: next(1e9), v })
      account.take({ ...base, topic, payload: next(2) === 0 ? shaped : mutate(shaped, next) })
    })
    account.close('mqtt')
  },
  hours,
)

test(
  'replay: lines of a real file',
  async () => {
    const next = numbers(seed)
    const account = new Account(machines)
    const fields = [...Object.keys(recordOf({})), 'result']
    let messages = new Messages(nutrunner, form)
    await account.each((n) => {
      if (n % 1000 === 0) messages = new Messages(nutrunner, form)
      const cycle = { ...oneOf(next, cycles), cycle: next(1e6) }
      const field = oneOf(next, fields)
      const line =
        next(2) === 0 ? mutate(json(cycle), next) : json(replace(cycle, field, anyValue(next)))
      const parsed = parseCycle(line, { form, zoneUs: 0 })
      if (typeof parsed === 'string') {
        account.refused += 1
        expect(parsed).not.toBe('')
        return
      }
      const said = JSON.parse(line.toString())
      const { graph } = said['tightening steps'][0]
      const { torque, angle } = parsed.curve
      const same = [said.cycle, graph['torque values'], graph['angle values']]
      if (`${[parsed.cycle, torque, angle]}` !== `${same}`) expect.unreachable(line.toString())
      for (const { topic, payload } of messages.of(parsed)) {
        account.take({ ...base, topic, payload: Buffer.from(payload) })
      }
    })
    account.close('replay')
  },
  hours,
)

/** As the documentation and users of these programs show them. */
const foreignSound = [
  [
    'tele/livingroom-lamp/SENSOR',
    '{"Time":"2022-01-11T21:57:38","ENERGY":{"Total":3.705,"Power":5,"Voltage":233,"Current":0.021}}',
  ],
  ['tele/tasmota_9CF9D1/STATE', '{"Time":"2024-02-24T22:20:38","POWER":"OFF","Wifi":{"RSSI":44}}'],
  ['tele/tasmota_9CF9D1/LWT', 'Online'],
  ['zigbee2mqtt/0x00158d0001', '{"temperature":27.34,"humidity":44.72}'],
  ['zigbee2mqtt/0x00158d0001/availability', '{"state":"offline"}'],
  ['zigbee2mqtt/bridge/state', '{"state":"online"}'],
  ['livingroom/sensor/temperature/state', '22.5'],
  ['livingroom/sensor/level/state', '3'],
  ['livingroom/switch/relay/state', 'ON'],
  ['livingroom/status', 'offline'],
] as const

test(
  'foreign: payloads of Tasmota, zigbee2mqtt and ESPHome',
  async () => {
    const next = numbers(seed)
    const account = new Account(new Map([[plug.machine, prepareMachine(plug)]]))
    const emit = createForeign(Object.values(mappings), [plug]).through((record, done) => {
      account.take(record)
      done()
    })
    let acknowledged = 0
    const send = (topic: string, payload: Uint8Array): void =>
      emit({ ...base, topic, payload: Buffer.from(payload) }, (error) => {
        if (error === undefined) acknowledged += 1
      })
    let sent = 0
    await account.each(() => {
      const [topic, payload] = oneOf(next, foreignSound)
      const body = Buffer.from(next(6) === 0 ? String(anyValue(next)) : payload)
      send(topic, next(4) === 0 ? body : mutate(body, next))
      sent += 1
      if (acknowledged !== sent) expect.unreachable(`not acknowledged once: ${topic} ${payload}`)
    })
    account.close('foreign')
  },
  hours,
)

const types = ['Int32', 'UInt64', 'Double', 'Float', 'Boolean', 'String', 'DateTime'] as const

test(
  'sparkplug: births and data of a node',
  async () => {
    const next = numbers(seed)
    const known = new Map([['test_drill', prepareMachine(drill.profile)]])
    const account = new Account(known)
    const now = { ms: startUs / 1000 }
    const made = new Host({
      bindings: bindingsOf(hostSettings(0).units, known),
      ...{ reorderMs: 200, rebirthMs: 1000, monotonicMs: () => now.ms, nowMs: () => now.ms },
    })
    const take = (kind: string, bytes: Uint8Array): void => {
      const below = kind.startsWith('D') ? '/d1' : ''
      const { records, refused } = made.take(`spBv1.0/line/${kind}/press${below}`, bytes)
      for (const { topic, payload } of records) {
        account.take({ ...base, source: 'sparkplug', topic, payload: Buffer.from(payload) })
      }
      account.refused += refused.length
      if (refused.some(({ said }) => said === '')) expect.unreachable('no reason')
    }
    let seq = 0
    const born = (): void => {
      take('NBIRTH', bytesOf([bdSeq(0)], 0, now.ms))
      take('DBIRTH', bytesOf(bound, 1, now.ms))
      seq = 1
    }
    await account.each((n) => {
      now.ms += next(300)
      if (n % 50 === 0) born()
      const type = oneOf(next, types)
      const plain = { Boolean: next(2) === 0, String: oneOf(next, ['run', 'idle', 'x']) } as const
      const value = type in plain ? plain[type as keyof typeof plain] : next(2 ** 31)
      const items = [{ alias: 1 + next(5), type, value }]
      seq = (seq + 1) % 256
      const sound = bytesOf(items, seq, now.ms)
      const kind =
        next(20) === 0 ? oneOf(next, ['DBIRTH', 'NDATA', 'DDEATH', 'NDEATH', 'X']) : 'DDATA'
      take(kind, next(2) === 0 ? sound : mutate(sound, next))
    })
    account.close('sparkplug')
  },
  hours,
)

test(
  'nats: messages of the fleet and of anybody',
  async () => {
    const next = numbers(seed)
    const account = new Account(machines)
    const topic = 'tenfold/v1/cordless_drill/drill-1/'
    account.take({ ...base, topic: `${topic}hello`, payload: Buffer.from('{"boot":1,"t":0}') })
    await account.each((n) => {
      const said = { boot: 1, seq: n, t: n, v: { motor_current: next(900) / 10, state: 'idle' } }
      const record = { ...base, topic: `${topic}${next(9) === 0 ? 'hello' : 'report'}` }
      const payload = next(2) === 0 ? json(said) : mutate(json(said), next)
      const sound = encodeHeaders({ ...record, payload, retained: next(9) === 0 })
      const wrong = (value: string): string =>
        next(20) === 0 ? mutate(Buffer.from(value), next).toString('latin1') : value
      const headers = { get: (name: string) => wrong(sound.get(name)) }
      const timestampNanos = BigInt(startUs) * 1000n
      account.take(
        decodeMessage({ seq: n + 1, data: payload, headers, timestampNanos }, { epoch: 3 }),
      )
    })
    account.close('nats')
  },
  hours,
)

const nodes: readonly NodePlan[] = (
  [
    ['power', 'number'],
    ['level', 'integer'],
    ['switched_on', 'boolean'],
    ['mode', 'enum'],
    ['energy', 'counter'],
  ] as const
).map(([name, type]) => ({ name, type, address: `s=${name}`, scale: 1, offset: 0 }))
const codes = Object.values(StatusCodes).filter((code) => typeof code === 'object')

test(
  'opcua: values of a server',
  async () => {
    const next = numbers(seed)
    const account = new Account(new Map([[plug.machine, prepareMachine(plug)]]))
    const unit = { unit: 'u', machine: plug.machine }
    const hello = helloOf(unit)
    account.take({ ...base, topic: hello.topic, payload: Buffer.from(hello.payload) })
    const values: (() => [DataType, unknown])[] = [
      () => [DataType.Double, oneOf(next, [Number.NaN, Infinity, -0, next(1e6) / 8, -1e300])],
      () => [DataType.Int32, next(2 ** 31) - 2 ** 30],
      () => [DataType.Boolean, next(2) === 0],
      () => [DataType.String, oneOf(next, ['on', 'off', '1', '', 'x'.repeat(500)])],
      () => [DataType.UInt64, [next(2) * next(2 ** 24), next(2 ** 31)]],
      () => [DataType.DateTime, new Date(next(2 ** 31))],
      () => [DataType.ByteString, Buffer.from([next(256)])],
      () => [DataType.Null, null],
    ]
    await account.each(() => {
      const [dataType, value] = oneOf(next, values)()
      const statusCode = next(3) === 0 ? oneOf(next, codes as StatusCode[]) : StatusCodes.Good
      const sourceTimestamp = next(9) === 0 ? new Date(next(2 ** 31)) : new Date(startUs / 1000)
      const data = new DataValue({
        value: new Variant({ dataType, arrayType: VariantArrayType.Scalar, value }),
        statusCode,
        sourceTimestamp,
      })
      const timeUs = timeOf(data, startUs) ?? startUs
      const sample = toSample(data, oneOf(next, nodes), timeUs)
      if (sample === undefined) {
        account.refused += 1
        return
      }
      for (const { topic, payload } of reportsOf(unit, [sample])) {
        const { v, c } = JSON.parse(payload) as { v?: object; c?: object }
        if (statusCode.value >>> 31 === 1 && (v ?? c)) expect.unreachable(`bad, yet ${payload}`)
        account.take({ ...base, source: 'opcua', topic, payload: Buffer.from(payload) })
      }
    })
    account.close('opcua')
  },
  hours,
)

test(
  'serial: bodies of sound frames',
  async () => {
    const next = numbers(seed)
    const account = new Account(new Map([[profile.machine, prepareMachine(profile)]]))
    let board = speaking()
    const flush = (): void => {
      for (const record of board.logged.splice(0)) account.take(record)
      board.settle()
    }
    const kinds = Object.values(fromBoard)
    let seq = 0
    await account.each((n) => {
      // Beyond its rate a board is not listened to; and what confuses a line ends with the board.
      if (n % 40 === 0) {
        account.refused += board.line.status().malformed
        board = speaking()
        flush()
      }
      const number = seq++
      const range = next(9) === 0 ? 2 ** 31 : 40_000
      const values = [next(range), next(range), next(6)]
      const fields = [3, number, 1_000_000 + number * 50, values, [number, number]]
      const body = Buffer.from(encodeCbor(new Map(fields.entries())))
      const kind = next(20) === 0 ? oneOf(next, kinds) : fromBoard.report
      const wrong = next(3) === 0 ? body : mutate(body, next)
      board.line.receive(encodeFrame({ version: 1, kind, body: wrong }))
      flush()
    })
    account.close('serial')
  },
  hours,
)
