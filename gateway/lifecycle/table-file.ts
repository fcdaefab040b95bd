// A life table as a signed note: what a gateway publishes of its units, and anybody can add up.
// Rows hold at least five units. Parsing is strict; nothing is fitted here.
import { AttestationError } from '../attestation/codes.ts'
import {
  encodeVkey,
  type NoteSigner,
  noteKey,
  openNote,
  parseNote,
  parseVkey,
  signNote,
} from '../attestation/note.ts'
import { OperatingError } from '../core/errors.ts'
import { publishTable, type TableRow } from '../durability/table.ts'
import { type Cases, type Cohort, casesOfRows } from './cohorts.ts'

export interface TableFile {
  readonly cohort: string
  readonly modes: readonly string[]
  /** Day on which it was written, UTC. */
  readonly day: string
  readonly k: number
  readonly known: readonly TableRow[]
  readonly silent: readonly TableRow[]
  /** Units in no row, because there were too few of them. */
  readonly withheld: number
  readonly simulatedLeftOut: number
  /** Verifier key of the gateway that signed it. */
  readonly vkey: string
}

const firstLine = 'tenfold life table v1'

/** The gateway's key under a name of its own, so that a table can never pass for a checkpoint. */
const tableSigner = (signer: NoteSigner): NoteSigner => ({
  ...signer,
  name: `${signer.name}/tables`,
})

/** The note, text; `nowUs` names the day. */
export const encodeTable = (
  { cohort, modes, known, silent, leftOut }: Cohort,
  signer: NoteSigner,
  nowUs: number,
): string => {
  const [shown, quiet] = [publishTable(known), publishTable(silent)]
  const own = tableSigner(signer)
  const file = {
    ...{ cohort, modes, day: new Date(nowUs / 1000).toISOString().slice(0, 10), k: shown.k },
    ...{ known: shown.rows.map(packed), silent: quiet.rows.map(packed) },
    withheld: shown.withheld + quiet.withheld,
    simulatedLeftOut: leftOut.simulated,
    vkey: encodeVkey(noteKey(own.name, own.publicKey)),
  }
  return signNote(`${firstLine}\n${JSON.stringify(file)}\n`, own)
}

/** [from, to or null, [units, hours] running, [units, hours] of each mode]. */
type Packed = [number, number | null, [number, number], ...[number, number][]]

const packed = ({ fromHours, toHours, running, failed }: TableRow): Packed => [
  short(fromHours),
  Number.isFinite(toHours) ? short(toHours) : null,
  [running.units, short(running.hours)],
  ...failed.map(({ units, hours }): [number, number] => [units, units > 0 ? short(hours) : 0]),
]

/** Seven digits: finer than an age is known, and a note has an end. */
const short = (hours: number): number => Number(hours.toPrecision(7))

/** Throws OperatingError: table_malformed, table_signature. */
export const decodeTable = (name: string, note: string): TableFile => {
  try {
    const [line, json = ''] = parseNote(note).text.split('\n')
    if (line !== firstLine) throw malformed(name, 'it does not begin as a life table does')
    const file = JSON.parse(json) as Record<string, unknown>
    if (typeof file['vkey'] !== 'string') throw malformed(name, 'it names no key')
    openNote(note, parseVkey(file['vkey']))
    return readFile(name, file)
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed(name, error.message)
    if (!(error instanceof AttestationError)) throw error
    throw new OperatingError('table_signature', {
      message: `${name}: ${error.message}`,
      remedy: 'The file was changed or cut after it was signed: get it again.',
      cause: error,
    })
  }
}

const malformed = (name: string, what: string): OperatingError =>
  new OperatingError('table_malformed', {
    message: `${name} is no life table: ${what}`,
    remedy: 'Give files that "tenfold durability table" has written.',
  })

const readFile = (name: string, file: Record<string, unknown>): TableFile => {
  const { cohort, modes, day, k, known, silent, withheld, simulatedLeftOut, vkey } = file
  const isForm =
    [cohort, day, vkey].every((text) => typeof text === 'string') &&
    [k, withheld, simulatedLeftOut].every((n) => Number.isSafeInteger(n) && Number(n) >= 0) &&
    Array.isArray(modes) &&
    modes.every((mode) => typeof mode === 'string') &&
    [known, silent].every((rows) => Array.isArray(rows) && rows.length <= 1024)
  if (!isForm) throw malformed(name, 'a field is missing or of another kind')
  const rows = (list: unknown): TableRow[] =>
    (list as unknown[]).map((row, i) => {
      const read = readRow(row, Math.max(1, (modes as string[]).length))
      if (read === undefined) throw malformed(name, `row ${i} does not hold together`)
      return read
    })
  return { ...(file as unknown as TableFile), known: rows(known), silent: rows(silent) }
}

const readRow = (row: unknown, modes: number): TableRow | undefined => {
  if (!Array.isArray(row) || row.length !== 3 + modes) return undefined
  const [from, to, ...groups] = row as [unknown, unknown, ...unknown[]]
  const fromHours = from
  const toHours = to === null ? Number.POSITIVE_INFINITY : to
  if (typeof fromHours !== 'number' || typeof toHours !== 'number') return undefined
  if (!(fromHours >= 0 && toHours > fromHours)) return undefined
  const read = groups.map((group) => {
    const [units, hours] = Array.isArray(group) ? group : []
    const isGroup = Number.isSafeInteger(units) && units >= 0 && Number(hours) >= 0
    return isGroup ? { units: Number(units), hours: Number(hours) } : undefined
  })
  const [running, ...failed] = read
  const isWhole = running !== undefined && failed.every((group) => group !== undefined)
  return isWhole ? { fromHours, toHours, running, failed } : undefined
}

export interface TableSum {
  readonly cohort: string
  readonly cases: Cases
  readonly withheld: number
  readonly simulatedLeftOut: number
}

/**
 * Tables of different gateways added: rows stand beside each other. Throws OperatingError where
 * they cannot be: another cohort, or one gateway twice, whose units would count twice.
 */
export const addFiles = (
  files: readonly (readonly [name: string, file: TableFile])[],
): TableSum => {
  const [[first, { cohort, modes }]] = files as [[string, TableFile]]
  const seen = new Map<string, string>()
  for (const [name, file] of files) {
    if (file.cohort !== cohort || file.modes.join() !== modes.join()) {
      throw unequal(
        `${name} is of ${file.cohort}, ${first} of ${cohort}`,
        'Add tables of one cohort.',
      )
    }
    const before = seen.get(file.vkey)
    if (before !== undefined) {
      const remedy = 'Give the newest table of each gateway only: its units would count twice.'
      throw unequal(`${before} and ${name} are of one gateway`, remedy)
    }
    seen.set(file.vkey, name)
  }
  const all = files.map(([, file]) => file)
  return {
    cohort,
    cases: casesOfRows(
      all.flatMap(({ known }) => known),
      all.flatMap(({ silent }) => silent),
    ),
    withheld: all.reduce((sum, file) => sum + file.withheld, 0),
    simulatedLeftOut: all.reduce((sum, file) => sum + file.simulatedLeftOut, 0),
  }
}

const unequal = (message: string, remedy: string): OperatingError =>
  new OperatingError('tables_unequal', { message, remedy })
