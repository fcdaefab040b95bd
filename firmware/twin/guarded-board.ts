// The board `sim` with its safety kernel: the same kernel module that a microcontroller runs, asked
// before each step of the loop, on the raw readings. What the loop asks for passes only where the
// kernel allows it, else everything is off. In the order of runtime/safety.h; knows no machine.
import { causeKinds, safetyStates, told } from '../kernel-constants.ts'
import type { LoopKind } from '../loop-kind.ts'
import { type OnWrite, type SimBoard, startBoard } from './sim-board.ts'

export interface SafetyNow {
  state: (typeof safetyStates)[number]
  /** Code of the latched trip, 0 where there is none; `causeName` spells it. */
  cause: number
  /** Why it is not armed, while it waits. */
  hindrance: number
}

/** `outputs` is what passes; `asked` is what the loop would have. */
export interface GuardedBoard extends SimBoard {
  readonly asked: Int32Array
  /** What the kernel has told, in the order of `told`. */
  readonly told: Int32Array
  /** Of the kernel's module, as it was given. */
  readonly kernelExports: Readonly<Record<string, unknown>>
  /** The loop trapped, and does not run any more. */
  trapped(): boolean
  safety(): SafetyNow
  /** A trip from outside, as a trap of the loop is one. */
  trip(cause: number): void
  /** The service's reset; false where it is refused. */
  clear(): boolean
}

export interface GuardedParts {
  wasm: Uint8Array<ArrayBuffer>
  kernel: Uint8Array<ArrayBuffer>
  loop: LoopKind
  micros: () => number
  /** Outputs, by index, of which neither passes where both are asked for (`opposedOutputs`). */
  opposed?: readonly (readonly [number, number])[]
  onWrite?: OnWrite
  /** What a calibration measured, by index; without it the profile's constants hold. */
  measured?: readonly number[]
  /** The trip that was kept, and whether the board had lost its power. */
  latched?: number
  powered?: boolean
}

/** What the kernel exports; `setup` first. */
export interface Kernel {
  setup(latched: number, powered: number): void
  /** After `setup`, on a board without a calibration; the twin's sensors need none. */
  reduce(): void
  step(): number
  trip(cause: number): void
  clear(): number
}

/** What the kernel imports (kernel/raw.ts). */
export interface Raw {
  reading(index: number): number
  asked(index: number): number
  tell(index: number, value: number): void
}

export const startKernel = (wasm: Uint8Array<ArrayBuffer>, raw: Raw): Kernel =>
  new WebAssembly.Instance(new WebAssembly.Module(wasm), { raw: { ...raw } })
    .exports as unknown as Kernel

/** Loads both modules; nothing runs before `setup`. */
export const startGuarded = (parts: GuardedParts): GuardedBoard => {
  const { wasm, loop, micros, onWrite, measured, latched = 0, powered = true, opposed = [] } = parts
  const board = startBoard(wasm, loop, {
    ...{ micros, ...(onWrite && { onWrite }), ...(measured && { measured }) },
  })
  const asked = board.outputs
  const outputs = new Int32Array(asked.length)
  const words = new Int32Array(told.length)
  const kernel = startKernel(parts.kernel, {
    reading: (index) => board.inputs[index] ?? 0,
    asked: (index) => asked[index] ?? 0,
    tell: (index, value) => {
      words[index] = value
    },
  })
  let trapped = false
  const loopStep = (): void => {
    if (trapped) return
    try {
      board.step()
    } catch (error) {
      if ((error as Error).name !== 'RuntimeError') throw error
      // On a board the watchdog resets, and the trip is latched; here the loop just never goes on.
      trapped = true
      kernel.trip(causeKinds['loop_trap'] ?? 0)
    }
  }
  return {
    ...board,
    outputs,
    asked,
    told: words,
    kernelExports: { ...kernel },
    trapped: () => trapped,
    safety: () => ({
      state: safetyStates[words[0] ?? 0] ?? 'tripped',
      cause: words[1] ?? 0,
      hindrance: words[2] ?? 0,
    }),
    setup: () => {
      kernel.setup(latched, powered ? 1 : 0)
      board.setup()
    },
    step: () => {
      const allowed = kernel.step() !== 0
      loopStep()
      if (!allowed && !trapped) board.stop()
      if (!allowed || trapped) outputs.fill(0)
      else {
        outputs.set(asked)
        for (const [a, b] of opposed)
          if (outputs[a] !== 0 && outputs[b] !== 0) outputs[a] = outputs[b] = 0
      }
    },
    stop: () => {
      if (!trapped) board.stop()
      outputs.fill(0)
    },
    trip: (cause) => kernel.trip(cause),
    clear: () => kernel.clear() !== 0,
  }
}
