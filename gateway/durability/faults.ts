// Faults of cells while a sheet is read: by line and column, so that all are told at once.
// Knows nothing of what the columns mean.
import type { CellFault, Problem, Sheet } from './csv.ts'

/** Collects faults of cells, by line and column. */
export class Faults {
  readonly problems: Problem[] = []
  readonly sheet: Sheet
  constructor(sheet: Sheet) {
    this.sheet = sheet
  }
  add(row: Sheet['rows'][number], column: number, fault: CellFault): undefined {
    const value = row.cells[column] ?? ''
    this.problems.push({
      line: row.line,
      column: this.sheet.header[column] ?? String(column + 1),
      value,
      ...fault,
    })
    return undefined
  }
  take<T>(
    row: Sheet['rows'][number],
    column: number,
    read: (cell: string) => { value: T } | CellFault,
  ): T | undefined {
    const result = read(row.cells[column] ?? '')
    return 'value' in result ? result.value : this.add(row, column, result)
  }
  /** All faults in the order of the file. */
  get sorted(): Problem[] {
    return [...this.problems].sort((p, q) => p.line - q.line)
  }
  get bad(): Set<number> {
    return new Set(this.problems.map((p) => p.line))
  }
}

/** A row with more or fewer cells than the header is a fault of its own. */
export const checkWidth = (sheet: Sheet, faults: Faults): void => {
  for (const row of sheet.rows) {
    if (row.cells.length === sheet.header.length) continue
    faults.add(row, Math.min(row.cells.length, sheet.header.length) - 1, {
      reason: `ends a row of ${row.cells.length} cells where the header has ${sheet.header.length}`,
      remedy: 'Add or remove a separator, or put quotes around a cell that holds one',
    })
  }
}
