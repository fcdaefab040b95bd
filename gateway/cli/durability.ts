// `tenfold durability`: the life analysis of anybody's CSV, as a table and a plot. The only file of
// the durability part that reads or writes a file; everything else is a pure function.
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { OperatingError } from '../core/errors.ts'
import { lifeReport, type Report, repairReport } from '../durability/analyse.ts'
import type { Reference } from '../durability/claim.ts'
import { describeProblem, type Problem, readSheet } from '../durability/csv.ts'
import { livesFromInspections } from '../durability/inspections.ts'
import { Refusal } from '../durability/refusal.ts'
import {
  historiesFromSheet,
  type LifeColumns,
  livesFromSheet,
  type ReadHistories,
  type ReadLives,
} from '../durability/rows.ts'
import type { Io } from './io.ts'
import { runAdd, runTable, tableUsage } from './life-table.ts'

export const summary = 'life analysis of a CSV: survival, Weibull, repairs, claim, plot'
export const usage = `usage: tenfold durability <file.csv> [options]

One row per unit (fails once):
  --age NAME         column of ages: hours, km, cycles ... at failure or at last sight
  --status NAME      column with failed or censored (1 or 0), or silent
  --made NAME --at NAME   dates instead of ages: made, and failed or last seen
  --entry NAME       age at which a unit came under observation (late entry)
  --unit NAME        serial number: two rows with one serial are an error
  --mode NAME        failure mode
  --count NAME       how many equal units the row stands for
  --after NAME --before NAME   inspections instead: last seen working, found failed (or empty)

One row per failure of a machine that is repaired:
  --repairable       with --machine NAME, --age NAME (cumulative),
                     --event NAME (1 = failed, 0 = end of watching)
  --end AGE          watched until this age, for machines without such a row
  --at-age AGE       age at which to compare with --reference

  --age-unit TEXT    unit to print (h, km ...)
  --confidence P     two-sided for intervals, one-sided for claims (0.9)
  --beta B           shape to assume (Weibayes) while failures are too few
  --reference FILE   CSV of the tool to compare with, same columns
  --reference-b10 A  or its B10 as a number
  --target N         the claim to judge (10 times)
  --planned-cost C --failure-cost C   also the best age to replace
  --plot FILE.svg    writes the charts
  --skip-bad-rows    uses the good rows, and says with every result how many were left out, and
                     how many of those had not failed: without them lives look too short

Life tables of gateways:
${tableUsage}

Exit code: 0 done, 1 refused (what to do is printed).`

const options = {
  age: { type: 'string' },
  status: { type: 'string' },
  made: { type: 'string' },
  at: { type: 'string' },
  entry: { type: 'string' },
  unit: { type: 'string' },
  mode: { type: 'string' },
  count: { type: 'string' },
  after: { type: 'string' },
  before: { type: 'string' },
  'at-age': { type: 'string' },
  repairable: { type: 'boolean' },
  machine: { type: 'string' },
  event: { type: 'string' },
  end: { type: 'string' },
  'age-unit': { type: 'string' },
  confidence: { type: 'string' },
  beta: { type: 'string' },
  reference: { type: 'string' },
  'reference-b10': { type: 'string' },
  target: { type: 'string' },
  'planned-cost': { type: 'string' },
  'failure-cost': { type: 'string' },
  plot: { type: 'string' },
  'skip-bad-rows': { type: 'boolean' },
} as const

type Flags = {
  [K in keyof typeof options]?: (typeof options)[K]['type'] extends 'boolean' ? boolean : string
}

const operating = (code: string, message: string, remedy: string): never => {
  throw new OperatingError(code, { message, remedy })
}

const readFlags = (args: string[]): { flags: Flags; file: string } => {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [file, ...more] = positionals
    if (file === undefined || more.length > 0) {
      return operating('arguments_wrong', 'one CSV file is needed', usage)
    }
    return { flags: values as Flags, file }
  } catch (error) {
    if (error instanceof OperatingError) throw error
    return operating('arguments_wrong', (error as Error).message, usage)
  }
}

/** A number given by a flag; undefined when absent. */
const numberOf = (flags: Flags, name: keyof Flags): number | undefined => {
  const text = flags[name]
  if (text === undefined) return undefined
  const value = Number(text)
  return typeof text === 'string' && text.trim() !== '' && Number.isFinite(value)
    ? value
    : operating(
        'arguments_wrong',
        `--${name} ${text} is no number`,
        'Write it with a decimal point.',
      )
}

const read = async (io: Io, path: string): Promise<string> => {
  try {
    return await readFile(resolve(io.cwd, path), 'utf8')
  } catch (error) {
    return operating(
      'file_unreadable',
      `${path} cannot be read: ${(error as Error).message}`,
      'Check the path and the rights of the file.',
    )
  }
}

