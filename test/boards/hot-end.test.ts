// The stock image of the hot end for a micro:bit, as it is committed, on a model of its chip: the
// gateway asks for a temperature over the UART, a hand allows it, and the heater's pin is heard.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readImage } from '../../firmware/flash/images.ts'
import type { Image } from '../../firmware/image.ts'
import { encodeFrame } from '../../gateway/sources/serial/frame.ts'
import { encodeMessage, type ToBoard } from '../../gateway/sources/serial/messages.ts'
import { messagesIn } from '../emu/hello.ts'
import { Nrf51 } from '../emu/nrf51.ts'
import { root } from '../tree.ts'
import { loadBoard, longestStep, subjectOf } from './stand.ts'

const stem = join(root, 'firmware', 'images', 'hot-end-microbit.json')
const bin = readImage(stem).files.get('bin') ?? new Uint8Array()
const board = loadBoard('microbit')
const { loop, profile, spec } = subjectOf('hot_end')
const wiring = profile.boards?.['microbit']
const numberOf = (name: string | undefined): number => board.pins[name ?? '']?.number ?? -1
const pin = {
  heater: numberOf(wiring?.pins['heater']?.pin),
  enable: numberOf(wiring?.pins['enable']?.pin),
  gate: numberOf(wiring?.gate),
}
const ms = 16_000
const startMs = 520

const start = () => {
  const edges: [pin: number, high: boolean][] = []
  const said: number[] = []
  let [celsius, turn] = [25, 0]
  const chip = new Nrf51({
    bin,
    analogue: () => Math.round(((1.25 + celsius / 200) / 3.6) * 1024) + (turn++ & 1),
    onEdge: (which, high) => {
      edges.push([which, high])
    },
    onUart: (byte) => {
      said.push(byte)
    },
  })
  const send = (kind: ToBoard, fields: readonly (number | readonly number[])[]): void => {
    const bytes = encodeFrame(encodeMessage(kind, fields, 1))
    let at = 0
    // 87 us a byte: ten bits at 115200.
    let next = chip.cycles
    chip.run(bytes.length * 1400 + 20 * ms, () => {
      if (at < bytes.length && chip.cycles >= next && chip.feed(bytes[at] ?? 0)) {
        at += 1
        next += 1389
      }
      return false
    })
  }
  const rises = (which: number): number =>
    edges.filter(([one, high]) => one === which && high).length
  const heat = (to: number): void => {
    celsius = to
  }
  return { chip, said, send, rises, heat }
}

/** Allowed by a hand, asked for 200 degrees by a gateway. */
const heating = () => {
  const bench = start()
  const { chip, send } = bench
  chip.drive(pin.enable, false)
  chip.run((startMs + 300) * ms)
  send('greet', [9])
  send('accept', [9])
  chip.drive(pin.enable, true)
  chip.run(300 * ms)
  const target = loop.inputs.find(({ name }) => spec.channels[name] === 'target')
  send('setpoint', [10, 1, 900, [Math.round(200 / (target?.scale ?? 1))]])
  chip.run(400 * ms)
  return bench
}

describe('the hot end on a micro:bit', () => {
  test('heats what it is asked for, and lets go when the gateway has fallen silent', () => {
    const { chip, rises, said } = heating()
    expect(messagesIn(said).flatMap((one) => (one.is === 'result' ? [one.code] : []))).toEqual([0])
    expect(rises(pin.heater)).toBeGreaterThan(0)
    expect(rises(pin.gate)).toBeGreaterThan(0)
    chip.run(1500 * ms)
    const before = rises(pin.heater)
    chip.run(1500 * ms)
    expect([chip.level(pin.heater), chip.level(pin.gate)]).toEqual([false, false])
    expect(rises(pin.heater)).toBe(before)
    expect(chip.resets).toBe(0)
  })

  test('is off when its thermometer breaks, and stays off', () => {
    const { chip, rises, heat } = heating()
    heat(600)
    chip.run(300 * ms)
    const before = rises(pin.heater)
    heat(25)
    chip.run(600 * ms)
    expect(rises(pin.heater)).toBe(before)
    expect(chip.level(pin.gate)).toBe(false)
  })

  test('takes no longer for a step than its board says', () => {
    const { chip } = heating()
    let [worst, since, inside] = [0, 0, false]
    chip.run(300 * ms, () => {
      if (chip.inInterrupt !== inside) {
        inside = !inside
        if (inside) since = chip.cycles
        else worst = Math.max(worst, chip.cycles - since)
      }
      return false
    })
    const manifest = JSON.parse(readFileSync(stem, 'utf8')) as Image['manifest']
    expect(worst).toBeGreaterThan(1000)
    expect(worst).toBeLessThanOrEqual(longestStep({ manifest }))
  })
})

test('its hex file is what the drive of a micro:bit takes: records, an end, no gaps below', () => {
  const text = readFileSync(stem.replace('.json', '.hex'), 'latin1')
  expect(text.trim().split('\n').at(-1)?.trim()).toBe(':00000001FF')
  expect(bin.length).toBeLessThan(64 * 1024)
})
