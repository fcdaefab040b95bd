// What a self-test injects: every fault that a machine's safety section names, what the kernel must
// call it, and within what time, in the integers of the loop's channels. Pure. What only a physical
// test can show is said here, too, so that no report forgets it.
import type { LoopSpec, SafetySpec } from '../hardware-profiles/profile.ts'
import { levelTurns } from './kernel-constants.ts'
import type { LoopKind } from './loop-kind.ts'

/** All that is given at once: readings and what the loop asks for, by index; inputs that stand. */
export interface Given {
  readings: readonly number[]
  asks: readonly number[]
  still: number
}

export interface InjectedFault {
  what: string
  /** As `causeName` spells it. */
  cause: string
  /** Stated by the profile: from the fault to everything off, s, with the kernel's own turns. */
  withinS: number
  /** Released and sound, until the kernel arms; then at work; then the fault. */
  rest: Given
  work: Given
  fault: Given
}

export interface Machine {
  safety: SafetySpec
  loop: LoopKind
  spec: Pick<LoopSpec, 'rateHz' | 'channels'>
}

/** A fault in SI units, by signal, before it is put into integers. */
interface Fault {
  what: string
  cause: string
  withinS: number
  readings?: Readonly<Record<string, number>>
  before?: Readonly<Record<string, number>>
  frozen?: string
  asks?: Readonly<Record<string, number>>
}

type Level = SafetySpec['levels'][number]

/** Where a level is when all is well: in the middle of what it may be. */
const middle = ({ range, above, below }: Level): number =>
  ((below ?? range[0] ?? 0) + (above ?? range[1] ?? 0)) / 2

const ofCurrent = (current: NonNullable<SafetySpec['current']>, drive: string): Fault[] => {
  const { signal, absolute, continuous, reserve } = current
  const [lowest = 0, highest = 0] = current.range
  const heavy = (absolute + continuous) / 2
  const at = (value: number) => ({ readings: { [signal]: value } })
  return [
    ...[1, -1].map((sign) => ({
      what: `${signal} of ${sign * absolute * 1.03} A`,
      ...at(sign * absolute * 1.03),
      cause: `over_current: ${signal}`,
      withinS: current.absoluteTime,
    })),
    ...[lowest - 10, highest + 10].map((value, i) => ({
      what: `${signal} ${i === 0 ? 'open' : 'shorted'}: ${value} A`,
      ...at(value),
      cause: `out_of_range: ${signal}`,
      withinS: current.rangeTime,
    })),
    {
      what: `${signal} stuck`,
      frozen: signal,
      cause: `stuck: ${signal}`,
      withinS: current.stuckTime,
    },
    {
      what: `${signal} with the bridge off`,
      asks: { [drive]: 0 },
      ...at((current.offCurrent + absolute) / 2),
      cause: `leak: ${signal}`,
      withinS: current.offTime,
    },
    {
      what: `${heavy} A for long (I2t)`,
      ...at(heavy),
      cause: `overload: ${signal}`,
      // At most: half of the reserve is taken as used at a start.
      withinS: reserve / (heavy ** 2 - continuous ** 2),
    },
  ]
}

const ofLevel = (level: Level): Fault[] => {
  const { signal, range, above, below, limitTime = 0, jump, jumpTime = 0, stuckTime } = level
  const [low = 0, high = 0] = range
  const past = (high - low) / 50
  const all: Fault[] = [low - past, high + past].map((value, i) => ({
    what: `${signal} ${i === 0 ? 'open' : 'shorted'}: ${value}`,
    readings: { [signal]: value },
    cause: `out_of_range: ${signal}`,
    withinS: level.rangeTime,
  }))
  const limits = [
    { name: 'above', limit: above, end: high },
    { name: 'below', limit: below, end: low },
  ]
  for (const { name, limit, end } of limits) {
    if (limit === undefined) continue
    // From near, or it would be a jump.
    const step = Math.min(Math.abs(end - limit), (jump ?? Number.POSITIVE_INFINITY) * 0.8) / 4
    const away = Math.sign(end - limit) * step
    all.push({
      what: `${signal} ${name} ${limit}`,
      readings: { [signal]: limit + away },
      before: { [signal]: limit - 2 * away },
      cause: `${name}: ${signal}`,
      withinS: limitTime,
    })
  }
  if (stuckTime !== undefined) {
    all.push({
      ...{ what: `${signal} stuck`, frozen: signal },
      ...{ cause: `stuck: ${signal}`, withinS: stuckTime },
    })
  }
  if (jump !== undefined) {
    const from = middle(level)
    // Far enough for as long as it must be far: physics' own rate catches up meanwhile.
    const far = 1.1 * (jump + 1.5 * (level.rate ?? 0) * jumpTime)
    const to = high - from > from - low ? from + far : from - far
    all.push({
      what: `${signal} jumps to ${to}`,
      readings: { [signal]: to },
      cause: `jump: ${signal}`,
      withinS: jumpTime,
    })
  }
  return all
}

