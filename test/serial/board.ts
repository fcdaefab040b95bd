// A board's side of the serial protocol for tests of the gateway's: says what a test tells it to,
// in the form of the firmware, and hears what it is sent. What a real image says is in the tests
// that run one.
import { createHash } from 'node:crypto'
import { type CborMap, decodeCbor, encodeCbor } from '../../gateway/attestation/cbor.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { encodeFrame, FrameReader } from '../../gateway/sources/serial/frame.ts'
import { fromBoard, toBoard } from '../../gateway/sources/serial/messages.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'

type Value = Parameters<typeof encodeCbor>[0]

export interface Heard {
  kind: keyof typeof toBoard
  fields: readonly Value[]
}

/** The drill's signals are many; three of them, and two counters, are enough here. */
export const schemaOf = (signals: Value, counters: Value, setpoints: Value = []): Uint8Array =>
  encodeCbor(
    new Map([
      [0, signals],
      [1, counters],
      [2, setpoints],
    ]),
  )
export const drillSchema = schemaOf(
  [
    ['motor_current', -3],
    ['pack_voltage', -3],
    ['state', 0, ['wait_release', 'idle', 'run', 'brake', 'fault']],
  ],
  [
    ['starts', 0],
    ['run_time', -1],
  ],
)

export class FakeBoard {
  readonly heard: Heard[] = []
  boot = 3
  seq = 0
  version = 1
  schema = drillSchema
  hello: Record<number, Value> = {}
  readonly #profile: Profile
  readonly #reader = new FrameReader()
  readonly #send: (bytes: Uint8Array) => void

  constructor(profile: Profile, send: (bytes: Uint8Array) => void) {
    this.#profile = profile
    this.#send = send
  }

  say(kind: keyof typeof fromBoard, fields: readonly Value[]): void {
    this.#send(this.frame(kind, fields))
  }

  frame(kind: keyof typeof fromBoard, fields: readonly Value[]): Uint8Array {
    // A key that is left out.
    const given = [...fields.entries()].filter(([, value]) => value !== undefined)
    const bytes = encodeCbor(new Map(given))
    return encodeFrame({ version: this.version, kind: fromBoard[kind], body: bytes })
  }

  sayHello(greeting: number): void {
    const digest = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
    const schema = createHash('sha256').update(this.schema).digest()
    const fields: Value[] = [
      ...[this.boot, 1_000_000, this.#profile.machine, digest(profileDigest(this.#profile))],
      ...[new Uint8Array(32).fill(5), 'rp2040-pico', Uint8Array.of(0xe6, 0x60, 1, 2)],
      ...[Uint8Array.from(schema.subarray(0, 8)), this.schema.length, 0, 320, greeting, 0, 0],
    ]
    for (const [key, value] of Object.entries(this.hello)) fields[Number(key)] = value
    this.say('hello', fields)
  }

  saySchema(at: number, bytes = 40): void {
    this.say('schema', [at, Uint8Array.from(this.schema.subarray(at, at + bytes))])
  }

  report(values: readonly Value[] = [12_345, 18_200, 2], counters: readonly Value[] = [4, 129]) {
    this.seq += 1
    const { boot, seq } = this
    this.say('report', [boot, seq, 1_000_000 + seq * 50_000, values, counters])
  }

  item(number: number, bytes: Uint8Array, kind = 1): void {
    for (let at = 0; at === 0 || at < bytes.length; at += 256) {
      const part = Uint8Array.from(bytes.subarray(at, at + 256))
      this.say('item', [number, this.boot, kind, bytes.length, at, part])
    }
  }

  /** What the gateway has written; answers greetings and questions as a board does. */
  hear(bytes: Uint8Array): void {
    this.#reader.push(bytes, ({ kind, body }) => {
      const map = decodeCbor(body) as CborMap
      const name = (Object.keys(toBoard) as Heard['kind'][]).find((one) => toBoard[one] === kind)
      if (name !== undefined) this.heard.push({ kind: name, fields: [...map.values()] })
    })
  }

  last(kind: Heard['kind']): readonly Value[] | undefined {
    return this.heard.findLast((one) => one.kind === kind)?.fields
  }

  count(kind: Heard['kind']): number {
    return this.heard.filter((one) => one.kind === kind).length
  }
}
