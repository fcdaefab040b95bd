// `tenfold commission` of the press: a person holds its control, loop and kernel on an emulated
// Pico switch one valve after the other, the plant's cylinders move, and the person says which way.
// With the plugs of two solenoids swapped, or one on nothing, it is refused, nothing is stored.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Plant, seeded } from '../../firmware/twin/plant.ts'
import { createPlant } from '../../firmware/twin/plants/press/plant.ts'
import { coseTypes } from '../../gateway/attestation/cose.ts'
import type { CalibrationRecord } from '../../gateway/selftest/commission.ts'
import { openRecord } from '../../gateway/selftest/report.ts'
import type { SwitchedMeasured } from '../../gateway/selftest/switched.ts'
import { directionsOf } from '../../gateway/selftest/valves.ts'
import type { CalibrationMessage } from '../../gateway/sources/serial/messages.ts'
import { compilerInstalled, imageOf, subjectOf } from '../boards/stand.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { bringUp, type Case } from './person.ts'
import { refusalOf, switchedStand } from './stand.ts'

vi.setConfig({ testTimeout: 300_000 })
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const subject = subjectOf('earth_block_press')
const { safety, twin } = subject.profile
if (safety === undefined) throw new Error('no safety')
const press: Case = {
  machine: subject.profile.machine,
  rest: { hold: 0, emergency_stop: 1 },
  known: { pressure: [3, 100], oil_temperature: [24] },
  loads: 19,
  left: [],
  high: ['pressure', 170],
}
const valves = ['main_up', 'main_down', 'drawer_push', 'drawer_pull']

/** What hangs on an output: another one's solenoid where plugs were swapped, or nothing. */
const plantOf = (plugs: Readonly<Record<string, string>>): Plant => {
  const constants = { ...twin?.constants, jam_share: 0 }
  const plant = createPlant({ constants, random: seeded(1), kept: { main: 0.1, drawer: 0.15 } })
  return { ...plant, outputs: plant.outputs.map((name) => plugs[name] ?? name) }
}

/** At the bench, with eyes for what moves: by the cylinders, not by what the board says. */
const commissioned = async (plugs: Readonly<Record<string, string>>) => {
  const image = await imageOf(subject, 'rp2040-pico', 'machine')
  const plant = plantOf(plugs)
  const flash = new W25q({ times: quickTimes })
  const board = switchedStand(subject, image, { flash, set: press.rest, plant })
  stops.push(board.stop)
  const { override } = board.wires
  const word = (name: string): number => board.pico.read(image.symbols.get(name) ?? 0)
  const reduced: number[] = []
  const seen = async (): Promise<string> => {
    const before = plant.keep()
    await board.outside.clock.sleep(250)
    override.set('hold', 0)
    reduced.push(word('kernel_reduced'))
    const now = plant.keep()
    const by = (name: string): number => (now[name] ?? 0) - (before[name] ?? 0)
    if (Math.abs(by('main')) > 1e-3) return by('main') > 0 ? 'main_up' : 'main_down'
    if (Math.abs(by('drawer')) > 1e-3) return by('drawer') > 0 ? 'drawer_push' : 'drawer_pull'
    return 'none'
  }
  const watches = (question: string): Promise<string> | undefined => {
    if (question.includes('are to move')) return Promise.resolve('yes')
    if (question.includes('Ready?')) {
      override.set('hold', 1)
      return Promise.resolve('')
    }
    return question.includes('is on. Let go') ? seen() : undefined
  }
  const made = await bringUp({ one: press, subject, board }, { gain: 1, zero: 0, watches })
  stops.push(made.io.remove)
  return { ...made, board, word, reduced }
}

describe.runIf(compilerInstalled())('the valves of the press', () => {
  test('move as they are named: seen at lower limits, held by hand, and in the record', async () => {
    const { done, io, asked, word, reduced, board } = await commissioned({})
    expect(await done).toBe(0)
    const folder = join(io.cwd, '.tenfold', 'calibrations')
    const file = readFileSync(join(folder, readdirSync(folder)[0] ?? ''))
    const record = openRecord(file, coseTypes.calibration) as CalibrationRecord
    const { directions } = record.measured as SwitchedMeasured
    expect([...(directions?.asNamed ?? [])].sort()).toEqual([...valves].sort())
    expect(directions?.limits).toBe('reduced')
    expect(record.notDone).toEqual(['gain of oil_temperature'])
    expect(io.lines.join('\n')).toMatch(/moves as named: .*main_down.* \(reduced limits\)/)
    // Each was asked for once; meanwhile the limits were the lower ones, now they are not.
    expect(asked.filter((text) => text.includes('is on. Let go')).length).toBe(4)
    expect([reduced, word('kernel_reduced')]).toEqual([[1, 1, 1, 1], 0])
    for (const name of valves) {
      const rose = board.edges.filter(([pin, high]) => high && pin === board.wires.pin(name))
      expect([name, rose.length > 0]).toEqual([name, true])
    }
  })

  test.each([
    ['two plugs swapped', { drawer_pull: 'drawer_push', drawer_push: 'drawer_pull' }, 'swapped'],
    ['a plug on nothing', { main_up: 'shaker' }, 'wrong'],
  ])('%s: refused with the remedy, and nothing is stored', async (_, plugs, code) => {
    const { done, io, word, board } = await commissioned(plugs)
    const refusal = await refusalOf(done)
    expect(refusal.code).toBe(`valve_${code}`)
    expect(refusal.remedy).toMatch(/^Cut the power.* plugs? of (drawer_pull and|main_up)/)
    expect(() => readdirSync(join(io.cwd, '.tenfold', 'calibrations'))).toThrow()
    expect(word('kernel_reduced')).toBe(1)
    await board.outside.clock.sleep(200)
    const power = ['gate', ...safety.drives].map(board.wires.pin)
    for (const pin of power) expect(board.pico.level(pin)).toBe(false)
  })
})

describe('what comes of no valve', () => {
  const { loop, spec } = subject
  /** A board that says so of itself for ever, and a person with these answers in turn. */
  const asked = (answers: string[], said: Partial<CalibrationMessage> = {}) => {
    const now: CalibrationMessage = {
      ...{ is: 'calibration', number: 1, isCalibrated: false, isAtRest: false, cause: 0 },
      inputs: loop.inputs.map(() => 0),
      outputs: loop.outputs.map(() => 0),
      ...said,
    }
    const board = {
      answer: () => Promise.resolve(answers.shift() ?? ''),
      end: () => Promise.resolve(now),
      rest: () => Promise.resolve(),
      pause: () => Promise.resolve(),
      watch: <T>(found: (one: CalibrationMessage) => T | undefined) => Promise.resolve(found(now)),
    }
    return directionsOf(board, { safety, loop, spec })
  }

  test.each([
    { what: 'nobody holds it', answers: ['yes', ''], said: {}, code: 'valve_not_switched' },
    { what: 'a trip', answers: ['yes', ''], said: { cause: 34 }, code: 'trip_latched' },
    { what: 'people in the way', answers: ['no'], said: {}, code: 'not_confirmed' },
  ])('$what', async ({ answers, said, code }) => {
    expect((await refusalOf(asked([...answers], said))).code).toBe(code)
  })

  test('put off, it is left out, and a machine without opposed outputs is not asked', async () => {
    expect(await asked(['later'])).toBeUndefined()
    const { opposed: _, ...bare } = safety
    const board = { answer: () => Promise.reject(new Error('asked')) } as never
    expect(await directionsOf(board, { safety: bare, loop, spec })).toBeUndefined()
  })
})
