// The first release key of a board that was flashed with a stock image, as it is committed, on an
// emulated Pico or STM32F405: it is pinned only while a person is at the machine's own control, and
// once. Nothing that a line can say is a hand, and no pin that can move the machine ever rises.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { readImage, stockFolder } from '../../firmware/flash/images.ts'
import { causeName } from '../../firmware/kernel-constants.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import { type UpdateResult, updateKinds, updateResults } from '../../firmware/update.ts'
import { type AnalogueLine, wire as wired } from '../../firmware/wiring.ts'
import { atRest as chipAtRest, ms as chipMs, pin as chipPin, put } from '../boards/chip-bench.ts'
import type { LineChip } from '../boards/gateway-end.ts'
import { drill, loadBoard } from '../boards/stand.ts'
import type { Stm32 } from '../emu/stm32f405.ts'
import type { W25q } from '../emu/w25q.ts'
import { countsOf } from '../updates/joined.ts'
import { newFlash, release, stranger } from './slots.ts'
import { ms, nothing, type PicoWire, picoWire, Wire } from './wire.ts'

const key = Uint8Array.from(release.publicKey)
const other = Uint8Array.from(stranger.publicKey)

const stock = (machine: string): W25q =>
  newFlash(fromUf2(readFileSync(join(stockFolder, `${machine}-rp2040-pico.uf2`))).image)

const ask = (wire: Wire<LineChip>, kind: keyof typeof updateKinds, bytes: Uint8Array = nothing) => {
  const number = wire.tell('update', updateKinds[kind], 0, bytes)
  return wire.await('update', (one) => one.number === number)
}
const trust = (wire: Wire<LineChip>, given = key): UpdateResult | undefined =>
  updateResults[ask(wire, 'trust', given)?.result ?? -1]
const pinned = (wire: Wire<LineChip>): Uint8Array | undefined => ask(wire, 'state')?.pinned

const wires: { wire: PicoWire; power: readonly number[] }[] = []
afterEach(() => {
  for (const { wire, power } of wires.splice(0)) {
    for (const pin of power) expect(wire.rose.has(pin), `GP${pin}`).toBe(false)
  }
})
const add = (wire: PicoWire, power: readonly number[]): PicoWire => {
  wires.push({ wire, power })
  return wire
}

describe('a drill', () => {
  interface Hand {
    pulls: boolean
    /** Counts of the current's converter; in the middle is no current. */
    current?: () => number
    /** Counts of the trigger's, where its sensor is broken. */
    trigger?: number
  }
  /** Power comes, with the hand on the trigger or not. */
  const powerUp = (flash: W25q, hand: Hand): PicoWire => {
    let wiggle = 0
    const wire = picoWire(flash, {
      analogue: (channel, level) => {
        wiggle = (wiggle + 1) & 3
        const position = Number(level(10)) + 2 * Number(level(11))
        if (channel === 1) return (hand.current?.() ?? 2048) + wiggle
        if (channel === 0 && hand.trigger !== undefined) return hand.trigger
        return countsOf(channel, position, hand.pulls) + wiggle
      },
    })
    return add(wire, [2, 3, 5])
  }
  /** What it says to a key, asked from its first word on, again and again. */
  const asked = (wire: PicoWire, forMs: number): Set<UpdateResult | undefined> => {
    const answers = new Set<UpdateResult | undefined>()
    wire.meet()
    for (const end = wire.chip.cycles + forMs * ms; wire.chip.cycles < end; ) {
      answers.add(trust(wire))
      wire.chip.run(40 * ms)
    }
    return answers
  }

  /** Some amperes while everything is off, but never for so long that it is a fault. */
  const settling = () => {
    let samples = 0
    return (): number => {
      samples += 1
      return samples % 400 < 396 ? 2150 : 2048
    }
  }
  test.each([
    ['', undefined],
    [', while its readings do not settle', settling()],
  ])(
    'takes none while nobody holds its trigger, from its first word on%s',
    (_, current) => {
      const hand = { pulls: false, ...(current && { current }) }
      const wire = powerUp(stock('cordless-drill'), hand)
      // "armed" is what it says in the first second, before it knows that it rests.
      expect(asked(wire, 2200)).toEqual(new Set(['armed', 'absent']))
      expect(pinned(wire)).toBeUndefined()
      expect(wire.chip.resets).toBe(0)
    },
    300_000,
  )

  test('takes one while its trigger is held since power-up, and then no other', () => {
    const flash = stock('cordless-drill')
    const hand = { pulls: true }
    const wire = powerUp(flash, hand)
    wire.chip.run(1900 * ms)
    wire.meet()
    expect(updateResults[ask(wire, 'trust', key.slice(1))?.result ?? -1]).toBe('format')
    expect(pinned(wire)).toBeUndefined()
    expect(trust(wire)).toBe('ok')
    expect(pinned(wire)).toEqual(key)
    // The answer may have been lost; the same key once more is no other one.
    expect(trust(wire)).toBe('ok')
    expect(trust(wire, other)).toBe('pinned')
    hand.pulls = false
    wire.chip.cutPower()
    const later = powerUp(flash, hand)
    later.meet()
    expect(trust(later, other)).toBe('pinned')
    expect(pinned(later)).toEqual(key)
  }, 300_000)

  test('takes none for a calibration that makes a released trigger read as far as it can', () => {
    const { profile, loop, spec } = drill()
    const { analogues } = wired({ profile, board: loadBoard('rp2040-pico'), loop, spec })
    const trigger = loop.inputs.findIndex(({ name }) => name === 'trigger')
    const far = ({ gain, offset, shift, input }: AnalogueLine): [number, number] => {
      const most = Math.floor(Math.floor((4096 * gain) / 2 ** shift) / 8)
      return input === trigger ? [gain + Math.floor(gain / 8), offset + most] : [gain, offset]
    }
    const lines = analogues.map(far)
    const wire = powerUp(stock('cordless-drill'), { pulls: false })
    wire.chip.run(1500 * ms)
    wire.meet()
    const [rest, store, end] = [1, 2, 3]
    const calibrate = (request: number) => {
      const number = wire.tell('calibrate', request)
      return wire.await('calibration', (one) => one.number === number)
    }
    expect(calibrate(rest)?.isAtRest).toBe(true)
    const [gains, offsets] = [lines.map(([gain]) => gain), lines.map(([, offset]) => offset)]
    expect(wire.code('calibrate', store, gains, offsets, key)).toBe(0)
    expect(calibrate(end)?.isAtRest).toBe(false)
    wire.chip.run(1200 * ms)
    const percent = (calibrate(0)?.inputs[trigger] ?? 0) * (loop.inputs[trigger]?.scale ?? 0)
    expect(percent).toBeGreaterThan(15)
    expect(trust(wire)).toBe('absent')
    expect(pinned(wire)).toBeUndefined()
  }, 300_000)

  test("takes none for a self-test's sound trigger where the real one's sensor is broken", () => {
    const { loop, profile } = drill()
    const safety = profile.safety ?? { drives: [], levels: [] }
    const wire = powerUp(stock('cordless-drill'), { pulls: false, trigger: 4095 })
    wire.chip.run(1500 * ms)
    wire.meet()
    expect(trust(wire)).toBe('absent')
    const [rest, apply] = [1, 6]
    const resting = wire.tell('calibrate', rest)
    expect(wire.await('calibration', ({ number }) => number === resting)?.isAtRest).toBe(true)
    const scaled: Record<string, number> = { trigger: 60, pack_voltage: 18, motor_temperature: 25 }
    const readings = loop.inputs.map(({ name, scale }) => Math.round((scaled[name] ?? 0) / scale))
    const asks = loop.outputs.map(() => 0)
    const applied = wire.tell('selftest', apply, readings, asks, 0)
    expect(wire.await('selftest', ({ number }) => number === applied)?.isOn).toBe(true)
    wire.chip.run(1200 * ms)
    const asked = wire.tell('selftest', 7)
    const said = wire.await('selftest', ({ number }) => number === asked)
    expect(causeName(said?.hindrance ?? 0, safety)).toBe('not_released')
    expect(trust(wire)).toBe('absent')
  }, 300_000)
})

