// What the pages and the metrics may ask of the embedded store. Implemented in the delivery worker,
// called over a message port; plain data only.
import type { Books } from './delivery.ts'

export interface UnitSummary {
  unit: string
  machine: string
  simulated: boolean
  lifecycle: string
  /** did:key of the unit, where it has one. */
  key: string | undefined
  custody: 'secure_element' | 'controller_flash' | 'gateway'
  boot: number
  /** Wall clock of the newest reading, microseconds; undefined before the first. */
  lastTimeUs: number | undefined
  /** Totals over all boots, by counter name, in the profile's units. */
  counters: Record<string, number>
  /** Newest values by signal name with their quality. */
  values: Record<string, { value: number | undefined; quality: string }>
  readings: number
  /** Sequence numbers that never arrived. */
  missing: number
  duplicates: number
  quarantined: number
}

export interface Series {
  unit: string
  /** Microseconds since 1970, ascending. */
  timesUs: number[]
  /** One array a signal, same length; null = absent. */
  values: Record<string, (number | null)[]>
}

export interface StoredEvent {
  unit: string
  type: string
  severity: string
  timeUs: number
  cause: string
  attested: boolean
  description: string
}

export interface QuarantineRow {
  sink: string
  offset: number
  receivedUs: number
  topic: string
  /** At most 512 bytes, as text with escapes. */
  payload: string
  reason: string
  detail: string
  remedy: string
}

export interface PassportSummary {
  unit: string
  key: string | undefined
  custody: string
  entries: { seq: number; type: string; timeUs: number; hash: string; leaf: number | undefined }[]
  checkpoint: string | undefined
}

/** One change of a unit's lifecycle, or one that was refused. */
export interface LifecycleStep {
  type: string
  timeUs: number
  /** null: nobody had heard of the unit before. */
  from: string | null
  to: string
  /** Why the change was not made. */
  refused: string | undefined
  /** By a person's claim: not measured. */
  declared: boolean
  /** did:key of whoever declared it; undefined where the claim has not come. */
  author: string | undefined
  /** Place in the unit's signed chain. */
  entrySeq: number | undefined
  reason: string | undefined
  tasks: string[]
  out: { part: string; serial: string }[]
  in: { part: string; serial: string }[]
  /** Totals as the unit signed them, or as its rule saw them. */
  counters: Record<string, number>
}

/** What the pages show of a unit's life. */
export interface UnitLife {
  unit: string
  /** Newest first. */
  steps: LifecycleStep[]
}

export interface Queries {
  /** `nowUs`: what counts as silent or overdue depends on it. */
  life(query: { unit: string; nowUs: number }): Promise<UnitLife>
  units(): Promise<UnitSummary[]>
  series(query: { unit: string; fromUs: number; toUs: number; points: number }): Promise<Series>
  events(query: { unit: string; limit: number }): Promise<StoredEvent[]>
  books(): Promise<Books[]>
  quarantine(query: { limit: number; unit?: string }): Promise<QuarantineRow[]>
  passportSummary(unit: string): Promise<PassportSummary>
  /** The passport file itself, text. */
  passport(unit: string): Promise<string>
  /** The register of shares: holders and the units that minted. */
  register(): Promise<RegisterSummary>
}

export interface RegisterSummary {
  supply: string
  holders: { holder: string; name: string; shares: string }[]
  units: { unit: string; minted: string; budget: string; note: string }[]
}
