// Counts that a board brings from months without a gateway: taken in once, the newest of each
// place; what was counted by another profile, or is none, is set aside with its reason.
import { describe, expect, test } from 'vitest'
import { boardWear } from '../../gateway/lifecycle/board-usage.ts'
import { type UsageBody, usageLayout } from '../../hardware-profiles/usage.ts'
import { drill, hello, pipelineInMemory, sent, unitName } from './feed.ts'

const wear = drill.profile.wear
if (wear === undefined) throw new Error('the drill names no wear')
const layout = usageLayout(wear)

/** As runtime/usage.h packs it. */
const pack = (body: Partial<UsageBody>): Buffer => {
  const { what = 'bands', index = 0, first = 0, values = new Array(32).fill(100) } = body
  const bytes = Buffer.alloc(24 + 4 * values.length)
  bytes.set([1, what === 'bands' ? 0 : 1, index, 0])
  bytes.writeUInt16LE(first, 4)
  bytes.writeUInt16LE(values.length, 6)
  const { fromS = 0, toS = 1800, usedMs = 1_800_000 } = body
  for (const [i, word] of [body.layout ?? layout, fromS, toS, usedMs / 10, ...values].entries()) {
    bytes.writeUInt32LE(word, 8 + 4 * i)
  }
  return bytes
}

const usage = (body: Partial<UsageBody> = {}, data: Buffer = pack(body)): Buffer => {
  const { boot = 3, number = 10 } = body
  const sentBody = { boot, number, kind: 'usage', data: data.toString('base64') }
  return sent({ kind: 'item', body: sentBody })
}

const started = () => {
  const pipeline = pipelineInMemory()
  pipeline.process(0, hello({ boot: 9, t: 0 }))
  const life = () => pipeline.unit(unitName)?.life
  return { pipeline, board: () => boardWear(drill.profile, life()?.board ?? null) }
}

describe("a board's usage", () => {
  test('is taken in by boot and number once; an older item of a place says nothing new', () => {
    const { pipeline, board } = started()
    expect(pipeline.process(1, usage()).kind).toBe('item')
    const more = { number: 11, toS: 3600, usedMs: 3_600_000, values: new Array(32).fill(250) }
    expect(pipeline.process(3, usage(more)).kind).toBe('item')
    expect(pipeline.process(4, usage()).kind).toBe('item')
    expect(board()).toMatchObject({ boot: 3, fromS: 0, toS: 3600, usedHours: 1 })
    expect(board()?.bands).toEqual([
      { signal: 'motor_current', low: 0, high: 80, ms: new Array(32).fill(2500) },
    ])
  })

  test('gives the damage of its cycles by the curve of the profile', () => {
    const { pipeline, board } = started()
    const values = new Array(48).fill(0)
    // 2000 half cycles in the band of the widest ranges.
    values[47] = 2000
    pipeline.process(1, usage({ what: 'cycles', number: 12, first: 432, values }))
    const [gear] = board()?.parts ?? []
    // Range 31.5 / 32 of 126 N.m; N = 100000 (60 / range)^6.
    const life = 100_000 * (60 / ((31.5 / 32) * 126)) ** 6
    expect(gear?.used).toBeCloseTo(1000 / life, 12)
  })

  test('of another profile, or of a form that is none, goes to quarantine with its reason', () => {
    const cut = pack({}).subarray(0, 150)
    const version = pack({}).fill(2, 0, 1)
    const cases: [record: Buffer, reason: string][] = [
      [usage({ layout: (layout + 1) >>> 0 }), 'profile_other'],
      [usage({ index: 7 }), 'profile_other'],
      [usage({ first: 1 }), 'type_wrong'],
      [usage({}, cut), 'type_wrong'],
      [usage({}, version), 'type_wrong'],
      [usage({}, Buffer.alloc(0)), 'type_wrong'],
    ]
    const { pipeline, board } = started()
    for (const [i, [record, reason]] of cases.entries()) {
      expect(pipeline.process(i + 1, record)).toMatchObject({ kind: 'quarantine', reason })
    }
    expect(board()).toBeUndefined()
  })

  test('of a unit that never said hello is set aside', () => {
    const pipeline = pipelineInMemory()
    const outcome = pipeline.process(0, usage())
    expect(outcome).toMatchObject({ kind: 'quarantine', reason: 'unit_unknown' })
  })
})
