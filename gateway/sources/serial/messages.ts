// What the messages on the serial link mean: kinds by number, bodies as CBOR maps with small keys,
// and one decoder for each version of the protocol that is still understood. Strict: a body that
// is not exactly what its kind asks for is none. Pure.
import { type CborMap, decodeCbor, encodeCbor } from '../../attestation/cbor.ts'
import { isStrongKey } from '../../attestation/ed25519.ts'
import type { Frame } from './frame.ts'

/** From a board: 1 to 31. As enum link_kind in firmware/runtime/link.h. */
export const fromBoard = {
  hello: 1,
  schema: 2,
  report: 3,
  item: 4,
  response: 5,
  result: 6,
  selftest: 7,
  update: 9,
  calibration: 8,
  blackBox: 10,
} as const
/** To a board: 32 to 63. */
export const toBoard = {
  greet: 32,
  accept: 33,
  refuse: 34,
  askSchema: 35,
  ack: 36,
  setpoint: 37,
  challenge: 38,
  claim: 39,
  selftest: 40,
  update: 42,
  makeKey: 44,
  resetTrip: 45,
  askBlackBox: 43,
  calibrate: 41,
} as const
export type ToBoard = keyof typeof toBoard

export interface HelloMessage {
  is: 'hello'
  boot: number
  uptimeUs: number
  machine: string
  /** SHA-256, hex. */
  profile: string
  firmware: string
  board: string
  /** The chip's own number, hex; empty where it has none. */
  id: string
  /** First eight bytes of the schema's SHA-256, hex, and its length. */
  schema: string
  schemaBytes: number
  /** Why its last run ended: a trap's number, 18 for a program that hung, 0 for power-up. */
  reason: number
  /** Longest frame that it takes. */
  frameBytes: number
  /** Of the greeting that it answers; 0 where nobody has asked. */
  greeting: number
  /** Frames that it found damaged, and bytes that it lost, since power-up. */
  damaged: number
  lost: number
  key?: Uint8Array
  custody?: number
  /** Which of the profile's events it finds by itself: a bit for each, in their order. */
  finds?: number
}

/** Where a self-test is; codes as the kernel tells them (firmware/kernel-constants.ts). */
export interface SelftestMessage {
  is: 'selftest'
  number: number
  /** The request was not taken. */
  isRefused: boolean
  isOn: boolean
  state: number
  cause: number
  hindrance: number
  /** From what was applied last to the first step that passed nothing, counted on the board. */
  steps: number
  hasEnded: boolean
  /** The bridge is driven now. */
  isDriven: boolean
  /** The unit has a calibration; without one its limits are reduced. */
  isCalibrated: boolean
}

/** What the pins say and what passes to them, in the integers of the loop's channels. */
export interface CalibrationMessage {
  is: 'calibration'
  number: number
  isCalibrated: boolean
  /** No pin moves, and readings are by the profile's lines. */
  isAtRest: boolean
  /** Of the latched trip; 0 without one. */
  cause: number
  inputs: readonly (number | null)[]
  outputs: readonly (number | null)[]
  /** What it uses of its own measures, in the constants' integers; 0 where there is none. */
  measured?: readonly (number | null)[]
}

export type BoardMessage =
  | HelloMessage
  | { is: 'schema'; at: number; bytes: Uint8Array }
  | {
      is: 'report'
      boot: number
      seq: number
      t: number
      v: readonly (number | null)[]
      c: readonly number[]
    }
  | {
      is: 'item'
      number: number
      boot: number
      kind: number
      total: number
      at: number
      bytes: Uint8Array
    }
  | { is: 'response'; number: number; bytes: Uint8Array }
  | { is: 'result'; of: number; number: number; code: number }
  | SelftestMessage
  | {
      is: 'update'
      number: number
      /** As in firmware/update.ts. */
      result: number
      /** Bytes of the image that are there. */
      next: number
      /** The slot that runs, and whether on trial. */
      slot: number
      trial: number
      /** Of the image that runs, and the oldest that may come; only where asked for. */
      version?: number
      floor?: number
      /** Who may sign; absent where nobody is pinned yet. */
      pinned?: Uint8Array
    }
  | CalibrationMessage
  | {
      is: 'blackBox'
      number: number
      /** 0 which recording there is, 1 a part of it. */
      what: number
      /** Its number; 0: there is none. */
      recording: number
      /** Its length, or where the part lies. */
      at: number
      /** Its SHA-256, or the part. */
      bytes: Uint8Array
    }

/** Turns a frame's body into a message; throws on what is none. */
export type Decoder = (kind: number, body: Uint8Array) => BoardMessage | undefined

/** A body that is not what its kind asks for. */
class Malformed extends Error {}

