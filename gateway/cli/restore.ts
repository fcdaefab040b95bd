// `tenfold restore`: a data folder from a backup, where there is none. It never writes over data,
// and says what a gateway that goes on from an older state has to watch.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { restore, restoredNotes } from '../backup/restore.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { Io } from './io.ts'

export const summary = 'makes the data folder of a gateway from a backup'
export const usage = `usage: tenfold restore <file> [--known PASSPORT]... [--older] [options]

  --known FILE     a passport that this gateway has given out, the newest that you have: refuses a
                   backup that is older, forked or of another gateway; repeatable
  --older          goes on from an older one all the same: passports given out since are void
${configUsage}

The folder must be absent or empty. Only one gateway may go on from a backup: two with one key
would sign different things under one number.`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...configOptions,
      known: { type: 'string', multiple: true, default: [] },
      older: { type: 'boolean', default: false },
    },
  })
  const [file, ...more] = positionals
  if (file === undefined || more.length > 0) {
    throw new OperatingError('usage', {
      message: 'one backup is to be named',
      remedy: 'See "tenfold help restore".',
    })
  }
  const { data } = readConfig(io, values).loaded.config
  const known = values.known.map((path) => readFileSync(resolve(io.cwd, path), 'utf8'))
  const from = resolve(io.cwd, file)
  const { older } = values
  const manifest = await restore({ from, data, known, older, nowUs: systemClock().nowUs() })
  io.out(`${data}: ${manifest.files.length} files, of ${manifest.gateway ?? 'no key yet'}`)
  for (const line of restoredNotes(data)) io.out(line)
  return 0
}
