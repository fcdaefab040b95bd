// Soil in the chamber, compressed along one axis: void ratio against the logarithm of stress, the
// straight lines of oedometer tests (K. Terzaghi, R. Peck, G. Mesri, Soil Mechanics in Engineering
// Practice, 3rd ed. 1996, ch. 16). No creep, no water pressed out, no friction at the walls.

export interface SoilConstants {
  /** Void ratio as it falls in, 1. */
  loose_void_ratio: number
  /** Compression index: fall of the void ratio for ten times the stress, 1. */
  compression_index: number
  /** The same while stress is taken off, 1. */
  swelling_index: number
}

/** Stress at which soil is as loose as it falls in, Pa. */
export const looseStressPa = 2000

export interface Soil {
  /** Height of its grains without voids, m; 0 where the chamber is empty. */
  solidM: number
  /** Highest stress so far, Pa. */
  peakPa: number
}

/**
 * e = e0 - Cc log10(s / s0) on the way in, and from the peak s1 back e = e1 + Cs log10(s1 / s).
 * @param heightM what the piston leaves it, m
 * @returns stress on the piston, Pa; 0 where it does not fill the height
 */
export const soilStress = (c: SoilConstants, soil: Soil, heightM: number): number => {
  if (soil.solidM <= 0) return 0
  const voids = heightM / soil.solidM - 1
  if (soil.peakPa <= looseStressPa && voids > c.loose_void_ratio) return 0
  const virginPa = looseStressPa * 10 ** ((c.loose_void_ratio - voids) / c.compression_index)
  if (virginPa >= soil.peakPa) return virginPa
  const peakVoids =
    c.loose_void_ratio - c.compression_index * Math.log10(soil.peakPa / looseStressPa)
  const backPa = soil.peakPa * 10 ** ((peakVoids - voids) / c.swelling_index)
  return backPa < looseStressPa ? 0 : Math.min(backPa, soil.peakPa)
}

/** Height of a block that was pressed up to `stressPa`, m. */
export const pressedHeight = (c: SoilConstants, solidM: number, stressPa: number): number =>
  solidM * (1 + c.loose_void_ratio - c.compression_index * Math.log10(stressPa / looseStressPa))
