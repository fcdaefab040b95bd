// The bring-up of a real unit, step by step: a person does what is asked and says what instruments
// show, the board measures. It moves nothing: the machine is at rest from the first step until the
// calibration is stored. What was not done is in the record as not done. The motor: motor.ts; what
// has no bridge: switched.ts, and its valves: valves.ts.

import type { Machine } from '../../firmware/selftest-faults.ts'
import type { AnalogueLine } from '../../firmware/wiring.ts'
import { OperatingError } from '../core/errors.ts'
import type { DirectLine } from '../sources/serial/direct.ts'
import type { CalibrationMessage } from '../sources/serial/messages.ts'
import { calibrated } from './calibrate.ts'
import type { MotorMeasured } from './motor.ts'
import type { BenchRecord } from './report.ts'
import type { SwitchedMeasured } from './switched.ts'

/** Puts a question to the person; the answer as it was given. */
export type Ask = (question: string) => Promise<string>

export interface Measured {
  /** Volts at the gate pin with everything off, by the person's meter. */
  gateOffV: number
  /** By the profile's line: what no current read, and what a known one did, A. */
  currentZeroA: number
  currentKnownA: number
  currentReadA: number
  /** By the profile's line: released and pulled, in the control's unit; absent without one. */
  handReleased?: number
  handPulled?: number
  lines: readonly AnalogueLine[]
  /** Absent where it was not asked for. */
  motor?: MotorMeasured
}

export interface CalibrationRecord extends BenchRecord {
  kind: 'calibration'
  measured: Measured | SwitchedMeasured
  /** Not shown by these steps. */
  notDone: readonly string[]
}

/** As enum calibration_request in firmware/runtime/calibration.h. */
const requests = { read: 0, rest: 1, store: 2, end: 3 } as const

const readings = 48
/** Above this a gate driver may be on. */
export const gateOffMostV = 0.3
/** A current below this share of the continuous one says too little about the gain. */
const knownShare = 0.1
/** How far a calibrated current may be off: a share of it, and A (a count and its noise). */
export const currentError = { share: 0.01, amps: 0.2 } as const
const busyCode = 6
const keepMs = 5000
const watchMs = 20

export class CommissionBoard {
  readonly #line: DirectLine
  readonly #ask: Ask
  /** The board was put to rest, and stays so until it is said. */
  #isResting = false

  constructor(line: DirectLine, ask: Ask) {
    this.#line = line
    this.#ask = ask
  }

  /** Rest that was refused: what a person must do first. */
  async rest(): Promise<void> {
    const said = await this.#request(requests.rest)
    this.#isResting = said.isAtRest
    if (said.isAtRest) return
    throw new OperatingError(said.cause === 0 ? 'machine_armed' : 'trip_latched', {
      message: said.cause === 0 ? 'the machine is driven now' : 'a trip is latched',
      remedy: 'Let go; find out why it tripped and clear it (firmware/kernel/README.md).',
    })
  }

  end(): Promise<CalibrationMessage> {
    this.#isResting = false
    return this.#request(requests.end)
  }

  read(): Promise<CalibrationMessage> {
    return this.#request(requests.read)
  }

  /** Reads on and on until `found` finds something; undefined after so long. */
  async watch<T>(
    found: (said: CalibrationMessage) => T | undefined,
    mostMs: number,
  ): Promise<T | undefined> {
    for (let waitedMs = 0; waitedMs < mostMs; waitedMs += watchMs) {
      const seen = found(await this.read())
      if (seen !== undefined) return seen
      await this.#line.sleep(watchMs)
    }
    return undefined
  }

  pause(ms: number): Promise<void> {
    return this.#line.sleep(ms)
  }

  /** Mean of many readings of an input, in its integers. */
  async mean(input: number): Promise<number> {
    let sum = 0
    for (let i = 0; i < readings; i += 1) sum += (await this.read()).inputs[input] ?? 0
    return sum / readings
  }

  /** `measured`: of the unit itself, in the loop's integers; empty where it was not asked for. */
  async store(
    lines: readonly AnalogueLine[],
    record: Uint8Array,
    measured: readonly number[] = [],
  ): Promise<void> {
    const [gains, offsets] = [lines.map(({ gain }) => gain), lines.map(({ offset }) => offset)]
    const said = await this.#line.ask('calibrate', [
      ...[requests.store, gains, offsets, record],
      ...(measured.length > 0 ? [measured] : []),
    ])
    if (said.is === 'result' && said.code === 0) return this.#holds(measured)
    throw new OperatingError('calibration_refused', {
      message: `the board did not keep the calibration (${said.is === 'result' ? said.code : '?'})`,
      remedy: 'Check its power; if it says so again, that its flash has room, and its image.',
    })
  }

  /** What it measured of itself is what its loop uses now. */
  async #holds(measured: readonly number[]): Promise<void> {
    const { measured: used = [] } = await this.read()
    if (measured.every((value, i) => used[i] === value)) return
    throw new OperatingError('calibration_refused', {
      message: `the board kept ${measured.join(', ')}, but its loop uses ${used.join(', ')}`,
      remedy: 'Flash it with an image of this version, "tenfold flash", and begin again.',
    })
  }

  /** An answer of the person; the board hears meanwhile that they are still there. */
  async answer(question: string): Promise<string> {
    let isAnswered = false
    const asked = this.#ask(question).finally(() => {
      isAnswered = true
    })
    while (!isAnswered) {
      await Promise.race([asked, this.#line.sleep(keepMs)])
      if (isAnswered) break
      const { isAtRest } = await this.read()
      if (this.#isResting && !isAtRest) throw lostRest()
    }
    return asked
  }

  async number(question: string): Promise<number> {
    return this.asNumber(await this.answer(question))
  }

  asNumber(text: string): number {
    const value = Number(text)
    if (text.trim() !== '' && Number.isFinite(value)) return value
    throw new OperatingError('answer_wrong', {
      message: `"${text}" is no number`,
      remedy: 'Begin again, and answer with a number, such as 4.98.',
    })
  }

  async confirm(question: string): Promise<void> {
    if (/^(y|yes)$/i.test((await this.answer(`${question} (yes/no)`)).trim())) return
    throw new OperatingError('not_confirmed', {
      message: 'a step was not confirmed; nothing was stored',
      remedy: 'Make it so, and begin again.',
    })
  }

  async #request(request: number): Promise<CalibrationMessage> {
    for (let tries = 0; ; tries += 1) {
      const said = await this.#line.ask('calibrate', [request])
      if (said.is === 'calibration') return said
      if (said.is !== 'result' || said.code !== busyCode || tries > 20) {
        throw new OperatingError('calibration_unknown', {
          message: 'the firmware of this board knows no calibration',
          remedy: 'Flash it with an image of this version: "tenfold flash".',
        })
      }
      await this.#line.sleep(20)
    }
  }
}

