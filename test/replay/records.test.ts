// Records to cycles and messages: what is wrong is said with its line, and what is right becomes
// the same messages every time.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formOf } from '../../gateway/sources/replay/form.ts'
import { Messages, missingCycles } from '../../gateway/sources/replay/messages.ts'
import { type Parsed, parseCycle, readCycles } from '../../gateway/sources/replay/records.ts'
import { nutrunner, recordOf } from './record.ts'

const form = formOf(nutrunner.profile)
const options = { form, zoneUs: 0 }
const bytes = (record: unknown): Buffer => Buffer.from(JSON.stringify(record))
const parse = (record: unknown) => parseCycle(bytes(record), options)

async function* inChunks(text: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < text.length; i += size) yield text.subarray(i, i + size)
}

const read = async (text: string | Buffer, size = 1 << 16): Promise<Parsed[]> => {
  const found: Parsed[] = []
  for await (const one of readCycles(inChunks(Buffer.from(text), size), options)) found.push(one)
  return found
}

describe('a record', () => {
  test('becomes a cycle', () => {
    expect(parse(recordOf({ cycle: 7 }))).toEqual({
      unit: 'nexo-520000905',
      cycle: 7,
      startUs: Date.UTC(2021, 1, 15, 14, 40, 15) * 1000,
      timesUs: [0, 26_000, 42_000],
      curve: { torque: [0.5, -1.5, 2], angle: [0, 5.32, 10.64], cycle_time: [0, 0.026, 0.042] },
      constant: { speed: -40 },
    })
  })

  test('is dated in the zone that is given', () => {
    const cycle = parseCycle(bytes(recordOf({})), { form, zoneUs: 3_600_000_000 })
    expect(cycle).toMatchObject({ startUs: Date.UTC(2021, 1, 15, 13, 40, 15) * 1000 })
  })

  const graph = (more: object): object => ({
    'tightening steps': [
      {
        speed: -40,
        graph: { 'angle values': [0], 'torque values': [0], 'time values': [0], ...more },
      },
    ],
  })
  test.each([
    [{ cycle: undefined }, '"cycle" is missing, not a count'],
    [{ cycle: 1.5 }, '"cycle" is 1.5, not a count'],
    [{ date: '15.02.2021 14:40' }, '"date" is "15.02.2021 14:40", not a date like'],
    [{ date: '2021-02-30 14:40:15' }, '"date" is "2021-02-30 14:40:15", not a date like'],
    [{ date: 5 }, '"date" is 5, not a date like'],
    [{ 'torque unit': 'ft lb' }, '"torque unit" is "ft lb", not "Nm"'],
    [{ 'tool serial': 'A B' }, '"tool serial" is "A B", not a serial number'],
    [{ 'tool serial': 520 }, '"tool serial" is 520, not a serial number'],
    [{ 'tightening steps': 'none' }, '"tightening steps" is "none"'],
    [{ 'tightening steps': [] }, '"tightening steps" has 0 steps'],
    [{ 'tightening steps': [{}, {}] }, '"tightening steps" has 2 steps'],
    [{ 'tightening steps': [{}] }, '"graph.torque values" is missing, not a list'],
    [graph({ 'angle values': [0, 1] }), '1 torque values, 2 angle values, 1 time values'],
    [
      graph({ 'angle values': [], 'torque values': [], 'time values': [] }),
      'the curve has no points',
    ],
    [graph({ 'torque values': ['1'] }), '"graph.torque values"[0] is "1", not a number'],
    [graph({ 'torque values': [null] }), '"graph.torque values"[0] is null, not a number'],
    [graph({ 'time values': [-1] }), 'cycle_time is -1 s at point 0'],
    [
      graph({ 'angle values': [0, 1], 'torque values': [0, 1], 'time values': [1, 1] }),
      'cycle_time is 1 s at point 1, not after 1 s',
    ],
  ])('with %j is refused: %s', (change, message) => {
    expect(parse({ ...recordOf({}), ...change })).toContain(message)
  })

  test('of any shape is a cycle or a reason, and never an exception', () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        const text = JSON.stringify(anything)
        if (text === undefined) return
        expect(typeof parseCycle(Buffer.from(text), options)).toBe('string')
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => {
        expect(typeof parseCycle(noise, options)).toBe('string')
      }),
    )
  })

  test('with any one field replaced is a cycle or a reason', () => {
    const record = recordOf({})
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(record)), fc.jsonValue(), (field, value) => {
        const result = parse({ ...record, [field]: value })
        expect(['string', 'object']).toContain(typeof result)
      }),
    )
  })
})

