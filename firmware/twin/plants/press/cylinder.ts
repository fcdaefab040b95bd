// A double-acting cylinder behind a valve with three positions, closed in the middle: pressure of
// the side that is fed, and motion. Fluid-power textbook equations (H. Merritt, Hydraulic Control
// Systems, 1967, ch. 3 and 6):
//   dp/dt = B / V (Q - A v - leak p)      m dv/dt = p A - load - viscous v, dry friction, ends
// The other side is taken to be at the tank; no line losses, no cavitation.

export interface CylinderShape {
  /** Area of the piston, and of its ring around the rod, m2. */
  boreM2: number
  ringM2: number
  strokeM: number
  massKg: number
  /** Dry friction of seals and guides, N. */
  frictionN: number
}

export interface Cylinder {
  /** From fully retracted, m. */
  positionM: number
  speedMps: number
  /** Which side is fed: 1 extends, -1 retracts, 0 closed. */
  way: number
  /** Of the side that was fed last, Pa. */
  pressurePa: number
  /** That side. */
  side: number
}

export interface Fluid {
  /** Bulk modulus with hoses and air, Pa. */
  bulkPa: number
  /** Oil that is always in hoses and valve, m3. */
  deadM3: number
  /** Leak past a piston, m3/s per Pa. */
  leak: number
}

export interface Feed {
  dtS: number
  /** Oil that the pump gives to this cylinder, m3/s. */
  flowM3ps: number
  /** Force against extending, N; negative against retracting. */
  loadN: number
}

export const areaOf = (shape: CylinderShape, side: number): number =>
  side < 0 ? shape.ringM2 : shape.boreM2

export const volumeOf = (shape: CylinderShape, fluid: Fluid, cylinder: Cylinder): number => {
  const { positionM, side } = cylinder
  const filledM = side < 0 ? shape.strokeM - positionM : positionM
  return fluid.deadM3 + areaOf(shape, side) * filledM
}

const viscous = 20_000

/** Mutates `cylinder`: pressure first, then speed, then place, so that the stiff pair is stable. */
export const stepCylinder = (
  cylinder: Cylinder,
  shape: CylinderShape,
  { fluid, feed }: { fluid: Fluid; feed: Feed },
): void => {
  const { dtS, flowM3ps, loadN } = feed
  if (cylinder.way !== 0 && cylinder.way !== cylinder.side) {
    // What was shut in on the other side goes to the tank.
    cylinder.side = cylinder.way
    cylinder.pressurePa = 0
  }
  const { side } = cylinder
  const area = areaOf(shape, side)
  const volume = volumeOf(shape, fluid, cylinder)
  const given = cylinder.way === 0 ? 0 : flowM3ps
  const taken = area * cylinder.speedMps * side + fluid.leak * cylinder.pressurePa
  const risen = cylinder.pressurePa + ((fluid.bulkPa * (given - taken)) / volume) * dtS
  cylinder.pressurePa = Math.max(risen, 0)
  // A closed valve holds the other side, too: oil can be pressed out of neither.
  const held = cylinder.way === 0
  const driveN = cylinder.pressurePa * area * side - loadN
  const speed = held ? 0 : moved(cylinder.speedMps, driveN, { shape, dtS })
  const at = cylinder.positionM + speed * dtS
  const ended = at <= 0 || at >= shape.strokeM
  cylinder.positionM = Math.min(Math.max(at, 0), shape.strokeM)
  cylinder.speedMps = ended && Math.sign(speed) === (at <= 0 ? -1 : 1) ? 0 : speed
}

const moved = (
  speedMps: number,
  driveN: number,
  { shape, dtS }: { shape: CylinderShape; dtS: number },
): number => {
  const way = speedMps !== 0 ? Math.sign(speedMps) : Math.sign(driveN)
  if (speedMps === 0 && Math.abs(driveN) <= shape.frictionN) return 0
  const force = driveN - way * shape.frictionN
  // Viscous friction implicitly, or a light drawer would need shorter steps.
  const speed = (speedMps + (force / shape.massKg) * dtS) / (1 + (viscous / shape.massKg) * dtS)
  // Friction stops a piston; it does not turn it the other way.
  return speedMps !== 0 && Math.sign(speed) !== way && Math.abs(driveN) <= shape.frictionN
    ? 0
    : speed
}
