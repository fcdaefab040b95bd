// Figures of a unit's life, printed: readings folded into uptime, wear and plan, and the memory of
// the states of 5,000 units that have worked. One core, one thread: no decoding, no disk.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { loadProfiles } from '../../firmware/profiles.ts'
import { limits } from '../../gateway/core/limits.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { columns, mostDischarges } from '../../gateway/lifecycle/battery.ts'
import { createLifeFold } from '../../gateway/lifecycle/fold.ts'
import { mostTrend } from '../../gateway/lifecycle/wear.ts'
import { fitToMachine, newUnit, type UnitState } from '../../gateway/pipeline/unit.ts'
import { machineLine, median } from './machine.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const profile = loadProfiles().profiles.get('cordless_drill')
if (profile === undefined) throw new Error('the profile of the drill is not there')
const machine = prepareMachine(profile)
const fold = createLifeFold(profile)
const names = Object.keys(profile.signals)
const run = profile.signals['state']?.values?.indexOf('run') ?? -1

/** A second of drilling at 20 Hz: every signal has a value, the load swings. */
const pattern = Array.from({ length: 97 }, (_, i) => {
  const given: Record<string, number> = {
    ...{ state: run, fault: 0, motor_current: 12 + 25 * (i % 3), torque: ((i * 7) % 41) - 6 },
    ...{ winding_temperature: 40 + (i % 60), motor_speed: 9000 + 50 * i, pack_voltage: 18 },
  }
  return names.map((name) => given[name] ?? 1)
})

const work = (unit: UnitState, readings: number, fromUs: number): void => {
  for (let i = 0; i < readings; i++) {
    const values = pattern[i % pattern.length] as number[]
    unit.values = values
    fold.reading(unit, { timeUs: fromUs + i * 50_000, values })
  }
}

const startUs = 1_800_000_000_000_000

const speed = (): void => {
  const rounds = 400_000
  const perS = Array.from({ length: 5 }, (_, round) => {
    const unit = newUnit('drill', machine)
    work(unit, 20_000, startUs)
    const before = process.cpuUsage()
    work(unit, rounds, startUs + (round + 1) * 1e11)
    const { user, system } = process.cpuUsage(before)
    return rounds / ((user + system) / 1e6)
  })
  const readings = Math.round(median(perS))
  const met = readings >= 200_000 ? 'met   ' : 'MISSED'
  const samples = (readings * names.length).toLocaleString()
  console.log(
    `${met}  ${readings.toLocaleString()} readings/s of processor time (${samples} samples/s of ` +
      `${names.length} signals) into uptime, wear and plan (goal 200,000 readings/s)`,
  )
}

/** As the gateway holds them: read back from what was kept, all wear in them. */
const memory = (): void => {
  const worked = newUnit('drill-0', machine)
  work(worked, 100_000, startUs)
  // As many boots as are remembered, with a gap in each.
  const counters = worked.totals.map((_, i) => 1_000_000 + i)
  worked.boots = Array.from({ length: limits.bootsPerUnit }, (_, boot) => ({
    ...{ boot, epochUs: startUs, high: 5000, floor: 0, gaps: [7, 9], lost: 0 },
    ...{ first: counters, last: counters },
  }))
  // As many full discharges and means of resistance as are kept.
  const { pack, resistance } = worked.life
  if (pack === null || resistance === null) throw new Error('the drill has no battery')
  pack.ended = Array.from({ length: columns * mostDischarges }, (_, i) => 1.2345 + i)
  resistance.trend = Array.from({ length: 2 * mostTrend }, (_, i) => 0.081234 + i)
  const text = JSON.stringify(worked)
  collect()
  const before = process.memoryUsage()
  const units = Array.from({ length: 5000 }, (_, i) => {
    const unit = fitToMachine(JSON.parse(text) as UnitState, machine)
    unit.unit = `drill-${i}`
    return unit
  })
  collect()
  const after = process.memoryUsage()
  const mb = (after.heapUsed + after.external - before.heapUsed - before.external) / 1e6
  const met = mb <= 50 ? 'met   ' : 'MISSED'
  const each = `${text.length} bytes of JSON each`
  console.log(`${met}  ${units.length} units: ${mb.toFixed(1)} MB (${each}; goal 50 MB)`)
}

console.log(machineLine())
speed()
memory()
