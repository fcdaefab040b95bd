// The loop's slow states and counters once more, in plain f64 and straight from their definitions:
// every step, no scaling, no rounding, no sub-rate. What the fixed-point loop is measured against.

export interface ReferenceConstants {
  rateHz: number
  winding_resistance: number
  torque_constant: number
  no_load_current: number
  nominal_voltage: number
  coast_time: number
  continuous_current: number
  overload_reserve: number
  winding_heat_capacity: number
  winding_to_can: number
  initial_winding_rise: number
}

/**
 * One step: readings and what the bridge did since the last one, SI units; duty and brake 0 to 1.
 */
export interface Seen {
  current: number
  voltage: number
  can: number
  duty: number
  brake: number
}

export interface Reference {
  /** Charge in C, energy in J, run time in s, revolutions, winding in Cel, used reserve 0 to 2. */
  charge: number
  energy: number
  runTime: number
  revolutions: number
  winding: number
  overload: number
  /** Motor speed in rev/min, without sign. */
  speed: number
  step(seen: Seen): void
}

const copperPerK = 0.00393

export const createReference = (c: ReferenceConstants): Reference => {
  const dt = 1 / c.rateHz
  const fastest = c.nominal_voltage * 1.25
  let emf = fastest
  let rise = c.initial_winding_rise
  const warm = (ohm: number, winding: number): number => ohm * (1 + copperPerK * (winding - 20))

  /**
   * Back-EMF by the voltage equation, 4 ms low-pass; blind without current, then the safe bound.
   */
  const estimate = ({ current, voltage, duty, brake }: Seen, winding: number): void => {
    const coasted = Math.max(emf - (fastest / c.coast_time) * dt, 0)
    if (duty === 0 && brake === 0) {
      emf = coasted
      return
    }
    const applied = (duty > 0 ? duty : 1 - brake) * voltage
    const raw = Math.min(Math.max(applied - current * warm(c.winding_resistance, winding), 0), 40)
    const filtered = emf + (raw - emf) * (dt / 0.004)
    const idle = c.no_load_current / 2
    if (duty > 0 && current < idle) emf = Math.max(coasted, filtered)
    else if (duty === 0 && current > -idle) emf = Math.min(coasted, applied)
    else emf = filtered
  }

  const reference: Reference = {
    charge: 0,
    energy: 0,
    runTime: 0,
    revolutions: 0,
    winding: Number.NaN,
    overload: 0,
    speed: 0,
    step: (seen) => {
      const { current, voltage, can, duty, brake } = seen
      if (Number.isNaN(reference.winding)) reference.winding = can + rise
      estimate(seen, reference.winding)
      const omega = emf / c.torque_constant
      reference.speed = (omega * 30) / Math.PI
      if (duty > 0 || brake > 0) reference.revolutions += (omega * dt) / (2 * Math.PI)
      if (duty > 0) {
        reference.runTime += dt
        reference.charge += duty * Math.max(current, 0) * dt
        reference.energy += duty * Math.max(current, 0) * voltage * dt
      }
      const square = current * current
      const reserve = c.overload_reserve
      const used = reference.overload * reserve + (square - c.continuous_current ** 2) * dt
      reference.overload = Math.min(Math.max(used, 0), 2 * reserve) / reserve
      const heat = square * warm(c.winding_resistance, reference.winding)
      rise += ((heat - rise / c.winding_to_can) / c.winding_heat_capacity) * dt
      reference.winding = can + rise
    },
  }
  return reference
}
