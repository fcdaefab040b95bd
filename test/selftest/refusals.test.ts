// What `tenfold commission` refuses for what the board says, without a board: a line that answers
// as one would. The steps themselves are taken on an emulated Pico in commission.test.ts.
import { expect, test } from 'vitest'
import { CommissionBoard, verify } from '../../gateway/selftest/commission.ts'
import { reportLines, type SelftestReport } from '../../gateway/selftest/report.ts'
import type { DirectLine } from '../../gateway/sources/serial/direct.ts'
import type { CalibrationMessage } from '../../gateway/sources/serial/messages.ts'
import { drill, subjectOf } from '../boards/stand.ts'
import { refusalOf } from './stand.ts'

const rested: CalibrationMessage = {
  ...{ is: 'calibration', number: 1, isCalibrated: true, isAtRest: true, cause: 0 },
  ...{ inputs: [0, 0, 10_000, 0, 0, 0, 0], outputs: [0, 0, 0] },
}

/** A board that gives these answers in turn, the last one for ever. */
const answering = (answers: readonly CalibrationMessage[], ask = 'yes', slow = false) => {
  const left = [...answers]
  const line: Pick<DirectLine, 'ask' | 'sleep'> = {
    ask: () => Promise.resolve((left.length > 1 ? left.shift() : left[0]) ?? rested),
    sleep: () => Promise.resolve(),
  }
  const person = () => (slow ? new Promise<string>(() => {}) : Promise.resolve(ask))
  return new CommissionBoard(line as DirectLine, person)
}
const machineOf = (name: string) => {
  const { profile, loop, spec } = name === 'drill' ? drill() : subjectOf(name)
  if (profile.safety === undefined) throw new Error('no safety')
  return { safety: profile.safety, loop, spec, profile }
}

test('a machine that is driven, and one whose trip is latched, is not put to rest', async () => {
  const driven = { ...rested, isAtRest: false }
  expect((await refusalOf(answering([driven]).rest())).code).toBe('machine_armed')
  const tripped = { ...driven, cause: 34 }
  expect((await refusalOf(answering([tripped]).rest())).code).toBe('trip_latched')
})

test('a board that was reset while the person looks at a meter ends it', async () => {
  const board = answering([rested, rested, { ...rested, isAtRest: false }], '', true)
  await board.rest()
  expect((await refusalOf(board.number('how many volts?'))).code).toBe('selftest_ended')
})

test('a current that reads wrong by the new lines is said: more than 0.3 A off at 10 A', async () => {
  const machine = machineOf('drill')
  const reads = (milliamps: number): CalibrationMessage => {
    const at = machine.loop.inputs.findIndex(({ name }) => name === 'motor_current')
    return { ...rested, inputs: rested.inputs.map((was, i) => (i === at ? milliamps : was)) }
  }
  await expect(verify(answering([reads(10_290)]), machine, 10)).resolves.toBeCloseTo(10.29, 6)
  const off = await refusalOf(verify(answering([reads(10_310)]), machine, 10))
  expect(off.code).toBe('calibration_off')
})

test('a report says that limits are reduced only where there are such limits', () => {
  const report: SelftestReport = {
    ...{ kind: 'selftest', version: 1, author: 'did:key:z', time: '2026-01-01T00:00:00Z' },
    unit: { unit: 'u', machine: 'm', board: 'b', firmware: '0'.repeat(64) } as never,
    ...{ isCalibrated: false, passed: true, injected: [], leftOut: [], physical: [] },
  }
  const said = (more: Partial<SelftestReport>): boolean =>
    reportLines({ ...report, ...more }).some((line) => line.includes('NOT CALIBRATED'))
  expect(said({ isReduced: true })).toBe(true)
  expect(said({ isReduced: false })).toBe(false)
  expect(said({})).toBe(true)
  expect(said({ isCalibrated: true })).toBe(false)
})
