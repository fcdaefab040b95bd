// `tenfold selftest`: injects each fault of a machine's safety section into a real board, at the
// sample stage, and keeps a signed report that says what was injected and what only a physical test
// can show. The person's key signs; where the board has one, its chain takes the report's digest.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { hasReduced, reduced } from '../../firmware/kernel-constants.ts'
import { physicalOnly } from '../../firmware/selftest-faults.ts'
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
import { SelftestBoard } from '../selftest/board.ts'
import {
  openRecord,
  outcomeLine,
  reportLines,
  type SelftestReport,
  selftestType,
  signRecord,
} from '../selftest/report.ts'
import { runSelftest } from '../selftest/run.ts'
import type { Io } from './io.ts'

export const summary = 'injects faults into a board at rest, and signs a report of what it did'
export const usage = `usage: tenfold selftest --port PATH --key FILE --motor-disconnected [options]
       tenfold selftest check FILE

  --port PATH            the board's serial port; a gateway that has it must let go of it first
  --key FILE             your key, which signs the report; "tenfold claim key" makes one
  --motor-disconnected   you have disconnected the motor; nothing is done without
  --unit ID              the unit's id; else it is made of machine and chip
  --baud N               115200 where it is not said
  --longest SECONDS      leaves out what takes longer; the report lists it
  --out FOLDER           where the report goes (default .tenfold/selftests)
  check FILE             checks the signature of a report, and prints it

No pin moves during the test, and nothing of it is latched or counted. Exit code 10: a fault was not
ended as stated.`

const options = {
  port: { type: 'string' },
  key: { type: 'string' },
  'motor-disconnected': { type: 'boolean', default: false },
  unit: { type: 'string' },
  baud: { type: 'string', default: '115200' },
  longest: { type: 'string' },
  out: { type: 'string', default: join('.tenfold', 'selftests') },
} as const

/** What a test gives in the place of the real world. */
export interface Outside {
  open: typeof realPort
  ports?: ListPorts
  clock: Clock
}

export const run = (args: string[], io: Io): Promise<number> =>
  runOn(args, io, { open: realPort, clock: systemClock() })

/** The same, with port and clock given. */
export const runOn = async (args: string[], io: Io, outside: Outside): Promise<number> => {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
  const [what, file] = positionals
  if (what === 'check' && file !== undefined) return check(resolve(io.cwd, file), io)
  const { port, key, unit } = values
  if (what !== undefined) throw wrongUse()
  const ports = outside.ports ?? realPorts
  if (port === undefined || key === undefined) throw await missing('selftest', ports)
  if (!values['motor-disconnected']) {
    throw new OperatingError('motor_connected', {
      message: 'it is not said that the motor is disconnected',
      remedy: 'Disconnect it, and say so with --motor-disconnected.',
    })
  }
  const signer = loadSigner(resolve(io.cwd, key))
  const { clock } = outside
  const bench = await openBench(
    { port, baud: Number(values.baud), unit },
    { ...outside, ports, io },
  )
  try {
    const { line, machine } = bench
    const board = new SelftestBoard({ line, safety: machine.safety, clock })
    const told = (outcome: Parameters<typeof outcomeLine>[0]): void => io.err(outcomeLine(outcome))
    const mostS = Number(values.longest ?? Number.POSITIVE_INFINITY)
    // A unit that is not calibrated has lower limits, and is to be judged by them.
    const { isCalibrated } = await board.state()
    const safety = isCalibrated ? machine.safety : reduced(machine.safety)
    const ran = await runSelftest(board, { ...machine, safety }, { mostS, told })
    const report: SelftestReport = {
      ...{ kind: 'selftest', version: 1, author: signer.did, unit: bench.unit },
      time: new Date(clock.nowUs() / 1000).toISOString(),
      isCalibrated,
      isReduced: !isCalibrated && hasReduced(machine.safety),
      passed: ran.injected.every(({ passed }) => passed),
      ...ran,
      physical: physicalOnly(machine.safety),
    }
    for (const text of reportLines(report)) io.out(text)
    const bytes = signRecord(report, selftestType, signer)
    keep(bytes, { folder: resolve(io.cwd, values.out), report, io })
    await include(bench, bytes, io)
    return report.passed ? 0 : 10
  } finally {
    await bench.close()
  }
}

const keep = (
  bytes: Uint8Array,
  { folder, report, io }: { folder: string; report: SelftestReport; io: Io },
): void => {
  mkdirSync(folder, { recursive: true })
  const name = `${report.unit.unit}-${report.time.replaceAll(':', '')}.cose`
  writeFileSync(join(folder, name), bytes, { flag: 'wx' })
  io.out(`signed: ${join(folder, name)}`)
}

/** The unit's own word, where it has a key: an entry of its chain with the report's digest. */
const include = async ({ line, unit }: Bench, bytes: Uint8Array, io: Io): Promise<void> => {
  const digest = createHash('sha256').update(bytes).digest()
  const answer = await line.ask('claim', [digest, 'selftested'])
  const isTaken = answer.is === 'result' && answer.code === 0
  io.out(
    isTaken
      ? `${unit.unit} takes the report into its chain: ${digest.toString('hex')}`
      : `${unit.unit} keeps no chain of its own: the report is only in its file`,
  )
}

const check = (path: string, io: Io): number => {
  const report = openRecord(readFileSync(path), selftestType) as SelftestReport
  for (const text of reportLines(report)) io.out(text)
  io.out(`the signature is that of ${report.author}`)
  return report.passed ? 0 : 10
}

const wrongUse = (): OperatingError =>
  new OperatingError('usage', {
    message: 'it is "tenfold selftest" with options, or with "check" and a file',
    remedy: 'See "tenfold help selftest".',
  })
