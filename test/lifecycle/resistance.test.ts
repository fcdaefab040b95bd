// The resistance of a pack as the gateway reads it from the reports of the real loop on its plant,
// against what the plant was given: voltage and current are sensed before a step, the duty is what
// that step decides.
import { expect, test } from 'vitest'
import { createLifeFold, type LivingUnit } from '../../gateway/lifecycle/fold.ts'
import { newLife } from '../../gateway/lifecycle/life.ts'
import { windowSteps } from '../../gateway/lifecycle/wear.ts'
import { buildDrill, createStand, drill } from '../firmware/stand.ts'

const names = Object.keys(drill.signals)

test('the resistance read from reports is the resistance of the pack', async () => {
  const stand = createStand(await buildDrill())
  const fold = createLifeFold(drill)
  const unit: LivingUnit & { values: (number | null)[] } = {
    ...{ lifecycle: 'in_use', life: newLife(), totals: [] },
    values: names.map(() => null),
  }
  let reports = 0
  /** One step, and its report: what was sensed before it, and what it decided. */
  const report = (): number => {
    const { motor, pack } = stand
    const sensed = { motor_current: motor.current, pack_voltage: pack.voltage }
    stand.run(0.0001)
    const duty = stand.get('duty')
    const seen: Record<string, number> = { ...sensed, pack_temperature: pack.temperature, duty }
    const values = names.map((name) => seen[name])
    fold.reading(unit, { timeUs: 50_000 * ++reports, values })
    return duty
  }
  for (let pull = 0; (unit.life.resistance?.windows ?? 0) < 2; pull++) {
    const { hand } = stand
    hand.trigger = 60 + (pull % 5) * 10
    for (let i = 0; i < 20; i++) {
      hand.loadNm = i % 3 === 0 ? 2 : 12
      stand.run(0.05)
      report()
    }
    hand.trigger = 0
    // The report may be of the very step that switches off.
    while (report() > 0) reports--
    stand.run(0.4)
    report()
  }
  const given = drill.twin?.constants ?? {}
  const ohm = (given['cells'] ?? 0) * (given['cell_resistance'] ?? 0)
  // A part of the slow polarisation answers within the time of a report as well.
  expect(unit.life.resistance?.newestOhm).toBeGreaterThan(0.95 * ohm)
  expect(unit.life.resistance?.newestOhm).toBeLessThan(1.1 * ohm)
  expect(reports).toBeGreaterThan(2 * windowSteps)
})
