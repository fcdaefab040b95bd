// The test stand: the drill's real wasm joined to the plant's own motor and pack, with a scripted
// hand instead of the operator and no noise, so that a test can say what happens when.
import { type Build, buildKernel, buildLoop } from '../../firmware/build.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import type { Plant } from '../../firmware/twin/plant.ts'
import {
  type Motor,
  type MotorConstants,
  stepCurrent,
  stepRotor,
} from '../../firmware/twin/plants/drill/motor.ts'
import {
  cellVoltage,
  createPackStep,
  type Pack,
  type PackConstants,
} from '../../firmware/twin/plants/drill/pack.ts'
import { createRig, type Rig } from '../../firmware/twin/rig.ts'
import type { OnWrite } from '../../firmware/twin/sim-board.ts'
import type { LoopSpec, Profile } from '../../hardware-profiles/profile.ts'

export const machines = loadProfiles()

const present = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new Error(`no ${what}`)
  return value
}

export const drill: Profile = present(machines.profiles.get('cordless_drill'), 'drill')
export const loop = present(machines.loops.get('brushed_motor'), 'loop')
export const spec: LoopSpec = present(Object.values(drill.loops)[0], 'loop of the drill')
/** Constants of the drill's loop, SI units. */
export const constant = (name: string): number => present(spec.constants[name], name)

/** The drill's loop, with some constants changed. */
export const buildDrill = (changed: Record<string, number> = {}): Promise<Build> =>
  buildLoop({ loop, spec: { ...spec, constants: { ...spec.constants, ...changed } } })

export const kernelOfDrill = (): Promise<Build> =>
  buildKernel({ safety: present(drill.safety, 'safety'), loop, spec })

export interface Hand {
  trigger: number
  direction: number
  clutch: number
  loadNm: number
}

export interface Stand {
  hand: Hand
  motor: Motor
  pack: Pack
  rig: Rig
  /** What the sensors see, by input name: replaces the model's value while it is there. */
  override: Map<string, number>
  /** A reported state or counter in its unit, or an output. */
  get(name: string): number
  /** Name of an enum state's value. */
  named(name: string): string
  /** Runs for `seconds`; `each` is called after every step and ends the run by returning true. */
  run(seconds: number, each?: (atS: number) => boolean | undefined): number
}

const names = loop.inputs.map((input) => input.name)

const standPlant = (
  stand: Pick<Stand, 'hand' | 'motor' | 'pack' | 'override'>,
  changed: Partial<MotorConstants>,
): Plant => {
  const constants = drill.twin?.constants as unknown as MotorConstants & PackConstants
  const c = { ...constants, ...changed }
  const { hand, motor, pack, override } = stand
  const bridge = { duty: 0, brake: 0, way: 1 }
  const stepPack = createPackStep(c, pack)
  const readings = new Float64Array(names.length)
  const drives = new Float64Array(3)
  const sense = (): void => {
    const seen: Record<string, number> = {
      trigger: hand.trigger,
      direction: hand.direction,
      motor_current: motor.current * bridge.way,
      pack_voltage: pack.voltage,
      motor_temperature: motor.can,
      pack_temperature: pack.temperature,
      clutch_setting: hand.clutch,
    }
    names.forEach((name, i) => {
      readings[i] = override.get(name) ?? seen[name] ?? 0
    })
  }
  sense()
  return {
    inputs: names,
    outputs: ['duty', 'brake', 'bridge'],
    readings,
    drives,
    step: (dtS) => {
      bridge.duty = (drives[0] ?? 0) / 100
      bridge.brake = (drives[1] ?? 0) / 100
      bridge.way = drives[2] === 1 ? -1 : 1
      stepPack(stepCurrent(motor, c, { bridge, dtS, packV: pack.voltage }), dtS)
      stepRotor(motor, c, { dtS, loadNm: hand.loadNm })
      sense()
    },
    keep: () => ({}),
  }
}

/** A drill on the stand, powered up, trigger released, ready to run unless told otherwise. */
export const createStand = (
  build: Build,
  options: {
    ready?: boolean
    onWrite?: OnWrite
    charge?: number
    /** Of the motor on the stand, where it is not the twin's; at 20 Cel. */
    windingOhm?: number
    /** What the unit's calibration measured, in the loop's integers. */
    measured?: readonly number[]
  } = {},
): Stand => {
  const c = drill.twin?.constants ?? {}
  const charge = options.charge ?? 0.8
  const temperature = 25
  const parts = {
    hand: { trigger: 0, direction: 0, clutch: 0, loadNm: 0 },
    motor: { current: 0, speed: 0, winding: 25, can: 25 },
    pack: { charge, temperature, voltage: (c['cells'] ?? 5) * cellVoltage(charge) },
    override: new Map<string, number>(),
  }
  const { rateHz } = spec
  const { onWrite, measured, windingOhm } = options
  const plant = standPlant(
    parts,
    windingOhm === undefined ? {} : { winding_resistance: windingOhm },
  )
  const heard = { ...(onWrite && { onWrite }), ...(measured && { measured }) }
  const rig = createRig({ wasm: build.wasm, loop, plant, rateHz, ...heard })
  const reported = [...loop.states, ...loop.counters]
  const raw = (name: string): number => {
    const at = reported.findIndex((channel) => channel.name === name)
    if (at >= 0) return rig.board.reported[at] ?? 0
    return rig.board.outputs[loop.outputs.findIndex((output) => output.name === name)] ?? 0
  }
  const stand: Stand = {
    ...parts,
    rig,
    get: (name) =>
      raw(name) * ([...reported, ...loop.outputs].find((one) => one.name === name)?.scale ?? 1),
    named: (name) => reported.find((one) => one.name === name)?.values?.[raw(name)] ?? '',
    run: (seconds, each) => {
      const steps = Math.round(seconds * rateHz)
      for (let i = 1; i <= steps; i += 1) {
        rig.step()
        if (each?.(i / rateHz) === true) return i / rateHz
      }
      return seconds
    },
  }
  if (options.ready !== false) stand.run(constant('coast_time') * 1.3 + 0.1)
  return stand
}
