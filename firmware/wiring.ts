// A profile's `boards.<board>` against the board: every pin must exist, be free and be able to do
// its job. Gives the constants that runtime/machine.h is compiled with. Pure; what a pin does with
// them is the board's driver.
import type { Profile, WireSpec, WiringSpec } from '../hardware-profiles/profile.ts'
import { nearest } from '../hardware-profiles/validate.ts'
import type { Board, BoardPin } from './boards.ts'
import { type Finding, inMachine } from './finding.ts'
import type { LoopKind } from './loop-kind.ts'

/** An analogue input is worth offset + counts * gain / 2^shift, in its channel's integers. */
export interface AnalogueLine {
  input: number
  channel: number
  position: number
  shift: number
  gain: number
  offset: number
}

export interface Wired {
  /** `#define` lines. */
  defines: readonly string[]
  /** As the image has them, in its order. */
  analogues: readonly AnalogueLine[]
  findings: readonly Finding[]
}

type LoopOf = Profile['loops'][string]
interface Context {
  profile: Profile
  board: Board
  loop: LoopKind
  spec: LoopOf
  wiring: WiringSpec
  /** Gives the pin where it exists and is free. */
  pin: (name: string, at: string) => BoardPin | undefined
  refuse: (at: string, what: string, remedy: string) => void
}

/** Checks and computes. `spec` is the profile's loop that runs on the board. */
export const wire = (parts: {
  profile: Profile
  board: Board
  loop: LoopKind
  spec: LoopOf
}): Wired => {
  const { profile, board, loop, spec } = parts
  const findings: Finding[] = []
  const root = `/boards/${board.board}`
  const refuse = (at: string, what: string, remedy: string): void => {
    findings.push(inMachine(profile.machine, `${root}${at}`, { what, remedy }))
  }
  const wiring = profile.boards?.[board.board]
  if (wiring === undefined) {
    const remedy = 'Add it (pwmHz, gate, pins), or build the test image with --exercise.'
    refuse('', "the machine's pins on this board are not given", remedy)
    return { defines: [], analogues: [], findings }
  }
  const pin = pinFinder(board, refuse)
  const context: Context = { profile, board, loop, spec, wiring, pin, refuse }
  const analogues = analogue(context)
  const defines = [
    ...rates(context),
    ...bridge(context),
    ...analogueDefines(context, analogues),
    ...digital(context),
    ...select(context),
  ]
  return { defines, analogues, findings }
}

const pinFinder = (board: Board, refuse: Context['refuse']): Context['pin'] => {
  const names = Object.keys(board.pins)
  return (name, at) => {
    const found = board.pins[name]
    if (found === undefined) {
      const what = `${board.title} has no pin ${name}${nearest(name, names)}`
      refuse(at, what, `Its pins: ${names.join(', ')}.`)
    } else if (found.taken !== undefined) {
      refuse(at, `${name} is taken: ${found.taken}`, 'Use another pin.')
    }
    return found
  }
}

/** A percentage is PWM; without one there is no bridge, only outputs that are on or off. */
const hasBridge = (loop: LoopKind): boolean => loop.outputs.some(({ unit }) => unit === '%')

/** Times must be whole: steps in microseconds, PWM in clocks and microseconds. */
const rates = ({ board, loop, spec, wiring, refuse }: Context): string[] => {
  const { rateHz } = spec
  const { pwmHz } = wiring
  if (!hasBridge(loop)) {
    if (1e6 % rateHz === 0) return [`PERIOD_US ${1e6 / rateHz}`, 'HALF_ON_US_GAIN 0u']
    const what = `a rate of ${rateHz} Hz does not divide 1 MHz`
    refuse('', what, 'Choose rateHz of 1000, 2000, 4000, 5000 or 10000.')
    return []
  }
  if (pwmHz === undefined) {
    refuse('/pwmHz', 'is missing: an output of the loop is a percentage', 'Give it, such as 20000.')
    return []
  }
  if (1e6 % rateHz !== 0 || pwmHz % rateHz !== 0) {
    const what = `a rate of ${rateHz} Hz does not divide 1 MHz and the PWM's ${pwmHz} Hz`
    refuse('/pwmHz', what, 'Choose rateHz of 2000, 4000, 5000, 10000, 20000, and a multiple of it.')
  }
  if (board.clockHz % pwmHz !== 0 || 1e6 % pwmHz !== 0) {
    const what = `${pwmHz} Hz does not divide the clock of ${board.clockHz} Hz and 1 MHz`
    refuse('/pwmHz', what, 'Choose 10000 or 20000.')
  }
  const top = Math.floor(board.clockHz / pwmHz) - 1
  const halfOnGain = Math.round((65536 * 1e6) / board.clockHz / 2)
  return [`PERIOD_US ${1e6 / rateHz}`, `PWM_TOP ${top}`, `HALF_ON_US_GAIN ${halfOnGain}u`]
}

