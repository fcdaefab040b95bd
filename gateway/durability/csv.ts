// Anybody's CSV into life data or histories: columns by name, every fault with its row, its column
// and its remedy. Takes text, never a file. Good rows are used beside bad ones only when the caller
// says so, and the number left out travels with the result.
import type { Fate } from './claim.ts'
import { refuse } from './refusal.ts'

/** One fault in one row. `line` counts lines of the file from 1 (the header). */
export interface Problem {
  line: number
  column: string
  value: string
  reason: string
  remedy: string
}

/** Text cut into cells. */
export interface Sheet {
  header: string[]
  rows: { line: number; cells: string[] }[]
}

const MOST_CELLS = 50_000_000

/** Separator of the header line: the one among , ; and tab that occurs most outside quotes. */
const separatorOf = (text: string): string => {
  const end = text.search(/\r?\n/)
  const line = (end < 0 ? text : text.slice(0, end)).replace(/"[^"]*"/g, '')
  const count = (c: string) => line.split(c).length
  return [',', ';', '\t'].reduce((best, c) => (count(c) > count(best) ? c : best))
}

/**
 * Cuts CSV text (RFC 4180; also ; and tab, CRLF, a byte-order mark) into cells, blank lines left
 * out.
 * Refuses: bad_row for a quote that never closes, bad_column for an empty text.
 */
export const readSheet = (text: string): Sheet => {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text
  if (source.trim() === '') refuse('bad_column', 'the file is empty', 'Give a header line and rows')
  const separator = separatorOf(source)
  const rows: { line: number; cells: string[] }[] = []
  let cells: string[] = []
  let [line, start, count] = [1, 1, 0]
  let i = 0
  const endRow = () => {
    if (cells.length > 1 || (cells[0] ?? '').trim() !== '') rows.push({ line: start, cells })
    cells = []
    start = line + 1
  }
  while (i <= source.length) {
    let cell = ''
    if (source[i] === '"') {
      const from = line
      for (i++; source[i] !== '"' || source[i + 1] === '"'; i++) {
        if (i >= source.length)
          refuse('bad_row', `a quote in line ${from} never closes`, 'Close it, or double it')
        if (source[i] === '"') i++
        if (source[i] === '\n') line++
        cell += source[i]
      }
      i++
    }
    const from = i
    while (i < source.length && source[i] !== separator && source[i] !== '\n') i++
    cells.push((cell + source.slice(from, i)).trim())
    if (++count > MOST_CELLS) refuse('bad_row', 'the file has too many cells', 'Split the file')
    if (source[i] !== separator) {
      endRow()
      line++
    }
    i++
  }
  const [header, ...rest] = rows
  return { header: header?.cells ?? [], rows: rest }
}

/** Letters to change, add or remove to get from a to b (Levenshtein 1966). */
export const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, change))
    }
    row = next
  }
  return row[b.length] as number
}

const nearest = (name: string, header: readonly string[]): string | undefined => {
  const scored = header.map((h) => ({ h, d: editDistance(name.toLowerCase(), h.toLowerCase()) }))
  const best = scored.sort((p, q) => p.d - q.d)[0]
  return best && best.d <= Math.max(2, name.length / 2) ? best.h : undefined
}

/**
 * Place of a column. By the name given, or the first of the usual names that is there.
 * Refuses bad_column: absent (with the nearest name), present twice, or not to be guessed.
 */
export const findColumn = (
  sheet: Sheet,
  { flag, name, usual = [] }: { flag: string; name: string | undefined; usual?: readonly string[] },
): number | undefined => {
  const places = (wanted: string) =>
    sheet.header.flatMap((h, i) => (h.toLowerCase() === wanted.toLowerCase() ? [i] : []))
  const wanted = name ?? usual.find((u) => places(u).length > 0)
  if (wanted === undefined) return undefined
  const found = places(wanted)
  const exact = found.filter((i) => sheet.header[i] === wanted)
  const there = exact.length > 0 ? exact : found
  if (there.length > 1) {
    const columns = there.map((i) => i + 1).join(' and ')
    refuse(
      'bad_column',
      `column "${wanted}" is there twice (columns ${columns})`,
      'Rename one of them in the header',
    )
  }
  if (there.length === 0) {
    const near = nearest(wanted, sheet.header)
    const hint = near ? `Did you mean ${flag} ${near}` : `Name one of them with ${flag}`
    refuse('bad_column', `there is no column "${wanted}" among ${sheet.header.join(', ')}`, hint)
  }
  return there[0]
}

