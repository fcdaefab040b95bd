// Setpoints and rubbish at a real image on an emulated Pico: what reaches the loop's input is
// within the profile's range, of this boot, newer than the last, held while a hand has armed the
// machine, and gone when it expires. The clutch ring of the drill is made a setpoint for it.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { encodeFrame } from '../../gateway/sources/serial/frame.ts'
import { encodeMessage, type ToBoard } from '../../gateway/sources/serial/messages.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { atRest, cyclesPerUs, ms, pin, put } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { messagesIn } from '../emu/hello.ts'

const build = compilerInstalled()

const withSetpoint = (profile: Profile): Profile => {
  const ring = profile.signals['clutch_setting']
  if (ring === undefined) throw new Error('no clutch')
  const setpoint = { ...ring, direction: 'setpoint', range: [0, 30], rest: 2 } as const
  return { ...profile, signals: { ...profile.signals, clutch_setting: setpoint } }
}

describe.runIf(build)('a setpoint', () => {
  let image: Image
  beforeAll(async () => {
    const subject = drill()
    const profile = withSetpoint(subject.profile)
    image = await imageOf({ ...subject, profile }, 'rp2040-pico', 'machine')
  })

  const start = (volts = atRest()) => {
    const bench = put(image, volts)
    const { pico } = bench
    const address = (name: string): number => image.symbols.get(name) ?? 0
    const said: number[] = []
    const heard = pico.options.onUart
    pico.options.onUart = (byte) => {
      heard?.(byte)
      said.push(byte)
    }
    const feed = (bytes: Uint8Array): void => {
      let at = 0
      pico.run(bytes.length * 90 * cyclesPerUs + ms, () => {
        if (at < bytes.length && pico.feed(bytes[at] as number)) at += 1
        return false
      })
    }
    const send = (kind: ToBoard, fields: readonly (number | readonly number[])[]): void =>
      feed(encodeFrame(encodeMessage(kind, fields, 1)))
    const results = (): number[] =>
      messagesIn(said).flatMap((one) => (one.is === 'result' ? [one.code] : []))
    const ring = drill().loop.inputs.findIndex(({ name }) => name === 'clutch_setting')
    const clutch = (): number => pico.read(address('inputs') + 4 * ring) | 0
    const greet = (): void => {
      send('greet', [9])
      pico.run(20 * ms)
      send('accept', [9])
    }
    return { bench, pico, feed, send, results, clutch, greet, said, address }
  }

  test('is taken only when armed, in range, of this boot and newer; and it expires', () => {
    const { pico, send, results, clutch, greet } = start()
    pico.run(20 * ms)
    const ask = (...[number, boot, holdsMs, value]: [number, number, number, number]): number => {
      const before = results().length
      send('setpoint', [number, boot, holdsMs, [value]])
      pico.run(30 * ms)
      expect(results().length).toBe(before + 1)
      return results().at(-1) ?? -1
    }
    expect(clutch()).toBe(2000)
    send('setpoint', [1, 1, 1000, [5000]])
    pico.run(20 * ms)
    expect([results(), clutch()]).toEqual([[], 2000])
    greet()
    const address = image.symbols.get('told') ?? 0
    pico.run(3000 * ms, () => pico.read(address) === 1)
    expect(pico.read(address)).toBe(1)
    greet()
    expect(ask(10, 2, 1000, 5000)).toBe(3)
    expect(ask(10, 1, 1000, 30_001)).toBe(4)
    expect(ask(10, 1, 1000, -1)).toBe(4)
    expect(ask(10, 1, 60_001, 5000)).toBe(4)
    expect(clutch()).toBe(2000)
    expect(ask(10, 1, 200, 5000)).toBe(0)
    expect(clutch()).toBe(5000)
    expect(ask(10, 1, 200, 9000)).toBe(3)
    expect(clutch()).toBe(5000)
    pico.run(200 * ms)
    expect(clutch()).toBe(2000)
    // Nothing of it has moved the motor.
    for (const one of [pin.gate, pin.duty, pin.brake]) expect(pico.level(one)).toBe(false)
  }, 120_000)

  test('is refused while nobody has let go of the trigger: the machine is not armed', () => {
    const { pico, send, results, clutch, greet, address } = start({ ...atRest(), trigger: 3 })
    pico.run(300 * ms)
    greet()
    expect(pico.read(address('told'))).not.toBe(1)
    send('setpoint', [1, 1, 1000, [5000]])
    pico.run(20 * ms)
    expect([results(), clutch()]).toEqual([[5], 2000])
  })

  test('frames cut, flipped and doubled change nothing, and the step is never late', () => {
    const { bench, pico, feed, greet, clutch, address, results } = start()
    greet()
    let seed = 5
    const random = (): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0
      return seed >>> 8
    }
    const steps = pico.read(address('link_steps'))
    const sinceUs = pico.us
    for (let i = 0; i < 150; i += 1) {
      const value = encodeMessage('setpoint', [100 + i, 1, 5000, [7000]], 1)
      const frame = Buffer.from(encodeFrame(value))
      const at = 1 + (random() % (frame.length - 2))
      if (i % 3 === 0) frame[at] = (frame[at] as number) ^ (1 << (random() & 7))
      feed(
        i % 3 === 1 ? frame.subarray(0, at) : i % 3 === 2 ? Buffer.from(String(random())) : frame,
      )
    }
    const ran = pico.read(address('link_steps')) - steps
    expect(Math.abs(ran - (pico.us - sinceUs) / 100)).toBeLessThan(2)
    expect([clutch(), results(), pico.resets]).toEqual([2000, [], 0])
    expect(pico.read(address('link_damaged'))).toBeGreaterThan(50)
    for (const one of [pin.gate, pin.duty, pin.brake]) expect(bench.edges(one)).toEqual([])
  }, 120_000)
})
