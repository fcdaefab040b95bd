// The kernel at the pins of the other boards: images of machines on the register models of an
// STM32F405 and of a micro:bit's chip. From the fault at the pin to the gate low it takes no longer
// than their READMEs say, and stays low. The Pico, with all of the drill's faults: pins.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildImage, type Image } from '../../firmware/image.ts'
import { causeKinds, causeName, safetyStates } from '../../firmware/kernel-constants.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { encodeFrame } from '../../gateway/sources/serial/frame.ts'
import { encodeMessage, type ToBoard } from '../../gateway/sources/serial/messages.ts'
import type { SafetySpec } from '../../hardware-profiles/profile.ts'
import * as stm32 from '../boards/chip-bench.ts'
import {
  compilerInstalled,
  drill,
  fixture,
  loadBoard,
  type Subject,
  subjectOf,
} from '../boards/stand.ts'
import { Nrf51 } from '../emu/nrf51.ts'
import { atWork } from './bench.ts'
import { faultsOf } from './faults.ts'

const build = compilerInstalled()
const faulty = fixture('faulty')
afterAll(() => faulty.remove())

/** A board at work, seen from its pins. */
interface Board {
  chip: { cycles: number; run(cycles: number, done?: () => boolean): boolean; resets: number }
  msCycles: number
  /** All that can move or heat, the gate first. */
  power: readonly number[]
  level: (pin: number) => boolean
  /** Edges of these pins so far. */
  edges: () => number
  state: () => number
  cause: () => number
  /** What ends it is no word of the kernel's: a trap, a hang. */
  isEnd: boolean
}
const tripped = safetyStates.indexOf('tripped')

/**
 * Milliseconds from now to the gate low for good: tripped, or at the end of the loop, which then
 * says nothing any more. Nothing rises after it, whatever the hand does; before the next step the
 * bridge's pins have fallen, too.
 */
const offAfter = (board: Board, mostMs: number, later: (round: number) => void): number => {
  const { chip, msCycles, power, level, state } = board
  const [gate = -1] = power
  const since = chip.cycles
  const isOff = (): boolean => !level(gate) && (board.isEnd || state() === tripped)
  expect(level(gate)).toBe(true)
  expect(chip.run(mostMs * msCycles, () => isOff())).toBe(true)
  const tookMs = (chip.cycles - since) / msCycles
  chip.run(0.1 * msCycles)
  for (const one of power) expect(level(one)).toBe(false)
  const seen = board.edges()
  for (let round = 0; round < 4; round += 1) {
    later(round)
    chip.run(60 * msCycles)
  }
  expect([board.edges(), power.some(level)]).toEqual([seen, false])
  return tookMs
}

const kindOf = (cause: number): string | undefined =>
  Object.entries(causeKinds).find(([, number]) => number === (cause & 31))?.[0]
const wishV = (percent: number): number => 0.3 + 0.027 * percent
/** A current where the test machine's wish is one: too high at once. */
const withCurrent = (subject: Subject): Subject => {
  const { overCurrentCut } = drill().profile.safety ?? {}
  const cut = overCurrentCut === undefined ? {} : { overCurrentCut }
  const { safety } = subject.profile
  if (safety === undefined) throw new Error('no safety')
  const current = {
    ...{ signal: 'wish', range: [-5, 105] as [number, number], rangeTime: 0.01 },
    ...{ absolute: 34, absoluteTime: 0.004, continuous: 33, reserve: 1e4 },
    ...{ stuckTime: 1, offCurrent: 32, offTime: 0.05 },
  }
  const changed: SafetySpec = { ...safety, levels: [], current, uncalibrated: 1, ...cut }
  return { ...subject, profile: { ...subject.profile, safety: changed } }
}

/** What a loop that goes wrong does, by its wish in percent. */
const wrongs = [
  { what: 'drives on with the hand off', percent: 25, cause: 'dead_man' },
  { what: 'asks for drive and brake at once', percent: 75, cause: 'outputs' },
  { what: 'divides by zero', percent: 45, cause: 'loop_trap' },
  { what: 'takes too long', percent: 95, cause: 'overrun' },
  { what: 'never ends', percent: 65, cause: 'hang' },
] as const
type Wrong = (typeof wrongs)[number]['cause']
const ends: readonly Wrong[] = ['loop_trap', 'overrun', 'hang']

