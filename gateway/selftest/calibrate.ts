// From what was measured to the lines that a board keeps: each analogue input's gain and offset,
// as the profile has them, changed by what a person's instruments showed. Pure. Refuses what lies
// so far off that a wire or a part must be wrong; the board refuses it again.
import type { AnalogueLine } from '../../firmware/wiring.ts'
import { OperatingError } from '../core/errors.ts'

/** What an input read by the profile's line, and what it should have read; its integers. */
export interface Point {
  read: number
  should: number
}

/** As CALIBRATION_FAR in firmware/runtime/calibration.h. */
const farShare = 1 / 8

/** Line through two points. Throws `calibration_far` where it is too far from the profile's. */
export const calibrated = (
  line: AnalogueLine,
  [first, second]: readonly [Point, Point],
  what: { name: string; countsMost: number },
): AnalogueLine => {
  const factor = (second.should - first.should) / (second.read - first.read)
  const gain = Math.round(line.gain * factor)
  const offset = Math.round(first.should + (line.offset - first.read) * factor)
  const span = Math.floor((what.countsMost * Math.abs(line.gain)) / 2 ** line.shift)
  const isNear =
    Number.isFinite(factor) &&
    Math.abs(gain - line.gain) <= Math.trunc(Math.abs(line.gain) * farShare) &&
    Math.abs(offset - line.offset) <= Math.trunc(span * farShare)
  if (isNear) return { ...line, gain, offset }
  throw new OperatingError('calibration_far', {
    message:
      `${what.name} is too far from what the machine file says: gain ` +
      `${((factor - 1) * 100).toFixed(1)} % off; allowed are ${farShare * 100} %, and as much ` +
      'of its span for its zero',
    remedy: 'Check its wires and parts, the "line" of its pin, and what your instruments showed.',
  })
}
