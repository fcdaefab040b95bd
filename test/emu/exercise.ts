// The twin's side of the test build: the same generated inputs, the same hash, in Node. What
// runtime/exercise.h does in C is done here once more, so that both can be compared bit by bit.
import type { LoopKind } from '../../firmware/loop-kind.ts'
import { startGuarded } from '../../firmware/twin/guarded-board.ts'
import { type SimBoard, startBoard } from '../../firmware/twin/sim-board.ts'

/** What a run of generated steps gives. */
export interface Ran {
  /** FNV-1a over 32-bit words: outputs, reports and which were made, of every step. */
  hash: number
  /** Outputs, reports and their bits, as hex words, after the last step. */
  last: string
}
/** The same from a board, with the core's SysTick counts. */
export interface RanOnBoard extends Ran {
  total: number
  worst: number
}

/** Generated steps: each input moves within its range, in the loop's integers. */
export interface Drive {
  seed: number
  steps: number
  ranges: readonly { low: number; span: number }[]
  /** What the unit's calibration measured; given to a board by `measuredLine` before. */
  measured?: readonly number[]
}

/** Each input over its whole plausible range, or over the one given in the channel's unit. */
export const rangesOf = (
  loop: LoopKind,
  given: Readonly<Record<string, readonly [number, number]>> = {},
): Drive['ranges'] =>
  loop.inputs.map(({ name, min, max, scale }) => {
    const [from, to] = given[name] ?? [min, max]
    const low = Math.round(from / scale)
    return { low, span: Math.round(to / scale) - low }
  })

export const runLine = ({ seed, steps, ranges }: Drive): string =>
  `R ${[seed, steps, ...ranges.flatMap(({ low, span }) => [low, span])].map(hex).join(' ')}\n`
/** The same steps, guarded by the kernel; cycles in the answer are the kernel's. */
export const guardedLine = (drive: Drive): string => runLine(drive).replace('R', 'K')
export const measuredLine = ({ measured = [] }: Drive): string =>
  `M ${measured.map(hex).join(' ')}\n`
export const stepLine = (inputs: readonly number[]): string => `S ${inputs.map(hex).join(' ')}\n`

/** Reads the answer to `runLine`. */
export const readRun = (answer: string): RanOnBoard => {
  const [hash = '', high = '', low = '', worst = '', ...last] = answer.split(' ')
  const word = (text: string): number => Number.parseInt(text, 16)
  return {
    hash: word(hash),
    total: word(high) * 2 ** 32 + word(low),
    worst: word(worst),
    last: last.join(' '),
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
const extremes = [-(2 ** 31), 2 ** 31 - 1, -(2 ** 31) + 1, -1, 0, 1, 0x55555555, -32769]

/** xorshift32 and the episodes of `generate()` in exercise.h. */
export const createGenerator = ({ seed, ranges }: Drive): ((inputs: Int32Array) => void) => {
  const low = ranges.map((range) => range.low)
  const span = ranges.map((range) => range.span)
  const base = new Int32Array(low.length)
  let state = seed | 0
  let left = 0
  const word = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  const pick = (i: number): number => {
    const how = word() & 3
    const all = span[i] ?? 0
    const place = word() >>> 16
    const from = how === 1 ? Math.floor(all / 2) : 0
    const width = how < 2 ? Math.floor(all / 8) : all
    return (low[i] ?? 0) + from + Math.floor((width * place) / 65536)
  }
  return (inputs) => {
    if (left === 0) {
      const how = word()
      left = 1 + (how & 1023)
      for (let i = 0; i < base.length; i += 1) base[i] = pick(i)
      if (((how >>> 10) & 127) === 0) {
        base[(how >>> 17) % base.length] = extremes[(how >>> 24) & 7] ?? 0
      }
    }
    left -= 1
    for (let i = 0; i < base.length; i += 1) {
      const noise = word() & 3
      inputs[i] = (base[i] ?? 0) + ((span[i] ?? 0) < 16 ? 0 : noise)
    }
    const wild = word()
    if ((wild & 1023) === 0) {
      inputs[((wild >>> 10) & 255) % base.length] = extremes[(wild >>> 20) & 7] ?? 0
    }
  }
}

/** A board's steps between two resets by a service, as in exercise.h. */
const stepsToClear = 256

/** Runs kernel and loop in this process as the board's test build would. */
export const runGuarded = (
  modules: {
    wasm: Uint8Array<ArrayBuffer>
    kernel: Uint8Array<ArrayBuffer>
    opposed?: readonly (readonly [number, number])[]
  },
  loop: LoopKind,
  drive: Drive & { each?: (told: Int32Array) => void },
): Ran => {
  const board = startGuarded({ ...modules, loop, micros: () => 0, powered: false })
  board.setup()
  const generate = createGenerator(drive)
  const mixed = createHash(board)
  for (let n = 0; n < drive.steps; n += 1) {
    generate(board.inputs)
    if (n % stepsToClear === 0) board.clear()
    board.step()
    for (const value of [...board.outputs, ...board.told]) mixed.mix(value)
    mixed.step(board.asked)
    drive.each?.(board.told)
  }
  return { hash: mixed.hash(), last: [...board.outputs, ...board.told].map(hex).join(' ') }
}

/** The hash of a run: what each step asked for and reported, and which reports were ever made. */
const createHash = ({ reported, known }: SimBoard) => {
  const bits = new Int32Array((reported.length + 31) >> 5)
  let hash = 2166136261
  const mix = (word: number): void => {
    hash = Math.imul(hash ^ word, 16777619)
  }
  return {
    mix,
    bits,
    hash: () => hash >>> 0,
    step: (outputs: Int32Array) => {
      for (const value of outputs) mix(value)
      for (const value of reported) mix(value)
      for (let i = 0; i < known.length; i += 1) {
        if (known[i] === 1) bits[i >> 5] = (bits[i >> 5] ?? 0) | (1 << (i & 31))
      }
      for (const value of bits) mix(value)
    },
  }
}

/** Runs the loop's wasm in this process as the board's test build would. */
export const runTwin = (
  wasm: Uint8Array<ArrayBuffer>,
  loop: LoopKind,
  drive: Drive & { each?: (reported: Int32Array) => void },
): Ran => {
  const { measured = [] } = drive
  const board = startBoard(wasm, loop, { micros: () => 0, measured })
  board.setup()
  const generate = createGenerator(drive)
  const mixed = createHash(board)
  for (let n = 0; n < drive.steps; n += 1) {
    generate(board.inputs)
    board.step()
    mixed.step(board.outputs)
    drive.each?.(board.reported)
  }
  const last = [...board.outputs, ...board.reported, ...mixed.bits].map(hex).join(' ')
  return { hash: mixed.hash(), last }
}
