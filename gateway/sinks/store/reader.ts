// What pages, metrics and commands may ask of the store. Reads only; the worker asks it on its own
// connection, a command opens the file beside a running gateway.
import type { Profile } from '../../../hardware-profiles/profile.ts'
import type { Books } from '../../core/delivery.ts'
import { OperatingError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Machine } from '../../core/machine.ts'
import { qualityNames } from '../../core/quality.ts'
import type {
  CohortDurability,
  DurabilityQuery,
  QuarantineQuery,
  QuarantineRow,
  RecentEvent,
  Series,
  StoredEvent,
  UnitLife,
  UnitSummary,
} from '../../core/queries.ts'
import { type Cohort, type CohortUnit, cohortOf } from '../../lifecycle/cohorts.ts'
import { judgeFleet } from '../../lifecycle/fleet.ts'
import { missingIn } from '../../pipeline/sequence.ts'
import { fitToMachine, type UnitState } from '../../pipeline/unit.ts'
import type { NewestReading } from '../../trace.ts'
import type { Database, Row } from './database.ts'
import { type Exported, type ExportQuery, exportReadings } from './export.ts'
import { endedParts, readLife } from './life.ts'
import { storeName } from './local-stage.ts'
import { readQuarantine } from './quarantine.ts'
import type { ReportTable } from './report-tables.ts'
import { readSeries, type SeriesQuery } from './series.ts'
import { readSink } from './sink-books.ts'
import { Summaries } from './summaries.ts'

export class StoreQueries {
  readonly #db: Database
  readonly #tables: ReadonlyMap<string, ReportTable>
  readonly #summaries: Summaries

  /** `tables` by machine name; units of other machines are listed without values. */
  constructor(db: Database, tables: ReadonlyMap<string, ReportTable>) {
    this.#db = db
    this.#tables = tables
    this.#summaries = new Summaries(db, tables)
  }

  units(): UnitSummary[] {
    const rows = this.#db.all(
      'SELECT state FROM unit_state WHERE sink = ? ORDER BY unit LIMIT ?',
      storeName,
      limits.listRows,
    )
    return rows.map((row) => this.#summary(stateOf(row)))
  }

  unit(unit: string): UnitSummary | undefined {
    const state = this.state(unit)
    return state && this.#summary(state)
  }