const decode1: Decoder = (kind, body) => {
  const read = reader(body)
  switch (kind) {
    case fromBoard.hello:
      return helloOf(read)
    case fromBoard.schema:
      return { is: 'schema', at: read.whole(0), bytes: read.bytes(1) }
    case fromBoard.report: {
      const [boot, seq, t] = [read.whole(0), read.whole(1), read.whole(2)]
      return { is: 'report', boot, seq, t, v: read.values(3), c: read.counters(4) }
    }
    case fromBoard.item:
      return {
        ...{ is: 'item', number: read.whole(0), boot: read.whole(1), kind: read.whole(2) },
        ...{ total: read.whole(3), at: read.whole(4), bytes: read.bytes(5) },
      }
    case fromBoard.response:
      return { is: 'response', number: read.whole(0), bytes: read.bytes(1) }
    case fromBoard.result:
      return { is: 'result', of: read.whole(0), number: read.whole(1), code: read.whole(2) }
    case fromBoard.selftest:
      return {
        ...{ is: 'selftest', number: read.whole(0), isRefused: read.whole(1) !== 0 },
        ...{ isOn: read.whole(2) !== 0, state: read.whole(3), cause: read.whole(4) },
        ...{ hindrance: read.whole(5), steps: read.whole(6), hasEnded: read.whole(7) !== 0 },
        isDriven: read.whole(8) !== 0,
        isCalibrated: read.whole(9) !== 0,
      }
    case fromBoard.calibration:
      return {
        ...{ is: 'calibration', number: read.whole(0), isCalibrated: read.whole(1) !== 0 },
        ...{ isAtRest: read.whole(2) !== 0, cause: read.whole(3) },
        ...{ inputs: read.values(4), outputs: read.values(5) },
        ...(read.has(6) && { measured: read.values(6) }),
      }
    case fromBoard.update:
      return {
        ...{ is: 'update', number: read.whole(0), result: read.whole(1), next: read.whole(2) },
        ...{ slot: read.whole(3), trial: read.whole(4) },
        ...(read.has(5) && { version: read.whole(5), floor: read.whole(6) }),
        ...(read.has(7) && { pinned: read.bytes(7, 32) }),
      }
    case fromBoard.blackBox:
      return {
        ...{ is: 'blackBox', number: read.whole(0), what: read.whole(1) },
        ...{ recording: read.whole(2), at: read.whole(3), bytes: read.bytes(4) },
      }
    default:
      // A kind that a later firmware of this version has: it means nothing here.
      return undefined
  }
}

const helloOf = (read: Reader): HelloMessage => ({
  is: 'hello',
  boot: read.whole(0),
  uptimeUs: read.whole(1),
  machine: read.text(2),
  profile: read.hex(3, 32),
  firmware: read.hex(4, 32),
  board: read.text(5),
  id: read.hex(6),
  schema: read.hex(7, 8),
  schemaBytes: read.whole(8),
  reason: read.whole(9),
  frameBytes: read.whole(10),
  greeting: read.whole(11),
  damaged: read.whole(12),
  lost: read.whole(13),
  ...(read.has(14) && { key: read.key(14), custody: read.whole(15) }),
  ...(read.has(16) && { finds: read.whole(16) }),
})

type Reader = ReturnType<typeof reader>

/** Keys that a message does not ask for are let be: that is how a version grows. */
const reader = (body: Uint8Array) => {
  const map = decodeCbor(body)
  if (!(map instanceof Map)) throw new Malformed('the body is not a map')
  const wrong = (key: number, what: string): never => {
    throw new Malformed(`key ${key} is not ${what}`)
  }
  const isWhole = (value: unknown): value is number => typeof value === 'number' && value >= 0
  const bytes = (key: number, length?: number): Uint8Array => {
    const value = (map as CborMap).get(key)
    if (!(value instanceof Uint8Array) || value.length !== (length ?? value.length)) {
      return wrong(key, `${length ?? 'some'} bytes`)
    }
    return Uint8Array.from(value)
  }
  return {
    has: (key: number): boolean => map.has(key),
    whole: (key: number): number => {
      const value = map.get(key)
      return isWhole(value) ? value : wrong(key, 'a whole number')
    },
    text: (key: number): string => {
      const value = map.get(key)
      return typeof value === 'string' ? value : wrong(key, 'text')
    },
    bytes,
    key: (at: number): Uint8Array => {
      const value = bytes(at, 32)
      return isStrongKey(value) ? value : wrong(at, 'a usable public key')
    },
    hex: (key: number, length?: number): string => Buffer.from(bytes(key, length)).toString('hex'),
    values: (key: number): (number | null)[] => {
      const list = map.get(key)
      const isValue = (one: unknown): boolean =>
        one === null || (typeof one === 'number' && one === (one | 0))
      return Array.isArray(list) && list.every(isValue) ? list : wrong(key, 'a list of values')
    },
    counters: (key: number): number[] => {
      const list = map.get(key)
      return Array.isArray(list) && list.every(isWhole) ? list : wrong(key, 'a list of counters')
    },
  }
}

export interface Protocol {
  /** Newest version, the one that is spoken where the board does not say otherwise. */
  readonly newest: number
  /** By version. */
  readonly decoders: Readonly<Record<number, Decoder>>
}

/** How many versions before the newest are still understood. */
export const versionsBack = 2

/** The versions that exist. A new one is one more row; rows older than `versionsBack` may go. */
export const protocol: Protocol = { newest: 1, decoders: { 1: decode1 } }

/** Versions that are understood, oldest first: boards hear nothing but their own. */
export const understood = ({ newest, decoders }: Protocol): number[] =>
  Array.from({ length: versionsBack + 1 }, (_, i) => newest - versionsBack + i).filter(
    (version) => decoders[version] !== undefined,
  )

export type Decoded =
  | { ok: true; message: BoardMessage | undefined }
  | { ok: false; why: 'version' | 'malformed'; detail: string }

/** Never throws. */
export const decodeMessage = ({ version, kind, body }: Frame, known: Protocol): Decoded => {
  const decoder = known.decoders[version]
  if (decoder === undefined || !understood(known).includes(version)) {
    const speaks = understood(known).join(', ')
    const detail = `the board speaks protocol version ${version}, this gateway ${speaks}`
    return { ok: false, why: 'version', detail }
  }
  try {
    return { ok: true, message: decoder(kind, body) }
  } catch (error) {
    return { ok: false, why: 'malformed', detail: (error as Error).message }
  }
}

export type Field = number | string | Uint8Array | readonly number[]

/** A message for a board: its fields are the keys 0, 1, 2 ... */
export const encodeMessage = (kind: ToBoard, fields: readonly Field[], version: number): Frame => ({
  version,
  kind: toBoard[kind],
  body: encodeCbor(new Map(fields.entries())),
})
