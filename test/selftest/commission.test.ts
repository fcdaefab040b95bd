// `tenfold commission` against the drill's own image on an emulated Pico whose current sensor and
// trigger are off: afterwards the board's own readings are right, over a battery pull, too, and its
// limits are the profile's. What lies too far off, and what nobody confirms, is not stored.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { coseTypes } from '../../gateway/attestation/cose.ts'
import { runOn } from '../../gateway/cli/commission.ts'
import {
  type CalibrationRecord,
  currentError,
  type Measured,
} from '../../gateway/selftest/commission.ts'
import { openRecord } from '../../gateway/selftest/report.ts'
import { atRest, ms, pin, put, type Volts } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { desk, refusalOf, standWith } from './stand.ts'

// Emulated boards wait for nobody's clock; on a busy machine they take as long as they take.
vi.setConfig({ testTimeout: 300_000 })
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
const currentInput = 2

describe.runIf(compilerInstalled())('on an emulated Pico', () => {
  let image: Image
  beforeAll(async () => {
    image = await imageOf(drill(), 'rp2040-pico', 'machine')
  })
  const word = (pico: { read(at: number): number }, name: string, index = 0): number =>
    pico.read((image.symbols.get(name) ?? 0) + 4 * index) | 0

  /** A sensor whose zero is 3 A off and whose gain is that share of the right one. */
  const sensor = (gain: number, amps: number): number => 1.65 + ((amps * gain + 3) * 3) / 400
  const trigger = (percent: number): number => 0.38 + 0.0265 * percent

  const bringUp = async ({ gain = 1.06, gate = '0.01', sure = 'yes' } = {}) => {
    const flash = new W25q({ times: quickTimes })
    const volts: Volts = { ...atRest(), current: sensor(gain, 0), trigger: trigger(0) }
    const board = standWith(image, volts, flash)
    const io = await desk()
    stops.push(io.remove, board.stop)
    const ask = (question: string): Promise<string> => {
      if (question.includes('fully pulled')) volts.trigger = trigger(100)
      if (question.includes('released again')) volts.trigger = trigger(0)
      if (question.includes('known current')) volts.current = sensor(gain, 20)
      const isNumber = question.includes('how many')
      if (!isNumber) return Promise.resolve(question.includes('no current') ? sure : 'yes')
      return Promise.resolve(question.includes('gate') ? gate : '20')
    }
    const args = ['--port', 'x', '--key', io.key]
    const done = runOn(args, io, { ...board.outside, ask })
    return { board, io, flash, done }
  }

  test('a wrong zero and gain are right afterwards, and after a battery pull', async () => {
    const { board, io, flash, done } = await bringUp()
    expect(await done).toBe(0)
    for (const one of [pin.gate, pin.duty, pin.brake]) expect(board.edges(one)).toEqual([])
    const folder = join(io.cwd, '.tenfold', 'calibrations')
    const [name = ''] = readdirSync(folder)
    const record = openRecord(readFileSync(join(folder, name)), coseTypes.calibration)
    const measured = (record as CalibrationRecord).measured as Measured
    expect(measured.currentZeroA).toBeCloseTo(3, 1)
    expect(measured.currentReadA).toBeCloseTo(24.2, 0)
    expect(measured.handReleased).toBeCloseTo(2.96, 0)
    await board.stop()

    for (const amps of [-40, 0, 5, 60]) {
      const again = put(
        image,
        { ...atRest(), current: sensor(1.06, amps), trigger: trigger(0) },
        flash,
      )
      again.pico.run(60 * ms)
      const read = word(again.pico, 'inputs', currentInput) / 1000
      // Beside the stated error one reading has the emulated converter's noise.
      const most = Math.abs(amps) * currentError.share + currentError.amps + 0.25
      expect(Math.abs(read - amps)).toBeLessThanOrEqual(most)
      expect(Math.abs(word(again.pico, 'inputs', 0))).toBeLessThanOrEqual(5)
      expect(word(again.pico, 'kernel_reduced')).toBe(0)
    }
  })

  test('a unit without a calibration trips at half of its current; with one it does not', async () => {
    const trips = (flash: W25q, gain: number): boolean => {
      const volts = { ...atRest(), current: 1.65, trigger: trigger(0) }
      if (gain !== 1) volts.current = sensor(gain, 0)
      const { pico } = put(image, volts, flash)
      pico.run(2300 * ms)
      volts.trigger = trigger(60)
      pico.run(20 * ms)
      volts.current = gain === 1 ? 1.65 + (70 * 3) / 400 : sensor(gain, 70)
      pico.run(20 * ms)
      return word(pico, 'told') === 2
    }
    expect(trips(new W25q({ times: quickTimes }), 1)).toBe(true)
    const { board, flash, done } = await bringUp()
    expect(await done).toBe(0)
    await board.stop()
    expect(trips(flash, 1.06)).toBe(false)
  })

  test('nothing is stored where the sensor is too far off, a gate is on, or a step is not so', async () => {
    for (const [how, code] of [
      [{ gain: 1.3 }, 'calibration_far'],
      [{ gate: '2.9' }, 'gate_on'],
      [{ sure: 'no' }, 'not_confirmed'],
    ] as const) {
      const { board, flash, done } = await bringUp(how)
      expect((await refusalOf(done)).code).toBe(code)
      await board.stop()
      const { pico } = put(image, atRest(), flash)
      pico.run(5 * ms)
      expect(word(pico, 'kernel_reduced')).toBe(1)
    }
  })

  test('answers come from a file, too; one that is missing ends it', async () => {
    const board = standWith(image)
    const io = await desk()
    stops.push(io.remove, board.stop)
    writeFileSync(join(io.cwd, 'answers'), 'yes\n0.02\n')
    const args = ['--port', 'x', '--key', io.key, '--answers', 'answers']
    const ask = () => Promise.reject(new Error('nobody is asked'))
    const refused = await refusalOf(runOn(args, io, { ...board.outside, ask }))
    expect(refused.code).toBe('answer_missing')
  })
})