/** Both sides of the bridge on one slice, so that they can never be on together. */
const bridge = (context: Context): string[] => {
  const { board, loop, spec, wiring, pin, refuse } = context
  const gate = pin(wiring.gate, '/gate')
  if (!hasBridge(loop)) return [`GATE_PIN ${gate?.number ?? 0}`]
  const { pwmHz = 1 } = wiring
  const sides = new Map<string, { output: number; number: number; slice: string }>()
  const scales = new Set<number>()
  loop.outputs.forEach((output, i) => {
    if (output.unit !== '%') return
    const signal = spec.channels[output.name] ?? ''
    const at = `/pins/${signal}`
    const found = wireOf(context, signal)
    if (found === undefined) return
    const pwm = /^(\d+)([AB])$/.exec(found.pin.pwm ?? '')
    if (pwm === null) {
      refuse(at, `${found.wire.pin} cannot do PWM`, 'Use a pin with a PWM slice.')
      return
    }
    sides.set(pwm[2] ?? '', { output: i, number: found.pin.number, slice: pwm[1] ?? '' })
    scales.add((output.scale / 100) * Math.floor(board.clockHz / pwmHz))
  })
  const [a, b] = [sides.get('A'), sides.get('B')]
  if (a === undefined || b === undefined || a.slice !== b.slice || sides.size !== 2) {
    const what = 'drive and brake are not the two sides A and B of one PWM slice'
    refuse('/pins', what, 'Only then can they never be on together: on a Pico GP2 and GP3.')
    return []
  }
  const gain = Math.round((scales.values().next().value ?? 0) * 65536)
  return [
    `GATE_PIN ${gate?.number ?? 0}`,
    `PWM_SLICE ${a.slice}`,
    `PWM_A_OUTPUT ${a.output}`,
    `PWM_A_PIN ${a.number}`,
    `PWM_B_OUTPUT ${b.output}`,
    `PWM_B_PIN ${b.number}`,
    `PWM_GAIN ${gain}u`,
    'PWM_SHIFT 16',
  ]
}

interface Found {
  wire: WireSpec
  pin: BoardPin
}

const wireOf = ({ wiring, pin, refuse }: Context, signal: string): Found | undefined => {
  const found = wiring.pins[signal]
  if (found === undefined) {
    refuse(`/pins/${signal}`, 'is missing: the loop needs this signal', 'Give it a pin.')
    return undefined
  }
  const at = pin(found.pin, `/pins/${signal}`)
  return at && { wire: found, pin: at }
}

/** One entry of the table: counts to the channel's integers. */
const entry = (context: Context, index: number, { wire, pin }: Found): AnalogueLine => {
  const { board, loop } = context
  const scale = loop.inputs[index]?.scale ?? 1
  const [[lowV = 0, low = 0] = [], [highV = 1, high = 1] = []] = wire.line ?? []
  const perVolt = (high - low) / (highV - lowV) / scale
  const countsMax = board.analogueCounts ?? 1
  const perCount = (perVolt * (board.analogueVolts ?? 0)) / countsMax
  // As many bits as a product of 32 bits has room for, in the middle of a count.
  const shift = Math.max(
    0,
    Math.min(20, Math.floor(Math.log2(2 ** 30 / Math.abs(perCount * countsMax)))),
  )
  const gain = Math.round(perCount * 2 ** shift)
  const offset = Math.round(low / scale - perVolt * lowV)
  const [channel, position] = [pin.analogue ?? 0, wire.position ?? 0]
  return { input: index, channel, position, shift, gain, offset }
}

