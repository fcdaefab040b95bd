// The source for brokers outside on a test's own ground: a real Mosquitto, its clients, and a log
// that takes each message only when a test says so.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterEach } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { create } from '../../gateway/sources/mqtt-client/index.ts'
import type { MqttClientSettings } from '../../gateway/sources/mqtt-client/settings.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { type Mosquitto, startMosquitto } from '../servers/mosquitto.ts'

const stops: (() => unknown)[] = []
export const later = (stop: () => unknown): void => {
  stops.push(stop)
}
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

export const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'tenfold-mqtt-client-'))
  stops.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export const broker = async (lines: string[] = []): Promise<Mosquitto> => {
  const started = await startMosquitto(lines)
  stops.push(() => started.remove())
  return started
}

export const client = async (port: number, more = {}): Promise<MqttClient> => {
  const url = `mqtt://127.0.0.1:${port}`
  const connected = await mqtt.connectAsync(url, { reconnectPeriod: 100, ...more })
  connected.on('error', () => {})
  stops.push(() => connected.endAsync(true))
  return connected
}

export const until = async (check: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 10))
}

export const topic = (kind: string): string => `tenfold/v1/cordless_drill/drill-1/${kind}`

/** The defaults of the settings, as the gateway fills them in. */
const usual = loadConfig({
  file: '/nowhere/tenfold.json',
  text: '{"sources":{"mqtt-client":{}}}',
  env: {},
  readFile: () => '',
}).config.sources['mqtt-client'] as MqttClientSettings

export type Held = { record: LogRecord; done: (error?: Error) => void }

export const source = async (
  settings: Partial<MqttClientSettings>,
  epoch = randomBytes,
  profiles: readonly Profile[] = [],
) => {
  const held: Held[] = []
  const notes: string[] = []
  const made = create(
    { ...usual, ...settings },
    {
      profiles,
      clock: systemClock(),
      random: (bytes) => epoch(bytes),
      folder: '/nowhere',
      secret: () => 'secret',
      note: (line) => notes.push(line),
    },
  )
  await made.start((record, done) => held.push({ record, done }))
  let ended: Promise<void> | undefined
  const stop = () => (ended ??= made.stop())
  stops.push(stop)
  return { made, held, notes, stop }
}
