// The board `sim`: hosts a loop's wasm in this process and offers it what any board offers. Inputs,
// outputs and reports are integers in the loop's scales; a step is one call. It knows no machine.
import { channelsOf, type LoopKind, reportedOf } from '../loop-kind.ts'

export interface SimBoard {
  /** Raw inputs by index; set before a step. */
  readonly inputs: Int32Array
  /** Outputs by index, as last written and limited to each channel's range. */
  readonly outputs: Int32Array
  /** States, then counters (modulo 2^32 since setup), as last reported. */
  readonly reported: Int32Array
  /** 1 where `reported` has a value: what the loop never reported is absent, not 0. */
  readonly known: Uint8Array
  /** Of the module, as it was given. */
  readonly exports: Readonly<Record<string, unknown>>
  setup(): void
  step(): void
  stop(): void
}

/** Hears of every write at once, before the step is over. */
export type OnWrite = (index: number, value: number) => void

/**
 * Loads a loop; nothing runs before `setup`. `micros` is the board's clock, `measured` what a
 * calibration measured.
 */
export const startBoard = (
  wasm: Uint8Array<ArrayBuffer>,
  loop: LoopKind,
  wiring: { micros: () => number; onWrite?: OnWrite; measured?: readonly number[] },
): SimBoard => {
  const inputs = new Int32Array(loop.inputs.length)
  const outputs = new Int32Array(loop.outputs.length)
  const reported = new Int32Array(reportedOf(loop).length)
  const known = new Uint8Array(reported.length)
  const low = loop.outputs.map(({ min, scale }) => Math.round(min / scale))
  const high = loop.outputs.map(({ max, scale }) => Math.round(max / scale))
  const board = {
    readInput: (index: number): number => inputs[index] ?? 0,
    writeOutput: (index: number, value: number): void => {
      wiring.onWrite?.(index, value)
      outputs[index] = Math.min(Math.max(value, low[index] ?? 0), high[index] ?? 0)
    },
    micros: (): number => wiring.micros() | 0,
    measured: (index: number): number => wiring.measured?.[index] ?? 0,
    report: (index: number, value: number): void => {
      reported[index] = value
      known[index] = 1
    },
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { board })
  const { setup, step, stop } = exports as unknown as Record<'setup' | 'step' | 'stop', () => void>
  return { inputs, outputs, reported, known, exports, setup, step, stop }
}

/** Worth of one integer step of each channel, by name. */
export const scalesOf = (loop: LoopKind): ReadonlyMap<string, number> =>
  new Map(channelsOf(loop).map(({ name, scale }) => [name, scale]))
