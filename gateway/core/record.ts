// What a source appends to the log, byte for byte: where a message came from, when, and all of it.
// Decoding what it means is the pipeline's work; nothing is lost here, whatever was sent.

/** One received message, as it stands in the log. */
export interface LogRecord {
  /** Gateway's wall clock at receipt, integer microseconds since 1970. */
  receivedUs: number
  /** Name of the source that received it, such as "mqtt". */
  source: string
  /** Connection epoch: unique to one connection of one publisher over all runs of the gateway. */
  session: string
  topic: string
  payload: Uint8Array
  /** Delivered from a retained state, not sent just now. */
  retained: boolean
  /**
   * By how much the gateway's wall clock was set since the gateway started, microseconds; absent
   * where it was not. What was mapped to the clock before is wrong by it.
   */
  steppedUs?: number
  /** User properties that came beside the payload (MQTT 5), where there were any; bounded. */
  properties?: Properties | undefined
  /**
   * Number of this message in its session, where its source must know after a kill whether it has
   * logged it; a whole number of 32 bits.
   */
  exchange?: number | undefined
}

export type Properties = Readonly<Record<string, string>>

const version = 1
const headBytes = 14
const flags = { retained: 1, stepped: 2, properties: 4, exchange: 8 } as const

/**
 * Layout, little endian: u8 version, u8 flags (bit 0 retained, bit 1 stepped, bit 2 properties, bit
 * 3 exchange), f64 receivedUs, u8 source length, u8 session length, u16 topic length, then source,
 * session and topic in UTF-8, f64 steppedUs where bit 1 is set, u32 exchange where bit 3 is, u16
 * length and JSON of the properties where bit 2 is, then the payload.
 */
export const encodeRecord = (record: LogRecord): Buffer => new RecordEncoder().encode(record)

/** Remembers the texts of the last record: messages come in runs of one client and topic. */
export class RecordEncoder {
  #source = ''
  #session = ''
  #topic = ''
  #head = headOf({ source: '', session: '', topic: '' })

  /** Throws a RangeError where a text is longer than a record can hold. */
  encode(record: LogRecord): Buffer {
    const { source, session, topic, payload, steppedUs, exchange } = record
    if (topic !== this.#topic || session !== this.#session || source !== this.#source) {
      this.#head = headOf(record)
      this.#source = source
      this.#session = session
      this.#topic = topic
    }
    const head = this.#head
    const numbered = head.length + (steppedUs === undefined ? 0 : 8)
    const place = numbered + (exchange === undefined ? 0 : 4)
    const beside = record.properties === undefined ? nothing : section(record.properties)
    const start = place + beside.length
    const out = Buffer.allocUnsafe(start + payload.length)
    out.set(head)
    out[1] = record.retained ? flags.retained : 0
    out.writeDoubleLE(record.receivedUs, 2)
    if (steppedUs !== undefined) {
      out[1] |= flags.stepped
      out.writeDoubleLE(steppedUs, head.length)
    }
    if (exchange !== undefined) {
      out[1] |= flags.exchange
      out.writeUInt32LE(exchange, numbered)
    }
    if (beside.length > 0) {
      out[1] |= flags.properties
      out.set(beside, place)
    }
    out.set(payload, start)
    return out
  }
}

const nothing = Buffer.alloc(0)

const section = (properties: Properties): Buffer => {
  const text = Buffer.from(JSON.stringify(properties))
  if (text.length > 65535) throw new RangeError('properties are longer than a record can hold')
  return Buffer.concat([Buffer.from([text.length & 255, text.length >> 8]), text])
}

type Texts = Pick<LogRecord, 'source' | 'session' | 'topic'>

/** All that stands before the payload, without time and flags. */
const headOf = ({ source, session, topic }: Texts): Buffer => {
  const [sourceBytes, sessionBytes] = [Buffer.byteLength(source), Buffer.byteLength(session)]
  const topicBytes = Buffer.byteLength(topic)
  if (sourceBytes > 255 || sessionBytes > 255 || topicBytes > 65535) {
    throw new RangeError('a source, session or topic is longer than a record can hold')
  }
  const out = Buffer.alloc(headBytes + sourceBytes + sessionBytes + topicBytes)
  out[0] = version
  out[10] = sourceBytes
  out[11] = sessionBytes
  out.writeUInt16LE(topicBytes, 12)
  out.write(source, headBytes)
  out.write(session, headBytes + sourceBytes)
  out.write(topic, headBytes + sourceBytes + sessionBytes)
  return out
}

/**
 * The record in `body`; its payload is a view, valid as long as `body` is. Throws on a foreign
 * form.
 */
export const decodeRecord = (body: Uint8Array): LogRecord => {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (bytes.length < headBytes || bytes[0] !== version) {
    throw new RangeError(`log record of unknown version ${bytes[0]}`)
  }
  const source = headBytes + bytes.readUInt8(10)
  const session = source + bytes.readUInt8(11)
  const topic = session + bytes.readUInt16LE(12)
  const flag = bytes.readUInt8(1)
  const isStepped = (flag & flags.stepped) !== 0
  const isNumbered = (flag & flags.exchange) !== 0
  const numbered = topic + (isStepped ? 8 : 0)
  const beside = numbered + (isNumbered ? 4 : 0)
  // Reading beyond the end is a RangeError, too.
  const payload = beside + ((flag & flags.properties) === 0 ? 0 : 2 + bytes.readUInt16LE(beside))
  if (payload > bytes.length) throw new RangeError('log record shorter than its head says')
  return {
    receivedUs: bytes.readDoubleLE(2),
    source: bytes.toString('utf8', headBytes, source),
    session: bytes.toString('utf8', source, session),
    topic: bytes.toString('utf8', session, topic),
    payload: bytes.subarray(payload),
    retained: (flag & flags.retained) !== 0,
    ...(isStepped && { steppedUs: bytes.readDoubleLE(topic) }),
    ...(isNumbered && { exchange: bytes.readUInt32LE(numbered) }),
    ...(payload > beside && {
      properties: JSON.parse(bytes.toString('utf8', beside + 2, payload)) as Properties,
    }),
  }
}
