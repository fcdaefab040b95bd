// The drill's image on an emulated Pico: each fault is made at the pins and must end, there, within
// its stated time. What takes minutes in a real drill has shorter times here, in an image built as
// any other; nothing in it is replaced. Pins are heard at every edge, so what is said of one holds
// for every cycle.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { causeKinds, causeName, safetyStates } from '../../firmware/kernel-constants.ts'
import type { SafetySpec } from '../../hardware-profiles/profile.ts'
import { atRest, type Bench, cyclesPerUs, ms, pin, put } from '../boards/pins.ts'
import { compilerInstalled, drill, fixture, imageOf, type Subject } from '../boards/stand.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { atWork } from './bench.ts'
import { type Fault, faultsOf } from './faults.ts'

const build = compilerInstalled()
const powerPins = [pin.gate, pin.duty, pin.brake]

/** Of the gesture, s. */
const resetTime = 0.4

/** The drill, sooner ready and with short times for what else nobody would wait for. */
const quickDrill = (): { subject: Subject; safety: SafetySpec } => {
  const subject = drill()
  const { safety } = subject.profile
  if (safety?.hold === undefined || safety.current === undefined) throw new Error('no safety')
  const quick: SafetySpec = {
    ...safety,
    // Its flash is new: the full limits are to be seen here.
    uncalibrated: 1,
    hold: { ...safety.hold, longest: 0.4, resetTime },
    current: { ...safety.current, reserve: 600 },
    levels: safety.levels.map((level) =>
      level.stuckTime === undefined ? level : { ...level, stuckTime: 0.2 },
    ),
  }
  const constants = { ...subject.spec.constants, coast_time: 0.05, soft_start: 0.05 }
  const spec = { ...subject.spec, constants }
  const profile = { ...subject.profile, safety: quick, loops: { drive: spec } }
  return { subject: { ...subject, profile, spec }, safety: quick }
}
const { subject, safety } = quickDrill()
/** What a loop would have to ask for wrongly is made with a loop that does (below). */
const atThePins = faultsOf(safety).filter(
  ({ asks, cause, slow }) => asks === undefined && slow !== true && !cause.startsWith('dead_man'),
)

const slowSignals = ['pack_voltage', 'motor_temperature', 'pack_temperature', 'clutch_setting']

/** Puts a value of a signal on its pin, by the machine file's line. */
const give = (bench: Bench, signal: string, value: number): void => {
  const line = subject.profile.boards?.['rp2040-pico']?.pins[signal]?.line
  // The clutch stays where it is at rest: a setting of 0 lies at the end of its line.
  if (line === undefined || signal === 'clutch_setting') return
  const [[v0 = 0, a0 = 0] = [], [v1 = 1, a1 = 1] = []] = line
  const volts = Math.min(Math.max(v0 + ((value - a0) * (v1 - v0)) / (a1 - a0), 0), 3.3)
  if (signal === 'trigger') bench.volts.trigger = volts
  else if (signal === 'motor_current') bench.volts.current = volts
  else bench.volts.slow[slowSignals.indexOf(signal)] = volts
}
const freeze = (bench: Bench, signal: string): void => {
  const names: Record<string, string> = { motor_current: 'current', trigger: 'trigger' }
  bench.frozen.add(names[signal] ?? slowSignals.indexOf(signal))
}

