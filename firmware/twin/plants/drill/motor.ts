// A brushed motor on a half bridge: voltage averaged over the PWM period (its ripple, 1 to 4 A, is
// left out), inductance, back-EMF, friction, a gear with losses, and two thermal nodes.

export interface Motor {
  /** Signed, positive turns forward. */
  current: number
  /** Rotor speed, rad/s, signed. */
  speed: number
  winding: number
  can: number
}

export interface MotorConstants {
  winding_resistance: number
  winding_inductance: number
  torque_constant: number
  rotor_inertia: number
  friction_torque: number
  viscous_friction: number
  gear_ratio: number
  gear_efficiency: number
  winding_heat_capacity: number
  can_heat_capacity: number
  winding_to_can: number
  can_to_ambient: number
  ambient_temperature: number
}

/** What the bridge does: shares of time, 0 to 1, and the way it drives (1 or -1). */
export interface Bridge {
  duty: number
  brake: number
  way: number
}

const copperPerK = 0.00393

/**
 * One step of the current; returns the current that the pack gives (negative where braking feeds
 * back). Implicit Euler: stable for any step. The diodes keep a driven current from reversing and
 * an undriven one from growing.
 */
export const stepCurrent = (
  m: Motor,
  c: MotorConstants,
  at: { bridge: Bridge; dtS: number; packV: number },
): number => {
  const { bridge, dtS, packV } = at
  const ohm = c.winding_resistance * (1 + copperPerK * (m.winding - 20))
  const emf = c.torque_constant * m.speed
  const next = (volts: number): number =>
    (m.current + (dtS / c.winding_inductance) * (volts - emf)) /
    (1 + (dtS * ohm) / c.winding_inductance)
  const { duty, brake, way } = bridge
  if (duty > 0) {
    const driven = way * next(way * duty * packV)
    m.current = way * Math.max(driven, 0)
    return duty * way * m.current
  }
  if (brake > 0 && m.speed !== 0) {
    // Shorted for `brake` of the time; the rest of it the current flows into the pack.
    const turning = Math.sign(m.speed)
    m.current = turning * Math.min(turning * next(turning * (1 - brake) * packV), 0)
    return (1 - brake) * turning * m.current
  }
  const flowing = Math.sign(m.current)
  m.current = flowing * Math.max(flowing * next(-flowing * packV), 0)
  return -Math.abs(m.current)
}

/** One step of the rotor against `loadNm` at the chuck, which only ever resists. */
export const stepRotor = (
  m: Motor,
  c: MotorConstants,
  at: { dtS: number; loadNm: number },
): void => {
  const { dtS, loadNm } = at
  const driving = c.torque_constant * m.current
  const drag = c.friction_torque + loadNm / (c.gear_ratio * (c.gear_efficiency / 100))
  const way = m.speed !== 0 ? Math.sign(m.speed) : Math.sign(driving)
  if (m.speed === 0 && Math.abs(driving) <= drag) return
  const torque = driving - way * drag - c.viscous_friction * m.speed
  const speed = m.speed + (torque * dtS) / c.rotor_inertia
  // Friction stops a rotor; it does not turn it the other way.
  m.speed = m.speed !== 0 && Math.sign(speed) !== way && Math.abs(driving) <= drag ? 0 : speed
}

/**
 * Heat from `joules` of copper and friction loss in the last `dtS`; the fan cools with the speed.
 */
export const stepHeat = (
  m: Motor,
  c: MotorConstants,
  at: { dtS: number; copperJ: number; frictionJ: number },
): void => {
  const { dtS, copperJ, frictionJ } = at
  const toCan = ((m.winding - m.can) / c.winding_to_can) * dtS
  const fan = 1 + Math.abs(m.speed) / 700
  const away = (((m.can - c.ambient_temperature) * fan) / c.can_to_ambient) * dtS
  m.winding += (copperJ - toCan) / c.winding_heat_capacity
  m.can += (toCan + frictionJ - away) / c.can_heat_capacity
}

export const resistanceAt = (c: MotorConstants, winding: number): number =>
  c.winding_resistance * (1 + copperPerK * (winding - 20))
