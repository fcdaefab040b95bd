// `tenfold commission` for machines without a bridge: press and hot end on an emulated Pico whose
// sensors are off. Afterwards their readings are right, over a loss of power, too, and their limits
// are the machine file's; until then lower ones trip. What is wrong at a pin, a contact, a sensor
// or a load is refused, and nothing is stored.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { causeName, safetyStates } from '../../firmware/kernel-constants.ts'
import { coseTypes } from '../../gateway/attestation/cose.ts'
import { runOn } from '../../gateway/cli/commission.ts'
import type { CalibrationRecord } from '../../gateway/selftest/commission.ts'
import { openRecord } from '../../gateway/selftest/report.ts'
import type { SwitchedMeasured } from '../../gateway/selftest/switched.ts'
import { ms } from '../boards/pins.ts'
import { compilerInstalled, imageOf, type Subject, subjectOf } from '../boards/stand.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { bringUp as bringUpOf, type Case, type Off } from './person.ts'
import { desk, refusalOf, switchedStand } from './stand.ts'

// Emulated boards wait for nobody's clock; on a busy machine they take as long as they take.
vi.setConfig({ testTimeout: 300_000 })
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const cases: readonly Case[] = [
  {
    machine: 'earth_block_press',
    rest: { hold: 0, emergency_stop: 1 },
    known: { pressure: [0, 100], oil_temperature: [22] },
    loads: 19,
    left: [
      'gain of oil_temperature',
      ...['main_up', 'main_down', 'drawer_push', 'drawer_pull'].map(
        (name) => `direction of ${name}`,
      ),
    ],
    high: ['pressure', 170],
  },
  {
    machine: 'hot_end',
    rest: { enable: 0 },
    known: { temperature: [22, 100] },
    loads: 14.6,
    left: [],
    high: ['temperature', 240],
  },
]

/** A sound machine whose sensors are off by a gain and a zero. */
const benchOf = async (one: Case, subject: Subject, { gain = 1.05, zero = 2 } = {}) => {
  const flash = new W25q({ times: quickTimes })
  const image = await imageOf(subject, 'rp2040-pico', 'machine')
  const seen = (value: number): number => value * gain + zero
  const first = Object.entries(one.known).map(([signal, [value]]) => [signal, seen(value)] as const)
  const set = { ...one.rest, ...Object.fromEntries(first) }
  const board = switchedStand(subject, image, { flash, set })
  stops.push(board.stop)
  return { board, flash, image, seen }
}

const bringUp = async (parts: Parameters<typeof bringUpOf>[0], off?: Off) => {
  const done = await bringUpOf(parts, off)
  stops.push(done.io.remove)
  return done
}

