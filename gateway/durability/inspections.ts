// Rows of inspections into life data: last age seen working, first age found failed. For machines
// that nobody watches between two visits; everything else of a sheet is rows.ts.
import { checkProblems, findColumn, needColumn, readNumber, type Sheet } from './csv.ts'
import { checkWidth, Faults } from './faults.ts'
import { livesFromIntervals } from './lives.ts'
import type { ReadLives } from './rows.ts'
import { unitOfName } from './rows.ts'

/** Names of the columns. */
export interface InspectionColumns {
  /** Age when last seen working; an empty cell is 0. */
  after: string
  /** Age when found failed; an empty cell is a unit still running. */
  before: string
  count?: string | undefined
}

/**
 * One row per unit into interval-censored life data. Equal ages are exact failures.
 * Refuses: bad_column; bad_row (a failure found before it was last seen working, no age at all)
 * unless skipBadRows.
 */
export const livesFromInspections = (
  sheet: Sheet,
  names: InspectionColumns,
  skipBadRows = false,
): ReadLives => {
  const after = needColumn(sheet, { flag: '--after', name: names.after, usual: [] })
  const before = needColumn(sheet, { flag: '--before', name: names.before, usual: [] })
  const count = findColumn(sheet, { flag: '--count', name: names.count })
  const faults = new Faults(sheet)
  checkWidth(sheet, faults)
  const rows = sheet.rows.map((row) => {
    const age = (column: number, missing: number) =>
      (row.cells[column] ?? '') === '' ? missing : faults.take(row, column, readNumber)
    const lower = age(after, 0)
    const upper = age(before, Number.POSITIVE_INFINITY)
    const weight = count === undefined ? 1 : faults.take(row, count, readNumber)
    if (lower === undefined || upper === undefined || weight === undefined) return undefined
    const says = (reason: string, remedy: string) => faults.add(row, before, { reason, remedy })
    if (lower < 0 || weight < 0) return says('stands beside a negative value', 'Correct the row')
    if (upper < lower || upper === 0) {
      return says('is before it was last seen working', 'Swap the two ages or correct them')
    }
    if (lower === 0 && upper === Number.POSITIVE_INFINITY) {
      return says('and the other age are both empty', 'Give at least one of them')
    }
    return { line: row.line, lower, upper, weight }
  })
  checkProblems(faults.sorted, skipBadRows)
  const bad = faults.bad
  const good = rows.filter((r): r is NonNullable<typeof r> => r !== undefined && !bad.has(r.line))
  return {
    lives: livesFromIntervals({
      lower: good.map((r) => r.lower),
      upper: good.map((r) => r.upper),
      weight: good.map((r) => r.weight),
    }),
    fate: good.map((r) => (r.upper === Number.POSITIVE_INFINITY ? 'running' : 'failed')),
    mode: good.map(() => ''),
    ageUnit: unitOfName(names.after) || unitOfName(names.before),
    rows: sheet.rows.length,
    leftOut: bad.size,
    problems: faults.sorted,
  }
}
