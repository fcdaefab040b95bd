// `tenfold upgrade`: the data of an earlier program in the present form, after a backup of it. A
// gateway does the same at its start, without a backup.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { upgrade } from '../backup/upgrade.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { Io } from './io.ts'

export const summary = 'brings the data folder of an earlier program to the present form'
export const usage = `usage: tenfold upgrade --backup FILE [options]

  --backup FILE    where the present state is kept first (see "tenfold help backup")
${configUsage}

No gateway may run on the folder. There is no way back but the backup and the earlier program.`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({ args, options: { ...configOptions, backup: { type: 'string' } } })
  if (values.backup === undefined) {
    throw new OperatingError('usage', {
      message: 'where the backup goes is missing',
      remedy: 'Give --backup FILE.',
    })
  }
  const { data } = readConfig(io, values).loaded.config
  const out = resolve(io.cwd, values.backup)
  const { from, to, records } = await upgrade({ data, out, nowUs: systemClock().nowUs() })
  io.out(`${data}: the log is whole, ${records} records`)
  io.out(from === to ? `store version ${to}: as it was` : `store version ${from} -> ${to}`)
  return 0
}
