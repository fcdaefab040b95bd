// Takes runs of QoS 1 reports out of one connection's packets, past the broker: to the log, and one
// write for all their PUBACKs when the last of them is durable. Only what the broker would do
// nothing else with: the client has published on that very topic before and was allowed to, and
// nobody at this broker listens. Everything else, and the last packet of every run, is the
// broker's.
import type { Socket } from 'node:net'
import type { Emit } from '../../core/source.ts'
import type { Rate } from './access.ts'
import type { TakeRun } from './frames.ts'

export interface ReportsParts {
  socket: Pick<Socket, 'write' | 'destroy' | 'cork' | 'uncork'>
  rate: Rate
  /** Name of the source, and the connection's epoch. */
  source: string
  session: string
  clock: { nowUs(): number; monotonicMs(): number }
  /** The way to the log; undefined while nothing may be taken here. */
  emit(): Emit | undefined
}

/** First byte of a PUBLISH with QoS 1, not retained; and of one that is sent again. */
const publish = 0x32
const publishAgain = 0x3a

export class Reports {
  readonly #parts: ReportsParts
  #topic = ''
  /** As it stands in a packet: length and text. */
  #head: Buffer | undefined

  constructor(parts: ReportsParts) {
    this.#parts = parts
  }

  /** Topic that this client may publish reports on; undefined = none, as at the beginning. */
  allow(topic: string | undefined): void {
    this.#topic = topic ?? ''
    if (topic === undefined) {
      this.#head = undefined
      return
    }
    const text = Buffer.from(topic)
    this.#head = Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), text])
  }

  readonly take: TakeRun = (bytes, ends) => {
    const head = this.#head
    const emit = head && this.#parts.emit()
    if (emit === undefined || head === undefined) return 0
    const last = ends.length - 1
    const { rate, clock } = this.#parts
    const nowMs = clock.monotonicMs()
    const payloads: number[] = []
    // A PUBACK has four bytes.
    const acks = Buffer.allocUnsafe(4 * last)
    for (let i = 0, from = 0; i < last; i++) {
      const to = ends[i] as number
      const at = idAt(bytes, { from, to, head })
      if (at === 0 || !rate.isFree(nowMs)) break
      rate.take(nowMs)
      acks.writeUInt16BE(0x4002, 4 * i)
      acks.writeUInt16BE(bytes.readUInt16BE(at), 4 * i + 2)
      payloads.push(at + 2)
      from = to
    }
    if (payloads.length > 0) this.#hand(emit, { bytes, ends, payloads, acks })
    return payloads.length
  }

  #hand(emit: Emit, run: Run): void {
    const { bytes, ends, payloads, acks } = run
    const { socket, source, session, clock } = this.#parts
    const topic = this.#topic
    const receivedUs = clock.nowUs()
    let open = payloads.length
    const done = (error?: Error): void => {
      // As the broker does: without an acknowledgement the unit sends it again.
      if (error !== undefined) socket.destroy(error)
      else if (--open === 0) {
        // One system call with the PUBACK of the broker that follows.
        socket.cork()
        socket.write(acks.subarray(0, 4 * payloads.length))
        process.nextTick(() => socket.uncork())
      }
    }
    for (let i = 0; i < payloads.length; i++) {
      const payload = bytes.subarray(payloads[i], ends[i])
      emit({ receivedUs, source, session, topic, payload, retained: false }, done)
    }
  }
}

interface Run {
  bytes: Buffer
  ends: readonly number[]
  /** Where the payload of each packet that is taken begins. */
  payloads: readonly number[]
  acks: Buffer
}

/** Place of the message id, where the packet is a report on the topic of `head`; else 0. */
const idAt = (
  bytes: Buffer,
  { from, to, head }: { from: number; to: number; head: Buffer },
): number => {
  if (bytes[from] !== publish && bytes[from] !== publishAgain) return 0
  let at = from + 1
  while ((bytes[at] as number) > 127) at++
  at += 1
  const id = at + head.length
  if (id + 2 > to || bytes.compare(head, 0, head.length, at, id) !== 0) return 0
  return bytes.readUInt16BE(id) === 0 ? 0 : id
}
