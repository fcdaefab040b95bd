// All that the units of one machine say of its durability: the claim meter by first failures and by
// failures at equal hours, and lives by part. Pure; for the page, the commands and the dashboards.
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { CohortDurability, DurabilityQuery } from '../core/queries.ts'
import { judgeCases, judgeRepaired, usualQuestion } from './claim-meter.ts'
import { type CohortUnit, casesOf, cohortOf, failureHistories } from './cohorts.ts'

export const judgeFleet = (
  profile: Profile,
  units: readonly CohortUnit[],
  { nowUs, referenceHours, referenceFailures, beta }: DurabilityQuery,
): CohortDurability => {
  const reference = referenceHours === undefined ? undefined : { b10: referenceHours }
  const cohort = cohortOf(profile, units, { nowUs })
  const question = { ...usualQuestion, reference, assumedBeta: beta }
  const repaired = failureHistories(profile, units, nowUs)
  return {
    ...judgeCases(casesOf(cohort), question),
    cohort: cohort.cohort,
    machine: profile.machine,
    simulatedLeftOut: cohort.leftOut.simulated,
    unusedLeftOut: cohort.leftOut.unused,
    repaired: judgeRepaired(repaired, { ...usualQuestion, reference: referenceFailures }),
    parts: Object.keys(profile.parts).map((part) => {
      const cases = casesOf(cohortOf(profile, units, { nowUs, part }))
      const { units: lives, failures, silent, b10 } = judgeCases(cases, usualQuestion)
      return { part, units: lives, failures, silent, b10 }
    }),
  }
}
