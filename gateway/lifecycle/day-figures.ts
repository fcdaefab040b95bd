// What a unit's life, and a machine's cohort, come to as numbers for a database: the page's own
// figures, under the names that the dashboards ask for. Pure; what is not known is left out.
import { cohortFields, lifeFields, usedFieldOf } from '../../hardware-profiles/names.ts'
import type { LifeFigures } from '../core/delivery.ts'
import type { CohortDurability, UnitLife } from '../core/queries.ts'

type Found = Record<string, number | null | undefined>

const known = (found: Found): Record<string, number> =>
  Object.fromEntries(
    Object.entries(found).flatMap(([name, value]) =>
      typeof value === 'number' && Number.isFinite(value) ? [[name, value] as const] : [],
    ),
  )

const dayUs = 86_400_000_000

export interface DayOf {
  readonly machine: string
  readonly simulated: boolean
  readonly nowUs: number
}

export const unitFigures = (life: UnitLife, { machine, simulated, nowUs }: DayOf): LifeFigures => {
  const { wear, uptime, maintenance, failures, shifts } = life
  const names = lifeFields
  const found: Found = {
    [names.leftLow]: wear?.left?.lower,
    [names.left]: wear?.left?.median,
    [names.leftHigh]: wear?.left?.upper,
    [names.health]: wear?.battery?.capacity?.health,
    [names.resistance]: wear?.battery?.newestOhm,
    [names.availableLow]: uptime?.availability?.lower,
    [names.availableHigh]: uptime?.availability?.upper,
    [names.mtbfLow]: uptime?.mtbfH?.lower,
    [names.mtbfHigh]: uptime?.mtbfH?.upper,
    [names.mttr]: uptime?.mttrH,
    [names.failures]: uptime?.failures,
    [names.unreconciled]: failures.filter(({ reconciled }) => !reconciled).length,
    [names.due]: maintenance.filter(({ state }) => state === 'due').length,
    [names.overdue]: maintenance.filter(({ state }) => state === 'overdue').length,
    [names.oee]: shifts.find(({ toUs, oee }) => toUs <= nowUs && oee !== undefined)?.oee,
  }
  for (const { name, used } of wear?.parts ?? []) found[usedFieldOf(name)] = used
  const start = Math.floor(nowUs / dayUs) * dayUs
  return { machine, simulated, unit: life.unit, dayUs: start, fields: known(found) }
}

export const cohortFigures = (
  verdict: CohortDurability,
  { nowUs }: Pick<DayOf, 'nowUs'>,
): LifeFigures => {
  const { units, failures, silent, b10, least, repaired, machine } = verdict
  const names = cohortFields
  const fields = known({
    [names.units]: units,
    [names.failures]: failures,
    [names.silent]: silent,
    [names.b10]: b10?.value,
    [names.b10Low]: b10?.lower,
    [names.b10High]: b10?.upper,
    [names.claim]: least,
    [names.repairs]: repaired.failures,
  })
  const start = Math.floor(nowUs / dayUs) * dayUs
  return { machine, simulated: false, unit: undefined, dayUs: start, fields }
}
