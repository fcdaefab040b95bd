// Signed records of the bench: a self-test's report, a calibration. JSON in a COSE_Sign1 with its
// author's Ed25519 key, so that nobody can change a figure afterwards; and the lines that a person
// reads. What was injected and what only a physical test can show are never mixed.
import { AttestationError } from '../attestation/codes.ts'
import {
  type CoseType,
  checkSign1,
  coseTypes,
  decodeSign1,
  encodeSign1,
} from '../attestation/cose.ts'
import { parseDid } from '../attestation/did.ts'
import type { Signer } from '../attestation/identity.ts'
import type { Unit } from './board.ts'
import type { Outcome, Ran } from './run.ts'

/** What every record of the bench begins with. */
export interface BenchRecord {
  version: 1
  /** did:key of who signed, and when by their clock; declared. */
  author: string
  time: string
  unit: Unit
}

export interface SelftestReport extends BenchRecord, Ran {
  kind: 'selftest'
  isCalibrated: boolean
  /** Current limits that are lower until a calibration, by which it was judged; a machine without
   * a watched current has none. Older reports do not say: not calibrated was then taken for it. */
  isReduced?: boolean
  /** Each injected fault ended with the right cause within its time. */
  passed: boolean
  /** What no injection shows. */
  physical: readonly string[]
}

/** The record's bytes as they are signed and kept. */
export const signRecord = (record: BenchRecord, type: CoseType, signer: Signer): Uint8Array =>
  encodeSign1(
    { type, alg: signer.suite.coseAlg, payload: Buffer.from(JSON.stringify(record)) },
    signer.sign,
  )

/** The record, its signature checked against the author that it names. Throws AttestationError. */
export const openRecord = (bytes: Uint8Array, type: CoseType): BenchRecord => {
  const object = decodeSign1(bytes, type)
  let record: BenchRecord
  try {
    record = JSON.parse(Buffer.from(object.payload).toString()) as BenchRecord
  } catch {
    throw new AttestationError('bad_field', 'the record is not JSON')
  }
  if (record.version !== 1 || typeof record.author !== 'string') {
    throw new AttestationError('bad_field', 'the record is of no known version')
  }
  checkSign1(object, parseDid(record.author))
  return record
}

export const selftestType = coseTypes.selftest

const time = (s: number): string =>
  s < 1 ? `${Number((s * 1000).toFixed(1))} ms` : `${s.toFixed(3)} s`

export const outcomeLine = ({ what, cause, found, withinS, tookS, passed }: Outcome): string => {
  const named = found === cause ? cause : `${found}, not ${cause}`
  return `  ${passed ? 'ok    ' : 'FAILED'} ${what}: ${named}, ${time(tookS)} of ${time(withinS)}`
}

const notInjectedLines = ({ notInjected = [] }: SelftestReport): string[] =>
  notInjected.length === 0
    ? []
    : [
        'NOT INJECTED: no replaced reading makes these; emulated boards show them in our tests',
        ...notInjected.map(
          ({ what, cause, within, reason }) => `  -      ${what}: ${cause}, ${within}; ${reason}`,
        ),
        '',
      ]

/** For a person, whole. */
export const reportLines = (report: SelftestReport): string[] => {
  const failed = report.injected.filter(({ passed }) => !passed).length
  return [
    `self-test of ${report.unit.unit}, a ${report.unit.machine} on ${report.unit.board}`,
    `  ${report.time}, by ${report.author}; firmware ${report.unit.firmware.slice(0, 16)}`,
    '',
    ...((report.isReduced ?? !report.isCalibrated)
      ? ['  NOT CALIBRATED: limits are reduced until "tenfold commission"']
      : []),
    'INJECTED: readings replaced inside the board; kernel and its times are real, no pin moved',
    ...report.injected.map(outcomeLine),
    ...report.leftOut.map((what) => `  -      ${what}: left out, it takes long`),
    '',
    ...notInjectedLines(report),
    'PHYSICAL: not shown by this test; each is to be seen on the machine itself',
    ...report.physical.map((what) => `  -      ${what}`),
    '',
    report.passed
      ? `${report.injected.length} faults injected, each ended within its time`
      : `${failed} of ${report.injected.length} FAILED`,
    'This is no certificate, and no safety integrity level is claimed.',
  ]
}
