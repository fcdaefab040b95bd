// A broker of a test's own, and clients of it that know MQTT but nothing of us.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { afterEach } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { MqttBroker } from '../../gateway/sources/mqtt/broker.ts'
import type { BrokerOptions } from '../../gateway/sources/mqtt/options.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

export const later = (stop: () => unknown): void => {
  stops.push(stop)
}

export const tempFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-mqtt-'))
  later(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Stand {
  broker: MqttBroker
  records: LogRecord[]
  notes: string[]
  url: string
}

/** A broker whose log takes everything at once. */
export const startBroker = async (more: Partial<BrokerOptions> = {}): Promise<Stand> => {
  const records: LogRecord[] = []
  const notes: string[] = []
  const broker = new MqttBroker({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock(),
    machines: new Set(['cordless_drill']),
    payloadBytes: 64 * 1024,
    connections: 100,
    epoch: 'test0000',
    note: (line) => notes.push(line),
    ...more,
  })
  await broker.start((record, done) => {
    records.push(record)
    done()
  })
  later(() => broker.stop())
  return { broker, records, notes, url: `mqtt://127.0.0.1:${broker.port}` }
}

export const connect = async (url: string, options: IClientOptions = {}): Promise<MqttClient> => {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...options }, false)
  client.on('error', () => {})
  later(() => client.endAsync(true))
  return client
}

export const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Connects and hears from the first packet on, also what waited for it. */
export const connectHearing = (url: string, options: IClientOptions) => {
  const client = mqtt.connect(url, { reconnectPeriod: 0, ...options })
  client.on('error', () => {})
  later(() => client.endAsync(true))
  return { client, got: heard(client) }
}

/** Messages that a client has got, in order, as `topic payload`. */
export const heard = (client: MqttClient): string[] => {
  const out: string[] = []
  client.on('message', (topic, payload) => out.push(`${topic} ${payload}`))
  return out
}

export const topicOfDrill = (kind: string, unit = 'drill-1'): string =>
  `tenfold/v1/cordless_drill/${unit}/${kind}`
