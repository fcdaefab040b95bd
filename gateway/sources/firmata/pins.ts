// Which signal a pin is, and what its counts are worth. Checked against the profile before a board
// is opened, and against the board when it has said what its pins can do. Pure.
import type { Profile } from '../../../hardware-profiles/profile.ts'
import { nearest } from '../../../hardware-profiles/validate.ts'
import { OperatingError } from '../../core/errors.ts'
import type { BoardSettings, PinSettings } from './settings.ts'

export interface PinPlan {
  readonly name: string
  readonly signal: string
  /** Channel of the converter, or the pin's number. */
  readonly number: number
  readonly isAnalogue: boolean
  readonly pullup: boolean
  /** What to report for these counts, or for 0 and 1. */
  readonly valueOf: (counts: number) => number | boolean
}

/** All pins of a board. Throws an OperatingError that names the setting. */
export const planPins = (board: BoardSettings, profiles: readonly Profile[]): PinPlan[] => {
  const profile = profiles.find(({ machine }) => machine === board.machine)
  if (profile === undefined) {
    const names = profiles.map(({ machine }) => machine)
    throw wrong(board, `there is no machine "${board.machine}"${nearest(board.machine, names)}`)
  }
  const pins = board.pins.map((pin) => planPin(pin, board, profile))
  for (const key of ['name', 'signal'] as const) {
    const twice = pins.find((pin, i) => pins.findIndex((each) => each[key] === pin[key]) < i)
    if (twice !== undefined) throw wrong(board, `${twice[key]} is named twice`)
  }
  return pins
}

const planPin = (pin: PinSettings, board: BoardSettings, profile: Profile): PinPlan => {
  const names = Object.keys(profile.signals)
  const spec = Object.hasOwn(profile.signals, pin.signal) ? profile.signals[pin.signal] : undefined
  if (spec === undefined) {
    throw wrong(board, `${pin.pin}: no signal "${pin.signal}"${nearest(pin.signal, names)}`)
  }
  const isAnalogue = pin.pin.startsWith('A')
  if (spec.type === 'enum') throw wrong(board, `${pin.pin}: ${pin.signal} is an enum, a pin is not`)
  if (isAnalogue && spec.type === 'boolean') {
    throw wrong(board, `${pin.pin}: ${pin.signal} is on or off; take a digital pin`)
  }
  const { scale, offset } = pin
  const worth = (counts: number): number => offset + counts * scale
  return {
    name: pin.pin,
    signal: pin.signal,
    number: Number(pin.pin.replace(/^[AD]/, '')),
    isAnalogue,
    pullup: pin.pullup,
    valueOf: (counts) => {
      if (spec.type === 'boolean') return worth(counts) !== 0
      return spec.type === 'integer' ? Math.round(worth(counts)) : worth(counts)
    },
  }
}

/** What a board says of its pins. */
export interface PinsOfBoard {
  readonly pins: readonly { readonly supportedModes: readonly number[] }[]
  readonly analogPins: readonly number[]
  readonly modes: { readonly INPUT: number; readonly ANALOG: number; readonly PULLUP: number }
}

/** Why this pin of the board cannot do its work, or undefined where it can. */
export const pinProblem = (plan: PinPlan, board: PinsOfBoard): string | undefined => {
  const index = plan.isAnalogue ? board.analogPins[plan.number] : plan.number
  const modes = index === undefined ? undefined : board.pins[index]?.supportedModes
  if (modes === undefined) return `the board has no pin ${plan.name}`
  const { INPUT, ANALOG, PULLUP } = board.modes
  const needed = plan.isAnalogue ? ANALOG : plan.pullup ? PULLUP : INPUT
  if (modes.includes(needed)) return undefined
  const use = plan.isAnalogue ? 'read as a voltage' : 'an input of this kind'
  return `pin ${plan.name} cannot be ${use}`
}

const wrong = ({ unit }: BoardSettings, message: string): OperatingError =>
  new OperatingError('firmata_settings', {
    message: `sources.firmata, unit ${unit}: ${message}`,
    remedy: 'Correct the setting; a machine and its signals are in hardware-profiles/.',
  })
