// The press as a plant: pump with relief valve, two cylinders, soil, oil and operator together,
// with what its sensors see. Solenoids take their time, so a block gets more pressure than that at
// which the loop lets go. Figures of a class (a press as Open Source Ecology's), not of a make.
import type { CreatePlant } from '../../plant.ts'
import {
  type Cylinder,
  type CylinderShape,
  type Fluid,
  stepCylinder,
  volumeOf,
} from './cylinder.ts'
import { createOperator, type OperatorConstants } from './operator.ts'
import { looseStressPa, type Soil, type SoilConstants, soilStress } from './soil.ts'
import { createSolenoid } from './solenoid.ts'

export interface PressConstants extends SoilConstants, OperatorConstants {
  pump_flow: number
  pump_slip: number
  relief_pressure: number
  relief_slope: number
  idle_pressure: number
  bulk_modulus: number
  dead_volume: number
  leak: number
  solenoid_on: number
  solenoid_off: number
  main_bore: number
  main_rod: number
  main_stroke: number
  main_mass: number
  drawer_bore: number
  drawer_rod: number
  drawer_stroke: number
  drawer_mass: number
  seal_friction: number
  chamber_area: number
  eject_force: number
  tank_heat_capacity: number
  tank_to_ambient: number
  idle_power: number
  ambient_temperature: number
}

const inputs = [
  ...['hold', 'emergency_stop', 'main_top', 'main_bottom'],
  ...['drawer_out', 'drawer_middle', 'drawer_in', 'pressure', 'oil_temperature'],
]
const outputs = ['main_up', 'main_down', 'drawer_push', 'drawer_pull', 'shaker', 'pump']
const bar = 1e5
/** How near a switch is to its end, and how wide the one in the middle, m. */
const endM = 0.004
const middleM = 0.015
/** A stone gives way no more than this, N/m; and where it lies, in strokes of the drawer. */
const stoneNpm = 5e7
const stoneAt = 0.8
/** Half widths of the sensors' noise, bar and K. */
const noise = { pressure: 0.15, temperature: 0.05 }
/** Share of the chamber that fills by itself, and how fast the shaker fills the rest, s. */
const loose = 0.8
const shakenS = 0.3

const circle = (diameterM: number): number => (Math.PI * diameterM * diameterM) / 4

export const shapesOf = (c: PressConstants): { main: CylinderShape; drawer: CylinderShape } => ({
  main: {
    boreM2: circle(c.main_bore),
    ringM2: circle(c.main_bore) - circle(c.main_rod),
    strokeM: c.main_stroke,
    massKg: c.main_mass,
    frictionN: c.seal_friction,
  },
  drawer: {
    boreM2: circle(c.drawer_bore),
    ringM2: circle(c.drawer_bore) - circle(c.drawer_rod),
    strokeM: c.drawer_stroke,
    massKg: c.drawer_mass,
    frictionN: c.seal_friction,
  },
})

const fluidOf = (c: PressConstants): Fluid => ({
  bulkPa: c.bulk_modulus,
  deadM3: c.dead_volume,
  leak: c.leak,
})

export interface Press {
  shapes: { main: CylinderShape; drawer: CylinderShape }
  fluid: Fluid
  main: Cylinder
  drawer: Cylinder
  soil: Soil
  /** Behind the pump, Pa. */
  linePa: number
  oilCel: number
  /** How full the chamber was filled, 0 to 1. */
  fill: number
}

const cylinder = (positionM: number): Cylinder => ({
  ...{ positionM, speedMps: 0, way: 0, pressurePa: 0, side: 1 },
})

export const createPress = (c: PressConstants, kept: Readonly<Record<string, number>>): Press => ({
  shapes: shapesOf(c),
  fluid: fluidOf(c),
  main: cylinder(kept['main'] ?? c.main_stroke * 0.6),
  drawer: cylinder(kept['drawer'] ?? c.drawer_stroke * 0.3),
  soil: { solidM: kept['soil'] ?? 0, peakPa: looseStressPa },
  linePa: 0,
  oilCel: kept['oil'] ?? c.ambient_temperature,
  fill: loose,
})

/** What soil and block do: filled under the hopper, pressed under the lid, pushed off the table. */
const stepSoil = (
  press: Press,
  c: PressConstants,
  now: { dtS: number; shaking: boolean },
): void => {
  const { main, drawer, soil } = press
  const depthM = c.main_stroke - main.positionM
  if (drawer.positionM >= c.drawer_stroke - 2 * endM) {
    press.fill += now.shaking ? ((1 - press.fill) * now.dtS) / shakenS : 0
    if (depthM > endM) {
      soil.solidM = (depthM * press.fill) / (1 + c.loose_void_ratio)
      soil.peakPa = looseStressPa
    }
  } else {
    press.fill = loose
    const pushed = depthM < endM && drawer.positionM > c.drawer_stroke * 0.7
    if (pushed && drawer.speedMps > 0) soil.solidM = 0
  }
}

const lidClosed = (press: Press, c: PressConstants): boolean =>
  Math.abs(press.drawer.positionM - c.drawer_stroke / 2) <= 2 * middleM

