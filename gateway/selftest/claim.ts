// A self-test's signed report as details of a claim: its digest, and what it says in one line. The
// claim is its author's word; whoever has the file can check the report against the digest.
import { createHash } from 'node:crypto'
import type { Detail } from '../attestation/disclosure.ts'
import { OperatingError } from '../core/errors.ts'
import { workDetails } from '../lifecycle/acts.ts'
import { openRecord, type SelftestReport, selftestType } from './report.ts'

/**
 * @param bytes of the file; its signature is checked
 * Throws AttestationError where it was changed, OperatingError where it is of another unit.
 */
export const selftestDetails = (bytes: Uint8Array, unit: string): Detail[] => {
  const report = openRecord(bytes, selftestType) as SelftestReport
  if (report.unit.unit !== unit) {
    throw new OperatingError('report_foreign', {
      message: `the report is of ${report.unit.unit}, not of ${unit}`,
      remedy: 'Name the unit as the report does, or take its own report.',
    })
  }
  const failed = report.injected.filter(({ passed }) => !passed).length
  const word = report.passed ? 'passed' : `FAILED ${failed} of`
  const said = `self-test ${word} ${report.injected.length} injected faults at ${report.time}`
  return [
    { name: workDetails.report, value: createHash('sha256').update(bytes).digest('hex') },
    { name: workDetails.reason, value: said },
  ]
}
