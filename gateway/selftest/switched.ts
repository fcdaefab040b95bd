// The bring-up of a machine without a bridge: gate and every output that moves or heats off at its
// pin, hand switch and emergency stop, the load on each output by its resistance, the way of each
// valve, each watched sensor at one or two known values. It moves nothing: the machine is at rest,
// loads unplugged, but for the valves' ways, where a hand moves it.
import type { Machine } from '../../firmware/selftest-faults.ts'
import type { AnalogueLine } from '../../firmware/wiring.ts'
import { OperatingError } from '../core/errors.ts'
import { calibrated, type Point } from './calibrate.ts'
import { type CommissionBoard, gateOffMostV, gateOn } from './commission.ts'
import { type Directions, directed, directionsOf } from './valves.ts'

/** One known value of a sensor: what instruments showed, and what the profile's line read. */
export interface Known {
  should: number
  read: number
}

export interface SwitchedMeasured {
  /** Volts at the gate pin, and at the pin of each output that moves or heats, all off. */
  gateOffV: number
  pinsOffV: Readonly<Record<string, number>>
  /** Contacts that were seen off and on. */
  contacts: readonly string[]
  /** By signal, in its unit; with one value only its zero was corrected. */
  sensors: Readonly<Record<string, readonly Known[]>>
  /** What hangs on an output, by the person's meter. */
  loadsOhm: Readonly<Record<string, number>>
  /** Absent where no output has a direction, or it was put off. */
  directions?: Directions
  lines: readonly AnalogueLine[]
}

/** Of the machine file's range: two values that are nearer say too little about the gain. */
const apartShare = 0.1
/** How far a calibrated sensor may be off, as a share of its range: some counts and their noise. */
const sensorErrorShare = 0.01
/** Parts differ and copper warms: farther off, it is another part, or another supply's. */
const loadShare = 0.25

interface Parts extends Machine {
  analogues: readonly AnalogueLine[]
  countsMost: number
}

type Level = Machine['safety']['levels'][number]

/** All steps. The board is at rest before and after. */
export const measureSwitched = async (
  board: CommissionBoard,
  parts: Parts,
): Promise<SwitchedMeasured> => {
  const { safety } = parts
  const all = safety.drives.join(', ')
  await board.confirm(`Are ${all} unplugged, and the supply limited to 1 A?`)
  const gateOffV = await offV(board, 'gate')
  const pinsOffV: Record<string, number> = {}
  for (const drive of safety.drives) pinsOffV[drive] = await offV(board, drive)
  const contacts = await contactsOf(board, parts)
  const loadsOhm: Record<string, number> = {}
  for (const [drive, { ohm }] of Object.entries(safety.loads ?? {})) {
    loadsOhm[drive] = await loadOf(board, drive, ohm)
  }
  // Before anything is stored: the limits are the lower ones.
  const directions = await directionsOf(board, parts)
  if (directions !== undefined) await board.confirm(`Are ${all} unplugged again?`)
  const sensors: Record<string, readonly Known[]> = {}
  let lines = parts.analogues
  for (const level of safety.levels) {
    const index = inputOf(parts, level.signal)
    if (!lines.some(({ input }) => input === index)) continue
    const known = await sense(board, parts, level)
    sensors[level.signal] = known
    lines = lineOf(lines, parts, { level, known })
  }
  return {
    ...{ gateOffV, pinsOffV, contacts, sensors, loadsOhm },
    ...(directions !== undefined && { directions }),
    lines,
  }
}

/** What the steps could not show: a gain by one value only, a direction that was put off. */
export const leftOf = (machine: Machine, { sensors, directions }: SwitchedMeasured): string[] => [
  ...Object.entries(sensors).flatMap(([signal, known]) =>
    known.length < 2 ? [`gain of ${signal}`] : [],
  ),
  ...(directions === undefined ? directed(machine).map((name) => `direction of ${name}`) : []),
]

/** By its new line each sensor reads its last known value, which still is there. In their units. */
export const verifySwitched = async (
  board: CommissionBoard,
  machine: Machine,
  { sensors }: SwitchedMeasured,
): Promise<Record<string, number>> => {
  // The line changes back in the round after the rest has ended.
  await board.read()
  const now: Record<string, number> = {}
  for (const { signal, range } of machine.safety.levels) {
    const should = sensors[signal]?.at(-1)?.should
    if (should === undefined) continue
    const read = await meanOf(board, machine, signal)
    const [low = 0, high = 0] = range
    if (!(Math.abs(read - should) <= (high - low) * sensorErrorShare)) {
      throw new OperatingError('calibration_off', {
        message: `after calibration ${signal} reads ${read.toFixed(2)}, not ${should}`,
        remedy: 'Was it still as your instrument showed it? Begin again.',
      })
    }
    now[signal] = read
  }
  return now
}