/** The signal sampled in the on-time comes first, the others follow in turn. */
const analogue = (context: Context): AnalogueLine[] => {
  const { loop, spec, wiring, refuse } = context
  const timed: AnalogueLine[] = []
  const others: AnalogueLine[] = []
  loop.inputs.forEach((input, i) => {
    if (input.values !== undefined || isSetpoint(context, input.name)) return
    const signal = spec.channels[input.name] ?? ''
    const found = wireOf(context, signal)
    if (found === undefined) return
    const at = `/pins/${signal}`
    if (found.pin.analogue === undefined) {
      refuse(at, `${found.wire.pin} has no analogue converter`, 'Use a pin that has one.')
    } else if (found.wire.line === undefined) {
      refuse(at, 'has no "line"', 'Give two points: [[volts, value], [volts, value]].')
    } else
      ((found.wire.sample ?? 'in_turn') === 'in_turn' ? others : timed).push(
        entry(context, i, found),
      )
  })
  if (timed.length !== 1 && Object.keys(wiring.pins).length > 0) {
    const [what, remedy] = hasBridge(loop)
      ? ['in the middle of the on-time', 'Mark the motor current with "sample": "on_time".']
      : ['in each step', 'Mark the one that is watched most closely with "sample": "each_step".']
    refuse('/pins', `no signal is sampled ${what}`, remedy)
  }
  return [...timed, ...others]
}

const analogueDefines = ({ board }: Context, table: readonly AnalogueLine[]): string[] => {
  const lines = table.map(({ input, channel, position, shift, gain, offset }) =>
    [input, channel, position, shift, gain, offset].join(', '),
  )
  const channels = new Set(table.map(({ channel }) => channel))
  return [
    `ANALOGUES ${table.length}`,
    `ANALOGUE_COUNTS ${board.analogueCounts ?? 1}`,
    `TIMED_CHANNEL ${table[0]?.channel ?? 0}`,
    `ANALOGUE_CHANNELS(X) ${[...channels].map((one) => `X(${one})`).join(' ')}`,
    `ANALOGUE_TABLE {${lines.map((line) => `{${line}}`).join(', ')}}`,
  ]
}

/** A setpoint comes over the link, not from a pin. */
const isSetpoint = ({ profile, spec }: Context, channel: string): boolean =>
  profile.signals[spec.channels[channel] ?? '']?.direction === 'setpoint'

/** What the kernel's word must switch off at once is apart from what only chooses a way. */
const digital = (context: Context): string[] => {
  const { profile, board, loop, spec, refuse } = context
  const lines = { INPUTS: [] as string[], OUTPUTS: [] as string[], POWER: [] as string[] }
  const add = (channel: LoopKind['inputs'][number], i: number, to: keyof typeof lines): void => {
    const signal = spec.channels[channel.name] ?? ''
    const found = wireOf(context, signal)
    if (found === undefined) return
    if (channel.values?.length !== 2) {
      const what = `"${channel.name}" is neither a percentage nor a choice of two`
      refuse(`/pins/${signal}`, what, 'Only these can be on a digital pin.')
      return
    }
    const level = to === 'INPUTS' ? `, ${found.wire.active === 'low' ? 0 : 1}` : ''
    if (to !== 'INPUTS' && found.wire.active === 'low') {
      const what = 'an output that is on while its pin is low is on in reset, too'
      refuse(`/pins/${signal}/active`, what, 'Use a driver that is off while its input is low.')
    }
    lines[to].push(`X(${i}, ${found.pin.number}${level})`)
  }
  loop.inputs.forEach((input, i) => {
    if (input.values !== undefined && !isSetpoint(context, input.name)) add(input, i, 'INPUTS')
  })
  loop.outputs.forEach((output, i) => {
    if (output.unit === '%') return
    const drives = profile.safety?.drives.includes(spec.channels[output.name] ?? '') === true
    add(output, i, drives ? 'POWER' : 'OUTPUTS')
  })
  if ((lines.POWER.length > 0 || !hasBridge(loop)) && board.drivesSwitches !== true) {
    const what = `${board.title} has no drivers yet for outputs that drive and are on or off`
    refuse('/pins', what, 'Take a board whose board.json says "drivesSwitches": rp2040-pico.')
  }
  return [
    `DIGITAL_INPUTS(X) ${lines.INPUTS.join(' ')}`,
    `DIGITAL_OUTPUTS(X) ${lines.OUTPUTS.join(' ')}`,
    `POWER_OUTPUTS(X) ${lines.POWER.join(' ')}`,
  ]
}

const select = ({ wiring, pin }: Context): string[] => {
  const pins = (wiring.select ?? []).map((name, i) => pin(name, `/select/${i}`)?.number ?? 0)
  return [`SELECT_PINS(X) ${pins.map((number, i) => `X(${i}, ${number})`).join(' ')}`]
}
