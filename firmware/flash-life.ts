// How many hours of use a board's flash bears, part by part: bytes that the runtime writes in an
// hour at the most, against the erases that the chip's maker promises. Also whether the map of the
// flash is one. Pure arithmetic; the rates are those of runtime/counters.h, usage.h and outbox.h.
import { ruleItemBytes, ruleItemsPerHour } from './board-rules.ts'
import { type Board, sectorStarts } from './boards.ts'
import { type Finding, inBoard } from './finding.ts'
import type { UsagePlan } from './usage-plan.ts'

/** Hours of use that every part must bear. */
export const leastHours = 10_000

/** As in runtime/log.h: what a sector and a record need beside their data. */
const sectorHead = 32
const recordBytes = (data: number): number => Math.ceil((16 + data) / 16) * 16

/**
 * Between two records of counters, where a power cut may take that much of use: sooner by what a
 * record may be late, because thread mode signs an entry (185 ms beside the steps of 20 kHz) and
 * writes the record, and because counters of a loop move every 10 ms.
 */
export const journalUs = (journalSeconds: number): number => journalSeconds * 1e6 - 250_000

/**
 * A record of counters every 0.75 s and usage once a minute of use, where the board does not say
 * otherwise;
 * acknowledgements once a minute; usage told every 5 min of use at the most: what is told sooner
 * than after 30 min is kept as a value of its own, the rest with the usage.
 */
const acksPerHour = 60
const toldBytes = 8
/** Trips and entries that a machine is taken to send in an hour of use, and their size. */
const itemsPerHour = 60
const itemBytes = 256
/** Entries that a unit signs in an hour of use, each kept with its head once more. */
const entriesPerHour = 4
const chainBytes = 1124
/** The longest record of a value. */
const mostItem = 4016
/** Values that `kv_put` takes are at most so many, and so long. */
const mostValues = 16 * 4016

/** Hours of use by part; undefined for a board that keeps nothing. */
export const flashLife = (
  { flash }: Board,
  counters: number,
  plan: UsagePlan | undefined,
): Record<string, number> | undefined => {
  const { sectorBytes, eraseCycles, journalSeconds = 1, usageSeconds = 60 } = flash
  const { tellSeconds = 300, parts = {} } = flash
  const { kv, counters: journal, outbox } = parts
  if (!kv || !journal || !outbox || !sectorBytes || !eraseCycles) return undefined
  const room = sectorBytes - sectorHead
  const usage = usageSizes(plan)
  const kept = usage.kept.reduce((sum, bytes) => sum + recordBytes(bytes), 0)
  const told = usage.told.reduce((sum, bytes) => sum + recordBytes(bytes), 0)
  const perSector = Math.floor(room / recordBytes(8 * counters))
  const tellsPerHour = Math.max(2, 3600 / tellSeconds)
  const hours = (bytes: number, perHour: number): number =>
    Math.floor((bytes * eraseCycles) / perHour)
  // A record does not go over the end of a sector: of small ones half may stay empty.
  const fill = room > 65_536 ? 1 - mostItem / room : 0.5
  // Half of kv may hold what does not move, as far as there can be so much; of two sectors a
  // quarter of each, which is copied with every erase (KV_LIVE_MOST).
  const still = kv.bytes === 2 * sectorBytes ? kv.bytes / 4 : Math.min(kv.bytes / 2, mostValues)
  const moving = (kv.bytes - still) / sectorBytes
  return {
    kv: hours(
      moving * room * fill,
      (kept * 3600) / usageSeconds +
        recordBytes(4) * acksPerHour +
        recordBytes(toldBytes) * tellsPerHour +
        recordBytes(chainBytes) * entriesPerHour,
    ),
    counters: hours(
      (journal.bytes / sectorBytes - 1) * perSector,
      3600e6 / journalUs(journalSeconds),
    ),
    outbox: hours(
      (outbox.bytes / sectorBytes - 1) * room * fill,
      told * tellsPerHour +
        recordBytes(itemBytes) * itemsPerHour +
        recordBytes(ruleItemBytes) * ruleItemsPerHour,
    ),
  }
}

/** Bytes of each value and of each item, as in runtime/usage.h. */
const usageSizes = (plan: UsagePlan | undefined): { kept: number[]; told: number[] } => {
  if (plan === undefined) return { kept: [], told: [] }
  const { bands, cycles } = plan
  return {
    kept: [16 + 128 * bands.length, ...cycles.map(() => 1996)],
    told: [...bands.map(() => 24 + 128), ...cycles.flatMap(() => new Array<number>(10).fill(216))],
  }
}

/** What is wrong with the map, or with how long it would last. */
export const checkFlash = (
  board: Board,
  counters: number,
  plan: UsagePlan | undefined,
): Finding[] => {
  const { flash } = board
  const remedy = `Correct firmware/boards/${board.board}/board.json.`
  const findings: Finding[] = []
  const parts = Object.entries(flash.parts ?? {}).sort(([, a], [, b]) => a.at - b.at)
  const edges = new Set(sectorStarts(board))
  let end = 0
  for (const [name, { at, bytes }] of parts) {
    const bad = (what: string): void => {
      findings.push(inBoard(board.board, `/flash/parts/${name}`, { what, remedy }))
    }
    if (!edges.has(at) || !edges.has(at + bytes)) bad(`it is no whole number of sectors`)
    if (at < end) bad('it lies over the part before it')
    if (at + bytes > flash.bytes) bad('it goes beyond the end of the flash')
    end = at + bytes
  }
  for (const [name, hours] of Object.entries(flashLife(board, counters, plan) ?? {})) {
    if (hours >= leastHours) continue
    const what = `it would be worn out after ${hours} hours of use, ${leastHours} are needed`
    const said = { what, remedy: 'Give it more sectors.' }
    findings.push(inBoard(board.board, `/flash/parts/${name}`, said))
  }
  return findings
}