describe.runIf(compilerInstalled()).each(cases)('the $machine', (one) => {
  const subject = subjectOf(one.machine)
  const { safety } = subject.profile
  if (safety === undefined) throw new Error('no safety')
  type Image = Awaited<ReturnType<typeof benchOf>>['image']
  const start = (image: Image, flash: W25q, values: Readonly<Record<string, number>>) => {
    const board = switchedStand(subject, image, { flash, set: values })
    stops.push(board.stop)
    const word = (name: string, i = 0): number =>
      board.pico.read((image.symbols.get(name) ?? 0) + 4 * i) | 0
    const until = async (what: () => boolean): Promise<void> => {
      while (!what()) await new Promise((resume) => setImmediate(resume))
    }
    const after = (time: number): Promise<void> => {
      const at = board.pico.cycles + time * ms
      return until(() => board.pico.cycles > at)
    }
    return { ...board, word, after }
  }
  const inputOf = (signal: string): number =>
    subject.loop.inputs.findIndex(({ name }) => subject.spec.channels[name] === signal)

  test('reads right afterwards, and after a loss of power; the record is signed', async () => {
    const { board, flash, image, seen } = await benchOf(one, subject)
    const { io, asked, done } = await bringUp({ one, subject, board })
    expect(await done).toBe(0)
    const power = ['gate', ...safety.drives].map(board.wires.pin)
    expect(board.edges.filter(([pin]) => power.includes(pin))).toEqual([])
    for (const drive of safety.drives) {
      expect(asked.filter((text) => text.includes(`pin of ${drive} `))).toHaveLength(1)
    }
    const folder = join(io.cwd, '.tenfold', 'calibrations')
    const file = readFileSync(join(folder, readdirSync(folder)[0] ?? ''))
    const record = openRecord(file, coseTypes.calibration) as CalibrationRecord
    const measured = record.measured as SwitchedMeasured
    expect(record.notDone).toEqual(one.left)
    expect(Object.keys(measured.pinsOffV)).toEqual(safety.drives)
    expect(Object.keys(measured.loadsOhm)).toEqual(Object.keys(safety.loads ?? {}))
    expect(measured.contacts).toEqual(
      [safety.hold?.signal, safety.stop?.signal].filter((signal) => signal !== undefined),
    )
    await board.stop()

    const values = Object.entries(one.known).map(
      ([signal, [low, high = low]]) => [signal, (low + high) / 2] as const,
    )
    const set = Object.fromEntries(values.map(([signal, value]) => [signal, seen(value)]))
    const again = start(image, flash, { ...one.rest, ...set })
    await again.after(600)
    expect(again.word('kernel_reduced')).toBe(0)
    for (const [signal, value] of values) {
      const at = inputOf(signal)
      const [low = 0, high = 0] =
        safety.levels.find((level) => level.signal === signal)?.range ?? []
      const read = again.word('inputs', at) * (subject.loop.inputs[at]?.scale ?? 1)
      // Beside what is promised one reading has the emulated converter's noise.
      expect(Math.abs(read - value)).toBeLessThan((high - low) * 0.015)
    }
  })

  test('without a calibration lower limits hold; with one the machine file’s', async () => {
    const [signal, value] = one.high
    const soundly = Object.entries(one.known).map(([name, [low]]) => [name, low] as const)
    const trip = async (image: Image, flash: W25q, at: number): Promise<string[]> => {
      const set = { ...one.rest, ...Object.fromEntries(soundly), [signal]: at }
      const board = start(image, flash, set)
      await board.after(900)
      const said = [
        safetyStates[board.word('told')] ?? '',
        causeName(board.word('told', 2), safety),
      ]
      await board.stop()
      return said
    }
    const image = await imageOf(subject, 'rp2040-pico', 'machine')
    const fresh = new W25q({ times: quickTimes })
    expect(await trip(image, fresh, value)).toEqual(['wait_release', `above: ${signal}`])
    const sound = { gain: 1, zero: 0 }
    const { board, flash } = await benchOf(one, subject, sound)
    const { done } = await bringUp({ one, subject, board }, sound)
    expect(await done).toBe(0)
    await board.stop()
    expect(await trip(image, flash, value)).toEqual(['armed', 'none'])
    const { above = 0 } = safety.levels.find((level) => level.signal === signal) ?? {}
    expect(await trip(image, flash, above + 10)).toEqual(['wait_release', `above: ${signal}`])
  })

  const hand = safety.hold?.signal ?? ''
  const [drive = ''] = safety.drives
  test('nothing is stored where a pin, a contact, a sensor, a load or an answer is wrong', async () => {
    const { board, image } = await benchOf(one, subject)
    const wrong: [off: Off, code: string][] = [
      [{ says: [['pin of gate', '2.9']] }, 'gate_on'],
      [{ says: [[`pin of ${drive}`, '23.8']] }, 'gate_on'],
      [{ stands: hand }, 'contact_wrong'],
      [{ gain: 1.3 }, 'calibration_far'],
      [{ says: [['another known value', '25']] }, 'answer_wrong'],
      [{ says: [['Ohm', '3.6']] }, 'load_implausible'],
      [{ says: [['unplugged, and', 'no']] }, 'not_confirmed'],
    ]
    for (const [off, code] of wrong) {
      for (const [signal, value] of Object.entries(one.rest))
        board.wires.override.set(signal, value)
      const { done } = await bringUp({ one, subject, board }, off)
      expect([off, (await refusalOf(done)).code]).toEqual([off, code])
    }
    expect(board.pico.read(image.symbols.get('kernel_reduced') ?? 0)).toBe(1)
    const io = await desk()
    stops.push(io.remove)
    const ask = () => Promise.resolve('yes')
    const args = ['--port', 'x', '--key', io.key, '--motor']
    const refused = await refusalOf(runOn(args, io, { ...board.outside, ask }))
    expect(refused.code).toBe('nothing_to_measure')
  })
})