describe.runIf(build)('an STM32F405', () => {
  const { profile } = drill()
  const { safety } = profile
  if (safety === undefined) throw new Error('no safety')
  const quick = { ...safety, uncalibrated: 1 }
  const images: { drill?: Image; faulty?: Image } = {}
  beforeAll(async () => {
    const subject = drill()
    const constants = { ...subject.spec.constants, coast_time: 0.05, soft_start: 0.05 }
    const spec = { ...subject.spec, constants }
    const changed = { ...subject.profile, safety: quick, loops: { drive: spec } }
    images.drill = await stm32.modelImage({ ...subject, spec, profile: changed })
    images.faulty = await stm32.modelImage(faulty)
  }, 300_000)

  const seen = (bench: stm32.Bench, image: Image): Board => ({
    chip: bench.chip,
    msCycles: stm32.ms,
    power: stm32.pin.power,
    level: (one) => bench.chip.level(one),
    edges: () => stm32.pin.power.reduce((sum, one) => sum + bench.edges(one).length, 0),
    state: () => bench.chip.read(image.symbols.get('told') ?? 0),
    cause: () => bench.chip.read((image.symbols.get('told') ?? 0) + 4),
    isEnd: false,
  })
  const slow = ['pack_voltage', 'motor_temperature', 'pack_temperature']
  const give = ({ volts }: stm32.Bench, signal: string, value: number): void => {
    const [[v0 = 0, a0 = 0] = [], [v1 = 1, a1 = 1] = []] =
      profile.boards?.['stm32f405']?.pins[signal]?.line ?? []
    const volt = Math.min(Math.max(v0 + ((value - a0) * (v1 - v0)) / (a1 - a0), 0), 3.3)
    if (signal === 'trigger') volts.trigger = volt
    else if (signal === 'motor_current') volts.current = volt
    else volts.slow[slow.indexOf(signal)] = volt
  }
  const kinds = ['over_current', 'above', 'out_of_range']
  /** The pack's temperature is checked as the motor's is. */
  const chosen = faultsOf(quick).filter(({ cause }) => {
    const [kind = '', signal = ''] = cause.split(': ')
    return kinds.includes(kind) && signal !== 'pack_temperature'
  })

  test.each(chosen)('$what: the gate low within the stated time', (fault) => {
    const { drill: image } = images
    if (image === undefined) throw new Error('no image')
    const bench = stm32.put(image)
    const before = { ...atWork, ...fault.before, trigger: 0, motor_current: 0 }
    const analogue = ['trigger', 'motor_current', ...slow]
    for (const name of analogue) give(bench, name, before[name as keyof typeof before])
    bench.chip.run(120 * stm32.ms)
    give(bench, 'trigger', 60)
    give(bench, 'motor_current', 20)
    bench.chip.run(15 * stm32.ms)
    for (const [name, value] of Object.entries(fault.readings ?? {})) give(bench, name, value)
    const board = seen(bench, image)
    const tookMs = offAfter(board, fault.withinMs + 50, (round) => {
      give(bench, 'trigger', round % 2 === 0 ? 0 : 60)
    })
    expect(causeName(board.cause(), quick)).toBe(fault.cause)
    expect(tookMs).toBeLessThanOrEqual(fault.withinMs + 0.1)
    expect(bench.both).toEqual([])
  })

  const statedMs: Record<Wrong, number> = {
    ...{ dead_man: 10.8, outputs: 0.5, loop_trap: 0.3, overrun: 10.7, hang: 10.7 },
  }
  test.each(wrongs)('a loop that $what: the gate low within the stated time', (one) => {
    const { faulty: image } = images
    if (image === undefined) throw new Error('no image')
    const bench = stm32.put(image, { ...stm32.atRest(), current: wishV(0) })
    bench.chip.run(60 * stm32.ms)
    bench.volts.current = wishV(30)
    bench.chip.run(5 * stm32.ms)
    bench.volts.current = wishV(one.percent)
    const board = { ...seen(bench, image), isEnd: ends.includes(one.cause) }
    const tookMs = offAfter(board, 60, (round) => {
      bench.volts.current = wishV(round % 2 === 0 ? 0 : 30)
    })
    expect(kindOf(board.cause())).toBe(one.cause)
    expect(tookMs).toBeLessThanOrEqual(statedMs[one.cause])
  })
})

