// What stands in quarantine, by sink and reason: a flood has thousands of records and one cause.
// Pure; what it means for a unit is diagnosis.ts's to say.
import type { QuarantineRow } from './core/queries.ts'

export interface AsideGroup {
  newest: QuarantineRow
  /** How many of what reason, and the newest of them. */
  text: string
}

/**
 * @param rows newest first
 * @param age in words, of a time in microseconds since 1970
 */
export const groupsOf = (
  rows: readonly QuarantineRow[],
  age: (timeUs: number) => string,
): AsideGroup[] => {
  const groups = Map.groupBy(rows, ({ sink, reason }) => `${sink} ${reason}`)
  return [...groups.values()].flatMap((alike) => {
    const [newest] = alike
    if (newest === undefined) return []
    const { sink, reason, detail, receivedUs, offset } = newest
    const when = `newest ${age(receivedUs)}, record ${offset}: ${detail}`
    return [{ newest, text: `${alike.length} kept aside by ${sink} as ${reason} (${when})` }]
  })
}
