// Numbers and tables as text: what the command line prints and the page shows.
// Formats only; computes nothing.

/** A number for people: 4 significant digits, thousands marked, tiny and huge ones as powers. */
export const show = (v: number, digits = 4): string => {
  if (!Number.isFinite(v))
    return v === Number.POSITIVE_INFINITY
      ? 'no limit'
      : v === Number.NEGATIVE_INFINITY
        ? '-no limit'
        : '-'
  if (v === 0) return '0'
  const size = Math.abs(v)
  if (size >= 1e9 || size < 1e-4) return v.toExponential(digits - 1)
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)))
  const [whole, part] = v.toFixed(Math.min(decimals, 12)).split('.') as [string, string | undefined]
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  const tail = part?.replace(/0+$/, '')
  return tail ? `${grouped}.${tail}` : grouped
}

/** A fraction as a percentage: 0.05 is "5 %". */
export const percent = (fraction: number): string => `${show(fraction * 100, 3)} %`

/** "3,137 h (1,420 to 5,662)". */
export const showBounded = (
  { value, lower, upper }: { value: number; lower: number; upper: number },
  unit = '',
): string => `${show(value)}${unit && ` ${unit}`} (${show(lower)} to ${show(upper)})`

/** Columns aligned by spaces; numbers to the right. The first row is the header. */
export const textTable = (rows: readonly (readonly string[])[]): string[] => {
  const [first = []] = rows
  const width = first.map((_, c) => Math.max(...rows.map((row) => (row[c] ?? '').length)))
  const numeric = first.map((_, c) =>
    rows.slice(1).every((row) => /^[-+\d.,e% ]*$/.test(row[c] ?? '') || row[c] === 'no limit'),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, c) => (numeric[c] ? cell.padStart(width[c] ?? 0) : cell.padEnd(width[c] ?? 0)))
      .join('  ')
      .trimEnd()
  return [line(first), width.map((w) => '-'.repeat(w)).join('  '), ...rows.slice(1).map(line)]
}

/** A titled block of lines, followed by an empty one. */
export const section = (title: string, lines: readonly string[]): string[] => [
  title,
  ...lines.map((l) => `  ${l}`),
  '',
]
