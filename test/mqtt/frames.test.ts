// Packets on their way to the broker: none is lost, doubled or overtaken, however the bytes are cut
// and whatever is taken out of a run; what announces too much is found by its head.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Frames } from '../../gateway/sources/mqtt/frames.ts'

const frame = (length: number, fill = 0xff): Buffer => {
  const head = [0x30]
  for (let rest = length; ; ) {
    const byte = rest % 128
    rest = Math.floor(rest / 128)
    head.push(rest > 0 ? byte | 0x80 : byte)
    if (rest === 0) break
  }
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length, fill)])
}

const none = (): number => 0

describe('the length of a packet', () => {
  test('is followed however the bytes are cut into chunks', () => {
    const stream = Buffer.concat([0, 1, 127, 128, 1000, 16_383, 16_384].map((n) => frame(n)))
    for (const step of [1, 2, 3, 7, 1000, stream.length]) {
      const frames = new Frames(16_388, none)
      const passed: Buffer[] = []
      for (let at = 0; at < stream.length; at += step) {
        const out = frames.pass(stream.subarray(at, at + step))
        if (typeof out === 'string') throw new Error(out)
        if (out !== null) passed.push(Buffer.from(out))
      }
      expect(Buffer.concat(passed).equals(stream)).toBe(true)
      expect(frames.pass(frame(16_385))).toBe('oversize')
    }
  })

  test('of five bytes is refused', () => {
    const five = Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 1])
    expect(new Frames(1e9, none).pass(five)).toBe('malformed')
  })
})

test('a subscription with the packet id 0 is found, however the bytes are cut', () => {
  for (const [first, id, found] of [
    [0x82, 0, 'malformed'],
    [0xa2, 0, 'malformed'],
    [0x82, 1, undefined],
    [0xa2, 256, undefined],
  ] as const) {
    for (const rest of [10, 10_000]) {
      const whole = frame(rest, 1)
      whole[0] = first
      whole.writeUInt16BE(id, rest < 128 ? 2 : 3)
      for (const cut of [1, 2, 3, 4, 5, whole.length]) {
        const frames = new Frames(1e6, none)
        const said = [frames.pass(whole.subarray(0, cut)), frames.pass(whole.subarray(cut))]
        expect(said.find((one) => typeof one === 'string')).toBe(found)
        if (found !== undefined) continue
        expect(Buffer.concat(said.flatMap((one) => (one instanceof Buffer ? [one] : [])))).toEqual(
          whole,
        )
      }
    }
  }
})

test('every packet comes out once and in order, whatever is taken of which run', () => {
  const lengths = fc.array(fc.oneof(fc.nat(40), fc.nat(9000)), { minLength: 1, maxLength: 30 })
  const cuts = fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(lengths, cuts, fc.array(fc.nat(8), { minLength: 1 }), (sizes, steps, greed) => {
      const sent = sizes.map((length, i) => frame(length, i))
      const stream = Buffer.concat(sent)
      const out: Buffer[] = []
      let turn = 0
      const frames = new Frames(1e6, (bytes, ends) => {
        const taken = Math.min(greed[turn++ % greed.length] as number, ends.length - 1)
        for (let i = 0; i < taken; i++) {
          out.push(Buffer.from(bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i])))
        }
        return taken
      })
      for (let at = 0, turns = 0; at < stream.length; turns++) {
        const next = at + (steps[turns % steps.length] as number)
        const before = out.length
        const passed = frames.pass(stream.subarray(at, next))
        if (typeof passed === 'string') throw new Error(passed)
        if (passed !== null) out.push(Buffer.from(passed))
        // Of what was taken from, the broker always gets something, too.
        else expect(out.length).toBe(before)
        at = next
      }
      expect(Buffer.concat(out).equals(stream)).toBe(true)
    }),
  )
})
