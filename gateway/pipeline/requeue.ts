// How a record that comes out of quarantine says so in the log: which record it was before, and
// which sinks had it aside. So that it is the same reading wherever it was stored already, and is
// delivered again only where it was refused. Pure.
import type { LogRecord } from '../core/record.ts'

/** What a requeued record was before. */
export interface Origin {
  /** Offset at which it was received first; identity of a report without a sequence. */
  readonly offset: number
  /** Sinks that had it in quarantine. */
  readonly sinks: readonly string[]
}

const source = 'requeue'

/** The record as it goes into the log once more: what it says of time and topic stays. */
export const requeuedRecord = (
  origin: Origin,
  { receivedUs, topic, payload }: Pick<LogRecord, 'receivedUs' | 'topic' | 'payload'>,
): LogRecord => ({
  ...{ receivedUs, topic, payload, source, retained: false },
  session: `${origin.offset}:${origin.sinks.join(',')}`,
})

/** undefined for a record that was never in quarantine. */
export const originOf = (record: LogRecord): Origin | undefined => {
  if (record.source !== source) return undefined
  const [offset = '', sinks = ''] = record.session.split(':')
  return { offset: Number(offset), sinks: sinks.split(',') }
}