/** Against the main cylinder, N. */
const loadOf = (press: Press, c: PressConstants): number => {
  const { soil, main } = press
  if (lidClosed(press, c)) {
    const stress = soilStress(c, soil, Math.max(c.main_stroke - main.positionM, 1e-4))
    soil.peakPa = Math.max(soil.peakPa, stress)
    return stress * c.chamber_area
  }
  // A block sticks to the walls on its way out.
  return soil.solidM > 0 && main.speedMps > 0 ? c.eject_force : 0
}

/** One step of everything that moves; `ways`: what the valves do now. */
export const stepPress = (
  press: Press,
  c: PressConstants,
  now: { dtS: number; ways: { main: number; drawer: number }; loaded: boolean; stoneM?: number },
): void => {
  const { dtS, ways, loaded, stoneM } = now
  const { shapes, fluid } = press
  const open = Number(ways.main !== 0) + Number(ways.drawer !== 0)
  const flow =
    loaded && open > 0 ? (c.pump_flow * Math.max(1 - c.pump_slip * press.linePa, 0)) / open : 0
  press.main.way = ways.main
  press.drawer.way = ways.drawer
  const main = { dtS, flowM3ps: flow, loadN: loadOf(press, c) }
  stepCylinder(press.main, shapes.main, { fluid, feed: main })
  const inM = stoneM === undefined ? 0 : Math.max(stoneM - press.drawer.positionM, 0)
  const drawer = { dtS, flowM3ps: flow, loadN: -stoneNpm * inM }
  stepCylinder(press.drawer, shapes.drawer, { fluid, feed: drawer })
  let linePa = loaded && open > 0 ? 0 : c.idle_pressure * bar
  for (const name of ['main', 'drawer'] as const) {
    const one = press[name]
    if (one.way === 0) continue
    relieve(one, c, { dtS, volumeM3: volumeOf(shapes[name], fluid, one) })
    linePa = Math.max(linePa, loaded ? one.pressurePa : 0)
  }
  press.linePa = linePa
  // All that the pump gives becomes heat somewhere.
  const heatW = linePa * flow * open + c.idle_power
  const awayW = (press.oilCel - c.ambient_temperature) / c.tank_to_ambient
  press.oilCel += ((heatW - awayW) / c.tank_heat_capacity) * dtS
}

/** The relief valve: flow in proportion to what is above its pressure; implicit, as it is stiff. */
const relieve = (
  one: Cylinder,
  c: PressConstants,
  { dtS, volumeM3 }: { dtS: number; volumeM3: number },
): void => {
  const limitPa = c.relief_pressure * bar
  if (one.pressurePa <= limitPa) return
  const rate = (dtS * c.bulk_modulus) / (volumeM3 * c.relief_slope)
  one.pressurePa = limitPa + (one.pressurePa - limitPa) / (1 + rate)
}

/** What the switches see, in the order of the loop's inputs. */
export const switchesOf = ({ main, drawer }: Press, c: PressConstants): boolean[] => [
  main.positionM >= c.main_stroke - endM,
  main.positionM <= endM,
  drawer.positionM >= c.drawer_stroke - endM,
  Math.abs(drawer.positionM - c.drawer_stroke / 2) <= middleM,
  drawer.positionM <= endM,
]

export const createPlant: CreatePlant = ({ constants, random, kept = {} }) => {
  // The profile was checked against plant.json: every constant is there.
  const c = constants as unknown as PressConstants
  const press = createPress(c, kept)
  const operator = createOperator(c, random)
  const readings = new Float64Array(inputs.length)
  const drives = new Float64Array(outputs.length)
  const solenoids = outputs.slice(0, 4).map(() => createSolenoid(c.solenoid_on, c.solenoid_off))
  const around = (half: number): number => (random() * 2 - 1) * half
  const sense = (): void => {
    const switches = switchesOf(press, c)
    readings[0] = Number(operator.hand.held)
    readings[1] = 1
    for (let i = 0; i < switches.length; i += 1) readings[2 + i] = Number(switches[i])
    readings[7] = press.linePa / bar + around(noise.pressure)
    readings[8] = press.oilCel + around(noise.temperature)
    sight.moving = Math.abs(press.main.speedMps) + Math.abs(press.drawer.speedMps) > 1e-4
    sight.done = switches[0] === true && switches[4] === true && press.soil.solidM > 0
  }
  const sight = { moving: false, done: false }
  let lies = false
  sense()
  return {
    inputs,
    outputs,
    readings,
    drives,
    step: (dtS) => {
      const [up, down, push, pull] = solenoids.map((one, i) => one((drives[i] ?? 0) > 0, dtS))
      const ways = { main: wayOf(up, down), drawer: wayOf(push, pull) }
      // It falls out of the hopper, behind the drawer.
      lies = operator.hand.stone && (lies || press.drawer.positionM > c.drawer_stroke * stoneAt)
      const stone = lies ? { stoneM: c.drawer_stroke * stoneAt } : {}
      stepPress(press, c, { dtS, ways, loaded: (drives[5] ?? 0) > 0, ...stone })
      stepSoil(press, c, { dtS, shaking: (drives[4] ?? 0) > 0 })
      operator.step(sight, dtS)
      sense()
    },
    keep: () => ({
      main: press.main.positionM,
      drawer: press.drawer.positionM,
      soil: press.soil.solidM,
      oil: press.oilCel,
    }),
  }
}

/** With both solenoids on a spool goes nowhere that anybody knows: taken as closed. */
const wayOf = (extend: boolean | undefined, retract: boolean | undefined): number =>
  extend === retract ? 0 : extend === true ? 1 : -1
