// Frames on a line that does everything wrong: cuts, flips, joins, doubles. Nothing wrong is taken
// for a frame, and what is right is found again after any rubbish.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, type Frame, FrameReader } from '../../gateway/sources/serial/frame.ts'

const body = fc.uint8Array({ maxLength: 600 })
const frames = fc.array(
  fc.record({ version: fc.nat(255), kind: fc.nat(255), body }).map((frame): Frame => frame),
  { minLength: 1, maxLength: 6 },
)

const read = (pieces: readonly Uint8Array[]): { found: Frame[]; reader: FrameReader } => {
  const reader = new FrameReader()
  const found: Frame[] = []
  for (const piece of pieces) reader.push(piece, (frame) => found.push(frame))
  return { found, reader }
}

/** In pieces that end anywhere. */
const pieces = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

test('whole frames come back, whatever is in them and wherever the pieces end', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(), { maxLength: 12 }), (sent, cuts) => {
      const { found, reader } = read(pieces(Buffer.concat(sent.map(encodeFrame)), cuts))
      expect(found).toEqual(sent)
      expect(reader.damaged).toBe(0)
    }),
  )
})

test('stuffing leaves no zero but the delimiters, also around blocks of 254 bytes', () => {
  for (const length of [0, 1, 247, 248, 249, 253, 254, 255, 502, 503, 600]) {
    for (const fill of [0, 1, 255]) {
      const frame = { version: 1, kind: 2, body: new Uint8Array(length).fill(fill) }
      const bytes = encodeFrame(frame)
      expect([bytes[0], bytes.at(-1), bytes.subarray(1, -1).indexOf(0)]).toEqual([0, 0, -1])
      expect(read([bytes]).found).toEqual([frame])
    }
  }
})

test('up to four flipped bits in a row, or any cut, and there is no frame', () => {
  fc.assert(
    fc.property(frames, fc.nat(), fc.integer({ min: 1, max: 15 }), (sent, at, mask) => {
      const bytes = Buffer.from(encodeFrame(sent[0] as Frame))
      const place = at % bytes.length
      const flipped = Buffer.from(bytes)
      flipped[place] = (flipped[place] as number) ^ mask
      const [first] = read([flipped, Uint8Array.of(0)]).found
      // A flipped delimiter at the begin makes the block before it wrong, never the frame another.
      if (first !== undefined) expect(first).toEqual(sent[0])
      const cut = read([bytes.subarray(0, Math.max(1, place)), Uint8Array.of(0)]).found
      expect(cut.length === 0 || place >= bytes.length - 1).toBe(true)
    }),
    { numRuns: 400 },
  )
})

test('after rubbish of any length the next frame is found, and memory does not grow', () => {
  const rubbish = fc.uint8Array({ maxLength: 5000 })
  fc.assert(
    fc.property(rubbish, frames, (noise, sent) => {
      const { found } = read([noise, Buffer.concat(sent.map(encodeFrame))])
      expect(found.slice(-sent.length)).toEqual(sent)
    }),
  )
  const { reader, found } = read(Array.from({ length: 500 }, () => new Uint8Array(4096).fill(7)))
  reader.push(Uint8Array.of(0), (frame) => found.push(frame))
  expect([found.length, reader.damaged]).toEqual([0, 1])
})

test('ten million bytes of noise hold no frame', () => {
  let seed = 7
  const noise = new Uint8Array(1_000_000)
  const reader = new FrameReader()
  for (let round = 0; round < 10; round += 1) {
    for (let i = 0; i < noise.length; i += 1) {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0
      noise[i] = seed >>> 24
    }
    reader.push(noise, () => expect.unreachable('a frame in noise'))
  }
  expect(reader.damaged).toBeGreaterThan(30_000)
})
