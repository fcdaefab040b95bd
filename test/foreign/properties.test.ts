// JSON pointers against the examples of RFC 6901 and any document; values and any payload: nothing
// throws, nothing but what was asked for comes out, and every message is acknowledged once.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { follow, parsePointer } from '../../gateway/foreign/pointer.ts'
import { meaningOf } from '../../gateway/foreign/values.ts'
import { bench, mappings } from './stand.ts'

test('the examples of RFC 6901, section 5', () => {
  const document = {
    foo: ['bar', 'baz'],
    '': 0,
    'a/b': 1,
    'c%d': 2,
    'e^f': 3,
    'g|h': 4,
    'i\\j': 5,
    'k"l': 6,
    ' ': 7,
    'm~n': 8,
  }
  const at = (text: string) => follow(document, parsePointer(text) ?? ['?'])
  expect(at('')).toBe(document)
  expect(at('/foo')).toEqual(['bar', 'baz'])
  expect(at('/foo/0')).toBe('bar')
  const single = ['/', '/a~1b', '/c%d', '/e^f', '/g|h', '/i\\j', '/k"l', '/ ', '/m~0n']
  expect(single.map(at)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect(['/foo/-', '/foo/00', '/foo/length', '/toString', '/foo/0/x'].map(at)).toEqual(
    Array(5).fill(undefined),
  )
})

const escaped = (token: string): string => token.replaceAll('~', '~0').replaceAll('/', '~1')

test('a pointer to any place of any document finds what is there', () => {
  const places = (value: unknown, path: string[]): [string[], unknown][] => [
    [path, value],
    ...(typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]))
      : []),
  ]
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (document) => {
      for (const [path, value] of places(document, [])) {
        const pointer = parsePointer(path.map((token) => `/${escaped(token)}`).join(''))
        expect(pointer).toEqual(path)
        expect(follow(document, pointer ?? ['?'])).toBe(value)
      }
    }),
  )
})

test('any number in text is that number; scaled counters are whole', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const meaning = meaningOf(String(value), {}, 'number')
      // -0 is written as 0.
      expect(meaning).toEqual({ value: value === 0 ? 0 : value })
    }),
  )
  expect(meaningOf(1.001, { scale: 1000 }, 'counter')).toEqual({ value: 1001 })
  expect(meaningOf(1.0019, { scale: 1000 }, 'counter')).toEqual({ value: 1001 })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000_000 }), (wh) => {
      const meaning = meaningOf(wh / 1000, { scale: 3_600_000 }, 'counter')
      expect(meaning).toEqual({ value: wh * 3600 })
    }),
    { numRuns: 2000 },
  )
})

test('any payload on any topic: acknowledged once, never a throw, never an invented value', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({ temperature: fc.jsonValue(), state: fc.jsonValue(), POWER: fc.jsonValue() })
      .map((value) => Buffer.from(JSON.stringify(value))),
  )
  const topic = fc.constantFrom(
    ...['zigbee2mqtt/a', 'zigbee2mqtt/a/availability', 'zigbee2mqtt/bridge/state'],
    ...['tele/tasmota_9CF9D1/STATE', 'a/status', 'a/sensor/level/state', 'x/y/z'],
  )
  const { send } = bench(Object.values(mappings))
  fc.assert(
    fc.property(topic, payload, (where, what) => {
      const { acknowledged, outcomes, records } = send(where, what)
      expect(acknowledged).toEqual([undefined])
      expect(outcomes.every(({ kind }) => ['reading', 'hello', 'quarantine'].includes(kind))).toBe(
        true,
      )
      const reports = records.filter(({ topic: to }) => to.startsWith('tenfold/'))
      for (const { payload: bytes } of reports) JSON.parse(bytes.toString())
      const silent = outcomes.filter(
        (one) => one.kind === 'reading' && where.endsWith('availability'),
      )
      for (const one of silent) {
        expect(one.kind === 'reading' && one.reading.values.every((v) => v === undefined)).toBe(
          true,
        )
      }
    }),
    { numRuns: Number(process.env['TENFOLD_FUZZ'] ?? 2000) },
  )
})
