// Life tables of a gateway's units, or of one part in them: one a cohort (machine, version of its
// file, part), simulated units left out, silent ones apart, so that a claim can be judged at its
// best and at its worst. Pure; no unit's identity is in a table.
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { Lives } from '../durability/lives.ts'
import type { History } from '../durability/repairable.ts'
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
import { type EndedPart, entryOf, partNow } from './parts.ts'

export interface CohortUnit extends LivingUnit {
  readonly machine: string
  readonly simulated: boolean
  /** Parts that were taken out. */
  readonly ended?: readonly EndedPart[]
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

/** How one life, of a unit or of a part in it, left observation. */
interface Exit {
  readonly hours: number
  readonly entry: number
  /** 0 = still running. */
  readonly mode: number
  /** Nobody has heard of its unit for long. */
  readonly isQuiet: boolean
}

export interface CohortQuestion {
  readonly nowUs: number
  /** Lives of one part, those that have ended too; without it lives of units. */
  readonly part?: string | undefined
}

/**
 * Of units: age at the first failure of any part, else age now. Of a part: one life for each that
 * was in a unit, aged by its own hours. Late entry where the gateway met the unit used.
 */
export const cohortOf = (
  profile: Profile,
  units: Iterable<CohortUnit>,
  { nowUs, part }: CohortQuestion,
): Cohort => {
  const modes = part === undefined ? Object.keys(profile.parts) : [part]
  const machine = `${profile.machine} version ${profile.version}`
  const cohort = part === undefined ? machine : `${machine} ${part}`
  const { hours } = createLifeFold(profile)
  const columns = () => ({
    hours: [] as number[],
    mode: [] as number[],
    entryHours: [] as number[],
  })
  const [known, silent] = [columns(), columns()]
  const leftOut = { simulated: 0, unused: 0 }
  for (const unit of units) {
    if (unit.machine !== profile.machine) continue
    const age = hours(unit)
    const exits = part === undefined ? [unitExit(unit, age, modes)] : partExits(unit, age, part)
    for (const exit of exits) {
      if (unit.simulated) leftOut.simulated++
      else if (!(exit.hours > exit.entry)) leftOut.unused++
      else {
        const isSilent = exit.mode === 0 && exit.isQuiet && isLost(unit, nowUs)
        const to = isSilent ? silent : known
        to.hours.push(exit.hours)
        to.mode.push(exit.mode)
        to.entryHours.push(exit.entry)
      }
    }
  }
  const empty = emptyTable(cohort, Math.max(1, modes.length))
  return {
    ...{ cohort, modes, leftOut },
    known: withUnits(empty, known),
    silent: withUnits(empty, silent),
  }
}

/** Nobody can say that it still runs; what is stored or retired is expected to be quiet. */
const isLost = ({ lifecycle, life: { uptime } }: CohortUnit, nowUs: number): boolean =>
  nowUs - (uptime.contactUs ?? nowUs) > silentDays * dayUs &&
  lifecycle !== 'retired' &&
  lifecycle !== 'stored'

const unitExit = ({ life }: CohortUnit, age: number, modes: readonly string[]): Exit => {
  const { failed, bornHours } = life
  const mode = failed === null ? 0 : modes.indexOf(failed.part) + 1
  return { hours: failed?.hours ?? age, entry: bornHours ?? 0, mode, isQuiet: true }
}

const partExits = ({ life, ended = [] }: CohortUnit, age: number, part: string): Exit[] => {
  const { hours: from, failed } = partNow(life, part)
  return [
    ...ended
      .filter((one) => one.part === part)
      .map(({ fromHours, toHours, entryHours, failed: isFailed }) => ({
        ...{ hours: toHours - fromHours, entry: entryHours, mode: isFailed ? 1 : 0 },
        isQuiet: false,
      })),
    {
      ...{ hours: (failed?.hours ?? age) - from, entry: entryOf(life, part) },
      ...{ mode: failed === null ? 0 : 1, isQuiet: true },
    },
  ]
}

/** Failures of each unit over its hours of use; `worst`: silent ones failed when last heard of. */
export interface Repaired {
  readonly best: readonly History[]
  readonly worst: readonly History[]
  readonly silent: number
}

/** For the mean number of failures: a unit that is repaired goes on. Simulated ones left out. */
export const failureHistories = (
  profile: Profile,
  units: Iterable<CohortUnit>,
  nowUs: number,
): Repaired => {
  const { hours } = createLifeFold(profile)
  const best: History[] = []
  const worst: History[] = []
  let silent = 0
  for (const unit of units) {
    const { life, ended = [], machine, simulated } = unit
    const [start, end] = [life.bornHours ?? 0, hours(unit)]
    if (machine !== profile.machine || simulated || !(end > start)) continue
    const now = Object.values(life.parts).flatMap(({ failed }) => failed?.hours ?? [])
    const before = ended.flatMap(({ failed, toHours }) => (failed ? [toHours] : []))
    const events = [...before, ...now].filter((at) => at > start && at <= end)
    const history = { events: events.sort((a, b) => a - b), end, start }
    const isSilent = isLost(unit, nowUs)
    if (isSilent) silent++
    best.push(history)
    worst.push(isSilent ? { ...history, events: [...events, end] } : history)
  }
  return { best, worst, silent }
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
