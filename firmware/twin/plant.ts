// What the twin joins a loop to: a model of the machine, its load and its operator. Pure and
// clock-free: time comes in steps, randomness and kept state are passed in. It knows nothing of the
// loop but the names of its channels, and reads no fixed-point scale.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { type Machines, projectFolders } from '../profiles.ts'

/** A model with the operator who works with it. One step is one period of the loop. */
export interface Plant {
  /** Loop inputs by name, in the order of `readings`. */
  readonly inputs: readonly string[]
  /** What the sensors see now, in SI units of the channels. */
  readonly readings: Float64Array
  /** Loop outputs by name, in the order of `drives`. */
  readonly outputs: readonly string[]
  /** What the loop drives, in SI units; the twin writes it before each step. */
  readonly drives: Float64Array
  /** Advances by `dtS` seconds. */
  step(dtS: number): void
  /** What outlasts a power cut (charge, temperatures), as plain numbers. */
  keep(): Record<string, number>
}

export interface PlantStart {
  /** The profile's `twin.constants`, in SI units. */
  constants: Readonly<Record<string, number>>
  /** Uniform in [0, 1). */
  random: () => number
  /** What an earlier run kept; missing names start fresh. */
  kept?: Readonly<Record<string, number>>
}

/** Each plant folder's `plant.ts` exports this as `createPlant`. */
export type CreatePlant = (start: PlantStart) => Plant

/** Finds the plant that a profile names. Throws where the profile has no twin. */
export const loadPlant = async (machines: Machines, profile: Profile): Promise<CreatePlant> => {
  const found = profile.twin && machines.plants.get(profile.twin.plant)
  if (found === undefined) {
    throw new Error(
      `the machine "${profile.machine}" has no twin; give its profile a "twin" section`,
    )
  }
  const file = join(projectFolders.plants, found.folder, 'plant.ts')
  const module = (await import(pathToFileURL(file).href)) as { createPlant: CreatePlant }
  return module.createPlant
}

/** Seeded generator (mulberry32, Tommy Ettinger, public domain): the same seed, the same day. */
export const seeded = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
