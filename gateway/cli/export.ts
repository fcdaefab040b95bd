// `tenfold export`: the raw readings of a unit as CSV (RFC 4180), from the store of a data folder,
// beside a running gateway or without one. It writes a file or standard output and changes nothing.
import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { OperatingError } from '../core/errors.ts'
import { prepareMachine } from '../core/machine.ts'
import type { Exported } from '../sinks/store/export.ts'
import { openStoreReader } from '../sinks/store/store.ts'
import type { Io } from './io.ts'
import { profilesOf } from './serve.ts'

export const summary = 'writes the readings of a unit as CSV'
export const usage = `usage: tenfold export <unit> [--from TIME] [--to TIME] [--out FILE] [options]

  --from, --to TIME     such as 2026-11-01 or 2026-11-01T08:00:00Z, both inclusive; UTC
  --out FILE            without it the table goes to standard output
${configUsage}

One row a reading, one column a signal or counter with its unit in the name. A cell is empty where
the value was absent or not usable; the column "quality" says why (JSON), with what was measured.`

/** Runs the command: 0, or an error that says what to do. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...configOptions,
      from: { type: 'string' },
      to: { type: 'string' },
      out: { type: 'string' },
    },
  })
  const [unit] = positionals
  if (unit === undefined || positionals.length > 1) throw wrongUse('one unit is to be named')
  const query = { unit, fromUs: timeOf('--from', values.from), toUs: timeOf('--to', values.to) }
  const { data } = readConfig(io, values).loaded.config
  const machines = new Map(
    profilesOf().map((profile) => [profile.machine, prepareMachine(profile)]),
  )
  const reader = openStoreReader(`${data}/store`, machines)
  try {
    const table = reader.queries.export(query)
    if (values.out === undefined) {
      for (const line of linesOf(table)) io.out(line)
      return 0
    }
    const path = resolve(io.cwd, values.out)
    const count = await writeTable(table, path)
    io.out(`${values.out}: ${count} readings of ${unit}`)
    return 0
  } finally {
    reader.close()
  }
}

const writeTable = async (table: Exported, path: string): Promise<number> => {
  let count = -1
  const lines = function* (): Generator<string> {
    for (const line of linesOf(table)) {
      count += 1
      yield `${line}\r\n`
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(path))
  return count
}

function* linesOf({ columns, rows }: Exported): Generator<string> {
  yield columns.map(cell).join(',')
  for (const row of rows()) yield row.map(cell).join(',')
}

/** RFC 4180: quotes around what holds a comma, a quote or a line break. */
const cell = (value: string | number | null): string => {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const timeOf = (option: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isFinite(ms)) return ms * 1000
  throw wrongUse(`${option} ${text} is not a time such as 2026-11-01T08:00:00Z`)
}

const wrongUse = (message: string): OperatingError =>
  new OperatingError('usage', { message, remedy: 'See "tenfold help export".' })
