// Which way each valve moves what hangs on it, asked of the person who holds the machine's own
// control: loop and safety kernel switch the valves, one after the other, as in a first stroke.
// This only reads what passes to the pins and judges the answers. It has no way to move anything.
import type { Machine } from '../../firmware/selftest-faults.ts'
import { OperatingError } from '../core/errors.ts'
import type { CalibrationMessage } from '../sources/serial/messages.ts'
import type { CommissionBoard } from './commission.ts'

export interface Directions {
  /** Outputs that the person saw to move it as they are named, in the order of their coming. */
  asNamed: readonly string[]
  /** Those that the safety kernel had meanwhile. */
  limits: 'reduced' | 'full'
}

/** How long nothing may come on before the person is told that nothing does. */
const nothingMs = 60_000
/** Beside the release that it waits for: readings settle. */
const settleMs = 1000
/** How long a hand may take to let go before the machine is put to rest. */
const releaseMs = 20_000

type ValveBoard = Pick<CommissionBoard, 'answer' | 'end' | 'pause' | 'rest' | 'watch'>

/** Outputs that move one thing two ways: those of which never both may be on. */
export const directed = ({ safety }: Machine): string[] => (safety.opposed ?? []).flat()

/**
 * Undefined where no output has a direction, nothing is held to run, or it is put off. The board is
 * at rest before and after.
 */
export const directionsOf = async (
  board: ValveBoard,
  machine: Machine,
): Promise<Directions | undefined> => {
  const { hold } = machine.safety
  const valves = directed(machine)
  if (valves.length === 0 || hold === undefined) return undefined
  const text = await board.answer(
    `Now ${valves.join(', ')} are to move, while you hold ${hold.signal}. Are they plugged in, ` +
      'is the supply enough for them, the machine empty, and everybody clear? (yes, or "later")',
  )
  if (/^later$/i.test(text.trim())) return undefined
  if (!/^(y|yes)$/i.test(text.trim())) throw notNow()
  const { isCalibrated } = await board.end()
  // As after a start, it waits for the hand to be off: not by the person's quickness.
  await board.pause(1000 * hold.releaseTime + settleMs)
  const asNamed: string[] = []
  while (asNamed.length < valves.length) {
    const left = valves.filter((name) => !asNamed.includes(name))
    asNamed.push(await oneWay(board, machine, { hold: hold.signal, left }))
  }
  await board.watch((said) => isOff(said, machine, hold.signal) || undefined, releaseMs)
  await board.rest()
  return { asNamed, limits: isCalibrated ? 'full' : 'reduced' }
}

/** Waits for a valve that was not asked for yet, and asks; its name where it is right. */
const oneWay = async (
  board: ValveBoard,
  machine: Machine,
  { hold, left }: { hold: string; left: readonly string[] },
): Promise<string> => {
  await board.answer(
    `Hold ${hold} until the next question comes, then let go at once ` +
      `(${left.join(', ')} to come). Ready?`,
  )
  const name = await board.watch((said) => {
    if (said.cause !== 0) throw tripped()
    return left.find((one) => isOn(said, machine, one))
  }, nothingMs)
  if (name === undefined) throw nothingCame(hold, left)
  const other = partnerOf(machine, name)
  const way = await board.answer(
    `${name} is on. Let go. Did it move as ${name} says? (${name}, ${other}, or "none")`,
  )
  if (way.trim() === name) return name
  if (way.trim() === other) throw swapped(name, other)
  throw notMoved(name)
}

const partnerOf = ({ safety }: Machine, name: string): string =>
  (safety.opposed ?? []).find((pair) => pair.includes(name))?.find((one) => one !== name) ?? ''

const isOn = ({ outputs }: CalibrationMessage, { loop, spec }: Machine, name: string): boolean =>
  (outputs[loop.outputs.findIndex((one) => spec.channels[one.name] === name)] ?? 0) !== 0

const isOff = (said: CalibrationMessage, { loop, spec }: Machine, hold: string): boolean =>
  said.outputs.every((value) => value === 0) &&
  said.inputs[loop.inputs.findIndex(({ name }) => spec.channels[name] === hold)] === 0

const notNow = (): OperatingError =>
  new OperatingError('not_confirmed', {
    message: 'a step was not confirmed; nothing was stored',
    remedy: 'Make it so, and begin again; or answer "later" to leave the directions out.',
  })

const tripped = (): OperatingError =>
  new OperatingError('trip_latched', {
    message: 'a trip is latched; nothing was stored',
    remedy: 'Find out why it tripped and clear it (firmware/kernel/README.md), and begin again.',
  })

const nothingCame = (hold: string, left: readonly string[]): OperatingError =>
  new OperatingError('valve_not_switched', {
    message: `none of ${left.join(', ')} came on within ${nothingMs / 1000} s; nothing was stored`,
    remedy:
      `Was ${hold} let go first and then held, is the emergency stop released, ` +
      'and what moved before at its end switch?',
  })

const swapped = (name: string, other: string): OperatingError =>
  new OperatingError('valve_swapped', {
    message: `with ${name} on it moved as ${other}; nothing was stored`,
    remedy: `Cut the power, swap the plugs of ${name} and ${other}, and begin again.`,
  })

const notMoved = (name: string): OperatingError =>
  new OperatingError('valve_wrong', {
    message: `with ${name} on nothing moved, or something else; nothing was stored`,
    remedy: `Cut the power; check the plug of ${name}, its wires, and pressure; then begin again.`,
  })
