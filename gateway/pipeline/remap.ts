// The mapping of a boot's uptime to the wall clock, put right where the gateway's clock was set
// after it was made. Pure, in place; it looks at nothing but the record, so that a replay does the
// same.
import type { LogRecord } from '../core/record.ts'
import type { BootState } from './unit.ts'

/**
 * Moves the mapping by what the clock was set since, where the record's own receipt agrees: a
 * machine that slept was not set, and a report that waited somewhere is not early. `t`: uptime of
 * the record, microseconds.
 */
export const remap = (
  boot: BootState,
  { t, record }: { t: number; record: Pick<LogRecord, 'receivedUs' | 'steppedUs'> },
): void => {
  const { steppedUs = 0, receivedUs } = record
  const byUs = steppedUs - (boot.steppedUs ?? 0)
  if (byUs === 0) return
  const aheadUs = boot.epochUs + t - receivedUs
  if (Math.abs(aheadUs + byUs) >= Math.abs(aheadUs)) return
  boot.epochUs += byUs
  boot.steppedUs = steppedUs
}
