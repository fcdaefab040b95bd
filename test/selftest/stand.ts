// An emulated Pico at a person's bench: its UART is the port that a command opens, and it runs
// while the command waits. Volts at its pins are the test's.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Image } from '../../firmware/image.ts'
import { run as claim } from '../../gateway/cli/claim.ts'
import type { Io } from '../../gateway/cli/io.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { OperatingError } from '../../gateway/core/errors.ts'
import { type Bench, ms, put, type Volts } from '../boards/pins.ts'
import type { W25q } from '../emu/w25q.ts'

export interface Stand extends Bench {
  /** As a command wants it in the place of a real port and clock. */
  outside: {
    open: () => Promise<{
      onData(listener: (bytes: Uint8Array) => void): void
      write(bytes: Uint8Array): void
      close(): Promise<void>
    }>
    clock: ReturnType<typeof systemClock>
  }
  stop: () => Promise<void>
}

export const standWith = (image: Image, volts?: Volts, flash?: W25q): Stand => {
  const bench = put(image, volts, flash)
  const { pico } = bench
  const coming: number[] = []
  let going: number[] = []
  let listener: (bytes: Uint8Array) => void = () => {}
  const heard = pico.options.onUart
  pico.options.onUart = (byte) => {
    heard?.(byte)
    going.push(byte)
  }
  let isStopping = false
  const ended = (async () => {
    while (!isStopping) {
      for (let bytes = 11; bytes > 0 && coming.length > 0; bytes -= 1) {
        if (pico.feed(coming[0] as number)) coming.shift()
      }
      pico.run(ms)
      if (going.length > 0) {
        const bytes = Uint8Array.from(going)
        going = []
        listener(bytes)
      }
      await new Promise((resume) => setImmediate(resume))
    }
  })()
  const open: Stand['outside']['open'] = () =>
    Promise.resolve({
      onData: (given) => {
        listener = given
      },
      write: (bytes) => void coming.push(...bytes),
      close: () => Promise.resolve(),
    })
  const stop = async (): Promise<void> => {
    isStopping = true
    await ended
  }
  return { ...bench, outside: { open, clock: systemClock() }, stop }
}

export interface Desk extends Io {
  lines: string[]
  key: string
  remove: () => void
}

/** A folder with a person's key in it, and what a command prints there. */
export const desk = async (): Promise<Desk> => {
  const cwd = mkdtempSync(join(tmpdir(), 'tenfold-bench-'))
  const lines: string[] = []
  const signal = new AbortController().signal
  const out = (line: string): void => void lines.push(line)
  const io = { out, err: () => {}, env: {}, cwd, signal }
  await claim(['key', '--out', 'me.pem'], io)
  const remove = (): void => rmSync(cwd, { recursive: true, force: true })
  return { ...io, lines, key: join(cwd, 'me.pem'), remove }
}

/** The error of operation that a promise must end with. */
export const refusalOf = async (promise: Promise<unknown>): Promise<OperatingError> => {
  try {
    await promise
  } catch (error) {
    return error as OperatingError
  }
  throw new Error('it was not refused')
}
