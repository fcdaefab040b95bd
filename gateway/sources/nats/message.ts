// A received message as it travels in the stream: the payload as it came, the rest in headers. What
// comes out has the front gateway's time of receipt and the stream's sequence, so that every owner
// makes the same reading of it.
import { headers, type MsgHdrs } from '@nats-io/transport-node'
import { limits } from '../../core/limits.ts'
import type { LogRecord, Properties } from '../../core/record.ts'
import { propertiesOf } from '../../mqtt/properties.ts'
import { streamSession, streamSource } from '../../pipeline/stream-place.ts'

const names = {
  received: 'Tenfold-Received-Us',
  stepped: 'Tenfold-Stepped-Us',
  topic: 'Tenfold-Topic',
  kept: 'Tenfold-Retained',
  properties: 'Tenfold-Properties',
}

export const encodeHeaders = (record: LogRecord): MsgHdrs => {
  const { receivedUs, steppedUs, topic, retained, properties } = record
  const out = headers()
  out.set(names.received, String(receivedUs))
  out.set(names.topic, Buffer.from(topic).toString('base64url'))
  if (steppedUs !== undefined) out.set(names.stepped, String(steppedUs))
  if (retained) out.set(names.kept, '1')
  if (properties !== undefined) {
    out.set(names.properties, Buffer.from(JSON.stringify(properties)).toString('base64url'))
  }
  return out
}

export interface Arrived {
  readonly seq: number
  readonly data: Uint8Array
  readonly headers?: Pick<MsgHdrs, 'get'> | undefined
  readonly timestampNanos?: bigint
}

/**
 * Never throws: a message that none of our fronts has sent has an empty topic, and goes to
 * quarantine as topic_unknown.
 */
export const decodeMessage = (message: Arrived, { epoch }: { epoch: number }): LogRecord => {
  const topic = Buffer.from(message.headers?.get(names.topic) ?? '', 'base64url').toString()
  const received = Number(message.headers?.get(names.received) || Number.NaN)
  const stepped = Number(message.headers?.get(names.stepped) || Number.NaN)
  const storedUs = Number((message.timestampNanos ?? 0n) / 1000n)
  const isPlausible = Number.isSafeInteger(received) && received >= 0
  return {
    receivedUs: isPlausible ? received : storedUs,
    source: streamSource,
    session: streamSession({ epoch, sequence: message.seq }),
    topic: topic.slice(0, 4 * limits.topicBytes),
    payload: message.data.subarray(0, limits.payloadBytes + 1),
    retained: message.headers?.get(names.kept) === '1',
    ...(Number.isSafeInteger(stepped) && { steppedUs: stepped }),
    properties: readProperties(message.headers?.get(names.properties) ?? ''),
  }
}

/** undefined where there are none, or where nobody of us has written them. */
const readProperties = (text: string): Properties | undefined => {
  try {
    const given: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    const texts = Object.entries(given ?? {}).filter(([, one]) => typeof one === 'string')
    return propertiesOf(Object.fromEntries(texts) as Record<string, string>)
  } catch {
    return undefined
  }
}
