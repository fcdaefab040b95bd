// What the safety kernel is compiled with: a profile's `safety`, in the integers of the loop's
// channels and in steps of its rate; and the names of everything it can say. Pure. The kernel's own
// numbers are made here and nowhere else: a loop's constants are others.
import type { LoopSpec, SafetySpec } from '../hardware-profiles/profile.ts'
import { drivesMost, levelsMost, opposedMost } from '../hardware-profiles/safety.ts'
import type { Generated, LoopKind } from './loop-kind.ts'

export const safetyStates = ['wait_release', 'armed', 'tripped'] as const
/** What the kernel tells, by its index. */
export const told = ['state', 'cause', 'hindrance'] as const

/**
 * Kinds of cause by number; they are kept in flash and over resets, so a number never changes its
 * meaning. From 16 on they are hard: clearing takes more than a new start.
 */
export const causeKinds: Readonly<Record<string, number>> = {
  none: 0,
  settling: 1,
  over_current: 2,
  overload: 3,
  above: 4,
  below: 5,
  held: 6,
  braked: 7,
  not_released: 8,
  no_hardware: 9,
  emergency_stop: 10,
  out_of_range: 16,
  jump: 17,
  stuck: 18,
  leak: 19,
  dead_man: 20,
  outputs: 21,
  overrun: 22,
  loop_trap: 23,
  processor_fault: 24,
  hang: 25,
  kernel: 26,
}
/** Clearing these takes a service's reset, or the gesture (kernel/README.md). */
export const hardKind = 16
/** Where a cause lies, above bit 5: nowhere, the current, the hand, then the levels. */
export const places = { current: 1, hand: 2, level: 3 } as const

/** How long after the last drive a fault is still one at work, s. */
const afterS = 0.5
/** How long the hand must pull from power-up on to clear a hard trip, where no profile says, s. */
export const gestureS = 10
/** How often a switch that stays put must be put on in that time. */
export const gestureTurns = 5
/** Levels take turns: each is checked once in so many steps. */
export const levelTurns = 4

/** What a cause is called: `above: pack_voltage`, `dead_man`. */
export const causeName = (code: number, safety: SafetySpec): string => {
  const kind = Object.entries(causeKinds).find(([, number]) => number === (code & 31))?.[0]
  const place = code >> 5
  const at = signalsAt(safety)[place]
  const name = kind ?? `cause ${code & 31}`
  return place === 0 || at === undefined ? name : `${name}: ${at}`
}

/** What `causeName` calls so, by code: more than one where the hand is a level, too. */
export const causeCodes = (name: string, safety: SafetySpec): number[] => {
  const kinds = Object.values(causeKinds).filter((kind) => kind !== 0)
  return signalsAt(safety)
    .flatMap((_, place) => kinds.map((kind) => kind + (place << 5)))
    .filter((code) => causeName(code, safety) === name)
}

/** The signal at each place of a cause, by the place's number. */
const signalsAt = (safety: SafetySpec): (string | undefined)[] => [
  undefined,
  safety.current?.signal,
  safety.hold?.signal,
  ...safety.levels.map(({ signal }) => signal),
]

/** C tables by which an image says what tripped: words, signals, and where each signal is read. */
export const causeDefines = ({ safety, loop, spec }: Given): string[] => {
  const kinds = Object.entries(causeKinds).map(([name, number]) => `[${number}] = "${name}"`)
  const signals = signalsAt(safety)
  const places = signals.map((signal) => (signal === undefined ? '0' : `"${signal}"`))
  const inputs = signals.map((signal) => {
    const input = loop.inputs.findIndex(({ name }) => spec.channels[name] === signal)
    const scale = loop.inputs[input]?.scale
    return scale === undefined ? '{0, 100}' : `{${input}, ${Math.round(Math.log10(scale))}}`
  })
  return [
    `CAUSE_KINDS {${kinds.join(', ')}}`,
    `CAUSE_PLACES {${places.join(', ')}}`,
    `CAUSE_INPUTS {${[...inputs, ...Array(8).fill('{0, 100}')].slice(0, 8).join(', ')}}`,
  ]
}

/** What an image must know of the hand beside its kernel. None for a machine without a control. */
export const holdDefines = (given: Given): string[] => {
  const { hold } = given.safety
  if (hold === undefined) return []
  const { input, scaled } = channelsOf(given)
  return [
    `HOLD_INPUT ${input(hold.signal)}`,
    `HOLD_RELEASED ${scaled(hold.signal, hold.released)}`,
    ...(hold.stays === true ? ['HOLD_STAYS 1'] : []),
  ]
}

