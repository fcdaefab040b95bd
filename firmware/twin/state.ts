// What a twin keeps over a power cut, as a board keeps it in flash: boot count, counters, the
// pack's charge and temperatures, the memory of its event rules. One small file, replaced whole.
// Counters are reported as committed here, so they never go back; a cut loses what was not yet
// committed (twin.ts: at most 1 s).
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { RuleState } from '../../hardware-profiles/rules.ts'

export interface Kept {
  /** Power-ups so far, this one included. */
  boot: number
  /** Lifetime totals by the loop's counter names, in the loop's units. */
  counters: Record<string, number>
  /** What the plant keeps. */
  plant: Record<string, number>
  rules: RuleState
  /** The hard trip that the safety kernel has latched, where there is one. */
  trip?: number
}

/** The kept state cannot be read, or is not one. Nothing is overwritten. */
export class StateError extends Error {
  override name = 'StateError'
}

export interface StateFile {
  /** As of the last commit. */
  readonly kept: Readonly<Kept>
  /** Returns once the new state survives a power cut. Throws where it could not be written. */
  commit(next: Omit<Kept, 'boot'>): void
}

const fileName = 'twin.json'

/**
 * Opens the state in `folder` (created where absent) and counts this boot: it is committed before
 * the return, so that no two runs ever speak with the same boot count.
 */
export const openState = (folder: string): StateFile => {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, fileName)
  const before = read(file) ?? { boot: 0, counters: {}, plant: {}, rules: {} }
  let kept: Kept = { ...before, boot: before.boot + 1 }
  write(folder, kept)
  return {
    get kept() {
      return kept
    },
    commit: (next) => {
      const full = { ...next, boot: kept.boot }
      write(folder, full)
      kept = structuredClone(full)
    },
  }
}

const read = (file: string): Kept | undefined => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return check(JSON.parse(text))
  } catch (cause) {
    throw new StateError(
      `${file} is not a twin's state: ${(cause as Error).message}. Its counters would start ` +
        'again from 0; put back a copy, or remove the file to start a new unit.',
      { cause },
    )
  }
}

const check = (value: unknown): Kept => {
  const { boot, counters, plant, rules, trip } = value as Kept
  if (!Number.isSafeInteger(boot) || boot < 1) throw new TypeError(`boot is ${boot}`)
  for (const [name, table] of Object.entries({ counters, plant, rules })) {
    if (typeof table !== 'object' || table === null) throw new TypeError(`${name} is missing`)
    for (const [key, number] of Object.entries(table)) {
      if (!Number.isFinite(number)) throw new TypeError(`${name}.${key} is ${String(number)}`)
    }
  }
  if (trip !== undefined && !Number.isInteger(trip)) throw new TypeError(`trip is ${trip}`)
  return { boot, counters, plant, rules, ...(trip !== undefined && { trip }) }
}

/** Beside, synced, renamed, folder synced: a power cut leaves the old state or the new one. */
const write = (folder: string, kept: Kept): void => {
  const beside = join(folder, `${fileName}.new`)
  const file = openSync(beside, 'w', 0o600)
  try {
    writeFileSync(file, JSON.stringify(kept))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, join(folder, fileName))
  const directory = openSync(folder, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