describe('a drill on an STM32F405', () => {
  const power = chipPin.power
  const powerUp = (pulled: boolean): Wire<Stm32> => {
    const { files } = readImage(join(stockFolder, 'cordless-drill-stm32f405.json'))
    const image = { bin: files.get('bin') ?? nothing } as Parameters<typeof put>[0]
    const volts = { ...chipAtRest(), trigger: pulled ? 1.8 : 0.3 }
    const wire = new Wire(chipMs, (heard) => {
      const { chip } = put(image, volts, heard)
      return chip
    })
    wire.chip.run(1900 * chipMs)
    wire.meet()
    return wire
  }
  test('takes none without a hand; with one it does, and then no other', () => {
    const alone = powerUp(false)
    expect(trust(alone)).toBe('absent')
    expect(pinned(alone)).toBeUndefined()
    const wire = powerUp(true)
    expect(trust(wire)).toBe('ok')
    expect(pinned(wire)).toEqual(key)
    expect(trust(wire, other)).toBe('pinned')
    for (const { rose, chip } of [alone, wire]) {
      for (const pin of power) expect(rose.has(pin), `pin ${pin}`).toBe(false)
      expect(chip.resets).toBe(0)
    }
  }, 300_000)
})

describe('a press', () => {
  const [hold, stop] = [10, 11]
  const press = (): PicoWire => {
    const analogue = (channel: number): number => [450, 1240][channel] ?? 0
    const wire = add(picoWire(stock('earth-block-press'), { analogue }), [2, 3, 4, 5, 6, 7, 8])
    wire.chip.drive(stop, true)
    return wire
  }
  const held = (high: boolean) => {
    const wire = press()
    wire.chip.drive(hold, high)
    wire.chip.run(2200 * ms)
    wire.meet()
    return trust(wire)
  }

  test('takes one by its hold-to-run control, held since power-up, and none without', () => {
    expect(held(false)).toBe('absent')
    expect(held(true)).toBe('ok')
  }, 300_000)
})

describe('a hot end, whose switch stays put', () => {
  const enable = 4
  const hotEnd = (on: boolean): PicoWire => {
    let turn = 0
    const analogue = (): number => 1700 + (turn++ & 1)
    const wire = add(picoWire(stock('hot-end'), { analogue }), [2, 3])
    wire.chip.drive(enable, on)
    wire.chip.run(1500 * ms)
    wire.meet()
    return wire
  }

  test('takes none for a switch that was left on, one for a switch that is put on', () => {
    const wire = hotEnd(true)
    wire.chip.run(1500 * ms)
    wire.meet()
    expect(trust(wire)).toBe('absent')
    wire.chip.drive(enable, false)
    wire.chip.run(200 * ms)
    wire.meet()
    expect(trust(wire)).toBe('absent')
    wire.chip.drive(enable, true)
    wire.chip.run(500 * ms)
    expect(trust(wire)).toBe('absent')
    wire.chip.run(700 * ms)
    expect(trust(wire)).toBe('ok')
  }, 300_000)

  test('takes none half a minute later', () => {
    const wire = hotEnd(false)
    wire.chip.drive(enable, true)
    wire.chip.run(31_000 * ms)
    wire.meet()
    expect(trust(wire)).toBe('absent')
    expect(pinned(wire)).toBeUndefined()
  }, 300_000)
})
