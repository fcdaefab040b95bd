// The kernel of a machine of switches alone in V8: press or hot end, with readings in SI units and
// the outputs that a loop would ask for.
import { causeName, safetyStates } from '../../firmware/kernel-constants.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import { type Kernel, startKernel } from '../../firmware/twin/guarded-board.ts'

const machines = loadProfiles()
export const machineOf = (name: string) => {
  const profile = machines.profiles.get(name)
  const spec = profile && Object.values(profile.loops)[0]
  const loop = spec && machines.loops.get(spec.kind)
  if (!profile?.safety || !spec || !loop) throw new Error(name)
  return { safety: profile.safety, spec, loop }
}
type Machine = ReturnType<typeof machineOf>

export class SwitchBench {
  readonly machine: Machine
  readonly kernel: Kernel
  readonly inputs: Int32Array
  readonly asked: Int32Array
  readonly told = new Int32Array(3)
  #seed = 1

  constructor(machine: Machine, wasm: Uint8Array<ArrayBuffer>, latched = 0) {
    this.machine = machine
    this.inputs = new Int32Array(machine.loop.inputs.length)
    this.asked = new Int32Array(machine.loop.outputs.length)
    this.kernel = startKernel(wasm, {
      reading: (index) => this.inputs[index] ?? 0,
      asked: (index) => this.asked[index] ?? 0,
      tell: (index, value) => {
        this.told[index] = value
      },
    })
    this.kernel.setup(latched, 1)
  }
  get state(): string {
    return safetyStates[this.told[0] ?? 0] ?? ''
  }
  get cause(): string {
    return causeName(this.told[1] ?? 0, this.machine.safety)
  }
  get hindrance(): string {
    return causeName(this.told[2] ?? 0, this.machine.safety)
  }
  give(readings: Readonly<Record<string, number>>): void {
    this.machine.loop.inputs.forEach(({ name, scale }, i) => {
      const value = readings[name]
      if (value !== undefined) this.inputs[i] = Math.round(value / scale)
    })
  }
  ask(...names: string[]): void {
    this.machine.loop.outputs.forEach(({ name }, i) => {
      this.asked[i] = Number(names.includes(name))
    })
  }
  /** A sound sensor is never quite still. */
  step(): boolean {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) | 0
    const noise = (this.#seed >>> 16) & 1
    this.machine.loop.inputs.forEach(({ values }, i) => {
      if (values === undefined) this.inputs[i] = ((this.inputs[i] ?? 0) & ~1) | noise
    })
    return this.kernel.step() !== 0
  }
  /** Steps for so long, or until nothing passes; gives ms. */
  runMs(ms: number): number {
    const stepMs = 1000 / this.machine.spec.rateHz
    for (let t = stepMs; t <= ms + 1e-9; t += stepMs) if (!this.step()) return t
    return Number.POSITIVE_INFINITY
  }
  passes(steps: number): number {
    let passed = 0
    for (let i = 0; i < steps; i += 1) passed += Number(this.step())
    return passed
  }
}

export const sound = {
  press: { hold: 0, emergency_stop: 1, pressure: 3, oil_temperature: 30 },
  heater: { enable: 0, temperature: 200, target: 0 },
}

/**
 * The hot end's state after a power-up with this cause latched and the switch on, then off and on
 * so often, and off at last.
 */
export const turned = (
  wasm: Uint8Array<ArrayBuffer>,
  latched: number,
  { times, everyMs }: { times: number; everyMs: number },
): string => {
  const bench = new SwitchBench(machineOf('hot_end'), wasm, latched)
  bench.give({ ...sound.heater, enable: 1 })
  bench.passes(everyMs)
  for (let i = 0; i < times; i += 1) {
    bench.give({ enable: 0 })
    bench.passes(everyMs)
    bench.give({ enable: 1 })
    bench.passes(everyMs)
  }
  bench.give({ enable: 0 })
  bench.step()
  return bench.state
}