const ofHand = (safety: SafetySpec, half: Readonly<Record<string, number>>): Fault[] => {
  const { hold, brake, turn, drives, command, stop, opposed = [] } = safety
  const hand = hold === undefined ? '' : `: ${hold.signal}`
  const [drive = ''] = drives
  const all: Fault[] = []
  if (hold !== undefined) {
    all.push(
      {
        what: `${hold.signal} let go, and the loop drives on`,
        readings: { [hold.signal]: restOf(hold) },
        cause: `dead_man${hand}`,
        withinS: hold.stopTime,
      },
      ...(hold.longest === undefined
        ? []
        : [{ what: `${hold.signal} never let go`, cause: `held${hand}`, withinS: hold.longest }]),
    )
    if (command !== undefined) {
      all.push({
        what: `${command.signal} is not renewed, and the loop drives on`,
        readings: { [command.signal]: command.rest },
        cause: `dead_man${hand}`,
        withinS: hold.stopTime,
      })
    }
  }
  if (stop !== undefined) {
    all.push({
      what: `${stop.signal} pressed, or its wire cut`,
      ...{ readings: { [stop.signal]: 0 }, cause: 'emergency_stop', withinS: 0 },
    })
  }
  opposed.forEach(([a = '', b = '']) => {
    all.push({
      what: `${a} and ${b} at once`,
      ...{ asks: { [a]: half[a] ?? 1, [b]: half[b] ?? 1 } },
      ...{ cause: `outputs${hand}`, withinS: 0 },
    })
  })
  if (brake !== undefined) {
    const braking = { [brake]: half[brake] ?? 0 }
    all.push(
      {
        what: 'a brake that does not end',
        asks: { [drive]: 0, ...braking },
        cause: `braked${hand}`,
        withinS: safety.brakeLongest ?? 0,
      },
      { what: 'drive and brake at once', asks: braking, cause: `outputs${hand}`, withinS: 0 },
    )
  }
  if (turn !== undefined) {
    all.push({
      what: 'the bridge turned under drive',
      ...{ asks: { [turn]: 1 }, cause: `outputs${hand}`, withinS: 0 },
    })
  }
  return all
}

const restOf = ({ released }: { released: number }): number => Math.min(0, released - 1)

