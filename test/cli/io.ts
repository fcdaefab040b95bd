// The outside of a command, kept in memory: what it printed, and a folder of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Io } from '../../gateway/cli/io.ts'
import { main } from '../../gateway/cli/tenfold.ts'
import { root } from '../tree.ts'

export interface TestIo extends Io {
  lines: string[]
  errors: string[]
  /** Runs a whole command line, as the shell would. */
  tenfold(...args: string[]): Promise<number>
  remove(): Promise<void>
}

/** What a shell must get of the errors that were printed: wrong use is 2, all else 1. */
export const refused = ({ errors }: TestIo): number =>
  errors.some((line) => line.trim() === 'code: usage') ? 2 : 1

export const testIo = async (env: Io['env'] = {}): Promise<TestIo> => {
  const cwd = await mkdtemp(join(tmpdir(), 'tenfold-cli-'))
  const io: TestIo = {
    lines: [],
    errors: [],
    out: (line) => io.lines.push(line),
    err: (line) => io.errors.push(line),
    env,
    cwd,
    signal: new AbortController().signal,
    tenfold: (...args) => main(args, io, join(root, 'gateway', 'cli')),
    remove: () => rm(cwd, { recursive: true }),
  }
  return io
}
