// Life tables of a gateway's units: one a cohort (machine and version of its file), simulated units
// left out, silent ones apart, so that a claim can be judged at its best and at its worst. Pure; no
// unit's identity is in a table.
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { Lives } from '../durability/lives.ts'
import {
  addTables,
  emptyTable,
  type LifeTable,
  livesOfRows,
  livesOfTable,
  type TableRow,
  unitsIn,
  withUnits,
} from '../durability/table.ts'
import { createLifeFold, type LivingUnit } from './fold.ts'

export interface CohortUnit extends LivingUnit {
  readonly machine: string
  readonly simulated: boolean
}

export interface Cohort {
  readonly cohort: string
  /** Failure modes: the parts of the machine file. */
  readonly modes: readonly string[]
  /** Failed, or running as of now. */
  readonly known: LifeTable
  /** Running when last heard of. */
  readonly silent: LifeTable
  readonly leftOut: { readonly simulated: number; readonly unused: number }
}

/** After so many days without contact nobody can say that a unit still runs. */
export const silentDays = 90
const dayUs = 86_400_000_000

/** Age at the first failure of any part, else age now; late entry where the gateway met it used. */
export const cohortOf = (profile: Profile, units: Iterable<CohortUnit>, nowUs: number): Cohort => {
  const modes = Object.keys(profile.parts)
  const cohort = `${profile.machine} version ${profile.version}`
  const { hours: hoursOf } = createLifeFold(profile)
  const columns = () => ({
    hours: [] as number[],
    mode: [] as number[],
    entryHours: [] as number[],
  })
  const [known, silent] = [columns(), columns()]
  const leftOut = { simulated: 0, unused: 0 }
  for (const unit of units) {
    if (unit.machine !== profile.machine) continue
    const { failed, bornHours, uptime } = unit.life
    const hours = failed?.hours ?? hoursOf(unit)
    const entry = bornHours ?? 0
    if (unit.simulated) leftOut.simulated++
    else if (!(hours > entry)) leftOut.unused++
    else {
      const mode = failed === null ? 0 : modes.indexOf(failed.part) + 1
      const isQuiet = nowUs - (uptime.contactUs ?? nowUs) > silentDays * dayUs
      const isEnded = unit.lifecycle === 'retired' || unit.lifecycle === 'stored'
      const to = mode === 0 && isQuiet && !isEnded ? silent : known
      to.hours.push(hours)
      to.mode.push(mode)
      to.entryHours.push(entry)
    }
  }
  const empty = emptyTable(cohort, Math.max(1, modes.length))
  return {
    ...{ cohort, modes, leftOut },
    known: withUnits(empty, known),
    silent: withUnits(empty, silent),
  }
}

/** The same units twice: silent ones still running, and failed when last heard of. */
export interface Cases {
  readonly best: Lives
  readonly worst: Lives
  readonly silent: number
}

export const casesOf = ({ known, silent }: Pick<Cohort, 'known' | 'silent'>): Cases => {
  const [first, ...others] = silent.failed
  const none = emptyTable(silent.cohort, silent.failed.length, silent.grid)
  const failed = first === undefined ? silent : { ...silent, failed: [silent.running, ...others] }
  return {
    best: livesOfTable(addTables(known, silent)),
    worst: livesOfTable(addTables(known, { ...failed, running: none.running })),
    silent: unitsIn(silent),
  }
}

/** The same of rows as they are published. */
export const casesOfRows = (known: readonly TableRow[], silent: readonly TableRow[]): Cases => {
  const nobody = { units: 0, hours: 1 }
  const failed = silent.map((row) => ({
    ...row,
    failed: row.failed.map((group, i) => (i === 0 ? row.running : group)),
    running: nobody,
  }))
  return {
    best: livesOfRows([...known, ...silent]),
    worst: livesOfRows([...known, ...failed]),
    silent: silent.reduce((sum, { running }) => sum + running.units, 0),
  }
}
