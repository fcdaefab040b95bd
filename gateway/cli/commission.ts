// `tenfold commission`: guides the bring-up of a real unit on a current-limited supply, and stores
// its calibration on the board, signed by the person's key. It moves nothing: the motor is driven
// by the person's hand alone, through loop and kernel.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { loadBoard } from '../../firmware/boards.ts'
import { wire } from '../../firmware/wiring.ts'
import { coseTypes } from '../attestation/cose.ts'
import { loadSigner } from '../attestation/identity.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import {
  type Bench,
  type ListPorts,
  missing,
  openBench,
  realPort,
  realPorts,
} from '../selftest/bench.ts'
import {
  type Ask,
  type CalibrationRecord,
  CommissionBoard,
  currentError,
  type Measured,
  measure,
  verify,
} from '../selftest/commission.ts'
import { type MotorMeasured, measuredOf, measureMotor } from '../selftest/motor.ts'
import { signRecord } from '../selftest/report.ts'
import {
  leftOf,
  measureSwitched,
  type SwitchedMeasured,
  verifySwitched,
} from '../selftest/switched.ts'
import type { Io } from './io.ts'

export const summary = 'guides the bring-up of a unit, and stores its signed calibration'
export const usage = `usage: tenfold commission --port PATH --key FILE [options]

  --port PATH      the board's serial port; a gateway that has it must let go of it first
  --key FILE       your key, which signs the calibration; "tenfold claim key" makes one
  --motor          with a bridge, afterwards: resistance and direction of the motor, too
  --answers FILE   the answers, one a line, instead of being asked
  --unit ID        the unit's id; else it is made of machine and chip
  --baud N         115200 where it is not said
  --out FOLDER     where the record goes (default .tenfold/calibrations)

You need a supply with a current limit and a meter; first unplug all that moves or heats. Where a
current is watched: gate off, current zero, ends of the trigger, a known current. With --motor you
connect the motor then, and drive it by its trigger: locked and lightly for its resistance, free for
its direction. Else (valves, heaters): gate and each output off at its pin, hand switch, emergency
stop, the resistance of what hangs on an output, the way that each valve moves while you hold the
machine's own control, each watched sensor at one or two known values. Then it is stored and read
back. Until then a unit runs at reduced limits.`

const options = {
  port: { type: 'string' },
  key: { type: 'string' },
  motor: { type: 'boolean', default: false },
  answers: { type: 'string' },
  unit: { type: 'string' },
  baud: { type: 'string', default: '115200' },
  out: { type: 'string', default: join('.tenfold', 'calibrations') },
} as const

/** What a test gives in the place of the real world. */
export interface Outside {
  open: typeof realPort
  ports?: ListPorts
  clock: Clock
  ask: Ask
}

const terminal: Ask = async (question) => {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(`${question} `)
  } finally {
    lines.close()
  }
}

export const run = (args: string[], io: Io): Promise<number> =>
  runOn(args, io, { open: realPort, clock: systemClock(), ask: terminal })

/** The same, with port, clock and person given. */
export const runOn = async (args: string[], io: Io, outside: Outside): Promise<number> => {
  const { values } = parseArgs({ args, options })
  const { port, key, unit, answers } = values
  const ports = outside.ports ?? realPorts
  if (port === undefined || key === undefined) throw await missing('commission', ports)
  const signer = loadSigner(resolve(io.cwd, key))
  const ask = answers === undefined ? outside.ask : fromFile(resolve(io.cwd, answers))
  const bench = await openBench(
    { port, baud: Number(values.baud), unit },
    { ...outside, ports, io },
  )
  const board = new CommissionBoard(bench.line, ask)
  const out = resolve(io.cwd, values.out)
  const work = {
    ...workOf(bench),
    board,
    io,
    store: storeInto({ bench, board, signer, out, outside }),
  }
  try {
    await board.rest()
    if (bench.machine.safety.current === undefined) {
      if (values.motor) throw noBridge()
      await bringUpSwitched(work)
    } else await bringUpBridge(work, values.motor)
    return 0
  } finally {
    await board.end().catch(() => {})
    await bench.close()
  }
}

type Store = (made: {
  measured: Measured | SwitchedMeasured
  notDone: readonly string[]
  own?: readonly number[]
}) => Promise<string>

type Work = ReturnType<typeof workOf> & { board: CommissionBoard; io: Io; store: Store }

const workOf = ({ profile, machine, unit }: Bench) => {
  const chip = loadBoard(unit.board)
  const [spec] = Object.values(profile.loops)
  if (spec === undefined) throw new Error('a bench has a loop')
  const { analogues } = wire({ profile, board: chip, loop: machine.loop, spec })
  return { machine: { ...machine, spec }, unit, analogues, countsMost: chip.analogueCounts ?? 1 }
}

