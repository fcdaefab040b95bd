// A tap between a participant and a real broker that records every packet of the wire, and both of
// our participants behind one. Payloads are read here with the package's own classes, not with
// ours.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect as dial, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { parser } from 'mqtt-packet'
import proto from 'sparkplug-payload/lib/sparkplugPayloadProto.js'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Reading, Sink } from '../../gateway/core/delivery.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import type { Source } from '../../gateway/core/source.ts'
import type { SparkplugConfig } from '../../gateway/sinks/sparkplug/config.ts'
import { create as createSink } from '../../gateway/sinks/sparkplug/index.ts'
import { MqttBroker } from '../../gateway/sources/mqtt/broker.ts'
import type { Roles } from '../../gateway/sources/mqtt/sparkplug.ts'
import { create as createSource } from '../../gateway/sources/sparkplug/index.ts'
import type { SparkplugSettings } from '../../gateway/sources/sparkplug/settings.ts'
import { drill } from '../influx/readings.ts'

export const { Payload } = proto.org.eclipse.tahu.protobuf

/** Stops what was started, the last first. */
export class Stops {
  readonly #stops: (() => unknown)[] = []
  add(stop: () => unknown): void {
    this.#stops.push(stop)
  }
  async all(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop()
  }
}

export const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5))
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

export const tempFolder = (stops: Stops): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-sparkplug-'))
  stops.add(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A packet as it went over the wire; only what these tests look at. */
export interface Packet {
  cmd: string
  clientId?: string
  clean?: boolean
  will?: { topic: string; payload: Buffer; qos: number; retain: boolean }
  properties?: { sessionExpiryInterval?: number }
  topic?: string
  payload?: Buffer
  qos?: number
  retain?: boolean
  subscriptions?: { topic: string; qos: number }[]
  reasonCode?: number
}

export interface Tap {
  port: number
  /** From the participant, in order, over all its connections. */
  sent: Packet[]
  /** To it. */
  got: Packet[]
  /** Cuts every connection without a word. */
  cut(): void
}

export const startTap = async (target: number, { version = 4, stops, watch }: TapOptions) => {
  const tap: Tap = { port: 0, sent: [], got: [], cut: () => {} }
  const sockets = new Set<Socket>()
  tap.cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const record = (list: Packet[], side: 'near' | 'far') => {
    const reader = parser({ protocolVersion: version } as never)
    reader.on('packet', (packet) => {
      list.push(packet as unknown as Packet)
      watch?.(packet as unknown as Packet, side)
    })
    return reader
  }
  const server = createServer((near) => {
    const far = dial(target, '127.0.0.1')
    const [out, back] = [record(tap.sent, 'near'), record(tap.got, 'far')]
    near.on('data', (chunk) => {
      out.parse(chunk)
      far.write(chunk)
    })
    far.on('data', (chunk) => {
      back.parse(chunk)
      near.write(chunk)
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  tap.port = (server.address() as { port: number }).port
  stops.add(() => {
    tap.cut()
    server.close()
  })
  return tap
}
interface TapOptions {
  version?: 4 | 5
  /** Told of each packet of both sides before it goes on. */
  watch?: (packet: Packet, side: 'near' | 'far') => void
  stops: Stops
}

/** The embedded broker, serving Sparkplug. */
export const startServer = async (stops: Stops, roles: Roles = new Map(), more = {}) => {
  const records: LogRecord[] = []
  const notes: string[] = []
  const broker = new MqttBroker({
    ...{ host: '127.0.0.1', port: 0, clock: systemClock(), machines: new Set(['test_drill']) },
    ...{ payloadBytes: 65_536, connections: 100, epoch: 'test0000', sparkplug: roles },
    note: (line) => notes.push(line),
    ...more,
  })
  await broker.start((record, done) => {
    records.push(record)
    done()
  })
  stops.add(() => broker.stop())
  return { broker, port: broker.port, records, notes }
}

export const client = async (port: number, stops: Stops, more: IClientOptions = {}) => {
  const url = `mqtt://127.0.0.1:${port}`
  const made = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...more }, false)
  made.on('error', () => {})
  stops.add(() => made.endAsync(true))
  return made
}

export interface Heard {
  topic: string
  payload: Buffer
  retain: boolean
  qos: number
}

export const hear = async (from: MqttClient, filter: string, qos: 0 | 1 = 1): Promise<Heard[]> => {
  const heard: Heard[] = []
  from.on('message', (topic, payload, { retain, qos: at }) =>
    heard.push({ topic, payload, retain, qos: at }),
  )
  await from.subscribeAsync(filter, { qos })
  return heard
}

export const edge = (port: number, parts: EdgeParts): Sink => {
  const { stops, config, folder = tempFolder(stops), note = () => {} } = parts
  const made = createSink(
    {
      ...{ servers: [`mqtt://127.0.0.1:${port}`], version: '3.1.1', group: 'hall', node: 'gate' },
      ...{ historicalSeconds: 3600, silentSeconds: 3600, ...config },
    },
    { clock: systemClock(), folder, random: () => 0, note },
  )
  stops.add(() => made.stop())
  return made
}
export interface EdgeParts {
  stops: Stops
  config?: Partial<SparkplugConfig>
  folder?: string
  note?(line: string): void
}

export const nowMs = (): number => Date.now()

/** A reading of the tests' drill; `values` in the order of its signals. */
export const reading = (unit: string, more: Partial<Reading> = {}): Reading => ({
  ...{ machine: drill, unit, simulated: false, offset: 0, boot: 1, sequence: 1 },
  ...{ timeUs: nowMs() * 1000, timeSource: 'source', values: [1200, 3.5, 21, 18, 2, 1, 1] },
  ...{ quality: new Uint8Array(7), counters: [1, 100, 5] },
  ...more,
})

export const hostSettings = (port: number, more: Partial<SparkplugSettings> = {}) =>
  ({
    ...{ url: `mqtt://127.0.0.1:${port}`, version: '3.1.1', hostId: 'scada' },
    ...{ clientId: 'tenfold-host', reorderMs: 200, rebirthSeconds: 1 },
    units: [
      {
        ...{ from: 'line/press/d1', unit: 'drill-9', machine: 'test_drill' },
        items: {
          motor_current: { item: 'Motor/Current', scale: 0.001 },
          brake: 'Brake',
          state: 'State',
          starts: 'Starts',
        },
      },
    ],
    ...more,
  }) as SparkplugSettings

export interface HostWorld {
  source: Source
  records: LogRecord[]
  notes: string[]
  /** Acknowledgements that a test holds back; empty the list to let them go. */
  held: ((error?: Error) => void)[]
}

export const host = async (settings: SparkplugSettings, stops: Stops, holds = false) => {
  const world = { records: [], notes: [], held: [] } as unknown as HostWorld
  world.source = createSource(settings, {
    ...{ profiles: [drill.profile], clock: systemClock(), folder: '/nowhere' },
    random: (bytes) => new Uint8Array(bytes),
    secret: () => '',
    note: (line) => world.notes.push(line),
  })
  await world.source.start((record, done) => {
    world.records.push(record)
    if (holds) world.held.push(done)
    else done()
  })
  stops.add(() => world.source.stop())
  return world
}

export const textOf = ({ payload }: LogRecord): unknown =>
  JSON.parse(Buffer.from(payload).toString())
