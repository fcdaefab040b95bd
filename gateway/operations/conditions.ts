// What a person should be told of, from what is known at one moment: a sink that does not deliver,
// a gateway that takes no data, a peer that is away, a unit that has fallen silent, a certificate
// that ends, a disk that fills. Pure; when to tell is in alerts.ts.
import { endOf, replaceIt, type ShownCertificate } from '../certificate-findings.ts'
import type { SourceLink } from '../core/link.ts'
import type { UnitSummary } from '../core/queries.ts'
import type { SinkHealth } from '../pipeline/protocol.ts'
import { fillingOf, type Room, type RoomThresholds } from './room.ts'

/** Something that is the case, until it no longer is. */
export interface Condition {
  /** The same for as long as it is the same thing. */
  key: string
  /** One line: what, since when, what to check. */
  text: string
}

export interface Known {
  nowUs: number
  sinks: readonly SinkHealth[]
  /** Connections of the sources to peers outside. */
  links: readonly SourceLink[]
  units: readonly UnitSummary[]
  notReady: readonly string[]
  /** Those that the gateway shows or has issued. */
  certificates: readonly ShownCertificate[]
  /** Of the disk under the data folder; undefined where it is not known. */
  room: Room | undefined
}

export interface Thresholds extends RoomThresholds {
  /** A unit in use that has not reported for so long is silent. */
  silentMinutes: number
  /** A sink that is so far behind is late. */
  lagMinutes: number
  /** A peer that has not been connected for so long is away. */
  awayMinutes: number
  /** A certificate that holds for less is about to end. */
  certificateDays: number
}

const minuteUs = 60_000_000

/** A unit that has been silent for longer is put away, not lost: nobody is told for ever. */
const forgottenUs = 7 * 24 * 60 * minuteUs

/** @param active keys of what was told and is not over */
export const conditionsOf = (
  known: Known,
  thresholds: Thresholds,
  active: ReadonlySet<string> = new Set(),
): Condition[] => [
  ...known.notReady.map((text) => ({
    key: 'not ready',
    text: `the gateway takes no data: ${text}`,
  })),
  ...known.sinks.flatMap((sink) => late(sink, thresholds)),
  ...known.links.flatMap((link) => away(link, { nowUs: known.nowUs, active, ...thresholds })),
  ...known.units.flatMap((unit) => silent(unit, known.nowUs, thresholds)),
  ...known.certificates.flatMap((shown) => ending(shown, known.nowUs, thresholds)),
  ...filling(known.room, thresholds, active),
]

const late = ({ sink, lagUs, pending, error }: SinkHealth, { lagMinutes }: Thresholds) => {
  if (lagUs < lagMinutes * minuteUs) return []
  const why = error === undefined ? '' : `: ${error.message}. ${error.remedy}`
  const minutes = Math.round(lagUs / minuteUs)
  const text = `sink ${sink} is ${minutes} min behind, ${pending} records wait${why}`
  return [{ key: `sink ${sink}`, text }]
}

/** Over when it is connected: a gateway that starts again knows no more since when it is away. */
const away = (
  { source, peer, isConnected, sinceUs, said }: SourceLink,
  { nowUs, active, awayMinutes }: Thresholds & { nowUs: number; active: ReadonlySet<string> },
): Condition[] => {
  const key = `peer ${peer} of ${source}`
  if (isConnected) return []
  if (nowUs - sinceUs < awayMinutes * minuteUs && !active.has(key)) return []
  const since = new Date(sinceUs / 1000).toISOString()
  return [{ key, text: `peer ${peer} of ${source} is away since ${since}: ${said}` }]
}

const silent = (
  { unit, simulated, lifecycle, lastTimeUs }: UnitSummary,
  nowUs: number,
  { silentMinutes }: Thresholds,
): Condition[] => {
  if (simulated || lifecycle !== 'in_use' || lastTimeUs === undefined) return []
  const silentUs = nowUs - lastTimeUs
  if (silentUs < silentMinutes * minuteUs || silentUs > forgottenUs) return []
  const last = new Date(lastTimeUs / 1000).toISOString()
  return [{ key: `unit ${unit}`, text: `unit ${unit} is silent since ${last}` }]
}

/** Told once before, and once more when it has ended. */
const ending = (
  shown: ShownCertificate,
  nowUs: number,
  { certificateDays }: Thresholds,
): Condition[] => {
  const { setting, remedy = replaceIt } = shown
  const end = endOf(shown, nowUs)
  if ('problem' in end) {
    const text = `the certificate of ${setting} cannot be read: ${end.problem}`
    return [{ key: `certificate of ${setting} unreadable`, text }]
  }
  const { days, date } = end
  if (days >= certificateDays) return []
  const before = days < 0 ? 'has ended' : `ends in ${days} days,`
  const text = `the certificate of ${setting} ${before} on ${date}. ${remedy}`
  const soon = { key: `certificate of ${setting}`, text }
  return days < 0 ? [soon, { ...soon, key: `certificate of ${setting}, ended` }] : [soon]
}

const filling = (
  room: Room | undefined,
  thresholds: Thresholds,
  active: ReadonlySet<string>,
): Condition[] => {
  const key = 'disk'
  const said = room && fillingOf(room, thresholds, active.has(key))
  return said === undefined ? [] : [{ key, text: `the disk of the data folder fills: ${said}` }]
}
