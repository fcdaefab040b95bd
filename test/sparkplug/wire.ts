// What a participant has sent, in order, read with the package's own classes.
import { type Packet, Payload } from './stand.ts'

export interface Item {
  name?: string
  alias?: number
  timestamp?: number
  datatype?: number
  isHistorical?: boolean
  isNull?: boolean
  value?: unknown
  properties?: { keys: string[]; values: { type?: number; intValue?: number }[] }
}

export interface Sent {
  /** Place in the wire. */
  at: number
  /** Connection, from 0. */
  session: number
  kind: string
  topic: string
  qos: number
  retain: boolean
  bytes: Buffer
  timestamp: number | undefined
  seq: number | undefined
  items: Item[]
}

const valueFields = [
  ...['intValue', 'longValue', 'floatValue', 'doubleValue', 'booleanValue', 'stringValue'],
  ...['bytesValue', 'datasetValue', 'templateValue'],
]

const plain = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'toNumber' in value
    ? (value as { toNumber(): number }).toNumber()
    : value

const own = (fields: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value)]))

export const read = (bytes: Buffer) => {
  const payload = Payload.decode(bytes)
  const { timestamp, seq } = own(payload) as { timestamp?: number; seq?: number }
  const items = payload.metrics.map((item) => {
    const fields = own(item)
    const field = valueFields.find((name) => Object.hasOwn(item, name))
    return { ...fields, ...(field === undefined ? {} : { value: fields[field] }) } as Item
  })
  return { timestamp, seq, items }
}

const parts = ({ topic = '', payload = Buffer.alloc(0), qos = 0, retain = false }: Packet) => ({
  ...{ topic, qos, retain, bytes: payload, kind: topic.split('/')[2] ?? '' },
  ...read(payload),
})

/** Sparkplug messages, and the will of each connection. */
export const wireOf = (packets: readonly Packet[]) => {
  const sent: Sent[] = []
  const wills: Sent[] = []
  const connects: (Packet & { at: number })[] = []
  packets.forEach((packet, at) => {
    if (packet.cmd === 'connect') {
      connects.push({ ...packet, at })
      if (packet.will?.topic.includes('/NDEATH/') !== true) return
      wills.push({ at, session: connects.length - 1, ...parts(packet.will as never) })
    }
    const isOurs = packet.cmd === 'publish' && packet.topic?.includes('/STATE/') !== true
    if (isOurs) sent.push({ at, session: connects.length - 1, ...parts(packet) })
  })
  return { sent, wills, connects }
}
export type Wire = ReturnType<typeof wireOf>

export const itemOf = ({ items }: Sent, name: string): Item | undefined =>
  items.find((item) => item.name === name)
