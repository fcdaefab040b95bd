// Lives of parts: a repair that replaces a part ends one life and begins another, with its serial.
// Wear, maintenance and life tables then speak of the part that is in the unit. Pure, in place.
import type { Profile } from '../../hardware-profiles/profile.ts'
import { partsReplaced, type Work } from './acts.ts'
import { createLifeFold, originalPart } from './fold.ts'
import type { LifeState } from './life.ts'

/** A life that has ended: hours of the unit at both ends, and of the part when first seen. */
export interface EndedPart {
  readonly part: string
  readonly serial: string | null
  /** null for the one that the unit was met with. */
  readonly fromUs: number | null
  readonly toUs: number
  readonly fromHours: number
  readonly toHours: number
  /** Age of the part when the gateway met it. */
  readonly entryHours: number
  readonly failed: boolean
}

export interface Replacement {
  readonly work: Work
  readonly timeUs: number
  /** Totals of the unit as signed with the work. */
  readonly counters: Readonly<Record<string, number>>
}

/** The part that is in the unit now. */
export const partNow = (life: LifeState, part: string): LifeState['parts'][string] =>
  life.parts[part] ?? originalPart()

/** Age of a part at its entry into observation: only what was there before can be older. */
export const entryOf = (life: LifeState, part: string): number =>
  partNow(life, part).sinceUs === null ? (life.bornHours ?? 0) : 0

/**
 * Begins the lives of the parts that work has put in; returns those that have ended. Work that is
 * older than the part which is there now changes nothing: claims may come in any order.
 */
export const replaceParts = (
  profile: Profile,
  { life, totals }: { life: LifeState; totals: readonly (number | null)[] },
  { work, timeUs, counters }: Replacement,
): EndedPart[] => {
  const signed = Object.keys(profile.counters).map((name, i) => counters[name] ?? totals[i] ?? null)
  const hours = createLifeFold(profile).hours({ life, totals: signed })
  return partsReplaced(work).flatMap((part) => {
    if (profile.parts[part] === undefined) return []
    const now = partNow(life, part)
    if (now.sinceUs !== null && now.sinceUs >= timeUs) return []
    const serialOf = (list: Work['out']): string | null =>
      list.find((one) => one.part === part)?.serial ?? null
    const { failed } = now
    const ended: EndedPart = {
      ...{ part, serial: serialOf(work.out) ?? now.serial, fromUs: now.sinceUs, toUs: timeUs },
      ...{ fromHours: now.hours, toHours: failed?.hours ?? hours },
      ...{ entryHours: entryOf(life, part) },
      failed: failed !== null || work.failed.includes(part),
    }
    life.parts[part] = {
      ...{ serial: serialOf(work.in), sinceUs: timeUs, hours, counters: { ...counters } },
      failed: null,
    }
    forget(profile, life, part)
    return [ended]
  })
}

/** A new part has none of the old one's wear, and no condition of the old one holds for it. */
const forget = ({ wear, maintenance }: Profile, life: LifeState, part: string): void => {
  for (const spec of [...(wear?.fatigue ?? []), ...(wear?.bearings ?? [])]) {
    if (spec.part !== part) continue
    delete life.cycles[spec.name]
    delete life.loads[spec.name]
    delete life.blocks[spec.name]
  }
  if (wear?.battery?.part === part) {
    life.pack = null
    life.resistance = null
  }
  for (const task of maintenance) {
    if (task.part === part) delete life.reached[task.task]
  }
}
