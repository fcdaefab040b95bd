// `tenfold backup`: the data folder of a gateway, running or not, in one file. It writes that file
// and nothing else.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { backUp } from '../backup/backup.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { Io } from './io.ts'

export const summary = 'writes the data of a gateway, which may be running, into one file'
export const usage = `usage: tenfold backup --out FILE [options]

  --out FILE       a tar file, mode 0600; there must be none of this name
${configUsage}

It holds everything that was acknowledged when it began: log, store, pairings, and the keys of the
gateway, not encrypted: who has it can sign as this gateway. Files outside of the data folder are
not in it: the config, credentials, secrets. Room for twice the store is needed there.`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({ args, options: { ...configOptions, out: { type: 'string' } } })
  if (values.out === undefined) {
    throw new OperatingError('usage', {
      message: 'where the backup goes is missing',
      remedy: 'Give --out FILE.',
    })
  }
  const { data } = readConfig(io, values).loaded.config
  const out = resolve(io.cwd, values.out)
  const { files, gateway } = await backUp({ data, out, nowUs: systemClock().nowUs() })
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  io.out(`${values.out}: ${files.length} files, ${bytes} bytes, of ${gateway ?? 'no key yet'}`)
  io.out('It holds the keys of the gateway: keep it as private as the gateway itself.')
  return 0
}
