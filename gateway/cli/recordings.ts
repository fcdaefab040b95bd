// `tenfold recordings`: which recordings of black boxes a gateway keeps, beside one that runs or
// without. It reads names of files and changes nothing.
import { parseArgs } from 'node:util'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { OperatingError } from '../core/errors.ts'
import { causeOf, keptIn, shelfOf } from '../sources/serial/shelf.ts'
import type { Io } from './io.ts'
import { profilesOf } from './serve.ts'

export const summary = 'lists the recordings of black boxes that the gateway has fetched'
export const usage = `usage: tenfold recordings [<unit>] [options]

${configUsage}

One line each: when it was fetched, the unit, the board's number of it, the boot that it is of, what
froze it. "tenfold replay-fault --unit <unit> --recording <number>" runs one through the twin.`

/** Runs the command. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    ...{ args, options: configOptions, allowPositionals: true },
  })
  const [unit, ...more] = positionals
  if (more.length > 0) {
    throw new OperatingError('usage', {
      message: 'one unit is to be named, or none',
      remedy: 'See "tenfold help recordings".',
    })
  }
  const { data } = readConfig(io, values).loaded.config
  const kept = await keptIn(shelfOf(data), unit)
  if (kept.length === 0) io.out(`no recordings${unit === undefined ? '' : ` of ${unit}`}`)
  const profiles = profilesOf()
  const width = Math.max(...kept.map((one) => one.unit.length))
  for (const one of kept) {
    const at = new Date(one.receivedUs / 1000).toISOString()
    const what = `recording ${one.number}, boot ${one.boot}`
    io.out(`${at}  ${one.unit.padEnd(width)}  ${what}  ${causeOf(one, profiles)}`)
  }
  return 0
}
