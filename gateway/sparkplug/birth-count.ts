// bdSeq: counts the connections of an edge node, 0 to 255, over restarts, so that a death belongs
// to its birth. On the disk before it is used.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { OperatingError } from '../core/errors.ts'
import { following } from './sequence.ts'

/** The next number, kept in the file at `path`. Throws an OperatingError where it cannot be. */
export const nextBirth = (path: string): number => {
  try {
    const last = read(path)
    const next = last === undefined ? 0 : following(last)
    mkdirSync(dirname(path), { recursive: true })
    const file = openSync(`${path}.new`, 'w')
    writeSync(file, JSON.stringify({ bdSeq: next }))
    fsyncSync(file)
    closeSync(file)
    renameSync(`${path}.new`, path)
    const folder = openSync(dirname(path), 'r')
    fsyncSync(folder)
    closeSync(folder)
    return next
  } catch (cause) {
    throw new OperatingError('sparkplug_birth_count', {
      message: `${path} cannot be used: ${(cause as Error).message}`,
      remedy: 'Check the disk; where the file is damaged, delete it: the count then begins at 0.',
      cause,
    })
  }
}

const read = (path: string): number | undefined => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const { bdSeq } = JSON.parse(text) as { bdSeq?: unknown }
  if (Number.isInteger(bdSeq) && Number(bdSeq) >= 0 && Number(bdSeq) <= 255) return Number(bdSeq)
  throw new Error('it holds no number from 0 to 255')
}