/** A column that must be there. Refuses bad_column. */
export const needColumn = (
  sheet: Sheet,
  spec: { flag: string; name: string | undefined; usual: readonly string[] },
): number =>
  findColumn(sheet, spec) ??
  refuse(
    'bad_column',
    `no column among ${sheet.header.join(', ')} is called ${spec.usual.slice(0, 4).join(', ')}`,
    `Name the column with ${spec.flag}`,
  )

/** A cell that could not be read: what and what to do. */
export interface CellFault {
  reason: string
  remedy: string
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

const isEmpty = (cell: string): boolean => cell === '' || /^(na|nan|null|none|-|\?)$/i.test(cell)

/** A number with the unit written after it, if any. */
export const readNumber = (cell: string): { value: number; unit: string } | CellFault => {
  if (isEmpty(cell)) {
    return { reason: 'is empty', remedy: 'Fill it in or remove the row' }
  }
  if (NUMBER.test(cell)) return { value: Number(cell), unit: '' }
  const withUnit = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zµ°%/³²]+)$/i.exec(cell)
  if (withUnit) return { value: Number(withUnit[1]), unit: (withUnit[2] as string).toLowerCase() }
  if (/^[+-]?\d+,\d+$/.test(cell)) {
    return {
      reason: 'has a comma',
      remedy: `Write ${cell.replace(',', '.')} (or ${cell.replace(',', '')} if it parts thousands)`,
    }
  }
  if (/^[+-]?\d{1,3}([ ',.]\d{3})+(\.\d+)?$/.test(cell)) {
    return { reason: 'has marks between thousands', remedy: 'Write the digits without marks' }
  }
  return { reason: 'is no number', remedy: 'Write a plain number with a decimal point' }
}

/** Milliseconds of an ISO date or time (no zone means UTC). */
export const readDate = (cell: string): { value: number } | CellFault => {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/.exec(
      cell,
    )
  const value = match
    ? Date.parse(`${match[1]}T${match[2] ?? '00:00'}${match[3] ?? 'Z'}`)
    : Number.NaN
  // Date.parse takes 30 February for 1 March.
  const day = match ? Date.parse(match[1] as string) : Number.NaN
  const real = !Number.isNaN(day) && new Date(day).toISOString().startsWith(match?.[1] ?? '-')
  if (Number.isNaN(value) || !real)
    return { reason: 'is no date', remedy: 'Write it as 2026-05-31 or 2026-05-31 14:00' }
  return { value }
}

/** The date of a unit's end: a list of failures leaves it empty where there was none. */
export const readEnd = (cell: string): { value: number } | CellFault =>
  isEmpty(cell)
    ? {
        reason: 'is empty',
        remedy: 'For a unit that still runs write the day when it was last known to run',
      }
    : readDate(cell)

const WORDS: readonly (readonly [Fate, string])[] = [
  ['failed', '1 failed failure fail f true yes dead broken'],
  ['running', '0 censored running c s suspended suspension false no alive working'],
  ['silent', 'silent unknown lost'],
]

const FATES: ReadonlyMap<string, Fate> = new Map(
  WORDS.flatMap(([fate, words]) => words.split(' ').map((word) => [word, fate] as const)),
)

/** What became of a unit, from the usual words. */
export const readFate = (cell: string): { value: Fate } | CellFault => {
  const value = FATES.get(cell.toLowerCase().replace(/\.0+$/, ''))
  return value
    ? { value }
    : {
        reason: 'is neither failed nor censored',
        remedy: 'Write failed or censored (1 or 0), or silent',
      }
}

/** Refuses bad_row with the first faults named, unless bad rows may be left out. */
export const checkProblems = (problems: readonly Problem[], skipBadRows: boolean): void => {
  if (problems.length === 0 || skipBadRows) return
  const rows = new Set(problems.map((p) => p.line)).size
  const shown = problems.slice(0, 5).map(describeProblem).join('\n  ')
  const more = problems.length > 5 ? `\n  and ${problems.length - 5} more` : ''
  refuse(
    'bad_row',
    `${rows} ${rows === 1 ? 'row' : 'rows'} cannot be used:\n  ${shown}${more}\n`,
    'Correct them, or use only the good rows with --skip-bad-rows',
  )
}

/** A fault in one line: row, column, value, reason, remedy. */
export const describeProblem = ({ line, column, value, reason, remedy }: Problem): string =>
  `line ${line}, column ${column}: "${value}" ${reason}. ${remedy}.`
