// Checks of what everything else hangs on: is the log's key one that the reader pinned, is the
// unit's, where does that key live, is the unit a machine at all. Keys that came with the file
// prove nothing.

import { encodeVkey } from '../note.ts'
import type { Passport } from '../passport-file.ts'
import type { Trust } from '../trust.ts'
import type { Checks, Found } from './checks.ts'
import type { History } from './history.ts'
import type { LogFindings } from './log.ts'

const checkLogKey = (passport: Passport, { checkpoint }: LogFindings, trust: Trust): Found<true> =>
  trust.logs.some((key) => encodeVkey(key) === passport.log)
    ? { value: true, detail: `you pinned log ${checkpoint.origin}` }
    : {
        value: true,
        unknown: 'log_not_pinned',
        detail: `the key of log ${checkpoint.origin} came with the file: ${passport.log}`,
      }

const checkUnitKey = ({ head, claims }: History, trust: Trust): Found<true> => {
  if (trust.units.has(head.unit)) return { value: true, detail: 'you pinned the unit’s key' }
  const producer = claims.find(
    ({ kind, author }) => kind === 'production' && trust.producers.has(author),
  )
  if (producer !== undefined) {
    return { value: true, detail: `vouched for by producer ${producer.author}, whom you pinned` }
  }
  const detail = `neither ${head.unit} nor a producer that vouches for it is pinned`
  return { value: true, unknown: 'unit_not_pinned', detail }
}

const checkCustody = ({ head }: History): Found<true> => {
  const { custody } = head.enrolment
  if (custody === 'gateway') {
    const detail = 'reported by gateway: the unit has no key of its own'
    return { value: true, unknown: 'reported_by_gateway', detail }
  }
  return { value: true, detail: `the unit’s key lives in its ${custody.replace('_', ' ')}` }
}

const checkReality = ({ head }: History): Found<true> =>
  head.enrolment.simulated
    ? { value: true, unknown: 'simulated', detail: 'a simulated unit, barred from claims' }
    : { value: true, detail: 'enrolled as a real machine' }

/** Runs the checks of keys and kind. */
export const checkRoots = (
  checks: Checks,
  found: {
    passport: Passport | undefined
    history: History | undefined
    log: LogFindings | undefined
  },
  trust: Trust,
): void => {
  const { passport, history, log } = found
  checks.run('log_key', passport && log && (() => checkLogKey(passport, log, trust)))
  checks.run('unit_key', history && (() => checkUnitKey(history, trust)))
  checks.run('custody', history && (() => checkCustody(history)))
  checks.run('reality', history && (() => checkReality(history)))
}
