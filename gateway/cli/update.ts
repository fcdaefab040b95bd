// An update of a unit's board through a running gateway: hands it the release, shows how far it is,
// and ends when it is kept or refused. Ctrl-C ends only the showing. Not a command by itself.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { UpdateJob } from '../core/update.ts'
import { type AskValues, ask } from './ask.ts'
import type { Io } from './io.ts'

const lookMs = 500
const words: Readonly<Record<UpdateJob['state'], string>> = {
  sending: 'sending',
  restarting: 'it has all; it restarts into the new image',
  trying: 'it runs the new image on trial',
  done: 'done',
  failed: 'failed',
}

export const update = async (
  io: Io,
  values: AskValues,
  { unit, path: file }: { unit: string; path: string },
): Promise<number> => {
  const path = `/api/units/${encodeURIComponent(unit)}/update`
  const release = read(resolve(io.cwd, file)).toString('base64')
  const clock = systemClock()
  let job: UpdateJob = await ask(io, values, { path, body: { release } })
  let said = ''
  while (!io.signal.aborted) {
    const line = lineOf(job)
    if (line !== said) io.out(line)
    said = line
    if (job.state === 'done') {
      io.out(`${unit} runs version ${job.version}, and keeps it`)
      return 0
    }
    if (job.error !== undefined) throw new OperatingError(job.error.code, job.error)
    await clock.sleep(lookMs, io.signal)
    job = (await ask<UpdateJob | null>(io, values, { path })) ?? job
  }
  io.out('the gateway goes on with it; ask again to see how it stands')
  return 0
}

/** Sent in tenths: a line for each, not for each byte. */
const lineOf = ({ state, sent, total }: UpdateJob): string =>
  state === 'sending' ? `sending   ${Math.floor((10 * sent) / total) * 10} %` : words[state]

const read = (path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new OperatingError('release_missing', {
      message: `${path} cannot be read: ${(cause as Error).message}`,
      remedy: 'Give the file .signed that "tenfold build --sign" wrote.',
      cause,
    })
  }
}
