// The drill as a plant: pack, motor, gear and operator together, with what its sensors see of them.
// The sensors have noise; there is none for winding, speed or torque: those the loop must estimate.
import type { CreatePlant } from '../../plant.ts'
import {
  type Motor,
  type MotorConstants,
  resistanceAt,
  stepCurrent,
  stepHeat,
  stepRotor,
} from './motor.ts'
import { createOperator, type OperatorConstants } from './operator.ts'
import { cellVoltage, createPackStep, type Pack, type PackConstants } from './pack.ts'

type Constants = MotorConstants & PackConstants & OperatorConstants

const inputs = [
  'trigger',
  'direction',
  'motor_current',
  'pack_voltage',
  'motor_temperature',
  'pack_temperature',
  'clutch_setting',
]
const outputs = ['duty', 'brake', 'bridge']
/** Slow parts (operator, heat) are stepped once in so many steps. */
const slowSteps = 10
/** Half widths of the sensors' noise, A, V and K, and what the controller itself draws, A. */
const noise = { current: 0.15, voltage: 0.015, temperature: 0.05 }
const standbyA = 0.015
/** A charged pack is not quite full, and has the room's temperature. */
const freshCharge = 0.98

export const createPlant: CreatePlant = ({ constants, random, kept = {} }) => {
  // The profile was checked against plant.json: every constant is there.
  const c = constants as unknown as Constants
  const ambient = c.ambient_temperature
  const charge = kept['charge'] ?? freshCharge
  const pack: Pack = {
    charge,
    voltage: c.cells * cellVoltage(charge),
    temperature: kept['pack'] ?? ambient,
  }
  const winding = kept['winding'] ?? ambient
  const motor: Motor = { current: 0, speed: 0, winding, can: kept['can'] ?? ambient }
  const operator = createOperator(c, random)
  const stepPack = createPackStep(c, pack)
  const bridge = { duty: 0, brake: 0, way: 1 }
  const readings = new Float64Array(inputs.length)
  const drives = new Float64Array(outputs.length)
  let [copperJ, frictionJ, passed, passedS] = [0, 0, 0, 0]

  const slow = (): void => {
    const { hand } = operator
    operator.step(motor.speed / c.gear_ratio, pack.charge, passedS)
    stepHeat(motor, c, { dtS: passedS, copperJ, frictionJ })
    if (hand.swapped) {
      pack.charge = freshCharge
      pack.temperature = ambient
    }
    readings[0] = hand.trigger
    readings[1] = hand.direction
    readings[4] = motor.can + around(noise.temperature)
    readings[5] = pack.temperature + around(noise.temperature)
    readings[6] = hand.clutch
    copperJ = frictionJ = passed = passedS = 0
  }
  const around = (half: number): number => (random() * 2 - 1) * half
  const sense = (): void => {
    readings[2] = motor.current * bridge.way + around(noise.current)
    readings[3] = pack.voltage + around(noise.voltage)
  }
  slow()
  sense()
  return {
    inputs,
    outputs,
    readings,
    drives,
    step: (dtS) => {
      bridge.duty = (drives[0] ?? 0) / 100
      bridge.brake = (drives[1] ?? 0) / 100
      bridge.way = drives[2] === 1 ? -1 : 1
      const drawn = stepCurrent(motor, c, { bridge, dtS, packV: pack.voltage })
      stepPack(drawn + standbyA, dtS)
      stepRotor(motor, c, { dtS, loadNm: operator.hand.loadNm })
      copperJ += motor.current * motor.current * resistanceAt(c, motor.winding) * dtS
      frictionJ += c.friction_torque * Math.abs(motor.speed) * dtS
      passed += 1
      passedS += dtS
      if (passed >= slowSteps) slow()
      sense()
    },
    keep: () => ({
      charge: pack.charge,
      pack: pack.temperature,
      winding: motor.winding,
      can: motor.can,
    }),
  }
}
