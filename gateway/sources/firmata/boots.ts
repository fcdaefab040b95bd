// How often each unit's board was opened: its boot count, so that a report keeps its identity
// (unit, boot, sequence) over restarts of gateway and board. Written and synced before it is used.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { OperatingError } from '../../core/errors.ts'

export interface Boots {
  /** The next count of this unit, from 1. Throws an OperatingError where it cannot be kept. */
  next(unit: string): number
}

export const openBoots = (folder: string): Boots => {
  const path = join(folder, 'boots.json')
  let counts: Map<string, number> | undefined
  return {
    next(unit) {
      counts ??= read(path)
      const count = (counts.get(unit) ?? 0) + 1
      write(folder, path, new Map([...counts, [unit, count]]))
      counts.set(unit, count)
      return count
    },
  }
}

const read = (path: string): Map<string, number> => {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw unusable(path, error as Error)
  }
}

const write = (folder: string, path: string, counts: ReadonlyMap<string, number>): void => {
  try {
    mkdirSync(folder, { recursive: true })
    const file = openSync(`${path}.new`, 'w')
    writeSync(file, JSON.stringify(Object.fromEntries(counts)))
    fsyncSync(file)
    closeSync(file)
    renameSync(`${path}.new`, path)
    const directory = openSync(folder, 'r')
    fsyncSync(directory)
    closeSync(directory)
  } catch (error) {
    throw unusable(path, error as Error)
  }
}

const unusable = (path: string, cause: Error): OperatingError =>
  new OperatingError('firmata_boots', {
    message: `${path} cannot be used: ${cause.message}`,
    remedy: 'Check the disk; where the file is damaged, delete it: the boards then need new units.',
    cause,
  })