const MOST_SHOWN = 20

const tellProblems = (io: Io, file: string, problems: readonly Problem[]): void => {
  for (const problem of problems.slice(0, MOST_SHOWN))
    io.err(`${file}: ${describeProblem(problem)}`)
  if (problems.length > MOST_SHOWN) io.err(`${file}: and ${problems.length - MOST_SHOWN} more`)
}

const columnsOf = ({ age, status, entry, unit, mode, count, made, at }: Flags): LifeColumns => ({
  age,
  status,
  entry,
  unit,
  mode,
  count,
  made,
  at,
})

/** A refusal that names the file it is about: there can be two. */
const inFile = <T>(file: string, f: () => T): T => {
  try {
    return f()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return operating(error.code, `${file}: ${error.reason}`, `${error.remedy}.`)
  }
}

/** Life data of a file, by the columns that the flags name; faults are told. */
const livesOf = async (io: Io, flags: Flags, file: string): Promise<ReadLives> => {
  const text = await read(io, file)
  const skip = flags['skip-bad-rows'] ?? false
  const { after, before, count } = flags
  if ((after === undefined) !== (before === undefined)) {
    operating('arguments_wrong', 'only one of --after and --before is given', 'Give both.')
  }
  const result = inFile(file, () =>
    after !== undefined && before !== undefined
      ? livesFromInspections(readSheet(text), { after, before, count }, skip)
      : livesFromSheet(readSheet(text), columnsOf(flags), skip),
  )
  tellProblems(io, file, result.problems)
  return result
}

const historiesOf = async (io: Io, flags: Flags, file: string): Promise<ReadHistories> => {
  const text = await read(io, file)
  const { age, machine, event } = flags
  const names = { age, machine, event, end: numberOf(flags, 'end') }
  const result = inFile(file, () =>
    historiesFromSheet(readSheet(text), names, flags['skip-bad-rows']),
  )
  tellProblems(io, file, result.problems)
  return result
}

const tellLeftOut = (
  io: Io,
  { leftOut, rows, leftOutRunning = 0 }: Pick<ReadLives, 'leftOut' | 'rows' | 'leftOutRunning'>,
): void => {
  if (leftOut > 0) io.out(`reference: ${leftOut} of ${rows} rows left out`)
  if (leftOutRunning > 0) {
    io.out(
      `reference: WARNING: ${leftOutRunning} of those had not failed: without them its lives ` +
        'look too short, and the claim too great',
    )
  }
}

const referenceOf = async (io: Io, flags: Flags): Promise<Reference | undefined> => {
  const b10 = numberOf(flags, 'reference-b10')
  if (b10 !== undefined) return { b10 }
  if (flags.reference === undefined) return undefined
  const result = await livesOf(io, flags, flags.reference)
  tellLeftOut(io, result)
  return result.lives
}

const analyseLives = async (io: Io, flags: Flags, file: string): Promise<Report> => {
  const result = await livesOf(io, flags, file)
  const planned = numberOf(flags, 'planned-cost')
  const failed = numberOf(flags, 'failure-cost')
  return lifeReport({
    ...result,
    ageUnit: flags['age-unit'] ?? result.ageUnit,
    confidence: numberOf(flags, 'confidence') ?? 0.9,
    assumedBeta: numberOf(flags, 'beta'),
    target: numberOf(flags, 'target') ?? 10,
    reference: await referenceOf(io, flags),
    costs: planned !== undefined && failed !== undefined ? { planned, failed } : undefined,
  })
}

const analyseRepairs = async (io: Io, flags: Flags, file: string): Promise<Report> => {
  const result = await historiesOf(io, flags, file)
  const other =
    flags.reference === undefined ? undefined : await historiesOf(io, flags, flags.reference)
  if (other) tellLeftOut(io, other)
  return repairReport({
    ...result,
    ageUnit: flags['age-unit'] ?? result.ageUnit,
    confidence: numberOf(flags, 'confidence') ?? 0.9,
    reference: other?.histories,
    atAge: numberOf(flags, 'at-age'),
    target: numberOf(flags, 'target') ?? 10,
  })
}

/** Runs the command. Throws OperatingError; a refusal of the analysis becomes one. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const [first, ...rest] = args
  if (first === 'table') return runTable(rest, io)
  if (first === 'add') return runAdd(rest, io)
  const { flags, file } = readFlags(args)
  try {
    const analyse = flags.repairable ? analyseRepairs : analyseLives
    const report = await analyse(io, flags, file)
    for (const line of report.lines) io.out(line)
    if (flags.plot !== undefined) {
      await writeFile(resolve(io.cwd, flags.plot), report.svg)
      io.out(`plot: ${flags.plot}`)
    }
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return operating(error.code, error.reason, `${error.remedy}.`)
  }
}