const lostRest = (): OperatingError =>
  new OperatingError('selftest_ended', {
    message: 'the board is no longer at rest: it was reset, or heard nothing for too long',
    remedy: 'Check its power and cable, and begin again. Nothing was stored.',
  })

export const gateOn = (volts: number, what: string): OperatingError =>
  new OperatingError('gate_on', {
    message: `${volts} V at the pin of ${what} with everything off; at most ${gateOffMostV} V`,
    remedy: 'Cut the power. Check the gate pull-down, and the wire of that pin.',
  })

interface Parts extends Machine {
  analogues: readonly AnalogueLine[]
  countsMost: number
}

/** All steps up to the lines. The board is at rest before and after. */
export const measure = async (board: CommissionBoard, parts: Parts): Promise<Measured> => {
  const { safety, loop, spec, analogues, countsMost } = parts
  const { current, hold } = safety
  const input = (signal: string | undefined): number =>
    loop.inputs.findIndex(({ name }) => spec.channels[name] === signal)
  const at = input(current?.signal)
  const ampsOf = (value: number): number => value * (loop.inputs[at]?.scale ?? 1)
  if (current === undefined || at < 0) {
    throw new Error('a machine without a current is measured by switched.ts')
  }
  await board.confirm('Is the motor disconnected, and the supply limited to 1 A?')
  const gateOffV = await board.number('Measure the gate pin against ground: how many volts?')
  if (!(Math.abs(gateOffV) <= gateOffMostV)) throw gateOn(gateOffV, 'gate')
  await board.confirm('Does no current flow through the current sensor?')
  const zero = await board.mean(at)
  const handAt = input(hold?.signal)
  const lines = [...analogues]
  const replace = (index: number, points: Parameters<typeof calibrated>[1], name: string): void => {
    const i = lines.findIndex((line) => line.input === index)
    const line = lines[i]
    if (line !== undefined) lines[i] = calibrated(line, points, { name, countsMost })
  }
  const hand: Pick<Measured, 'handReleased' | 'handPulled'> = {}
  if (hold !== undefined && lines.some((line) => line.input === handAt)) {
    const { scale, max } = loop.inputs[handAt] ?? { scale: 1, max: 100 }
    await board.confirm(`Is the ${hold.signal} fully released?`)
    const released = await board.mean(handAt)
    await board.confirm(`Is the ${hold.signal} fully pulled?`)
    const pulled = await board.mean(handAt)
    const full = Math.min(max, 100) / scale
    const points = [
      { read: released, should: 0 },
      { read: pulled, should: full },
    ] as const
    replace(handAt, points, hold.signal)
    Object.assign(hand, { handReleased: released * scale, handPulled: pulled * scale })
    await board.confirm(`Is the ${hold.signal} released again?`)
  }
  const least = current.continuous * knownShare
  const known = await board.number(
    `Let a known current of at least ${least.toFixed(1)} A flow through the sensor: how many A?`,
  )
  if (!(Math.abs(known) >= least)) {
    throw new OperatingError('answer_wrong', {
      message: `${known} A is too little to tell the gain by`,
      remedy: `Begin again with ${least.toFixed(1)} A or more.`,
    })
  }
  const read = await board.mean(at)
  const points = [
    { read: zero, should: 0 },
    { read, should: known / ampsOf(1) },
  ] as const
  replace(at, points, current.signal)
  const amps = { currentZeroA: ampsOf(zero), currentKnownA: known, currentReadA: ampsOf(read) }
  return { gateOffV, ...amps, ...hand, lines }
}

/** Still with the known current: what the board reads by its new lines, A. Throws when off. */
export const verify = async (
  board: CommissionBoard,
  { safety, loop, spec }: Machine,
  knownA: number,
): Promise<number> => {
  const at = loop.inputs.findIndex(({ name }) => spec.channels[name] === safety.current?.signal)
  // The line changes back in the round after the rest has ended.
  await board.read()
  const read = (await board.mean(at)) * (loop.inputs[at]?.scale ?? 1)
  const most = Math.abs(knownA) * currentError.share + currentError.amps
  if (Math.abs(read - knownA) <= most) return read
  throw new OperatingError('calibration_off', {
    message: `after calibration ${read.toFixed(2)} A are read for ${knownA} A`,
    remedy: 'Did the current still flow, unchanged? Begin again.',
  })
}