const inputOf = ({ loop, spec }: Machine, signal: string): number =>
  loop.inputs.findIndex(({ name }) => spec.channels[name] === signal)

const scaleOf = (machine: Machine, signal: string): number =>
  machine.loop.inputs[inputOf(machine, signal)]?.scale ?? 1

const meanOf = async (board: CommissionBoard, machine: Machine, signal: string): Promise<number> =>
  (await board.mean(inputOf(machine, signal))) * scaleOf(machine, signal)

const offV = async (board: CommissionBoard, what: string): Promise<number> => {
  const volts = await board.number(`Measure the pin of ${what} against ground: how many volts?`)
  if (!(Math.abs(volts) <= gateOffMostV)) throw gateOn(volts, what)
  return volts
}

/** Hand switch and emergency stop: each reads as it is put. */
const contactsOf = async (board: CommissionBoard, machine: Machine): Promise<string[]> => {
  const { hold, stop } = machine.safety
  const steps: [signal: string, question: string, on: boolean][] = []
  if (hold !== undefined) {
    const { signal } = hold
    steps.push([signal, `Is ${signal} off, and nobody holds it?`, false])
    steps.push([signal, `Put ${signal} on, and leave it so: is it on?`, true])
    steps.push([signal, `Put ${signal} off again: is it off?`, false])
  }
  if (stop !== undefined) {
    const { signal } = stop
    steps.push([signal, `Press the emergency stop (${signal}): is it pressed?`, false])
    steps.push([signal, `Release the emergency stop (${signal}): is it released?`, true])
  }
  for (const [signal, question, on] of steps) {
    await board.confirm(question)
    const { inputs } = await board.read()
    if ((inputs[inputOf(machine, signal)] !== 0) === on) continue
    throw new OperatingError('contact_wrong', {
      message: `${signal} is read as ${on ? 'off' : 'on'}, and was put ${on ? 'on' : 'off'}`,
      remedy: 'Check the contact, its wires and the "active" level of its pin.',
    })
  }
  return [...new Set(steps.map(([signal]) => signal))]
}

const sense = async (
  board: CommissionBoard,
  parts: Parts,
  { signal, range }: Level,
): Promise<Known[]> => {
  const [low = 0, high = 0] = range
  const first = await board.number(
    `Let ${signal} be at rest, as cold or as low as it gets: how many does your instrument show?`,
  )
  const known: Known[] = [{ should: first, read: await meanOf(board, parts, signal) }]
  const most = (high - low) * apartShare
  const text = await board.answer(
    `Bring ${signal} to another known value, ${most.toFixed(0)} or more away, and leave it so: ` +
      'how many (or "none")?',
  )
  if (text.trim() !== 'none') {
    const should = board.asNumber(text)
    if (!(Math.abs(should - first) >= most)) {
      throw new OperatingError('answer_wrong', {
        message: `${should} is too near to ${first} to tell the gain of ${signal} by`,
        remedy: `Begin again with ${most.toFixed(0)} or more between them, or say "none".`,
      })
    }
    known.push({ should, read: await meanOf(board, parts, signal) })
  }
  return known
}

const lineOf = (
  lines: readonly AnalogueLine[],
  parts: Parts,
  { level, known }: { level: Level; known: readonly Known[] },
): AnalogueLine[] => {
  const scale = scaleOf(parts, level.signal)
  const [first, second] = known.map(({ should, read }) => ({
    ...{ should: should / scale, read: read / scale },
  }))
  if (first === undefined) return [...lines]
  // By one value only the zero: the second is as far off as the first.
  const far: Point = second ?? { read: first.read + 1 / scale, should: first.should + 1 / scale }
  const what = { name: level.signal, countsMost: parts.countsMost }
  return lines.map((line) =>
    line.input === inputOf(parts, level.signal) ? calibrated(line, [first, far], what) : line,
  )
}

const loadOf = async (board: CommissionBoard, drive: string, nominal: number): Promise<number> => {
  const ohm = await board.number(
    `Measure what ${drive} switches, cold and unplugged: how many Ohm?`,
  )
  if (Math.abs(ohm - nominal) <= nominal * loadShare) return ohm
  throw new OperatingError('load_implausible', {
    message: `${drive} switches ${ohm} Ohm, not ${nominal} Ohm within ${loadShare * 100} %`,
    remedy: 'Is it the part of the machine file, and for this supply? Check wires and crimps, too.',
  })
}
