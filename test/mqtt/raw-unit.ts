// A unit at the other end of an MQTT connection, made of plain sockets and packets built by hand:
// fast enough to load a broker, and it knows exactly which reports were acknowledged. After a lost
// connection it sends again what was not. For the load of benchmarks and of the torture tests.
import { connect, type Socket } from 'node:net'
import { topicOf } from '../../hardware-profiles/names.ts'

/** A length in MQTT's variable form (MQTT 3.1.1, 2.2.3). */
const varLength = (length: number): number[] => {
  const out: number[] = []
  for (let rest = length; ; ) {
    const byte = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? byte | 0x80 : byte)
    if (rest === 0) return out
  }
}

const connectPacket = (id: string): Buffer => {
  const client = Buffer.from(id)
  const head = [0, 4, 77, 81, 84, 84, 4, 2, 0, 0, client.length >> 8, client.length & 255]
  const length = varLength(head.length + client.length)
  return Buffer.concat([Buffer.from([0x10, ...length, ...head]), client])
}

const publishPacket = (topic: string, messageId: number, payload: string): Buffer => {
  const rest = 2 + topic.length + 2 + payload.length
  const length = varLength(rest)
  const out = Buffer.allocUnsafe(1 + length.length + rest)
  out[0] = 0x32
  for (const [i, byte] of length.entries()) out[1 + i] = byte
  let at = out.writeUInt16BE(topic.length, 1 + length.length)
  at += out.write(topic, at, 'latin1')
  at = out.writeUInt16BE(messageId, at)
  out.write(payload, at, 'latin1')
  return out
}

export interface RawUnitOptions {
  unit: string
  machine: string
  port: number
  /** Reports on their way at once; at most 30,000. */
  inFlight: number
  hello: string
  /** JSON of the report with this sequence number. */
  report: (sequence: number) => string
  /** Between two bursts of reports, milliseconds; 0 or absent: as fast as it goes. */
  everyMs?: number
}

const helloId = 65_000
const idOf = (sequence: number): number => 1 + (sequence % 60_000)

/** Sends reports 0, 1, 2 ... without end, as fast as they are acknowledged. */
export class RawUnit {
  acknowledged = 0
  /** Next sequence number that was never sent. */
  sent = 0
  readonly #options: RawUnitOptions
  readonly #topics: { hello: string; report: string }
  /** Reports on their way, by message id. */
  readonly #open = new Map<number, number>()
  readonly #onAck: (sequence: number) => void
  #socket: Socket | undefined
  #rest: Buffer = Buffer.alloc(0)
  #state: 'connecting' | 'hello' | 'running' = 'connecting'
  #sending = true
  #ended = false
  #waiting = false

  constructor(options: RawUnitOptions, onAck: (sequence: number) => void = () => {}) {
    const { machine, unit } = options
    this.#options = options
    this.#onAck = onAck
    this.#topics = {
      hello: topicOf({ machine, unit, kind: 'hello' }),
      report: topicOf({ machine, unit, kind: 'report' }),
    }
    this.#connect()
  }

  /** Sends nothing new from now on; what is on its way is still sent again until acknowledged. */
  pause(): void {
    this.#sending = false
  }

  resume(): void {
    this.#sending = true
    if (this.#state === 'running') this.#soon()
  }

  /** Gives its connection up without a word to the other side, and makes another. */
  reconnect(): void {
    this.#socket?.destroy()
  }

  get open(): number {
    return this.#open.size
  }

  end(): void {
    this.#ended = true
    this.#socket?.destroy()
  }

  #connect(): void {
    const { port, unit } = this.#options
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    this.#state = 'connecting'
    this.#rest = Buffer.alloc(0)
    socket.on('connect', () => socket.write(connectPacket(unit)))
    socket.on('data', (chunk) => this.#received(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      if (!this.#ended) setTimeout(() => this.#connect(), 10)
    })
  }

  #received(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    // CONNACK and PUBACK are four bytes each, and nothing else comes.
    for (; at + 4 <= bytes.length; at += 4) {
      if (bytes[at] === 0x20) {
        this.#state = 'hello'
        this.#socket?.write(publishPacket(this.#topics.hello, helloId, this.#options.hello))
      } else this.#acknowledge(bytes.readUInt16BE(at + 2))
    }
    this.#rest = bytes.subarray(at)
    if (this.#state === 'running') this.#soon()
  }

  #acknowledge(id: number): void {
    if (id === helloId) {
      this.#state = 'running'
      const again = [...this.#open.values()].map((sequence) => this.#packet(sequence))
      if (again.length > 0) this.#socket?.write(Buffer.concat(again))
      return
    }
    const sequence = this.#open.get(id)
    if (sequence === undefined) return
    this.#open.delete(id)
    this.acknowledged += 1
    this.#onAck(sequence)
  }

  #soon(): void {
    const { everyMs = 0 } = this.#options
    if (everyMs === 0) this.#send()
    else if (!this.#waiting) {
      this.#waiting = true
      setTimeout(() => {
        this.#waiting = false
        this.#send()
      }, everyMs)
    }
  }

  #send(): void {
    if (!this.#sending || this.#state !== 'running') return
    const packets: Buffer[] = []
    while (this.#open.size < this.#options.inFlight) {
      const sequence = this.sent++
      this.#open.set(idOf(sequence), sequence)
      packets.push(this.#packet(sequence))
    }
    if (packets.length > 0) this.#socket?.write(Buffer.concat(packets))
  }

  #packet(sequence: number): Buffer {
    return publishPacket(this.#topics.report, idOf(sequence), this.#options.report(sequence))
  }
}