describe.runIf(build)('at the pins', () => {
  let image: Image
  let told = 0
  beforeAll(async () => {
    image = await imageOf(subject, 'rp2040-pico', 'machine')
    told = image.symbols.get('told') ?? 0
  })
  const stateOf = ({ pico }: Bench): string => safetyStates[pico.read(told)] ?? ''
  const causeOf = ({ pico }: Bench): string => causeName(pico.read(told + 4), safety)

  /** As if no step had fed the watchdog: it has 2 us left. */
  const bite = ({ pico }: Bench): void => pico.write(0x40058004, 4)

  /** Booted, released, pulled, running. */
  const working = (before: Fault['before'], flash?: W25q): Bench => {
    const bench = put(image, atRest(), flash)
    const { pico } = bench
    for (const [signal, value] of Object.entries({ ...atWork, ...before })) {
      give(bench, signal, signal === 'trigger' || signal === 'motor_current' ? 0 : value)
    }
    pico.run(150 * ms)
    for (const one of powerPins) expect(bench.edges(one)).toEqual([])
    expect(stateOf(bench)).toBe('armed')
    give(bench, 'trigger', atWork['trigger'] ?? 0)
    give(bench, 'motor_current', atWork['motor_current'] ?? 0)
    pico.run(30 * ms)
    expect([pico.level(pin.gate), stateOf(bench)]).toEqual([true, 'armed'])
    return bench
  }
  const untilTripped = (bench: Bench, mostMs: number): number => {
    const { pico } = bench
    const since = pico.cycles
    while (stateOf(bench) !== 'tripped' && pico.cycles < since + mostMs * ms) {
      pico.run(10 * cyclesPerUs)
    }
    return (pico.cycles - since) / ms
  }

  test.each(atThePins)('$what: off within the stated time, and for good', (fault) => {
    const bench = working(fault.before)
    const { pico } = bench
    for (const [signal, value] of Object.entries(fault.readings ?? {})) give(bench, signal, value)
    for (const signal of fault.frozen ?? []) freeze(bench, signal)
    const tookMs = untilTripped(bench, fault.withinMs + 50)
    expect(causeOf(bench)).toBe(fault.cause)
    // The last 0.1 ms: a step may have begun just before the fault.
    expect(tookMs).toBeLessThanOrEqual(fault.withinMs + 0.1)
    // The pins were low before it was told, or fall with the write that follows in the same step.
    pico.run(20 * cyclesPerUs)
    const off = pico.cycles
    for (const one of powerPins) expect(pico.level(one)).toBe(false)
    for (const trigger of [0, 80, 0]) {
      give(bench, 'trigger', trigger)
      pico.run(25 * ms)
    }
    for (const one of powerPins) expect(bench.edges(one, off)).toEqual([])
    expect(bench.both).toEqual([])
    expect(stateOf(bench)).toBe('tripped')
    expect(pico.resets).toBe(0)
  })

  test('a current that flows with the bridge off: off within the stated time, and for good', () => {
    const bench = working({})
    const { pico } = bench
    give(bench, 'motor_current', 0)
    give(bench, 'trigger', 0)
    // Until the loop has braked the motor.
    const isOff = (): boolean => powerPins.every((one) => !pico.level(one))
    let quietMs = 0
    for (let ran = 0; ran < 500 && quietMs < 5; ran += 1) {
      pico.run(ms)
      const late = powerPins.flatMap((one) => bench.edges(one, pico.cycles - ms))
      quietMs = isOff() && late.length === 0 ? quietMs + 1 : 0
    }
    expect([quietMs, stateOf(bench)]).toEqual([5, 'armed'])
    const off = pico.cycles
    give(bench, 'motor_current', 20)
    const { offTime = 0 } = safety.current ?? {}
    const tookMs = untilTripped(bench, offTime * 1000 + 50)
    expect(causeOf(bench)).toBe('leak: motor_current')
    expect(tookMs).toBeGreaterThan(offTime * 1000 - 1)
    expect(tookMs).toBeLessThanOrEqual(offTime * 1000 + 0.3 + 0.1)
    for (const trigger of [0, 80, 0]) {
      give(bench, 'trigger', trigger)
      pico.run(25 * ms)
    }
    for (const one of powerPins) expect(bench.edges(one, off)).toEqual([])
    expect([stateOf(bench), pico.resets]).toEqual(['tripped', 0])
  })

  test('a trip outlasts a reset by the watchdog, and a new start of the chip clears a soft one', () => {
    const bench = working({})
    give(bench, 'motor_current', 115)
    untilTripped(bench, 10)
    const { pico } = bench
    give(bench, 'motor_current', 0)
    bite(bench)
    expect(pico.run(20 * ms, () => pico.resets > 0)).toBe(true)
    const since = pico.cycles
    for (const trigger of [0, 80, 0, 80]) {
      give(bench, 'trigger', trigger)
      pico.run(100 * ms)
    }
    expect([stateOf(bench), causeOf(bench)]).toEqual(['tripped', 'over_current: motor_current'])
    for (const one of powerPins) expect(bench.edges(one, since)).toEqual([])
    expect(bench.reasons().at(-1)).toBe(18)
    working({})
  })

  /** At work, then the trigger's wire breaks: a hard trip. */
  const broken = (flash: W25q): Bench => {
    const bench = working({}, flash)
    give(bench, 'trigger', -8)
    untilTripped(bench, 20)
    expect(causeOf(bench)).toBe('out_of_range: trigger')
    return bench
  }
  const restarted = (flash: W25q, trigger: number): Bench => {
    // The battery may be pulled while something is written.
    flash.cut()
    const bench = put(image, atRest(), flash)
    give(bench, 'trigger', trigger)
    bench.pico.run(150 * ms)
    return bench
  }

  test('a hard trip outlasts a battery pull, until the gesture; a pull at once leaves none', () => {
    const flash = new W25q({ times: quickTimes })
    broken(flash).pico.run(1200 * ms)
    const again = restarted(flash, 0)
    expect([stateOf(again), causeOf(again)]).toEqual(['tripped', 'out_of_range: trigger'])
    for (const trigger of [80, 0, 80]) {
      give(again, 'trigger', trigger)
      again.pico.run(100 * ms)
    }
    for (const one of powerPins) expect(again.edges(one)).toEqual([])
    const held = restarted(flash, 100)
    held.pico.run(resetTime * 1000 * ms)
    expect(stateOf(held)).toBe('tripped')
    give(held, 'trigger', 0)
    held.pico.run(1100 * ms)
    expect(stateOf(held)).toBe('armed')
    for (const one of powerPins) expect(held.edges(one)).toEqual([])
    expect(stateOf(restarted(flash, 0))).toBe('armed')

    const fresh = new W25q({ times: quickTimes })
    broken(fresh).pico.run(500 * ms)
    expect(stateOf(restarted(fresh, 0))).toBe('armed')
  })

  test('a latch that is damaged is a trip', () => {
    const bench = put(image)
    const { pico } = bench
    pico.run(5 * ms)
    bite(bench)
    expect(pico.run(20 * ms, () => pico.resets > 0)).toBe(true)
    pico.write(0x40058010, 0x12345678)
    pico.run(20 * ms)
    expect([stateOf(bench), causeOf(bench)]).toEqual(['tripped', 'kernel'])
  })
})