/** Every fault of a machine, in the order of its safety section. */
export const injectedFaults = ({ safety, loop, spec }: Machine): InjectedFault[] => {
  const { hold, current, levels, drives, stop, command } = safety
  const half = Object.fromEntries(
    loop.outputs.map(({ name, max, values }) => [
      spec.channels[name] ?? name,
      values ? 1 : max / 2,
    ]),
  )
  const [drive = ''] = drives
  const pulled = loop.inputs.find(({ name }) => spec.channels[name] === hold?.signal)?.max ?? 1
  const sound = Object.fromEntries(levels.map((level) => [level.signal, middle(level)]))
  /** What else lets it work: the emergency stop's contact closed, a setpoint renewed. */
  const held = {
    ...(stop && { [stop.signal]: 1 }),
    ...(command && { [command.signal]: command.rest + 1 }),
  }
  const rest = {
    ...sound,
    ...held,
    ...(hold && { [hold.signal]: restOf(hold) }),
    ...(current && { [current.signal]: 0 }),
  }
  const work = {
    ...sound,
    ...held,
    ...(hold && { [hold.signal]: (hold.released + pulled) / 2 }),
    ...(current && { [current.signal]: current.continuous / 2 }),
  }
  const driving = { [drive]: half[drive] ?? 0 }
  const given = (
    readings: Readonly<Record<string, number>>,
    asks: Readonly<Record<string, number>>,
    frozen?: string,
  ): Given => {
    const whole = (list: LoopKind['inputs'], values: Readonly<Record<string, number>>) =>
      list.map(({ name, scale }) => Math.round((values[spec.channels[name] ?? name] ?? 0) / scale))
    const still = loop.inputs.reduce((bits, { name, values }, i) => {
      // Neither a choice nor a setpoint has noise.
      const signal = spec.channels[name] ?? name
      const stands = values !== undefined || signal === command?.signal || signal === frozen
      return stands ? bits + 2 ** i : bits
    }, 0)
    return { readings: whole(loop.inputs, readings), asks: whole(loop.outputs, asks), still }
  }
  const faults = [
    ...(current === undefined ? [] : ofCurrent(current, drive)),
    ...levels.flatMap(ofLevel),
    ...ofHand(safety, half),
  ]
  // Signals take turns, a reading may be a step old, and the noise has a rhythm of its own.
  const turnsS = (3 * levelTurns + 1) / spec.rateHz
  return faults.map(({ what, cause, withinS, readings, before, frozen, asks }) => ({
    ...{ what, cause, withinS: withinS + turnsS },
    rest: given({ ...rest, ...before }, {}),
    work: given({ ...work, ...before }, driving),
    fault: given({ ...work, ...before, ...readings }, { ...driving, ...asks }, frozen),
  }))
}

/** A fault that the kernel or what is around it ends, and that no replaced reading makes. */
export interface NotInjected {
  what: string
  cause: string
  /** When it is off, in words: no profile's figure. */
  within: string
  reason: string
}

/** The same on every board: they come from the chip and the code, not from readings. */
export const notInjected: readonly NotInjected[] = [
  {
    ...{ what: 'a step that takes longer than its time', cause: 'overrun' },
    within: 'the end of that step',
    reason: 'a self-test must not slow the steps that it counts',
  },
  {
    ...{ what: 'a trap in the loop', cause: 'loop_trap', within: 'at once' },
    reason: 'the loop rests, and a trap ends in a reset',
  },
  {
    ...{ what: 'a trap in the kernel', cause: 'kernel', within: 'at once' },
    reason: 'it would end the very kernel that is tested, in a reset',
  },
  {
    ...{ what: 'a fault of the processor', cause: 'processor_fault', within: 'at once' },
    reason: 'it ends in a reset',
  },
  {
    ...{ what: 'no step any more', cause: 'hang', within: 'the time of the watchdog of its board' },
    reason: 'it ends in a reset, by the watchdog',
  },
]

/** What no injection shows, and how a person would see it. */
export const physicalOnly = (safety: SafetySpec): string[] => {
  const { gatePullDown, overCurrentCut, hardwareCut, current, stop } = safety
  const ohm = gatePullDown === undefined ? 'none is declared' : `${gatePullDown.ohm} Ohm`
  const cut =
    overCurrentCut === undefined
      ? 'none is declared'
      : `${overCurrentCut.current} A in ${overCurrentCut.time * 1e6} us`
  const part =
    hardwareCut === undefined
      ? 'none is declared'
      : `${hardwareCut.by}, ${hardwareCut.signal} above ${hardwareCut.above}`
  return [
    'the sensors and their wires: open, short and heat each at the real signal',
    `the gate pull-down (${ohm}): the gate is low with the board in reset, and unplugged`,
    current === undefined
      ? `what ends it without the board (${part})`
      : `the hardware over-current cut (${cut}): it switches off without the board`,
    'the power switches: each blocks when it is off',
    current === undefined
      ? 'from the pin to no force or heat: driver, valve or switch'
      : 'from the pin to no current: the driver and the motor',
    ...(stop === undefined ? [] : ['the emergency stop: pressed, and with its wire cut']),
  ]
}
