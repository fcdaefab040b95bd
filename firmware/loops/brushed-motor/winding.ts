// The winding's resistance at 20 Cel: what the unit's calibration measured, else the profile's.
// Taken once, in `setup`. What lies beyond its bounds is as good as not measured.
import { measured } from '../board.ts'
import {
  MEASURED_WINDING_RESISTANCE,
  WINDING_RESISTANCE_LEAST_UOHM,
  WINDING_RESISTANCE_MOST_UOHM,
  WINDING_RESISTANCE_UOHM,
} from './constants'

export let windingUohm: i32 = 0

export function takeWinding(): void {
  const own = measured(MEASURED_WINDING_RESISTANCE)
  const isSound = own >= WINDING_RESISTANCE_LEAST_UOHM && own <= WINDING_RESISTANCE_MOST_UOHM
  windingUohm = isSound ? own : WINDING_RESISTANCE_UOHM
}
