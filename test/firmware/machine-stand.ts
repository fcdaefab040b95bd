// A machine of the project on a bench: its real loop and kernel joined to its own plant, with a
// scripted hand and broken sensors where a test says so. Knows no machine.
import { type Build, buildKernel, buildLoop } from '../../firmware/build.ts'
import { causeName, opposedOutputs } from '../../firmware/kernel-constants.ts'
import type { LoopKind } from '../../firmware/loop-kind.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import { loadPlant, type Plant, seeded } from '../../firmware/twin/plant.ts'
import { createRig, type Rig } from '../../firmware/twin/rig.ts'
import type { OnWrite } from '../../firmware/twin/sim-board.ts'
import type { LoopSpec, Profile, SafetySpec } from '../../hardware-profiles/profile.ts'

const present = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new Error(`no ${what}`)
  return value
}
const machines = loadProfiles()

export interface Kit {
  profile: Profile
  loop: LoopKind
  spec: LoopSpec
  safety: SafetySpec
  build: Build
  kernel: Build
}

/** A machine's modules, with some of the loop's constants changed, or its rate. */
export const kitOf = async (
  name: string,
  changed: Record<string, number> = {},
  rateHz?: number,
): Promise<Kit> => {
  const profile = present(machines.profiles.get(name), name)
  const given = present(Object.values(profile.loops)[0], 'loop')
  const constants = { ...given.constants, ...changed }
  const spec = { ...given, constants, rateHz: rateHz ?? given.rateHz }
  const loop = present(machines.loops.get(spec.kind), spec.kind)
  const safety = present(profile.safety, 'safety')
  const build = await buildLoop({ loop, spec })
  const kernel = await buildKernel({ safety, loop, spec })
  return { profile, loop, spec, safety, build, kernel }
}

export interface BenchOptions {
  /** Of the plant, where they are other than the profile's. */
  constants?: Readonly<Record<string, number>>
  kept?: Readonly<Record<string, number>>
  seed?: number
  onWrite?: OnWrite
  /** Between loop and plant: outputs by name, SI, before each step of the plant. */
  between?: (drives: Map<string, number>) => void
  /** Without the kernel: the loop alone. */
  bare?: boolean
}

export class MachineBench {
  readonly rig: Rig
  readonly plant: Plant
  /** What a sensor says in place of what the plant has, by input. */
  readonly override = new Map<string, number>()
  readonly kit: Kit
  /** Of the plant: what a test changes here changes at once. */
  readonly constants: Record<string, number>
  steps = 0

  constructor(kit: Kit, plant: Plant, options: BenchOptions & { all: Record<string, number> }) {
    this.constants = options.all
    const { loop, spec, safety, build, kernel } = kit
    const { between, onWrite, bare } = options
    this.kit = kit
    const joined: Plant = {
      ...plant,
      step: (dtS) => {
        if (between !== undefined) {
          const drives = new Map(plant.outputs.map((name, i) => [name, plant.drives[i] ?? 0]))
          between(drives)
          plant.outputs.forEach((name, i) => {
            plant.drives[i] = drives.get(name) ?? 0
          })
        }
        plant.step(dtS)
        this.#apply(plant)
      },
    }
    this.plant = plant
    this.rig = createRig({
      ...{ wasm: build.wasm, loop, plant: joined, rateHz: spec.rateHz },
      ...(bare !== true && { kernel: kernel.wasm }),
      opposed: opposedOutputs({ safety, loop, spec }),
      ...(onWrite && { onWrite }),
    })
  }

  #apply(plant: Plant): void {
    for (const [name, value] of this.override) plant.readings[plant.inputs.indexOf(name)] = value
  }

  /** Sets readings, in SI units, from the next step on; undefined gives the plant's own back. */
  give(readings: Readonly<Record<string, number | undefined>>): void {
    for (const [name, value] of Object.entries(readings)) {
      if (value === undefined) this.override.delete(name)
      else this.override.set(name, value)
    }
    this.#apply(this.plant)
  }

  reading(name: string): number {
    return this.plant.readings[this.plant.inputs.indexOf(name)] ?? 0
  }

  /** An output as it passed, a state or a counter, in its unit. */
  get(name: string): number {
    const { loop } = this.kit
    const reports = [...loop.states, ...loop.counters]
    const at = reports.findIndex((one) => one.name === name)
    if (at >= 0) return (this.rig.board.reported[at] ?? 0) * (reports[at]?.scale ?? 1)
    const out = loop.outputs.findIndex((one) => one.name === name)
    return (this.rig.board.outputs[out] ?? 0) * (loop.outputs[out]?.scale ?? 1)
  }

  /** The name of an enum's value. */
  named(name: string): string {
    return this.kit.loop.states.find((one) => one.name === name)?.values?.[this.get(name)] ?? ''
  }

  /** The latched trip of the kernel. */
  get trip(): string {
    return causeName(this.rig.guarded?.safety().cause ?? 0, this.kit.safety)
  }

  /** All outputs off. */
  get isOff(): boolean {
    return this.rig.board.outputs.every((value) => value === 0)
  }

  step(): void {
    this.rig.step()
    this.steps += 1
  }

  /** For so long, or until `done` says so after a step; gives how long it took, s. */
  run(seconds: number, done: () => boolean = () => false): number {
    const { rateHz } = this.kit.spec
    const most = Math.round(seconds * rateHz)
    for (let i = 1; i <= most; i += 1) {
      this.step()
      if (done()) return i / rateHz
    }
    return Number.POSITIVE_INFINITY
  }
}

export const benchOf = async (kit: Kit, options: BenchOptions = {}): Promise<MachineBench> => {
  const { constants, kept, seed = 1 } = options
  const createPlant = await loadPlant(machines, kit.profile)
  const all: Record<string, number> = { ...kit.profile.twin?.constants, ...constants }
  const plant = createPlant({
    constants: all,
    random: seeded(seed),
    ...(kept && { kept }),
  })
  return new MachineBench(kit, plant, { ...options, all })
}
