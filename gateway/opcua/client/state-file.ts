// Where each node of a server was left, kept over restarts. Written now and then, with an offset of
// the log: what came after it is followed from the log's own records (follow), so that a killed
// gateway knows exactly what it has. A file that cannot be read counts as none.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseTopic } from '../../../hardware-profiles/names.ts'

/** How far the log has each node, by `unit/name`; times in microseconds since 1970. */
export interface Reached {
  /** Newest source time in the log. */
  marksUs: Record<string, number>
  /** From where on the log says that it is unknown; absent where a value came after that. */
  gapsUs: Record<string, number>
}

export interface ServerState extends Reached {
  /** Newest time of the server's clock, microseconds since 1970; 0 before the first. */
  heardUs: number
  /** All records of the log below it are considered; absent where it is not known. */
  offset?: number
}

export const statePath = (folder: string, server: string): string => join(folder, `${server}.json`)

export const readState = (path: string): ServerState | undefined => {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as Partial<ServerState>
    const { marksUs = {}, gapsUs = {}, heardUs = 0, offset } = state
    const numbers = [heardUs, offset ?? 0, ...Object.values(marksUs), ...Object.values(gapsUs)]
    if (!numbers.every((one) => Number.isSafeInteger(one) && one >= 0)) return undefined
    return { marksUs, gapsUs, heardUs, ...(offset !== undefined && { offset }) }
  } catch {
    return undefined
  }
}

/** Throws what the file system throws. */
export const writeState = (path: string, state: ServerState): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, JSON.stringify(state), { flush: true })
  renameSync(`${path}.new`, path)
}

/** A report of a unit as the log has it. */
export interface LoggedReport {
  readonly topic: string
  /** JSON text. */
  readonly payload: string
  /** Says only from where on its signals are unknown. */
  readonly gap?: true
}

/**
 * Moves `reached` on by one record of the log, in the log's order; from further back again, it
 * comes to the same end. What is no report of a server is passed over.
 */
export const follow = (reached: Reached, { topic, payload, gap }: LoggedReport): void => {
  const { unit, kind } = parseTopic(topic) ?? {}
  if (unit === undefined || kind !== 'report') return
  const { time, v, c, q } = JSON.parse(payload) as {
    time: number
    v?: object
    c?: object
    q?: object
  }
  for (const name of Object.keys({ ...v, ...c, ...q })) {
    const key = `${unit}/${name}`
    if (gap === true) {
      reached.gapsUs[key] = time
      continue
    }
    reached.marksUs[key] = Math.max(reached.marksUs[key] ?? 0, time)
    delete reached.gapsUs[key]
  }
}
