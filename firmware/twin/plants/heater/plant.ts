// A heater as a plant: heat, a sensor with noise, and somebody who switches it on, asks for a
// temperature as a gateway would, works for a while (which takes heat), now and then asks for
// another one, and switches off. Figures are the profile's.
import type { CreatePlant } from '../../plant.ts'
import { type Heat, type HeatConstants, stepHeat } from './heat.ts'

interface Constants extends HeatConstants {
  heater_power: number
  work_power: number
  low_target: number
  high_target: number
  work_time: number
}

const inputs = ['enable', 'temperature', 'target']
const outputs = ['heater']
/** Half width of the sensor's noise, K. */
const noiseK = 0.2

/** Whoever works with it. `step` mutates and returns what is set now. */
const createOperator = (c: Constants, random: () => number) => {
  const between = (low: number, high: number): number => low + (high - low) * random()
  const now = { enable: 0, target: 0, workW: 0 }
  let leftS = between(1, 4)
  let workLeftS = 0
  const turn = (): void => {
    if (now.enable === 0) {
      now.enable = 1
      now.target = Math.round(between(c.low_target, c.high_target))
      leftS = between(0.5, 1.5) * c.work_time
    } else if (random() < 0.3) {
      // Another material, or a first layer that was hotter.
      now.target = Math.round(between(c.low_target, c.high_target))
      leftS = between(0.3, 1) * c.work_time
    } else {
      Object.assign(now, { enable: 0, target: 0, workW: 0 })
      leftS = between(0.2, 0.8) * c.work_time
    }
  }
  return (hot: boolean, dtS: number) => {
    leftS -= dtS
    workLeftS -= dtS
    if (leftS <= 0) turn()
    if (now.target === 0 || !hot) now.workW = 0
    else if (workLeftS <= 0) {
      now.workW = c.work_power * random()
      workLeftS = between(0.5, 15)
    }
    return now
  }
}

export const createPlant: CreatePlant = ({ constants, random, kept = {} }) => {
  // The profile was checked against plant.json: every constant is there.
  const c = constants as unknown as Constants
  const at = kept['block'] ?? c.ambient_temperature
  const heat: Heat = { heater: kept['heater'] ?? at, block: at, sensor: at }
  const operate = createOperator(c, random)
  const readings = new Float64Array(inputs.length)
  const drives = new Float64Array(outputs.length)
  let now = operate(false, 0)
  const sense = (): void => {
    readings[0] = now.enable
    readings[1] = heat.sensor + (random() * 2 - 1) * noiseK
    readings[2] = now.target
  }
  sense()
  return {
    inputs,
    outputs,
    readings,
    drives,
    step: (dtS) => {
      const powerW = (drives[0] ?? 0) > 0 ? c.heater_power : 0
      stepHeat(heat, c, { dtS, powerW, workW: now.workW })
      now = operate(heat.sensor > now.target - 10, dtS)
      sense()
    },
    keep: () => ({ heater: heat.heater, block: heat.block }),
  }
}
