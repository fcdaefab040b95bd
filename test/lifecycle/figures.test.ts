// Life left of one machine by its bearing alone, against ISO 281: 90 % survive L10, half of them
// survive L50.
import { expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { wearFigures } from '../../gateway/lifecycle/figures.ts'
import { newLife } from '../../gateway/lifecycle/life.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'

const drill = loadProfiles().profiles.get('cordless_drill') as Profile

test('the middle of the life left of a bearing is its L50', () => {
  const bearing = drill.wear?.bearings[0]
  if (bearing === undefined) throw new Error('the drill names no bearing')
  const profile = {
    ...drill,
    wear: { ...drill.wear, histograms: [], fatigue: [], bearings: [bearing] },
  }
  const life = newLife()
  // Steady use: a thousandth of the rated life an hour, twenty blocks of an hour.
  const totals = Array.from({ length: 20 }, (_, i) => (i + 1) / 1000)
  const { ratingN, exponent, name } = bearing
  life.loads[name] = (totals.at(-1) ?? 0) * ratingN ** exponent * 1e6
  life.blocks = { [name]: { spanMs: 3.6e6, startMs: 0, fromMs: 20 * 3.6e6, totals } }
  const wear = wearFigures(profile, { lifecycle: 'in_use', life, values: [], totals: [] })
  expect(wear?.parts[0]?.used).toBeCloseTo(0.02, 9)
  // (ln 2 / -ln 0.9)^(1/1.5) = 3.51 times 1,000 h.
  expect((wear?.left?.median ?? 0) / 3510).toBeCloseTo(1, 1)
  expect(wear?.left?.lower).toBeLessThan(1000)
  expect(wear?.left?.upper).toBeGreaterThan(8000)
})
