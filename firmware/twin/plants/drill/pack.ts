// A Li-ion pack: open-circuit voltage by charge, resistance that grows when empty or cold, one slow
// polarisation, heat. Round figures of a common 18650 NMC cell; not fitted to a make.

export interface Pack {
  /** Terminal voltage in V. */
  voltage: number
  /** State of charge, 0 to 1. */
  charge: number
  temperature: number
}

export interface PackConstants {
  cells: number
  capacity: number
  cell_resistance: number
  pack_heat_capacity: number
  pack_to_ambient: number
  ambient_temperature: number
}

/** Open-circuit voltage of a cell at 0, 10, ... 100 % of charge. */
const ocv = [2.9, 3.35, 3.48, 3.55, 3.61, 3.67, 3.75, 3.84, 3.93, 4.04, 4.17]
/** The slow part of the resistance, as a share of the fast one, and its time constant. */
const slowShare = 0.5
const slowS = 12

export const cellVoltage = (charge: number): number => {
  const at = Math.min(Math.max(charge, 0), 1) * 10
  const i = Math.min(Math.floor(at), 9)
  const [low, high] = [ocv[i] ?? 0, ocv[i + 1] ?? 0]
  return low + (high - low) * (at - i)
}

/**
 * Advances by `dtS` with `current` in A drawn (negative charges). Mutates `pack`; returns nothing.
 */
export const createPackStep = (c: PackConstants, pack: Pack) => {
  let slowV = 0
  return (current: number, dtS: number): void => {
    const cold = 1 + 0.012 * Math.max(25 - pack.temperature, 0)
    const empty = 1 + 1.5 * Math.max(0.15 - pack.charge, 0) * 10
    const ohm = c.cells * c.cell_resistance * cold * empty
    slowV += ((current * ohm * slowShare - slowV) * dtS) / slowS
    pack.charge = Math.min(Math.max(pack.charge - (current * dtS) / (c.capacity * 3600), 0), 1)
    pack.voltage = Math.max(c.cells * cellVoltage(pack.charge) - current * ohm - slowV, 0)
    const heatW = current * current * ohm * (1 + slowShare)
    const lossW = (pack.temperature - c.ambient_temperature) / c.pack_to_ambient
    pack.temperature += ((heatW - lossW) * dtS) / c.pack_heat_capacity
  }
}
