// Report by exception: holding the last sent value is never off by more than the dead band, nothing
// that is not a number is ever left out where it changes, and the books count what was.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeliveryResult, OutgoingBatch, Reading, Sink } from '../../gateway/core/delivery.ts'
import { quality } from '../../gateway/core/quality.ts'
import { bandsOf, createBand, type WithSent } from '../../gateway/pipeline/exception.ts'
import { tallied } from '../../gateway/pipeline/keeper.ts'
import { OutsideStage } from '../../gateway/pipeline/outside.ts'
import { StoreFolder } from '../store/store-folder.ts'
import { drill, hello, report, startUs } from './feed.ts'

const settings = { bandOfRange: 0.01, heartbeatS: 10 }
const bands = bandsOf(drill, settings.bandOfRange)
const types = Object.values(drill.profile.signals).map(({ type }) => type)
const at = (name: string): number => drill.signalIndex.get(name) ?? -1
const absent = types.map(() => quality.absent)

interface Sample {
  values: Record<number, { value: number; code: number }>
  stepUs: number
}

/** Nothing of the record matters here. */
const offered = (reading: Reading) => ({
  ...{ reading, must: false, totals: undefined },
  record: { receivedUs: 0, topic: '', payload: Buffer.alloc(0) },
})

const names = ['trigger', 'pack_voltage', 'test_switch', 'test_pulses'] as const
const value = fc.record({
  value: fc.oneof(fc.double({ min: -3, max: 3, noNaN: true }), fc.integer({ max: 2, min: 0 })),
  code: fc.constantFrom(quality.good, quality.good, quality.good, quality.uncertain),
})

/** Signals near each other's bands, discrete ones, bad quality and reports of a part. */
const sample: fc.Arbitrary<Sample> = fc.record({
  values: fc
    .array(fc.tuple(fc.constantFrom(...names), value), { minLength: 1, maxLength: 2 })
    .map((pairs) => Object.fromEntries(pairs.map(([name, one]) => [at(name), one]))),
  stepUs: fc.oneof(fc.nat(1_000_000), fc.constant(11_000_000)),
})

const readingsOf = (samples: readonly Sample[], boots: readonly number[]): Reading[] => {
  let timeUs = startUs
  return samples.map(({ values, stepUs }, sequence) => {
    timeUs += stepUs
    const codes = Uint8Array.from(absent)
    const numbers: (number | undefined)[] = types.map(() => undefined)
    for (const [i, { value, code }] of Object.entries(values)) {
      numbers[Number(i)] = types[Number(i)] === 'number' ? value : Math.round(value)
      codes[Number(i)] = code
    }
    const boot = boots.filter((from) => from <= sequence).length
    return {
      ...{ machine: drill, unit: 'drill-1', simulated: false, offset: sequence, boot, sequence },
      ...{ timeUs, timeSource: 'uptime', values: numbers, quality: codes, counters: [] },
    }
  })
}

describe('what is left out', () => {
  test('can be told from the last sent value within the band, and only for so long', () => {
    const boots = fc.array(fc.nat(60), { maxLength: 3 })
    let left = 0
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 60 }), boots, (samples, starts) => {
        const band = createBand(settings)
        const state: WithSent = {}
        const held = types.map(() => ({ value: NaN, code: -1, timeUs: 0, boot: -1 }))
        for (const reading of readingsOf(samples, starts)) {
          const { values, quality: codes, boot, timeUs } = reading
          const out = band(state, offered(reading)).out
          left += out ? 1 : 0
          codes.forEach((code, i) => {
            if (code === quality.absent) return
            const value = values[i] as number
            if (!out) held[i] = { value, code, timeUs, boot }
            const last = held[i] as (typeof held)[number]
            expect(Math.abs(last.value - value)).toBeLessThanOrEqual(bands[i] as number)
            expect([last.code, last.boot]).toEqual([code, boot])
            expect(timeUs - last.timeUs).toBeLessThan(settings.heartbeatS * 1e6)
          })
        }
      }),
    )
    expect(left).toBeGreaterThan(0)
  })

  test('is nothing of a signal that this boot has not sent yet', () => {
    const band = createBand(settings)
    const one = (name: string): Sample => ({
      values: { [at(name)]: { value: 0, code: quality.good } },
      stepUs: 1000,
    })
    const readings = readingsOf([one('trigger'), one('pack_voltage'), one('trigger')], [1])
    const state: WithSent = {}
    const out = readings.map((reading) => band(state, offered(reading)).out)
    expect(out).toEqual([false, false, false])
  })

  test('is never a change of what is no number, whatever the setting', () => {
    const wide = bandsOf(drill, 1)
    types.forEach((type, i) => {
      if (type !== 'number') expect(wide[i]).toBe(0)
    })
    const [name, spec] = Object.entries(drill.profile.signals).find(
      ([, { deadband }]) => deadband !== undefined,
    ) ?? ['', undefined]
    expect(wide[at(name)]).toBe(spec?.deadband)
  })
})

describe('a sink that takes exceptions only', () => {
  let folder: StoreFolder
  let taken: Reading[]
  let fails: boolean
  let refuses: number

  beforeEach(() => {
    folder = new StoreFolder()
    taken = []
    fails = false
    refuses = -1
  })
  afterEach(() => folder.remove())

  const sink: Sink = {
    name: 'fake',
    open: async () => {},
    stop: async () => {},
    write: async ({ readings }: OutgoingBatch): Promise<DeliveryResult> => {
      if (fails) throw new Error('away')
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
  const send = (...torques: [seq: number, torque: number][]): void =>
    folder.log.append(
      ...torques.map(([seq, torque]) => report({ boot: 1, seq, t: seq * 1000, v: { torque } })),
    )
  const sequences = (): number[] => taken.map(({ sequence }) => sequence)

  test('counts what it left out, also after a failure and a restart', async () => {
    folder.log.append(hello())
    send([1, 1], [2, 1], [3, 50], [4, 50])
    const stage = stageOf()
    fails = true
    await expect(drain(stage)).rejects.toThrow('away')
    fails = false
    await drain(stage)
    expect(sequences()).toEqual([1, 3])
    expect(stage.progress().tally).toMatchObject({ stored: 3, dropped: { exception: 2 } })
    folder.reopen()
    send([5, 50], [6, 90])
    const again = stageOf()
    await drain(again)
    expect(sequences()).toEqual([1, 3, 6])
    expect(again.progress().tally).toMatchObject({ stored: 4, dropped: { exception: 3 } })
  })

  test('is sent the next one after it refused one', async () => {
    folder.log.append(hello())
    refuses = 2
    send([1, 1], [2, 50])
    const stage = stageOf()
    await drain(stage)
    send([3, 50], [4, 50])
    await drain(stage)
    expect(sequences()).toEqual([1, 3])
    expect(stage.progress().tally).toMatchObject({ quarantined: 1, dropped: { exception: 1 } })
  })

  test('is sent one that comes late, and goes on from the one before', async () => {
    folder.log.append(hello())
    send([1, 1], [5, 50], [3, 1], [6, 50])
    await drain(stageOf())
    expect(sequences()).toEqual([1, 5, 3])
  })
})
