// How much room the disk under the data folder has, and for how many days at the rate of the last
// day. Remembers this run only; what is freed in between (the log's retention) counts as it is. It
// frees nothing.
import type { Room } from '../core/queries.ts'
import type { Finding } from '../diagnosis.ts'

export type { Room }

export interface RoomThresholds {
  /** Less room than this is little, MiB. */
  diskFreeMiB: number
  /** A disk that is full in less at its present rate is filling, days. */
  diskDays: number
}

const dayMs = 86_400_000
/** Between two looks that are remembered, and how far they go back. */
const stepMs = 600_000
const spanMs = dayMs
/** Before so long a rate would be a guess. */
const measuredMs = 3_600_000
/** What has begun is over only with so much more: no message for every file that comes and goes. */
const backFactor = 1.1

export class RoomTrend {
  /** Oldest first. */
  readonly #looks: { atMs: number; freeBytes: number }[] = []

  /** @param atMs of a clock that nobody sets */
  look(atMs: number, freeBytes: number): Room {
    const last = this.#looks.at(-1)
    if (last === undefined || atMs - last.atMs >= stepMs) this.#looks.push({ atMs, freeBytes })
    while (atMs - (this.#looks[0]?.atMs ?? atMs) > spanMs) this.#looks.shift()
    const [first] = this.#looks
    if (first === undefined || atMs - first.atMs < measuredMs) return { freeBytes }
    const perDayBytes = ((first.freeBytes - freeBytes) * dayMs) / (atMs - first.atMs)
    return perDayBytes > 0 ? { freeBytes, daysLeft: freeBytes / perDayBytes } : { freeBytes }
  }
}

/** Why it is too little, in words; undefined where it is enough. */
export const fillingOf = (
  { freeBytes, daysLeft = Number.POSITIVE_INFINITY }: Room,
  { diskFreeMiB, diskDays }: RoomThresholds,
  isActive = false,
): string | undefined => {
  const factor = isActive ? backFactor : 1
  const free = `${mebi(freeBytes)} are left`
  if (daysLeft < diskDays * factor)
    return `${free}, full in ${daysLeft.toFixed(1)} days at this rate`
  return freeBytes < diskFreeMiB * factor * 1024 ** 2 ? free : undefined
}

/** What `tenfold doctor` says of it. */
export const roomFinding = (room: Room, thresholds: RoomThresholds): Finding => {
  const said = fillingOf(room, thresholds)
  const station = 'folder'
  if (said !== undefined) {
    const remedy =
      'Make room, or bound what is kept: log.bytesMax, store.bytesMax and their days; ' +
      'alerts.diskFreeMiB and alerts.diskDays say what is little.'
    return { station, verdict: 'note', text: `the disk fills: ${said}`, remedy }
  }
  const { freeBytes, daysLeft } = room
  const days = daysLeft === undefined ? '' : `, full in ${Math.floor(daysLeft)} days at this rate`
  return { station, verdict: 'good', text: `room on the disk: ${mebi(freeBytes)}${days}` }
}

const mebi = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2).toLocaleString('en')} MiB`
