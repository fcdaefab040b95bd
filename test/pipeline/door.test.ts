// The swinging door: a straight line between two readings that were sent passes every one that was
// left out between them within the dead band, whatever arrives in whatever order; what is no
// number, of bad quality, behind a gap or the cause of an event ends the line; the books count it.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeliveryResult, OutgoingBatch, Reading, Sink } from '../../gateway/core/delivery.ts'
import { quality } from '../../gateway/core/quality.ts'
import { createDoor, readingOfHeld } from '../../gateway/pipeline/door.ts'
import { bandsOf, type WithSent } from '../../gateway/pipeline/exception.ts'
import { tallied } from '../../gateway/pipeline/keeper.ts'
import { OutsideStage } from '../../gateway/pipeline/outside.ts'
import { StoreFolder } from '../store/store-folder.ts'
import { drill, hello, report, startUs } from './feed.ts'

const settings = { between: 'line', bandOfRange: 0.01, heartbeatS: 100 } as const
const bands = bandsOf(drill, settings.bandOfRange)
const types = Object.values(drill.profile.signals).map(({ type }) => type)
const at = (name: string): number => drill.signalIndex.get(name) ?? -1
const numbers = [at('trigger'), at('pack_voltage')] as const
const discrete = at('test_pulses')

interface Step {
  slopes: [number, number]
  noise: [number, number]
  stepUs: number
  pulse: number
  code: number
  /** Which signals the report carries. */
  full: boolean
  newBoot: boolean
}

const often = <T>(usual: T, seldom: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 12 }, { arbitrary: seldom, weight: 1 })
const slope = fc.double({ min: -2, max: 2, noNaN: true })
const noise = fc.double({ min: -0.6, max: 0.6, noNaN: true })

const step: fc.Arbitrary<Step> = fc.record({
  slopes: fc.tuple(often(0.1, slope), often(0, slope)),
  noise: fc.tuple(noise, noise),
  stepUs: often(100_000, fc.oneof(fc.integer({ min: 1, max: 3_000_000 }), fc.constant(101e6))),
  pulse: often(0, fc.nat(3)),
  code: often(quality.good, fc.constantFrom(quality.uncertain, quality.bad_out_of_range)),
  full: often(true, fc.boolean()),
  newBoot: often(false, fc.boolean()),
})

/** As the unit has measured it, in order. */
const measured = (steps: readonly Step[]): Reading[] => {
  const here = [0, 0]
  let [timeUs, boot, sequence] = [startUs, 1, -1]
  return steps.map((one, offset) => {
    timeUs += one.stepUs
    sequence = one.newBoot ? 0 : sequence + 1
    boot += one.newBoot ? 1 : 0
    const values: (number | undefined)[] = types.map(() => undefined)
    const codes = Uint8Array.from(types.map(() => quality.absent))
    numbers.forEach((i, n) => {
      if (n === 1 && !one.full) return
      here[n] = (here[n] as number) + (one.slopes[n] as number) * (bands[i] as number)
      values[i] = here[n] + (one.noise[n] as number) * (bands[i] as number)
      codes[i] = n === 0 ? one.code : quality.good
    })
    values[discrete] = one.pulse
    codes[discrete] = quality.good
    return {
      ...{ machine: drill, unit: 'drill-1', simulated: false, offset, boot, sequence, timeUs },
      ...{ timeSource: 'uptime', values, quality: codes, counters: [] },
    }
  })
}

/** Some are lost, some come late. */
const arrive = (readings: readonly Reading[], late: readonly number[]): Reading[] =>
  readings
    .map((reading, i) => ({ reading, place: i + (late[i % late.length] as number) }))
    .filter(({ place }) => Number.isFinite(place))
    .sort((a, b) => a.place - b.place)
    .map(({ reading }) => reading)

/** What the sink gets; states pass through JSON, as over a restart. */
const run = (arriving: readonly Reading[]): { sent: Reading[]; out: Reading[] } => {
  const choose = createDoor(settings)
  let state: WithSent = {}
  const [sent, out]: [Reading[], Reading[]] = [[], []]
  for (const reading of arriving) {
    const record = { receivedUs: 0, topic: '', payload: Buffer.from('{}') }
    const choice = choose(state, { reading, must: false, record, totals: undefined })
    if (choice.first !== undefined) {
      const after = readingOfHeld(choice.first, reading)
      sent.push(after)
      out.splice(
        out.findIndex(({ offset }) => offset === after.offset),
        1,
      )
    }
    ;(choice.out ? out : sent).push(reading)
    state = JSON.parse(JSON.stringify(state)) as WithSent
  }
  return { sent, out }
}

/** The sent ones before and after, of its boot, that carry the signal. */
const around = (one: Reading, sent: readonly Reading[], i: number) => {
  const same = sent
    .filter(({ boot, quality: codes }) => boot === one.boot && codes[i] !== quality.absent)
    .sort((a, b) => a.timeUs - b.timeUs)
  return {
    before: same.filter(({ timeUs }) => timeUs <= one.timeUs).at(-1),
    after: same.find(({ timeUs }) => timeUs > one.timeUs),
  }
}

