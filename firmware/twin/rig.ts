// Loop and plant on one bench: each step takes readings to the board's integers, runs the real
// wasm, and hands what it drives to the plant. Simulated time only; pace and protocol are others'
// work.
import type { LoopKind } from '../loop-kind.ts'
import { type GuardedBoard, startGuarded } from './guarded-board.ts'
import type { Plant } from './plant.ts'
import { type OnWrite, type SimBoard, startBoard } from './sim-board.ts'

export interface Rig {
  readonly board: SimBoard
  /** The same board, where a safety kernel guards it. */
  readonly guarded: GuardedBoard | undefined
  readonly plant: Plant
  /** Simulated time since power-up, microseconds. */
  uptimeUs(): number
  /** One period of the loop. */
  step(): void
}

export interface RigParts {
  wasm: Uint8Array<ArrayBuffer>
  loop: LoopKind
  plant: Plant
  rateHz: number
  /** The safety kernel, built for this machine. */
  kernel?: Uint8Array<ArrayBuffer>
  /** As the guarded board wants them. */
  opposed?: readonly (readonly [number, number])[]
  /** The trip that outlasted the last run. */
  latched?: number
  onWrite?: OnWrite
  /** What the unit's calibration measured, in the loop's integers. */
  measured?: readonly number[]
  /** Changes inputs after they were sampled: setpoints. */
  onSample?: (inputs: Int32Array, uptimeUs: number) => void
}

/** Joins both and runs `setup`. Throws where the plant lacks a channel that the loop has. */
export const createRig = (parts: RigParts): Rig => {
  const { loop, plant, rateHz } = parts
  let steps = 0
  const uptimeUs = (): number => Math.round((steps * 1e6) / rateHz)
  const { board, guarded } = boardOf(parts, uptimeUs)
  const sensed = loop.inputs.map(({ name, scale }) => ({ from: place(plant.inputs, name), scale }))
  const driven = plant.outputs.map((name) => {
    const names = loop.outputs.map((output) => output.name)
    const to = place(names, name)
    return { to, scale: loop.outputs[to]?.scale ?? 1 }
  })
  const { inputs, outputs } = board
  const { readings, drives } = plant
  const dtS = 1 / rateHz
  const sample = (): void => {
    for (let i = 0; i < sensed.length; i += 1) {
      const channel = sensed[i]
      if (channel !== undefined)
        inputs[i] = Math.round((readings[channel.from] ?? 0) / channel.scale)
    }
    parts.onSample?.(inputs, uptimeUs())
  }
  sample()
  board.setup()
  return {
    board,
    guarded,
    plant,
    uptimeUs,
    step: () => {
      sample()
      board.step()
      for (let i = 0; i < driven.length; i += 1) {
        const channel = driven[i]
        if (channel !== undefined) drives[i] = (outputs[channel.to] ?? 0) * channel.scale
      }
      plant.step(dtS)
      steps += 1
    },
  }
}

const boardOf = (
  { wasm, loop, kernel, latched = 0, opposed = [], onWrite, measured }: RigParts,
  micros: () => number,
): { board: SimBoard; guarded: GuardedBoard | undefined } => {
  const heard = { ...(onWrite && { onWrite }), ...(measured && { measured }) }
  if (kernel === undefined) {
    return { board: startBoard(wasm, loop, { micros, ...heard }), guarded: undefined }
  }
  const guarded = startGuarded({ wasm, kernel, loop, micros, latched, opposed, ...heard })
  return { board: guarded, guarded }
}

const place = (names: readonly string[], name: string): number => {
  const index = names.indexOf(name)
  if (index < 0) throw new Error(`plant and loop do not fit: one has no channel "${name}"`)
  return index
}