  state(unit: string): UnitState | undefined {
    const row = this.#db.get(
      'SELECT state FROM unit_state WHERE sink = ? AND unit = ?',
      storeName,
      unit,
    )
    return row && stateOf(row)
  }

  /** Its newest reading by time; undefined where there is none. */
  newest(unit: string): NewestReading | undefined {
    const table = this.#tables.get(this.state(unit)?.machine ?? '')
    const id = this.#idOf(unit)
    if (table === undefined || id === undefined) return undefined
    const order = 'ORDER BY time_us DESC LIMIT 1'
    const columns = '"offset", boot, sequence, time_us'
    const row = this.#db.get(`SELECT ${columns} FROM ${table.name} WHERE unit = ? ${order}`, id)
    if (row === undefined) return undefined
    const [offset, boot] = [Number(row['offset']), Number(row['boot'])]
    return { offset, boot, sequence: Number(row['sequence']), timeUs: Number(row['time_us']) }
  }

  series(query: SeriesQuery): Series {
    const state = this.#known(query.unit)
    const table = this.#tables.get(state.machine)
    const unitId = this.#idOf(query.unit)
    if (table === undefined || unitId === undefined) {
      return { unit: query.unit, timesUs: [], values: {} }
    }
    return readSeries({ db: this.#db, table, unitId }, this.#summaries, query)
  }

  /** Every raw reading of a unit in a stretch of time, as rows of a table. */
  export(query: ExportQuery): Exported {
    const { machine } = this.#known(query.unit)
    const table = this.#tables.get(machine)
    const unitId = this.#idOf(query.unit)
    if (table !== undefined && unitId !== undefined) {
      return exportReadings({ db: this.#db, table, unitId }, query)
    }
    throw new OperatingError('machine_unknown', {
      message: `unit "${query.unit}" is a ${machine}, and no profile of that machine is here`,
      remedy: 'Put its file back into hardware-profiles/.',
    })
  }

  /** Newest first. */
  events({ unit, limit }: { unit: string; limit: number }): StoredEvent[] {
    this.#known(unit)
    const rows = this.#db.all(
      `SELECT e.*, EXISTS (SELECT 1 FROM entry n WHERE n.unit = ? AND n.type = e.type AND n.fork = 0
          AND abs(n.time_us - e.time_us) < 600000000) AS attested
        FROM event e WHERE e.unit = ? ORDER BY e.time_us DESC, e."offset" DESC LIMIT ?`,
      ...[unit, this.#idOf(unit) ?? -1, bounded(limit)],
    )
    return rows.map((row) => ({
      unit,
      type: String(row['type']),
      severity: String(row['severity']),
      timeUs: Number(row['time_us']),
      cause: String(row['cause']),
      attested: row['entry_seq'] !== null || row['attested'] === 1,
      description: String(row['description']),
    }))
  }

  life({ unit, nowUs }: { unit: string; nowUs: number }): UnitLife {
    const state = this.#known(unit)
    const machine = this.#tables.get(state.machine)?.machine
    const fitted = machine === undefined ? state : fitToMachine(state, machine)
    return readLife(this.#db, { state: fitted, machine, nowUs, unitId: this.#idOf(unit) ?? -1 })
  }

  /** One a machine, of its units or of one part; simulated ones are counted and left out. */
  cohorts(nowUs: number, part?: string): Cohort[] {
    return this.#fleets()
      .filter(({ profile }) => part === undefined || profile.parts[part] !== undefined)
      .map(({ profile, units }) => cohortOf(profile, units, { nowUs, part }))
  }

  durability(query: DurabilityQuery): CohortDurability[] {
    return this.#fleets().map(({ profile, units }) => judgeFleet(profile, units, query))
  }

  /** Every unit by machine, with the parts that were taken out. */
  #fleets(): { profile: Profile; units: CohortUnit[] }[] {
    const rows = this.#db.all('SELECT state FROM unit_state WHERE sink = ?', storeName)
    const states = rows.map(stateOf)
    const ended = endedParts(this.#db)
    return Array.from(this.#tables.values(), ({ machine }) => {
      const own = states.filter((state) => state.machine === machine.profile.machine)
      const units = own.map((state) => ({
        ...fitToMachine(state, machine),
        ended: ended.get(state.unit) ?? [],
      }))
      return { profile: machine.profile, units }
    })
  }

  /**
   * Books as they are kept; `received` counts what is accounted for, the head is the log's to say.
   */
  books(): Books[] {
    return this.#db.all('SELECT * FROM sink ORDER BY name').map((row) => {
      const { cursor, tally } = readSink(row)
      return { sink: String(row['name']), received: cursor, pending: 0, cursor, ...tally }
    })
  }

  /** Oldest first; the newest are left for the next question where there are many. */
  faults(afterOffset: number): RecentEvent[] {
    const rows = this.#db.all(
      `SELECT event.*, unit.unit AS name FROM event JOIN unit ON unit.id = event.unit
       WHERE severity = 'fault' AND "offset" > ? ORDER BY "offset" LIMIT ?`,
      afterOffset,
      limits.listRows,
    )
    return rows
      .filter((row) => this.state(String(row['name']))?.simulated !== true)
      .map((row) => ({
        offset: Number(row['offset']),
        unit: String(row['name']),
        type: String(row['type']),
        timeUs: Number(row['time_us']),
        cause: String(row['cause']),
        description: String(row['description']),
      }))
  }

  /** Newest first. */
  quarantine(query: QuarantineQuery): QuarantineRow[] {
    return readQuarantine(this.#db, { ...query, limit: bounded(query.limit) })
  }

  #known(unit: string): UnitState {
    const state = this.state(unit)
    if (state !== undefined) return state
    throw new OperatingError('unit_unknown', {
      message: `no unit "${unit}" is known here`,
      remedy: 'Compare the id with the list of units; a unit is known from its first hello on.',
    })
  }

  #idOf(unit: string): number | undefined {
    const row = this.#db.get('SELECT id FROM unit WHERE unit = ?', unit)
    return row === undefined ? undefined : Number(row['id'])
  }

  #summary(kept: UnitState): UnitSummary {
    const machine = this.#tables.get(kept.machine)?.machine
    const state = machine === undefined ? kept : fitToMachine(kept, machine)
    return summarise(state)
  }
}

/** Also what a live page gets of a unit. */
export const summarise = (state: UnitState): UnitSummary => ({
  unit: state.unit,
  machine: state.machine,
  simulated: state.simulated,
  lifecycle: state.lifecycle ?? 'unknown',
  key: state.key ?? undefined,
  custody: state.custody,
  proof: proofOf(state),
  owner: state.life?.owner ?? undefined,
  boot: state.boots.at(-1)?.boot ?? 0,
  lastTimeUs: state.lastUs ?? undefined,
  skewUs: state.skew?.skewUs,
  counters: Object.fromEntries(
    state.counterNames.flatMap((name, i) => {
      const total = state.totals[i] ?? null
      return total === null ? [] : [[name, total]]
    }),
  ),
  values: Object.fromEntries(
    state.signalNames.map((name, i) => [
      name,
      {
        value: state.values[i] ?? undefined,
        quality: qualityNames[state.quality[i] ?? 0] ?? 'absent',
      },
    ]),
  ),
  readings: state.readings,
  missing: state.boots.reduce((sum, boot) => sum + missingIn(boot), state.lost),
  duplicates: state.duplicates,
  quarantined: state.quarantined,
})

const proofOf = ({ proof }: UnitState): UnitSummary['proof'] =>
  proof ? { proven: proof.proven, timeUs: proof.timeUs, why: proof.why } : undefined

const stateOf = (row: Row): UnitState => JSON.parse(String(row['state'])) as UnitState

const bounded = (limit: number): number => Math.max(1, Math.min(limits.listRows, Math.floor(limit)))

export type MachineTables = ReadonlyMap<Machine, ReportTable>
