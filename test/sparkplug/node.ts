// An edge node that is not ours: payloads by the package's own encoder, over any MQTT client.
import type { MqttClient } from 'mqtt'
import sparkplug from 'sparkplug-payload'
import { nowMs } from './stand.ts'

const codec = sparkplug.get('spBv1.0')

export interface Said {
  name?: string
  alias?: number
  type: string
  value: unknown
  timestamp?: number
  isHistorical?: boolean
  properties?: unknown
}

/** Bytes of a payload; `seq` undefined leaves it out. */
export const bytesOf = (metrics: readonly Said[], seq?: number, timestamp = nowMs()): Buffer => {
  const stamped = metrics.map((one) => ({ timestamp, ...one }))
  const payload = { timestamp, metrics: stamped, ...(seq === undefined ? {} : { seq }) }
  return Buffer.from(codec?.encodePayload(payload as never) ?? [])
}

export const bdSeq = (value: number): Said => ({ name: 'bdSeq', type: 'Int64', value })

export const bound: readonly Said[] = [
  { name: 'Motor/Current', alias: 1, type: 'Int32', value: 3500 },
  { name: 'Brake', alias: 2, type: 'Boolean', value: true },
  { name: 'State', alias: 3, type: 'String', value: 'run' },
  { name: 'Starts', alias: 4, type: 'UInt64', value: 12 },
]

export const say = (from: MqttClient, kind: string, payload: Buffer): Promise<unknown> => {
  const below = kind.startsWith('D') ? '/d1' : ''
  return from.publishAsync(`spBv1.0/line/${kind}/press${below}`, payload)
}

export const beBorn = async (from: MqttClient, births = 0): Promise<void> => {
  await say(from, 'NBIRTH', bytesOf([bdSeq(births)], 0))
  await say(from, 'DBIRTH', bytesOf(bound, 1))
}
