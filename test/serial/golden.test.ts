// The frames of every version that should be understood, byte for byte as they were once sent: a
// board in the field must not fall silent because a gateway was brought up to date.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeFrame, type Frame, FrameReader } from '../../gateway/sources/serial/frame.ts'
import {
  decodeMessage,
  encodeMessage,
  protocol,
  type ToBoard,
  toBoard,
  versionsBack,
} from '../../gateway/sources/serial/messages.ts'

interface Golden {
  /** What a board sent, in hex, and what it means. */
  fromBoard: { frame: string; message: unknown }[]
  /** What a gateway sends: kind, fields, and the bytes. */
  toBoard: { kind: ToBoard; fields: (number | string | number[])[]; frame: string }[]
}

const fileOf = (version: number): string => join(import.meta.dirname, 'golden', `v${version}.json`)
const versions = Array.from(
  { length: versionsBack + 1 },
  (_, back) => protocol.newest - back,
).filter((version) => version > 0)

/** Bytes as hex, so that a message can stand in a file. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, one) =>
      one instanceof Uint8Array ? Buffer.from(one).toString('hex') : one,
    ),
  )

test.each(versions)('version %i is understood and spoken as it was', (version) => {
  expect(existsSync(fileOf(version))).toBe(true)
  const golden = JSON.parse(readFileSync(fileOf(version), 'utf8')) as Golden
  for (const { frame, message } of golden.fromBoard) {
    const found: Frame[] = []
    new FrameReader().push(Buffer.from(frame, 'hex'), (one) => found.push(one))
    expect(found).toHaveLength(1)
    const decoded = decodeMessage(found[0] as Frame, protocol)
    expect(decoded.ok && plain(decoded.message)).toEqual(message)
  }
  for (const { kind, fields, frame } of golden.toBoard) {
    const list = fields.map((field) => (typeof field === 'string' ? bytesOf(field) : field))
    const bytes = encodeFrame(encodeMessage(kind, list, version))
    expect(Buffer.from(bytes).toString('hex')).toBe(frame)
  }
  const spoken = new Set(golden.toBoard.map(({ kind }) => kind))
  expect(Object.keys(toBoard).filter((kind) => !spoken.has(kind as ToBoard))).toEqual([])
})

/** `text:...` is text, anything else hex. */
const bytesOf = (field: string): Uint8Array | string =>
  field.startsWith('text:') ? field.slice(5) : Uint8Array.from(Buffer.from(field, 'hex'))
