// One unit's newest reading on its way: by which source and session it came, where it is in the
// log, when it came into the store, and which sink has it already. Pure; `tenfold doctor` gathers
// what it needs.
import type { LogRecord } from './core/record.ts'
import type { Finding, SinkFacts } from './diagnosis.ts'

/** The newest reading of a unit that the embedded store has. */
export interface NewestReading {
  /** Of its record in the log. */
  offset: number
  boot: number
  /** Negative for a publisher without a sequence. */
  sequence: number
  timeUs: number
  /** Its record; undefined where the log has let go of it. */
  record?: Pick<LogRecord, 'source' | 'session' | 'topic' | 'receivedUs'> | undefined
}

/** Where the reading is, station by station; sinks by their cursors. */
export const traceOf = (
  newest: NewestReading,
  { sinks, nowUs }: { sinks: readonly SinkFacts[]; nowUs: number },
): Finding[] => {
  const { offset, boot, sequence, timeUs } = newest
  const number = boot < 0 ? 'without a sequence' : `boot ${boot}, sequence ${sequence}`
  const when = `${new Date(timeUs / 1000).toISOString()}, ${seconds(nowUs - timeUs)} ago`
  const log = Math.max(0, ...sinks.map(({ received }) => received))
  return [
    good('readings', `newest reading: ${number}, ${when}`),
    cameBy(newest),
    good('readings', `it is record ${offset} of the log, which has ${log} now`),
    ...sinks.map(({ sink, cursor, lagUs }) => {
      const lag = lagUs === undefined ? '' : `, lag ${seconds(lagUs)}`
      if (cursor > offset) return good('sinks', `${sink} is past it, at ${cursor}${lag}`)
      const text = `${sink} is at ${cursor}, ${offset - cursor} records before it${lag}`
      return { ...good('sinks', text), verdict: 'note' as const, remedy: waits }
    }),
  ]
}

/** A record that was taken out of quarantine says so as its source, and when it came at first. */
const cameBy = ({ record }: NewestReading): Finding => {
  if (record === undefined) {
    return good('readings', 'the log no longer has its record: how it came is not known')
  }
  const { source, session, topic, receivedUs } = record
  const when = new Date(receivedUs / 1000).toISOString()
  return good('readings', `it came by ${source}, session ${session}, at ${when}, on ${topic}`)
}

const waits = 'It catches up by itself once its database answers; see the books above.'

const good = (station: Finding['station'], text: string): Finding => ({
  ...{ station, text },
  verdict: 'good',
})

const seconds = (us: number): string => `${(us / 1e6).toFixed(1)} s`
