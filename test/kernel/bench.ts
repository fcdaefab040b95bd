// The drill's safety kernel alone in V8: the very module that twin and boards run, with readings in
// SI units and what a loop would ask for. A sound sensor is never quite still: each reading carries
// a little noise, unless a test freezes it.
import { buildKernel } from '../../firmware/build.ts'
import { causeName, safetyStates } from '../../firmware/kernel-constants.ts'
import type { LoopKind } from '../../firmware/loop-kind.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import { type Kernel, startKernel } from '../../firmware/twin/guarded-board.ts'
import type { LoopSpec, SafetySpec } from '../../hardware-profiles/profile.ts'

const present = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the drill is not as this test expects it')
  return value
}
const machines = loadProfiles()
export const drill = present(machines.profiles.get('cordless_drill'))
export const safety: SafetySpec = present(drill.safety)
export const loop: LoopKind = present(machines.loops.get('brushed_motor'))
export const spec: LoopSpec = present(Object.values(drill.loops)[0])
export const stepMs = 1000 / spec.rateHz

/** The drill's kernel, or one of other limits, or of another source. */
export const kernelOf = async (
  limits: SafetySpec = safety,
  kernelFolder?: string,
  cacheFolder?: string,
): Promise<Uint8Array<ArrayBuffer>> => {
  const folder = {
    ...(kernelFolder !== undefined && { kernelFolder }),
    ...(cacheFolder !== undefined && { cacheFolder }),
  }
  const build = await buildKernel({ safety: limits, loop, spec, ...folder })
  return build.wasm
}

/** A drill at work in SI units. */
export const atWork: Readonly<Record<string, number>> = {
  trigger: 60,
  direction: 0,
  motor_current: 20,
  pack_voltage: 18,
  motor_temperature: 40,
  pack_temperature: 30,
  clutch_setting: 0,
}

export class KernelBench {
  readonly inputs = new Int32Array(loop.inputs.length)
  readonly asked = new Int32Array(loop.outputs.length)
  readonly told = new Int32Array(3)
  readonly kernel: Kernel
  /** Readings in SI units, by input. */
  readonly readings: Record<string, number> = { ...atWork, trigger: 0, motor_current: 0 }
  readonly frozen = new Set<string>()
  steps = 0
  #seed = 1

  constructor(wasm: Uint8Array<ArrayBuffer>, latched = 0, powered = true) {
    this.kernel = startKernel(wasm, {
      reading: (index) => this.inputs[index] ?? 0,
      asked: (index) => this.asked[index] ?? 0,
      tell: (index, value) => {
        this.told[index] = value
      },
    })
    this.kernel.setup(latched, powered ? 1 : 0)
  }

  get state(): string {
    return safetyStates[this.told[0] ?? 0] ?? ''
  }
  get cause(): string {
    return causeName(this.told[1] ?? 0, safety)
  }
  get hindrance(): string {
    return causeName(this.told[2] ?? 0, safety)
  }

  /** What the loop asks for, SI. */
  ask(outputs: Readonly<Record<string, number>>): void {
    loop.outputs.forEach(({ name, scale }, i) => {
      const value = outputs[name]
      if (value !== undefined) this.asked[i] = Math.round(value / scale)
    })
  }

  step(): boolean {
    loop.inputs.forEach(({ name, scale, values }, i) => {
      this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) | 0
      const noise = values !== undefined || this.frozen.has(name) ? 0 : (this.#seed >>> 16) % 3
      this.inputs[i] = Math.round((this.readings[name] ?? 0) / scale) + noise
    })
    this.steps += 1
    return this.kernel.step() !== 0
  }

  /** Steps for so long, or until it says no; gives the time that took, ms. */
  runMs(ms: number, each: () => void = () => {}): number {
    for (let i = 1; i <= Math.round(ms / stepMs); i += 1) {
      each()
      if (!this.step()) return i * stepMs
    }
    return Number.POSITIVE_INFINITY
  }

  /** In how many of so many steps anything passed. */
  stepsPassed(steps: number): number {
    let passed = 0
    for (let i = 0; i < steps; i += 1) passed += Number(this.step())
    return passed
  }

  /** Rests, released, until it is armed. */
  arm(): void {
    for (let i = 0; i < 1000; i += 1) if (this.step()) return
    throw new Error(`it does not arm: ${this.hindrance}`)
  }

  /** Armed, pulled and driven for a while. */
  work(before: Readonly<Record<string, number>> = {}): void {
    Object.assign(this.readings, before)
    this.arm()
    Object.assign(this.readings, atWork, before)
    this.ask({ duty: 50 })
    if (this.runMs(20) < 20) throw new Error(`it does not work: ${this.cause}`)
  }
}
