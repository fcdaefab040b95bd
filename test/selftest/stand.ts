// An emulated board at a person's bench: its UART is the port that a command opens, and it runs
// while the command waits. Volts at its pins are the test's.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Image } from '../../firmware/image.ts'
import type { Plant } from '../../firmware/twin/plant.ts'
import { run as claim } from '../../gateway/cli/claim.ts'
import type { Io } from '../../gateway/cli/io.ts'
import { type Clock, systemClock } from '../../gateway/core/clock.ts'
import type { OperatingError } from '../../gateway/core/errors.ts'
import { type Bench, ms, put, type Volts } from '../boards/pins.ts'
import type { Subject } from '../boards/stand.ts'
import { wiresOf } from '../boards/switch-pins.ts'
import { Pico } from '../emu/pico.ts'
import type { W25q } from '../emu/w25q.ts'

/** An emulated board whose UART is a port; both of them do. */
interface Chip {
  options: { onUart?: (byte: number) => void }
  readonly cycles: number
  feed(byte: number): boolean
  run(cycles: number): unknown
}

export interface Served {
  /** As a command wants it in the place of a real port and clock. */
  outside: {
    open: () => Promise<{
      onData(listener: (bytes: Uint8Array) => void): void
      write(bytes: Uint8Array): void
      close(): Promise<void>
    }>
    /** Of the board: on a busy machine it is slow, idle it runs ahead, and nobody times out. */
    clock: Clock
  }
  stop: () => Promise<void>
}

export interface Stand extends Bench, Served {}

const bytesPerMs = 11

/** Runs a chip from now on, a millisecond at a time; `before` each of them the world may change. */
export const serve = (chip: Chip, cyclesPerMs: number, before = (): void => {}): Served => {
  const coming: number[] = []
  let going: number[] = []
  let listener: (bytes: Uint8Array) => void = () => {}
  const heard = chip.options.onUart
  chip.options.onUart = (byte) => {
    heard?.(byte)
    going.push(byte)
  }
  let isStopping = false
  let sleeping: { until: number; wake: () => void }[] = []
  const clock: Clock = {
    nowUs: systemClock().nowUs,
    monotonicMs: () => chip.cycles / cyclesPerMs,
    sleep: (asked, signal) =>
      new Promise((wake) => {
        sleeping.push({ until: chip.cycles + asked * cyclesPerMs, wake })
        if (signal?.aborted === true) wake()
        signal?.addEventListener('abort', () => wake(), { once: true })
      }),
  }
  const ended = (async () => {
    while (!isStopping) {
      before()
      // As 115200 bits a second bring them: a small receive buffer takes no more.
      for (let slice = 0; slice < bytesPerMs; slice += 1) {
        if (coming.length > 0 && chip.feed(coming[0] as number)) coming.shift()
        chip.run(cyclesPerMs / bytesPerMs)
      }
      if (going.length > 0) {
        const bytes = Uint8Array.from(going)
        going = []
        listener(bytes)
      }
      const due = sleeping.filter(({ until }) => chip.cycles >= until)
      sleeping = sleeping.filter(({ until }) => chip.cycles < until)
      for (const { wake } of due) wake()
      await new Promise((resume) => setImmediate(resume))
    }
  })()
  const open: Served['outside']['open'] = () =>
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
  return { outside: { open, clock }, stop }
}

export const standWith = (image: Image, volts?: Volts, flash?: W25q): Stand => {
  const bench = put(image, volts, flash)
  return { ...bench, ...serve(bench.pico, ms) }
}

export interface SwitchedSettings {
  flash?: W25q
  /** What its sensors see, in place of the plant's. */
  set?: Readonly<Record<string, number>>
  /** What its pins move; without one nothing moves. */
  plant?: Plant
}

/** A machine without a bridge at the bench: its wires are the test's. */
export const switchedStand = (
  subject: Subject,
  image: Pick<Image, 'bin'>,
  { flash, set = {}, plant }: SwitchedSettings = {},
) => {
  const wires = wiresOf(subject, plant)
  for (const [signal, value] of Object.entries(set)) wires.override.set(signal, value)
  const edges: [pin: number, high: boolean][] = []
  const pico = new Pico({
    ...{ bin: image.bin, analogue: wires.counts, ...(flash && { flash }) },
    onEdge: (pin, high) => {
      edges.push([pin, high])
    },
  })
  wires.drive(pico)
  let seen = pico.cycles
  const before = (): void => {
    // A core that sleeps wakes in its next step: the time of the world is the board's own.
    if (plant !== undefined) wires.move(pico, (pico.cycles - seen) / (1000 * ms))
    seen = pico.cycles
    wires.drive(pico)
  }
  return { pico, wires, edges, ...serve(pico, ms, before) }
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