const checkLine = (one: Reading, sent: readonly Reading[]): void => {
  one.quality.forEach((code, i) => {
    if (code === quality.absent) return
    const { before, after } = around(one, sent, i)
    // Still held, and what came before it on its line: as good as the held one will be.
    if (after === undefined) return
    const [from, to] = [before?.values[i], after.values[i]]
    expect([before?.quality[i], after.quality[i]]).toContain(code)
    expect(before?.quality[i]).toBe(code)
    const value = one.values[i] as number
    if (types[i] !== 'number' || code > quality.uncertain) {
      expect(from).toBe(value)
      return
    }
    const share = (one.timeUs - (before?.timeUs ?? 0)) / (after.timeUs - (before?.timeUs ?? 0))
    const told = (from as number) + ((to as number) - (from as number)) * share
    expect(Math.abs(told - value)).toBeLessThanOrEqual((bands[i] as number) * (1 + 1e-9) + 1e-9)
    expect(one.timeUs - (before?.timeUs ?? 0)).toBeLessThan(settings.heartbeatS * 1e6)
  })
}

describe('a line between what was sent', () => {
  test('passes all that was left out within the dead band, in any order of arrival', () => {
    const late = often(0, fc.constantFrom(1.5, 2.5, 7.5, 20.5, Number.POSITIVE_INFINITY))
    const lates = fc.array(late, { minLength: 1, maxLength: 40 })
    const total = { out: 0, all: 0 }
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), lates, (steps, places) => {
        const arriving = arrive(measured(steps), places)
        const { sent, out } = run(arriving)
        total.out += out.length
        total.all += arriving.length
        expect(sent.length + out.length).toBe(arriving.length)
        for (const one of out) checkLine(one, sent)
      }),
      { numRuns: 300 },
    )
    expect(total.out / total.all).toBeGreaterThan(0.2)
  })

  test('leaves out a ramp but for its ends, where holding would send it all', () => {
    const ramp = Array.from(
      { length: 50 },
      (): Step => ({
        ...{ slopes: [3, -3], noise: [0, 0], stepUs: 100_000, pulse: 0 },
        ...{ code: quality.good, full: true, newBoot: false },
      }),
    )
    const [first] = ramp as [Step]
    const { sent } = run(measured([...ramp, { ...first, slopes: [-9, 0] }, first]))
    expect(sent.map(({ sequence }) => sequence)).toEqual([0, 49, 50])
  })
})

describe('a sink that draws lines', () => {
  let folder: StoreFolder
  let taken: Reading[]
  let refuses: number
  beforeEach(() => {
    folder = new StoreFolder()
    taken = []
    refuses = -1
  })
  afterEach(() => folder.remove())

  const sink: Sink = {
    name: 'fake',
    open: async () => {},
    stop: async () => {},
    write: async ({ readings }: OutgoingBatch): Promise<DeliveryResult> => {
      const refused = readings.filter(({ sequence }) => sequence === refuses)
      taken.push(...readings.filter((one) => !refused.includes(one)))
      const reason = 'sink_refused' as const
      return { refused: refused.map(({ offset }) => ({ offset, reason, detail: '' })), dropped: [] }
    },
  }
  const stageOf = (): OutsideStage => {
    const [keeper, pipeline] = [folder.store.books('fake'), folder.store.pipeline('fake')]
    return new OutsideStage({ sink, keeper, pipeline, exception: settings })
  }
  const drain = async (stage: OutsideStage): Promise<void> => {
    const from = stage.progress().cursor
    await stage.take(folder.log.read(from, { records: 100, bytes: 1e9 }))
    const { tally, cursor } = stage.progress()
    expect(tallied(tally)).toBe(cursor)
  }
  const send = (...samples: [seq: number, degC: number][]): void =>
    folder.log.append(
      ...samples.map(([seq, degC]) =>
        report({
          boot: 1,
          seq,
          t: seq * 1000,
          v: { winding_temperature: degC },
          c: { starts: seq + 1 },
        }),
      ),
    )
  const sequences = (): number[] => taken.map(({ sequence }) => sequence)

  test('is sent the held one after a restart, as it was, and the books follow', async () => {
    folder.log.append(hello())
    send([0, 20], [1, 25], [2, 30], [3, 35])
    await drain(stageOf())
    expect(sequences()).toEqual([0])
    folder.reopen()
    send([4, 20])
    const stage = stageOf()
    await drain(stage)
    expect(sequences()).toEqual([0, 3])
    expect(taken[1]).toMatchObject({ boot: 1, timeSource: 'uptime', offset: 4 })
    expect(taken[1]?.values[at('winding_temperature')]).toBe(35)
    expect(taken[1]?.counters[drill.counterIndex.get('starts') ?? -1]).toBe(4)
    expect(taken[1]?.totals?.[drill.counterIndex.get('starts') ?? -1]).toBe(4)
    // hello, 0 and 3; 1, 2 and, for now, 4.
    expect(stage.progress().tally).toMatchObject({ stored: 3, dropped: { exception: 3 } })
  })

  test('that refuses the held one has it aside, whole', async () => {
    folder.log.append(hello())
    send([0, 20], [1, 25], [2, 30])
    const stage = stageOf()
    await drain(stage)
    refuses = 2
    send([3, 20], [4, 20])
    await drain(stage)
    expect(stage.progress().tally).toMatchObject({ quarantined: 1, dropped: { exception: 2 } })
    const [aside] = folder.store.queries.quarantine({ limit: 10 })
    expect(aside).toMatchObject({ offset: 3, reason: 'sink_refused' })
    expect(sequences()).toEqual([0, 3])
    // No line goes on from what it does not have.
    send([5, 20])
    await drain(stage)
    expect(sequences()).toEqual([0, 3, 4])
    send([6, 40])
    await drain(stage)
    expect(sequences()).toEqual([0, 3, 4, 5])
  })
})
