// Judges a passport file, offline: an ordered list of named checks, one verdict, and beside it what
// no check can see. Imports attestation only and runs in a browser; keys come from the reader's
// trust file, never from the passport.

import { equalBytes } from './bytes.ts'
import type { Detail } from './disclosure.ts'
import type { Custody } from './entry.ts'
import { parsePassport } from './passport-file.ts'
import type { Trust } from './trust.ts'
import { type Check, Checks } from './verify/checks.ts'
import { checkHistory, type History } from './verify/history.ts'
import { checkAnchor, checkLog, type LogFindings, type ReadAnchor } from './verify/log.ts'
import { checkRoots } from './verify/roots.ts'

export type { Check, CheckVerdict } from './verify/checks.ts'
export type { Anchor, ReadAnchor } from './verify/log.ts'

/**
 * VALID: every check that decides has passed. INVALID: one failed. UNKNOWN_ROOT: nothing is wrong,
 * but the log's or the unit's key is not pinned. UNKNOWN_ANCHOR: nothing is wrong, but the anchor
 * that was asked for could not be compared.
 */
export type Verdict = 'VALID' | 'INVALID' | 'UNKNOWN_ROOT' | 'UNKNOWN_ANCHOR'

/** One line of the unit's history, for people. */
export interface HistoryLine {
  seq: number
  type: string
  /** Boot count and uptime in it, microseconds. */
  boot: number
  timeUs: number
  counters: Readonly<Record<string, number>>
  /** Opened details of the entry and of its claim. */
  details: readonly Detail[]
  /** Who declared it, for entries that rest on somebody's word. */
  declaredBy?: string
}

export interface Report {
  verdict: Verdict
  /** One sentence: verdict, and the limits that belong to it. */
  summary: string
  checks: readonly Check[]
  /** What this verification cannot see. */
  notDetected: readonly string[]
  /** What the file shows; absent when its chain or log checks failed. */
  subject?: {
    unit: string
    machine: string
    serial: string
    /** Title of the profile as the log's operator gives it. */
    title: string
    custody: Custody
    simulated: boolean
  }
  history: readonly HistoryLine[]
}

const rootChecks: ReadonlySet<string> = new Set(['log_key', 'unit_key'])

const verdictOf = (checks: readonly Check[]): Verdict => {
  if (checks.some(({ verdict }) => verdict === 'fail')) return 'INVALID'
  const unknown = checks.filter(({ verdict }) => verdict === 'unknown')
  if (unknown.some(({ name }) => rootChecks.has(name))) return 'UNKNOWN_ROOT'
  return unknown.some(({ name }) => name === 'anchor') ? 'UNKNOWN_ANCHOR' : 'VALID'
}

const summaryOf = (checks: readonly Check[], history?: History, log?: LogFindings): string => {
  const verdict = verdictOf(checks)
  const firstOf = (wanted: Check['verdict']) => checks.find((check) => check.verdict === wanted)
  if (verdict === 'INVALID' || history === undefined || log === undefined) {
    const { name, code, detail } = firstOf('fail') ?? {
      name: 'file',
      code: 'bad_passport',
      detail: '',
    }
    return `${verdict}: ${name} failed (${code}): ${detail}`
  }
  const { custody, simulated } = history.head.enrolment
  const marks = [
    ...(simulated ? ['SIMULATED unit, barred from claims'] : []),
    ...(custody === 'gateway' ? ['reported by gateway'] : []),
  ]
  const mark = marks.length > 0 ? ` (${marks.join('; ')})` : ''
  const { origin, size } = log.checkpoint
  const seen = `nothing left out of log ${origin} until size ${size}; the unit was not asked`
  const open = checks.filter(
    ({ name, verdict: one }) => one === 'unknown' && (rootChecks.has(name) || name === 'anchor'),
  )
  const reason = open.map(({ detail }) => detail).join('; ')
  return verdict === 'VALID' ? `VALID${mark}: ${seen}` : `${verdict}${mark}: ${reason}`
}

const notDetectedOf = (
  checks: readonly Check[],
  history?: History,
  log?: LogFindings,
): string[] => {
  const where = log === undefined ? 'its log' : `log ${log.checkpoint.origin}`
  const until = log === undefined ? 'its checkpoint' : `size ${log.checkpoint.size}`
  const isAnchored = checks.some(({ name, verdict }) => name === 'anchor' && verdict === 'pass')
  return [
    `entries that never reached ${where}, or came after ${until}: only the unit itself can say`,
    `that the operator of ${where} names an older entry as this unit's last: its word is signed, ` +
      'but no map and no witness has checked it',
    ...(isAnchored
      ? []
      : [`that the operator of ${where} shows other people another log: no witness, no anchor`]),
    'dark hours (run time outside signed entries): the unit was not asked for its counters',
    'what the unit could not sense, and a motor that runs without its board',
    'entries written by somebody who copied the unit’s key, from the copy on',
    'the date of an entry: units count boots and uptime, nobody has signed a time',
    'whether a claim is true: its author declares it',
    ...(history?.head.enrolment.custody === 'gateway'
      ? ['anything the gateway made up about this unit: it holds the unit’s key']
      : []),
  ]
}

const historyLines = ({ entries, claims, disclosures }: History): HistoryLine[] =>
  entries.map((entry) => {
    const { seq, type, boot, timeUs, counters } = entry
    const claim = claims.find(({ hash }) => entry.claim && equalBytes(hash, entry.claim))
    const digests = [...entry.digests, ...(claim?.digests ?? [])]
    const details = disclosures
      .filter(({ digest }) => digests.some((one) => equalBytes(one, digest)))
      .map(({ name, value }) => ({ name, value }))
    const declared = claim === undefined ? {} : { declaredBy: claim.author }
    return { seq, type, boot, timeUs, counters, details, ...declared }
  })

const subjectOf = ({ head }: History, { title }: LogFindings): NonNullable<Report['subject']> => {
  const { machine, serial, custody, simulated } = head.enrolment
  return { unit: head.unit, machine, serial, title, custody, simulated }
}

/**
 * Verifies the text of a passport file against pinned keys. Never rejects because of the file's
 * content: whatever is wrong with it is a check that failed.
 */
export const verify = async (
  text: string,
  trust: Trust,
  { readAnchor }: { readAnchor?: ReadAnchor } = {},
): Promise<Report> => {
  const checks = new Checks()
  const passport = checks.run('file', () => ({
    value: parsePassport(text),
    detail: 'a passport of version 1, in its one form',
  }))
  const history = checkHistory(checks, passport, trust)
  const log = checkLog(checks, { passport, history }, trust)
  checkRoots(checks, { passport, history, log }, trust)
  await checkAnchor(checks, { passport, log }, readAnchor)
  for (const [name, detail] of [
    ['challenge', 'the unit was not asked'],
    ['dark_hours', 'run time outside signed entries is unknown: the unit was not asked'],
  ] as const) {
    checks.add({ name, verdict: 'not_asked', code: 'not_asked', detail })
  }
  const list = checks.list()
  return {
    verdict: verdictOf(list),
    summary: summaryOf(list, history, log),
    checks: list,
    notDetected: notDetectedOf(list, history, log),
    ...(history && log && { subject: subjectOf(history, log) }),
    history: history === undefined ? [] : historyLines(history),
  }
}