describe('a file', () => {
  const good = (cycle: number): string => JSON.stringify(recordOf({ cycle }))

  test('names the lines that are wrong, and reads on', async () => {
    const lines = [good(1), '{"cycle":', '', good(3), good(2), `${good(5)}\r`, '\xff', good(6)]
    const found = await read(Buffer.from(lines.join('\n'), 'latin1'))
    expect(found.map((one) => ('message' in one ? one.message : one.cycle.cycle))).toEqual([
      1,
      expect.stringContaining('is not JSON'),
      3,
      'cycle 2 comes after cycle 3 of the same tool',
      5,
      expect.stringContaining('is not JSON'),
      6,
    ])
    expect(found.map(({ line }) => line)).toEqual([1, 2, 4, 5, 6, 7, 8])
  })

  test('reads the same in chunks of any size', async () => {
    const text = [good(1), 'wrong', good(2), good(4)].join('\n')
    const whole = await read(text)
    for (const size of [1, 2, 7, 100, 1000]) expect(await read(text, size)).toEqual(whole)
  })

  test('with a line beyond the limit passes over that line alone', async () => {
    const found = await read(`${good(1)}\n${'x'.repeat(5_000_000)}\n${good(2)}\n`)
    expect(found.map((one) => 'cycle' in one)).toEqual([true, false, true])
    expect(found[1]).toMatchObject({ line: 2, message: expect.stringContaining('longer than') })
  })
})

describe('messages', () => {
  const cycleNumbered = (cycle: number, more: object = {}) => {
    const parsed = parse({ ...recordOf({ cycle }), ...more })
    if (typeof parsed === 'string') throw new Error(parsed)
    return parsed
  }

  test('begin with a hello; sequence goes on over cycles; a last point has the counter', () => {
    const messages = new Messages(nutrunner, form)
    const sent = [...messages.of(cycleNumbered(7351)), ...messages.of(cycleNumbered(7353))]
    expect(sent.map(({ topic }) => topic.split('/').at(-1))).toEqual([
      'hello',
      ...new Array(6).fill('report'),
    ])
    const [hello, ...reports] = sent.map(({ payload }) => JSON.parse(payload))
    expect(hello).toEqual({ boot: 7351, t: 0, profile: nutrunner.digest })
    expect(reports.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5])
    expect(reports.map(({ c }) => c?.cycles)).toEqual([
      ...[undefined, undefined, 7351],
      ...[undefined, undefined, 7353],
    ])
    const startUs = Date.UTC(2021, 1, 15, 14, 40, 15) * 1000
    expect(reports[1]).toEqual({
      boot: 7351,
      seq: 1,
      t: 26_000,
      time: startUs + 26_000,
      v: { torque: -1.5, angle: 5.32, cycle_time: 0.026, speed: -40 },
    })
  })

  test('are the same at every play', () => {
    const play = (): string[] => {
      const messages = new Messages(nutrunner, form)
      return [1, 2, 5].flatMap((n) =>
        [...messages.of(cycleNumbered(n))].map(({ payload }) => payload),
      )
    }
    expect(play()).toEqual(play())
  })

  test('count the gaps of the counter, for each tool', () => {
    const messages = new Messages(nutrunner, form)
    for (const n of [10, 11, 14, 20]) [...messages.of(cycleNumbered(n))]
    for (const n of [3, 4]) [...messages.of(cycleNumbered(n, { 'tool serial': '7' }))]
    const [one, other] = [...messages.tools.values()]
    if (one === undefined || other === undefined) throw new Error('two tools')
    expect(one).toMatchObject({ unit: 'nexo-520000905', cycles: 4, points: 12, gaps: 2 })
    expect(missingCycles(one)).toBe(7)
    expect(other).toMatchObject({ unit: 'nexo-7', boot: 3, cycles: 2, gaps: 0 })
    expect(missingCycles(other)).toBe(0)
  })
})

describe('a form', () => {
  test('fits the profile, or says what the profile lacks', () => {
    const { signals } = nutrunner.profile
    const { torque: _, ...others } = signals
    expect(() => formOf({ ...nutrunner.profile, signals: others })).toThrow(
      'the profile nutrunner lacks what its records carry: signal torque in N.m',
    )
    const lacking = () => formOf({ ...nutrunner.profile, counters: {} })
    expect(lacking).toThrow('counter cycles')
    expect(lacking).toThrow(expect.objectContaining({ code: 'replay_form' }))
    expect(() => formOf({ ...nutrunner.profile, machine: 'nutruner' })).toThrow(
      'no form of records is known for "nutruner"',
    )
  })
})