describe.runIf(build)('a micro:bit', () => {
  const ms = 16_000
  const startMs = 520
  const power = [16, 18, 20]
  const images: { faulty?: Image; current?: Image; heat?: Image } = {}
  const imageOf = ({ machines, profile, loopsFolder }: Subject): Promise<Image> =>
    buildImage({
      ...{ profile, loopsFolder, loops: machines.loops, purpose: 'machine' },
      ...{ profileDigest: profileDigest(profile), uncheckedRate: true },
      ...{ board: loadBoard('microbit'), path: process.env['PATH'] },
    })
  beforeAll(async () => {
    // Its own rate is for faster cores.
    const spec = { ...faulty.spec, rateHz: 1000 }
    const slow = {
      ...{ machines: faulty.machines, loop: faulty.loop, loopsFolder: faulty.loopsFolder, spec },
      profile: { ...faulty.profile, loops: { main: spec } },
    }
    images.faulty = await imageOf(slow)
    images.current = await imageOf(withCurrent(slow))
    images.heat = await imageOf(subjectOf('hot_end'))
  }, 300_000)

  /** On, with what the converter reads in volts, and what it is joined to. */
  const put = (image: Image, pins: readonly number[]) => {
    let [volt, turn, edges] = [wishV(0), 0, 0]
    const chip = new Nrf51({
      bin: image.bin,
      analogue: () => Math.round((volt / 3.6) * 1024) + (turn++ & 1),
      onEdge: (which) => {
        edges += Number(pins.includes(which))
      },
    })
    const board: Board = {
      ...{ chip, msCycles: ms, power: pins, level: (one) => chip.level(one) },
      edges: () => edges,
      state: () => chip.read(image.symbols.get('told') ?? 0),
      cause: () => chip.read((image.symbols.get('told') ?? 0) + 4),
      isEnd: false,
    }
    const give = (to: number): void => {
      volt = to
    }
    return { chip, board, give }
  }
  const driven = (image: Image | undefined) => {
    if (image === undefined) throw new Error('no image')
    const bench = put(image, power)
    bench.chip.run((startMs + 60) * ms)
    bench.give(wishV(30))
    bench.chip.run(5 * ms)
    return bench
  }

  const statedMs: Record<Wrong, number> = {
    ...{ dead_man: 13, outputs: 3, loop_trap: 1.5, overrun: 52, hang: 52 },
  }
  test.each(wrongs)('a loop that $what: the gate low within the stated time', (one) => {
    const { board, give } = driven(images.faulty)
    give(wishV(one.percent))
    const isEnd = ends.includes(one.cause)
    const tookMs = offAfter({ ...board, isEnd }, 120, (round) =>
      give(wishV(round % 2 === 0 ? 0 : 30)),
    )
    expect(kindOf(board.cause())).toBe(one.cause)
    expect(tookMs).toBeLessThanOrEqual(statedMs[one.cause])
  })

  test('a current above its limit: the gate low within the stated time', () => {
    const { board, give } = driven(images.current)
    give(wishV(37))
    const tookMs = offAfter(board, 50, (round) => give(wishV(round % 2 === 0 ? 0 : 30)))
    expect(kindOf(board.cause())).toBe('over_current')
    expect(tookMs).toBeLessThanOrEqual(7)
  })

  /** The hot end's own image: switched on by a hand, asked for a target by a gateway. */
  const heating = () => {
    const { profile, loop, spec } = subjectOf('hot_end')
    const { heat: image } = images
    const wiring = profile.boards?.['microbit']
    const pins = loadBoard('microbit').pins
    const number = (name = ''): number => pins[name]?.number ?? -1
    if (image === undefined) throw new Error('no image')
    const bench = put(image, [number(wiring?.gate), number(wiring?.pins['heater']?.pin)])
    const { chip } = bench
    const celsius = (to: number): void => bench.give(1.25 + to / 200)
    const enable = number(wiring?.pins['enable']?.pin)
    const send = (kind: ToBoard, fields: readonly (number | readonly number[])[]): void => {
      const bytes = encodeFrame(encodeMessage(kind, fields, 1))
      let [at, next] = [0, chip.cycles]
      chip.run(bytes.length * 1400 + 20 * ms, () => {
        if (at < bytes.length && chip.cycles >= next && chip.feed(bytes[at] ?? 0)) {
          at += 1
          next += 1389
        }
        return false
      })
    }
    celsius(210)
    chip.drive(enable, false)
    chip.run((startMs + 300) * ms)
    send('greet', [9])
    send('accept', [9])
    chip.drive(enable, true)
    chip.run(300 * ms)
    const target = loop.inputs.find(({ name }) => spec.channels[name] === 'target')
    send('setpoint', [10, 1, 4000, [Math.round(250 / (target?.scale ?? 1))]])
    chip.run(600 * ms, () => chip.level(bench.board.power[0] ?? -1))
    return { ...bench, celsius, enable }
  }

  test.each([
    { what: 'too hot for a unit that nobody calibrated', to: 222, cause: 'above', mostMs: 205 },
    { what: 'a thermometer that is open', to: 380, cause: 'out_of_range', mostMs: 105 },
  ])('$what: $cause, the gate low within the stated time', ({ to, cause, mostMs }) => {
    const { board, celsius, chip, enable } = heating()
    celsius(to)
    const tookMs = offAfter(board, mostMs + 300, (round) => {
      celsius(210)
      chip.drive(enable, round % 2 === 0)
    })
    expect(tookMs).toBeLessThanOrEqual(mostMs)
    expect(kindOf(board.cause())).toBe(cause)
  })
})
