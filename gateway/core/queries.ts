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
  /** What came of the newest challenge; absent before the first. */
  proof?: { proven: boolean; timeUs: number; why: string | null } | undefined
  /** did:key of whoever accepted it last. */
  owner: string | undefined
  boot: number
  /** Wall clock of the newest reading, microseconds; undefined before the first. */
  lastTimeUs: number | undefined
  /** Its clock minus the gateway's, microseconds, of the quickest reports; absent: not known. */
  skewUs?: number | undefined
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

/** A recording of a unit's black box, for "tenfold replay-fault". */
export interface KeptRecording {
  /** The board's own count. */
  number: number
  boot: number
  /** What froze it, in words. */
  cause: string
  receivedUs: number
  /** SHA-256, hex. */
  digest: string
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

/** An event with the record that caused it, whatever its unit. */
export interface RecentEvent {
  offset: number
  unit: string
  type: string
  timeUs: number
  cause: string
  description: string
}

export interface QuarantineQuery {
  limit: number
  unit?: string
  /** Of this record only, its payload to the end. */
  offset?: number
}

export interface QuarantineRow {
  sink: string
  offset: number
  receivedUs: number
  topic: string
  /** As text with escapes; of a list at most 512 bytes. */
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
  /** Parts that the author says were replaced. */
  parts: string[]
  tasks: string[]
  /** Parts that the author says had failed. */
  failed: string[]
  out: { part: string; serial: string }[]
  in: { part: string; serial: string }[]
  /** Totals as the unit signed them, or as its rule saw them. */
  counters: Record<string, number>
}

/** One life of a part: what is in the unit now, or was taken out. */
export interface UnitPart {
  part: string
  serial: string | null
  /** undefined: since the unit was met; for the end: it is in there now. */
  fromUs: number | undefined
  toUs: number | undefined
  /** Hours of its own use. */
  hours: number
  failed: boolean
}

/** What the pages show of a unit's life. */
export interface UnitLife {
  unit: string
  /** Newest first. */
  steps: LifecycleStep[]
  /** The most urgent first. */
  maintenance: Due[]
  /** Failures, newest first, and whether a maintenance record answers for each. */
  failures: { type: string; part: string; timeUs: number; reconciled: boolean }[]
  /** Those replaced or failed; the newest first. */
  parts: UnitPart[]
  /** Booked, the newest first; without one there is no OEE. */
  shifts: UnitShift[]
  uptime: UnitUptime | undefined
  wear: UnitWear | undefined
}

/** One task of the maintenance plan. */
export interface Due {
  task: string
  description: string
  part: string | undefined
  by: 'counter' | 'calendar' | 'condition'
  /** The counter, signal or figure; empty for the calendar. */
  of: string
  /** UCUM code of `every` and `left`. */
  unit: string
  /** The interval, or the threshold. */
  every: number
  /** What is left of the interval, below 0 when overdue; undefined where it cannot be known. */
  left: number | undefined
  /** due: less than a tenth of the interval is left, or the condition holds. */
  state: 'ok' | 'due' | 'overdue' | 'unknown'
  doneUs: number | undefined
  /** When the part came in, where it is newer than the work. */
  partUs: number | undefined
  /** Since when the condition has held. */
  sinceUs: number | undefined
}

interface BothBounds {
  /** Unknown time taken as down, and as up. */
  lower: number
  upper: number
}

export interface UnitUptime {
  /** Seconds, by what the unit did; `unknown` while it was silent. */
  spentS: Record<string, number>
  now: string
  availability: BothBounds | undefined
  failures: number
  mtbfH: BothBounds | undefined
  mttrH: number | undefined
  /** Why there is no mean time, in a sentence. */
  hidden: string | undefined
}

/** A shift that was booked by a claim, and what the unit did in it. ISO 22400-2. */
export interface UnitShift {
  fromUs: number
  toUs: number
  author: string
  plannedS: number
  /** Run time by the unit's own counter; undefined where it has none, or readings are gone. */
  ranS: number | undefined
  /** Silent in the shift: neither bound is known better. */
  unknownS: number
  /** Pieces, and whether a counter of the unit says so or the author. */
  made: { count: number; measured: boolean } | undefined
  good: number | undefined
  /** Seconds that a piece should take. */
  idealS: number | undefined
  availability: BothBounds | undefined
  effectiveness: BothBounds | undefined
  quality: number | undefined
  /** Absent while one of the three is not known; `missing` says which, and why. */
  oee: number | undefined
  missing: string[]
}

export interface UnitWear {
  usedHours: number
  /** Time in use, milliseconds, in bands of equal width. */
  bands: { signal: string; low: number; high: number; ms: number[] }[]
  /** `used`: fraction of the rated life. */
  parts: { name: string; description: string; part: string; used: number }[]
  /** Hours of use left, the first end of all; absent before there is anything to go by. */
  left: (HoursLeft & { confidence: number; sources: LeftSource[] }) | undefined
  battery: UnitBattery | undefined
  board: BoardWear | undefined
}

/** What the board counted over its whole life, also while no gateway heard it. */
export interface BoardWear extends Pick<UnitWear, 'usedHours' | 'bands' | 'parts'> {
  /** Told in this boot at uptime `toS`, seconds; counted after `fromS`, or in a boot before. */
  boot: number
  fromS: number
  toS: number
}

/** null = no end in sight. */
interface HoursLeft {
  median: number | null
  lower: number | null
  upper: number | null
}

/** What ends a life: the load that a part has borne, or how its condition drifts. */
export interface LeftSource extends HoursLeft {
  name: string
  part: string
  by: 'load' | 'condition'
}

export interface UnitBattery {
  part: string
  /** Mean resistance of the first and the newest window of steps. */
  firstOhm: number | null
  newestOhm: number | null
  windows: number
  /** Full charges drawn, of all packs together. */
  cycles: number | undefined
  capacity: BatteryCapacity | undefined
}

/** Measured from full to empty; absent where the profile does not say what is full. */
export interface BatteryCapacity {
  ratedAh: number
  /** Median of the last five over the rated one; null before the first. */
  health: number | null
  newestAh: number | null
  /** The newest one gave more than the one before: the pack has rested. */
  recovered: boolean
  /** Discharges that count, of all; the others ended early, or were not seen whole. */
  accepted: number
  ended: number
  partial: number
  unseen: number
  /** Which discharge was the first below the end of life. */
  endCycle: number | null
}

/** What the life table of some units says. */
export interface DurabilityVerdict {
  units: number
  failures: number
  silent: number
  confidence: number
  /** Hours of use by which a tenth has failed, two-sided bounds; absent with too few failures. */
  b10: { value: number; lower: number; upper: number } | undefined
  /** The claim against the other tool, in a sentence. */
  words: string
  /** How many times longer at least, silent units at their worst; absent where it has no answer. */
  least: number | undefined
  /** Probability plot, or why there is none. */
  svg: string
  /** The whole analysis as text: survival, models, bounds. */
  report: readonly string[]
}

/** Units that are repaired and go on: their mean number of failures. */
export interface RepairVerdict {
  units: number
  failures: number
  /** The claim against the other tool at equal hours. */
  words: string
  report: readonly string[]
  /** Mean cumulative function, or why there is none. */
  svg: string
}

/** Lives of one part: every one that was in a unit. */
export interface PartDurability
  extends Pick<DurabilityVerdict, 'units' | 'failures' | 'silent' | 'b10'> {
  part: string
}

export interface CohortDurability extends DurabilityVerdict {
  cohort: string
  machine: string
  simulatedLeftOut: number
  unusedLeftOut: number
  repaired: RepairVerdict
  parts: PartDurability[]
}

export interface DurabilityQuery {
  nowUs: number
  /** B10 of the tool to compare with, hours. */
  referenceHours?: number
  /** Shape to assume while failures are too few. */
  beta?: number
  /** Failures per machine of the tool to compare with, by so many hours of use. */
  referenceFailures?: { mean: number; hours: number }
}

export interface Queries {
  durability(query: DurabilityQuery): Promise<CohortDurability[]>
  /** `nowUs`: what counts as silent or overdue depends on it. */
  life(query: { unit: string; nowUs: number }): Promise<UnitLife>
  units(): Promise<UnitSummary[]>
  series(query: { unit: string; fromUs: number; toUs: number; points: number }): Promise<Series>
  events(query: { unit: string; limit: number }): Promise<StoredEvent[]>
  books(): Promise<Books[]>
  /** Faults of units that are not simulated, of records after this one; oldest first, bounded. */
  faults(afterOffset: number): Promise<RecentEvent[]>
  quarantine(query: QuarantineQuery): Promise<QuarantineRow[]>
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

/** An image that is ready to be flashed, as the page shows it. */
export interface ImageFace {
  /** Without an ending, such as `cordless-drill-rp2040-pico`. */
  name: string
  machine: string
  board: string
  /** The board in words. */
  title: string
  /** In the flash, with the bootloader where there is one. */
  bytes: number
  /** SHA-256 of the image, without the bootloader, hex. */
  digest: string
  /** Has a bootloader, and takes signed updates once a key is pinned. */
  takesUpdates: boolean
  /** Endings that can be downloaded, the first is the usual one: uf2, hex, bin. */
  forms: readonly string[]
  /** How a person flashes it, in order. */
  steps: readonly string[]
  /** What no emulator has shown. */
  unproven: readonly string[]
}

/** Of the disk under the data folder. */
export interface Room {
  freeBytes: number
  /** Until it is full at the rate of the last day; absent while that is not known, or shrinks. */
  daysLeft?: number
}

/** Bytes since `sinceUs`; undefined where the system does not count them (other than Linux). */
export interface Written {
  sinceUs: number
  nowUs: number
  /** By the whole process. */
  totalBytes: number | undefined
  /** By the log: each commit in whole pages. */
  logBytes: number
  /** By the thread that keeps the store and delivers. */
  storeBytes: number | undefined
  room?: Room
}