/** Whether a cause is hard. */
export const isHard = (code: number): boolean => (code & hardKind) !== 0

const fixed = (): Record<string, number> => ({
  ...Object.fromEntries(
    Object.entries(causeKinds).map(([name, value]) => [`CAUSE_${name.toUpperCase()}`, value]),
  ),
  OUTPUTS_WRONG: (causeKinds['outputs'] ?? 0) + (places.hand << 5),
  HARD: hardKind,
  ...Object.fromEntries(
    Object.entries(places).map(([name, value]) => [`PLACE_${name.toUpperCase()}`, value]),
  ),
  STATE_WAIT: 0,
  STATE_ARMED: 1,
  STATE_TRIPPED: 2,
  ...Object.fromEntries(told.map((name, i) => [`TELL_${name.toUpperCase()}`, i])),
})

interface Given {
  safety: SafetySpec
  loop: LoopKind
  spec: Pick<LoopSpec, 'rateHz' | 'channels'>
}

const lowest = -(2 ** 31)
const highest = 2 ** 31 - 1

/** Every constant of the kernel. Without a profile (for editors) the values mean nothing. */
export const kernelConstants = (given?: Given): Generated[] => {
  const values = { ...fixed(), ...(given === undefined ? blank() : valuesOf(given)) }
  return Object.entries(values).map(([name, value]) => {
    if (value !== (value | 0)) throw new RangeError(`${name}: ${value} does not fit 32 bits`)
    return { name, value, comment: '' }
  })
}

/** For the type checker: a level's constants once, as level.ts itself names them. */
const blank = (): Record<string, number> => {
  const none = { safety: { drives: [], levels: [] } }
  const loop = { inputs: [], outputs: [] } as unknown as LoopKind
  const all = valuesOf({ ...none, loop, spec: { rateHz: 0, channels: {} } })
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name.replace(/^LEVEL_\d/, 'LEVEL'), value]),
  )
}

/** The channels of a loop by the machine's signals. */
const channelsOf = ({ loop, spec }: Given) => {
  const find = (list: LoopKind['inputs'], signal: string | undefined): number =>
    signal === undefined ? -1 : list.findIndex(({ name }) => spec.channels[name] === signal)
  const must = (list: LoopKind['inputs'], signal: string | undefined): number => {
    const index = find(list, signal)
    if (signal !== undefined && index < 0) {
      throw new RangeError(`safety watches "${signal}", which is no channel of the loop`)
    }
    return index
  }
  return {
    input: (signal: string | undefined) => must(loop.inputs, signal),
    output: (signal: string | undefined) => must(loop.outputs, signal),
    /** A value in the channel's integers. */
    scaled: (signal: string | undefined, value: number) =>
      Math.round(value / (loop.inputs[find(loop.inputs, signal)]?.scale ?? 1)),
  }
}

const valuesOf = (given: Given): Record<string, number> => {
  const { safety, spec } = given
  const { hold, current, command } = safety
  const { input, output, scaled } = channelsOf(given)
  const steps = (s: number): number => Math.max(1, Math.round(s * spec.rateHz))
  const amps = (value: number): number => scaled(current?.signal, value)
  const levels = Array.from({ length: levelsMost }, (_, i) => levelOf(given, i))
  return {
    RATE_HZ: spec.rateHz,
    MAY_ARM: mayArm(safety) ? 1 : 0,
    ...numbered('DRIVE_', drivesMost, (i) => ({ '': output(safety.drives[i]) })),
    ...numbered('OPPOSED_', opposedMost, (i) => ({
      A: output(safety.opposed?.[i]?.[0]),
      B: output(safety.opposed?.[i]?.[1]),
    })),
    BRAKE: output(safety.brake),
    BRAKE_STEPS: steps(safety.brakeLongest ?? 0),
    TURN: output(safety.turn),
    AFTER_STEPS: steps(afterS),
    RESET_STEPS: steps(hold?.resetTime ?? gestureS),
    RESET_TURNS: hold?.stays === true ? gestureTurns : 0,
    HOLD: input(hold?.signal),
    RELEASED: scaled(hold?.signal, hold?.released ?? 0),
    // Every level has had its turn twice.
    RELEASE_STEPS: Math.max(2 * levelTurns, steps(hold?.releaseTime ?? 0.1)),
    STOP_STEPS: steps(hold?.stopTime ?? 0),
    HELD_STEPS: hold?.longest === undefined ? 0 : steps(hold.longest),
    STOP: input(safety.stop?.signal),
    COMMAND: input(command?.signal),
    COMMAND_REST: scaled(command?.signal, command?.rest ?? 0),
    CURRENT: input(current?.signal),
    CURRENT_LOW: amps(current?.range[0] ?? 0),
    CURRENT_HIGH: amps(current?.range[1] ?? 0),
    CURRENT_PER_UNIT: amps(1),
    CURRENT_RANGE_STEPS: steps(current?.rangeTime ?? 0),
    CURRENT_STUCK_STEPS: steps(current?.stuckTime ?? 0),
    ABSOLUTE: amps(current?.absolute ?? 0),
    ABSOLUTE_STEPS: steps(current?.absoluteTime ?? 0),
    CONTINUOUS: amps(current?.continuous ?? 0),
    REDUCED_ABSOLUTE: amps(reduced(safety).current?.absolute ?? 0),
    REDUCED_CONTINUOUS: amps(reduced(safety).current?.continuous ?? 0),
    RESERVE: Math.round(current?.reserve ?? 0),
    OFF_CURRENT: amps(current?.offCurrent ?? 0),
    OFF_STEPS: steps(current?.offTime ?? 0),
    ...Object.assign({}, ...levels),
  }
}