describe.runIf(build)('a loop that asks for what it must not', () => {
  let image: Image
  beforeAll(async () => {
    const faulty = fixture('faulty')
    try {
      image = await imageOf(faulty, 'rp2040-pico', 'machine')
    } finally {
      faulty.remove()
    }
  })
  const wish = (percent: number): number => 0.3 + 0.027 * percent

  test.each([
    { what: 'drives on with the hand off', percent: 25, cause: 'dead_man', mostMs: 10.7 },
    { what: 'drives without end', percent: 30, cause: 'held', mostMs: 300.7 },
    { what: 'brakes without end', percent: 82, cause: 'braked', mostMs: 100.7 },
    { what: 'asks for drive and brake at once', percent: 75, cause: 'outputs', mostMs: 0.5 },
  ])('$what: $cause', ({ percent, cause, mostMs }) => {
    const bench = put(image, { ...atRest(), current: wish(0) })
    const { pico } = bench
    pico.run(60 * ms)
    bench.volts.current = wish(30)
    pico.run(5 * ms)
    expect(pico.level(pin.gate)).toBe(true)
    bench.volts.current = wish(percent)
    const since = pico.cycles
    const told = image.symbols.get('told') ?? 0
    while (pico.read(told) !== 2 && pico.cycles < since + 400 * ms) pico.run(10 * cyclesPerUs)
    expect((pico.cycles - since) / ms).toBeLessThanOrEqual(mostMs)
    expect(pico.read(told + 4) & 31).toBe(causeKinds[cause])
    pico.run(20 * cyclesPerUs)
    const off = pico.cycles
    for (const next of [0, 30, 82, 0]) {
      bench.volts.current = wish(next)
      pico.run(20 * ms)
    }
    for (const one of powerPins) {
      expect(pico.level(one)).toBe(false)
      expect(bench.edges(one, off)).toEqual([])
    }
    expect(bench.both).toEqual([])
  })
})

test.runIf(build)(
  'a loop that turns the bridge while it drives: off in that step, and for good',
  async () => {
    const turning = fixture('turning')
    const image = await imageOf(turning, 'rp2040-pico', 'machine').finally(turning.remove)
    const volts = (percent: number): number => 0.3 + 0.027 * percent
    const bench = put(image, { ...atRest(), current: volts(0) })
    const { pico } = bench
    pico.run(60 * ms)
    bench.volts.current = volts(35)
    pico.run(5 * ms)
    expect([pico.level(pin.gate), pico.level(pin.bridge)]).toEqual([true, false])
    bench.volts.current = volts(80)
    const told = image.symbols.get('told') ?? 0
    expect(pico.run(ms, () => pico.level(pin.bridge))).toBe(true)
    const since = pico.cycles
    expect(pico.run(ms, () => pico.read(told) === 2)).toBe(true)
    // The kernel looks in the next step at what was asked for in this one.
    expect((pico.cycles - since) / ms).toBeLessThanOrEqual(0.1 + 0.02)
    pico.run(20 * cyclesPerUs)
    expect(pico.read(told + 4) & 31).toBe(causeKinds['outputs'])
    const off = pico.cycles
    for (const next of [0, 35, 80, 0]) {
      bench.volts.current = volts(next)
      pico.run(20 * ms)
    }
    for (const one of powerPins) expect([one, bench.edges(one, off)]).toEqual([one, []])
  },
  300_000,
)