/** Signs what was measured, keeps it in a file, and on the board with the file's digest. */
const storeInto =
  (parts: {
    bench: Bench
    board: CommissionBoard
    signer: ReturnType<typeof loadSigner>
    out: string
    outside: Pick<Outside, 'clock'>
  }): Store =>
  async ({ measured, notDone, own = [] }) => {
    const { bench, board, signer, out, outside } = parts
    const record: CalibrationRecord = {
      ...{ kind: 'calibration', version: 1, author: signer.did, unit: bench.unit },
      time: new Date(outside.clock.nowUs() / 1000).toISOString(),
      ...{ measured, notDone },
    }
    const bytes = signRecord(record, coseTypes.calibration, signer)
    const path = keep(bytes, out, record)
    await board.store(measured.lines, createHash('sha256').update(bytes).digest(), own)
    await board.end()
    return path
  }

const bringUpBridge = async (work: Work, withMotor: boolean): Promise<void> => {
  const { board, machine, io, store, unit } = work
  const measured = await measure(board, { ...machine, ...work })
  const path = await store({ measured, notDone: motorParts })
  const read = await verify(board, machine, measured.currentKnownA)
  tell(io, { unit: unit.unit, measured, read })
  io.out(`signed: ${path}`)
  if (!withMotor) {
    io.out(`not done: ${motorParts.join(', ')} (--motor)`)
    return
  }
  const motor = await measureMotor(board, machine)
  // Once more with the motor, by the same lines: the board keeps the digest of what is newest.
  await board.rest()
  const own = measuredOf(machine, motor)
  const again = await store({ measured: { ...measured, motor }, notDone: [], own })
  io.out(`the motor turns forward; ${motor.resistanceOhm.toFixed(4)} Ohm at ${ampsOf(motor)}`)
  io.out(`signed: ${again}`)
}

const bringUpSwitched = async (work: Work): Promise<void> => {
  const { board, machine, io, store, unit } = work
  const measured = await measureSwitched(board, { ...machine, ...work })
  const notDone = leftOf(machine, measured)
  const path = await store({ measured, notDone })
  const now = await verifySwitched(board, machine, measured)
  io.out(`${unit.unit} is calibrated; its limits are the machine file's`)
  for (const [signal, read] of Object.entries(now)) {
    const last = measured.sensors[signal]?.at(-1)
    io.out(
      `  ${signal} ${last?.should} read ${last?.read.toFixed(2)} before, ${read.toFixed(2)} now`,
    )
  }
  for (const [drive, ohm] of Object.entries(measured.loadsOhm)) io.out(`  ${drive}: ${ohm} Ohm`)
  const { asNamed, limits } = measured.directions ?? {}
  if (asNamed !== undefined) io.out(`  moves as named: ${asNamed.join(', ')} (${limits} limits)`)
  io.out(`signed: ${path}`)
  if (notDone.length > 0) io.out(`not done: ${notDone.join(', ')}`)
}

const noBridge = (): OperatingError =>
  new OperatingError('nothing_to_measure', {
    message: 'this machine has no bridge whose motor could be measured',
    remedy: 'Leave --motor out.',
  })

const motorParts = ['direction of the motor', 'resistance of the motor'] as const

const ampsOf = ({ currentA, motorCel, coldOhm, nominalOhm }: MotorMeasured): string =>
  `${currentA.toFixed(1)} A and ${motorCel.toFixed(0)} Cel, so the loop uses ` +
  `${coldOhm.toFixed(4)} Ohm at 20 Cel (machine file: ${nominalOhm} Ohm)`

const tell = (
  io: Io,
  { unit, measured, read }: { unit: string; measured: Measured; read: number },
): void => {
  io.out(`${unit} is calibrated; its current limits are the machine file's`)
  io.out(
    `  ${measured.currentKnownA} A read ${measured.currentReadA.toFixed(2)} A before, ` +
      `${read.toFixed(2)} A now (allowed: ${currentError.share * 100} % and ` +
      `${currentError.amps} A); zero was ${measured.currentZeroA.toFixed(2)} A`,
  )
}

const keep = (bytes: Uint8Array, folder: string, { unit, time }: CalibrationRecord): string => {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${unit.unit}-${time.replaceAll(':', '')}.cose`)
  writeFileSync(path, bytes, { flag: 'wx' })
  return path
}

const fromFile = (path: string): Ask => {
  const lines = readFileSync(path, 'utf8').split('\n')
  return (question) => {
    const line = lines.shift()
    if (line !== undefined && line !== '') return Promise.resolve(line)
    const remedy = 'One line an answer, in the order of the questions.'
    const message = `no answer to: ${question}`
    return Promise.reject(new OperatingError('answer_missing', { message, remedy }))
  }
}