/** `DRIVE_1`, `DRIVE_2` and so on. */
const numbered = (
  prefix: string,
  count: number,
  each: (index: number) => Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) =>
      Object.entries(each(i)).map(([end, value]) => [`${prefix}${i + 1}${end}`, value] as const),
    ).flat(),
  )

/** Outputs, by index, that never pass together. */
export const opposedOutputs = (given: Given): [number, number][] => {
  const { output } = channelsOf(given)
  return (given.safety.opposed ?? []).map(([a, b]) => [output(a), output(b)])
}

/** Share of the current limits that a unit has until it is calibrated, where no profile says. */
const uncalibratedShare = 0.5

/** The limits that hold on a unit without a calibration. */
export const reduced = (safety: SafetySpec): SafetySpec => {
  const { current, uncalibrated: share = uncalibratedShare } = safety
  const levels = safety.levels.map((level) => {
    const { above, uncalibrated = above } = level
    return uncalibrated === undefined ? level : { ...level, above: uncalibrated }
  })
  if (current === undefined) return { ...safety, levels }
  const { absolute, continuous } = current
  const less = { absolute: absolute * share, continuous: continuous * share }
  return { ...safety, levels, current: { ...current, ...less } }
}

/** Whether there are any. */
export const hasReduced = ({ current, levels }: SafetySpec): boolean =>
  current !== undefined || levels.some(({ uncalibrated }) => uncalibrated !== undefined)

/**
 * Without pull-down and a cut in hardware only a small current may ever be armed, and a machine
 * whose current nobody measures never.
 */
export const mayArm = ({
  gatePullDown,
  overCurrentCut,
  hardwareCut,
  current,
  armCurrentLimit = 0,
}: SafetySpec): boolean => {
  const cut = current === undefined ? hardwareCut : overCurrentCut
  return (
    (gatePullDown !== undefined && cut !== undefined) ||
    (current !== undefined && current.absolute <= armCurrentLimit)
  )
}

const levelOf = (given: Given, index: number): Record<string, number> => {
  const { safety, spec } = given
  const level = safety.levels[index]
  const { input, scaled } = channelsOf(given)
  const value = (given: number): number => scaled(level?.signal, given)
  const hz = spec.rateHz / levelTurns
  const checks = (s: number | undefined): number =>
    s === undefined ? 0 : Math.max(1, Math.round(s * hz))
  const named = {
    INPUT: input(level?.signal),
    LOW: value(level?.range[0] ?? 0),
    HIGH: value(level?.range[1] ?? 0),
    RANGE_CHECKS: checks(level?.rangeTime),
    ABOVE: level?.above === undefined ? highest : value(level.above),
    REDUCED_ABOVE: level?.above === undefined ? highest : value(level.uncalibrated ?? level.above),
    BELOW: level?.below === undefined ? lowest : value(level.below),
    LIMIT_CHECKS: checks(level?.limitTime),
    JUMP: value(level?.jump ?? 0),
    RATE_Q8: level?.rate === undefined ? 0 : Math.ceil((value(level.rate) * 256) / hz),
    JUMP_CHECKS: checks(level?.jumpTime),
    STUCK_CHECKS: checks(level?.stuckTime),
  }
  if (Math.max(Math.abs(named.LOW), Math.abs(named.HIGH)) >= 2 ** 22) {
    throw new RangeError(`the range of "${level?.signal}" is too wide for the kernel`)
  }
  return Object.fromEntries(
    Object.entries(named).map(([name, number]) => [`LEVEL_${index + 1}_${name}`, number]),
  )
}
