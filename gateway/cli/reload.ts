// `tenfold reload`: has a running gateway read its settings again, or say what that would change.
// It reads no settings itself: the gateway reads those that it was started with.
import { parseArgs } from 'node:util'
import type { ReloadOutcome } from '../reload/reload.ts'
import { ask, askOptions, askUsage } from './ask.ts'
import type { Io } from './io.ts'

export const summary = 'has a running gateway take up changed settings'
export const usage = `usage: tenfold reload [--dry-run] [options]

  --dry-run        only says what would change
${askUsage}

All that differs is taken up, or nothing; so are new contents of the files that settings name, such
as passwords and certificates. Connections of units stay, but for those whose password has changed.
A certificate that cannot be used refuses it all. Settings that only a restart takes up are named,
and nothing is changed then.`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({
    args,
    options: { ...askOptions, 'dry-run': { type: 'boolean', default: false } },
  })
  const body = { dry: values['dry-run'] }
  const { changes, applied } = await ask<ReloadOutcome>(io, values, { path: '/api/reload', body })
  if (changes.length === 0) io.out('nothing differs')
  else io.out(applied ? 'done:' : 'would change:')
  for (const change of changes) io.out(`  ${change}`)
  return 0
}
