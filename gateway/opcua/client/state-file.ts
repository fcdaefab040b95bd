// Where each node of a server was left, kept over restarts: the source time up to which its values
// are in the log. Written now and then, so a killed gateway asks again for a few seconds that it
// has; their reports carry the same source time as before. A file that cannot be read counts as
// none.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface LinkState {
  /** Newest source time in the log by `unit/name`, microseconds since 1970. */
  marksUs: Record<string, number>
  /** Newest time of the server's clock, microseconds since 1970; 0 before the first. */
  heardUs: number
}

export const readState = (path: string): LinkState | undefined => {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as LinkState
    const times = [state.heardUs, ...Object.values(state.marksUs)]
    return times.every((time) => Number.isSafeInteger(time) && time >= 0) ? state : undefined
  } catch {
    return undefined
  }
}

export const writeState = (path: string, state: LinkState): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, JSON.stringify(state))
  renameSync(`${path}.new`, path)
}
