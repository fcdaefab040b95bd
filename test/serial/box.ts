// A recording of a black box as it lies in a board's flash, without a board: a head and a body that
// are sound, and nothing else about them is. And what a board answers that is asked for it.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { FakeBoard } from './board.ts'

const sum = (bytes: Uint8Array): number => ~crc32(bytes) >>> 0

/** `filler` makes bytes that differ from one recording to the next. */
export const recordingBytes = (number: number, filler = 7, blockBytes = 3000): Uint8Array => {
  const bytes = new Uint8Array(512 + blockBytes).fill(255)
  const view = new DataView(bytes.buffer)
  const body = bytes.subarray(512)
  body.forEach((_, i) => {
    body[i] = (i * filler) & 255
  })
  view.setUint32(512, 1, true)
  view.setUint32(516, 10, true)
  const headBytes = 220
  bytes.fill(0, 0, headBytes)
  const words = [
    ...[0x58424654, 1, headBytes, number, 4, 33, 0, 10_000, body.length, sum(body)],
    ...[0, 1, blockBytes, 64, 16, 16, 1, 1, 0, 1, 0, 500],
  ]
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true)
  view.setUint32(headBytes - 4, sum(bytes.subarray(0, headBytes - 4)), true)
  return bytes
}

export const sha256 = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(createHash('sha256').update(bytes).digest())

const partBytes = 256

/** A frame of its answer to a question, as firmware/runtime/black-box-link.h gives it. */
export const answerTo = (
  board: FakeBoard,
  asked: readonly unknown[],
  has: ReadonlyMap<number, Uint8Array>,
): Uint8Array => {
  const [number = 0, what = 0, recording = 0, offset = 0] = asked as readonly number[]
  if (what === 0) {
    const found = Math.min(...[...has.keys()].filter((one) => one > recording))
    const bytes = has.get(found)
    if (bytes === undefined) return board.frame('blackBox', [number, 0, 0, 0, new Uint8Array()])
    return board.frame('blackBox', [number, 0, found, bytes.length, sha256(bytes)])
  }
  const bytes = has.get(recording)
  if (bytes === undefined) return board.frame('result', [43, number, 3])
  const part = Uint8Array.from(bytes.subarray(offset, offset + partBytes))
  return board.frame('blackBox', [number, 1, recording, offset, part])
}
