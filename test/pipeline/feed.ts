// What tests of the pipeline and the store share: the drill's machine, records as a unit would send
// them, and a log in memory that hands out records and gaps like the real one.
import { loadProfiles } from '../../firmware/profiles.ts'
import { type Machine, prepareMachine } from '../../gateway/core/machine.ts'
import { encodeRecord, type LogRecord } from '../../gateway/core/record.ts'
import type { Batch, Gap, LogReader, ReadLimits } from '../../gateway/log/log.ts'
import { Pipeline } from '../../gateway/pipeline/pipeline.ts'
import { topicOf } from '../../hardware-profiles/names.ts'

/** The drill has no signal of these types: two are added here. */
const more = {
  test_switch: { description: 'A switch', unit: '1', type: 'boolean', direction: 'input' },
  test_pulses: { description: 'Pulses', unit: '1', type: 'integer', direction: 'input' },
} as const

const profiles = [...loadProfiles().profiles.values()]

export const machines: ReadonlyMap<string, Machine> = new Map(
  profiles.map((profile) => {
    const signals = { ...profile.signals, ...(profile.machine === 'cordless_drill' && more) }
    return [profile.machine, prepareMachine({ ...profile, signals })]
  }),
)

export const drill = machines.get('cordless_drill') as Machine

/** 2026-01-01T00:00Z. */
export const startUs = 1_767_225_600_000_000

export const unitName = 'drill-1'

export interface Sent extends Partial<LogRecord> {
  unit?: string
  machine?: string
  kind?: 'hello' | 'report' | 'entry' | 'claim' | 'item'
  /** JSON body; `payload` goes first. */
  body?: unknown
}

/** Log record of a message. */
export const sent = ({ unit, machine, kind, body, ...record }: Sent): Buffer =>
  encodeRecord({
    receivedUs: startUs,
    source: 'mqtt',
    session: 's',
    topic: topicOf({
      machine: machine ?? 'cordless_drill',
      unit: unit ?? unitName,
      kind: kind ?? 'report',
    }),
    payload: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body ?? {})),
    retained: false,
    ...record,
  })

export const hello = (body: object = { boot: 1, t: 0 }, more: Sent = {}): Buffer =>
  sent({ kind: 'hello', body, ...more })

export const report = (body: object, more: Sent = {}): Buffer => sent({ body, ...more })

/** A pipeline that keeps states in memory only. */
export const pipelineInMemory = (enrol: 'hello' | 'closed' = 'hello'): Pipeline =>
  new Pipeline({ machines, enrol, load: () => undefined })

/** Records and gaps in memory; grows while it is read. */
export class MemoryLog implements LogReader {
  readonly #slots: (Buffer | Gap['reason'])[] = []
  closed = false

  append(...bodies: (Buffer | Gap['reason'])[]): void {
    this.#slots.push(...bodies)
  }

  read(from: number, { records: recordsMax }: ReadLimits): Batch {
    const batch: Batch = { records: [], gaps: [], next: from }
    while (batch.next < this.#slots.length && batch.records.length < recordsMax) {
      const slot = this.#slots[batch.next] as Buffer | Gap['reason']
      if (typeof slot === 'string') {
        batch.gaps.push({ from: batch.next, to: batch.next + 1, reason: slot })
      } else {
        // A copy that is spoiled at the next read, as the real one's would be.
        batch.records.push({ offset: batch.next, body: slot })
      }
      batch.next++
    }
    return batch
  }

  head(): number {
    return this.#slots.length
  }

  async wait(offset: number, timeoutMs: number): Promise<boolean> {
    if (this.head() > offset) return true
    await new Promise((resolve) => setTimeout(resolve, Math.min(timeoutMs, 5)))
    return this.head() > offset
  }

  damagedCommits(): number {
    return 0
  }

  close(): void {
    this.closed = true
  }
}
