// The bytes of a log record: what goes in comes out, and foreign bytes are refused, not misread.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeRecord, encodeRecord } from '../../gateway/core/record.ts'

const record = fc.record({
  receivedUs: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  source: fc.string({ maxLength: 20 }),
  session: fc.string({ maxLength: 20 }),
  topic: fc.string({ maxLength: 100 }),
  payload: fc.uint8Array({ maxLength: 300 }),
  retained: fc.boolean(),
})
const properties = fc.dictionary(fc.string(), fc.string({ unit: 'binary', maxLength: 50 }), {
  minKeys: 1,
  maxKeys: 5,
})

const stepped = fc.record({ steppedUs: fc.integer({ min: -1e15, max: 1e15 }) })

test('any record is read back as it was written', () => {
  fc.assert(
    fc.property(record, fc.option(stepped, { nil: {} }), (bare, more) => {
      const one = { ...bare, ...more }
      const back = decodeRecord(encodeRecord(one))
      expect({ ...back, payload: Uint8Array.from(back.payload) }).toEqual(one)
    }),
  )
})

test('so is one with user properties; without them there is nothing more', () => {
  fc.assert(
    fc.property(record, fc.option(stepped, { nil: {} }), properties, (bare, more, beside) => {
      const one = { ...bare, ...more }
      const bytes = encodeRecord({ ...one, properties: beside })
      const { properties: back, payload, ...rest } = decodeRecord(bytes)
      expect(Object.entries(back ?? {})).toEqual(Object.entries(beside))
      expect({ ...rest, payload: Uint8Array.from(payload) }).toEqual(one)
      expect(encodeRecord({ ...one, properties: undefined })).toEqual(encodeRecord(one))
      expect(bytes.length).toBeGreaterThan(encodeRecord(one).length)
    }),
  )
})

test('a record of another version or cut short is refused', () => {
  const bytes = encodeRecord({
    receivedUs: 1,
    source: 'mqtt',
    session: 's',
    topic: 'a/b',
    payload: new Uint8Array(0),
    retained: false,
  })
  const beside = encodeRecord({ ...decodeRecord(bytes), properties: { a: 'b' } })
  for (const one of [bytes, beside]) {
    for (let length = 0; length < one.length; length += 1) {
      expect(() => decodeRecord(one.subarray(0, length))).toThrow(RangeError)
    }
  }
  bytes[0] = 9
  expect(() => decodeRecord(bytes)).toThrow(/version 9/)
})

test('what no record can hold is refused', () => {
  const long = 'x'.repeat(300)
  const base = { receivedUs: 1, source: 'a', session: 'b', topic: 'c', payload: new Uint8Array(0) }
  expect(() => encodeRecord({ ...base, source: long, retained: false })).toThrow(RangeError)
  expect(() => encodeRecord({ ...base, session: long, retained: false })).toThrow(RangeError)
})
