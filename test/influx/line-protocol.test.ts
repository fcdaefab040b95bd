// The line protocol as text: what is written is exact, and what it cannot carry is refused.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  escapeKey,
  floatField,
  integerField,
  stringField,
  timestampOf,
} from '../../gateway/influx/line-protocol.ts'
import { layoutOf, reportPoint } from '../../gateway/influx/points.ts'
import { drill, reading } from './readings.ts'

const timeUs = 1_700_000_000_123_456

describe('fields', () => {
  test('a float reads back as the same double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) =>
        Object.is(Number(floatField(value)), value),
      ),
    )
  })

  test('a count has the suffix of an int64, up to 2^53 - 1', () => {
    expect(integerField(Number.MAX_SAFE_INTEGER)).toBe('9007199254740991i')
    expect(integerField(-0)).toBe('0i')
  })

  test.each([NaN, Infinity, -Infinity])('%d is never written', (value) => {
    expect(() => floatField(value)).toThrow(RangeError)
    expect(() => integerField(value)).toThrow(RangeError)
  })

  test.each([0.5, 2 ** 53, 1e300])('%d is not written as a count', (value) => {
    expect(() => integerField(value)).toThrow(RangeError)
  })

  test('quotes and backslashes of a text are escaped', () => {
    expect(stringField('a "b" \\c')).toBe('"a \\"b\\" \\\\c"')
  })

  test.each(['', 'a\nb', 'a\rb', 'a\\', 'a\\b'])('the name %j is refused', (name) => {
    expect(() => escapeKey(name)).toThrow(RangeError)
  })
})

describe('timestamps', () => {
  test('keep the microsecond, as whole nanoseconds beyond 2^53', () => {
    const text = timestampOf(timeUs, { boot: 3, sequence: 17 })
    expect(text).toMatch(/^1700000000123456\d{3}$/)
    expect(BigInt(text)).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER))
  })

  test('are the same at every resend', () => {
    const identity = { boot: 3, sequence: 17 }
    expect(timestampOf(timeUs, identity)).toBe(timestampOf(timeUs, { ...identity }))
  })

  test('of up to 1,000 consecutive reports of one microsecond differ', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.integer({ min: -1, max: 1e6 }), (from, boot) => {
        const texts = Array.from({ length: 1000 }, (_, i) =>
          timestampOf(timeUs, { boot, sequence: from + i }),
        )
        return new Set(texts).size === 1000
      }),
      { numRuns: 20 },
    )
  })

  test('of two boots that begin at the same wrong wall clock differ', () => {
    const texts = Array.from({ length: 1000 }, (_, boot) => timestampOf(0, { boot, sequence: 0 }))
    expect(new Set(texts).size).toBe(1000)
  })

  test('before 1970 stay whole', () => {
    expect(timestampOf(-1, { boot: -1, sequence: 5 })).toBe('-995')
  })
})

describe('a report', () => {
  const lineOf = (parts: Omit<Parameters<typeof reading>[0], 'timeUs'>): string =>
    reportPoint(reading({ timeUs, ...parts }), layoutOf(drill)).line

  test('is one line: unit as the only tag, types by the profile', () => {
    expect(
      lineOf({
        boot: -1,
        sequence: 7,
        v: { motor_current: 12.5, pack_voltage: 18, brake: 1, state: 2 },
        c: { starts: 4 },
      }),
    ).toBe(
      'test_drill,unit=drill-1 report.boot=-1i,report.sequence=7i,motor_current_a=12.5,' +
        'pack_voltage_v=18,brake=1i,state=2i,starts=4i 1700000000123456007',
    )
  })

  test('leaves out what is bad or absent, and says why only where it is not as expected', () => {
    const line = lineOf({
      v: { motor_current: 900, motor_speed: 3, pack_voltage: 18 },
      q: {
        motor_current: 'bad_out_of_range',
        motor_speed: 'uncertain',
        pack_temperature: 'bad_open',
        pack_voltage: 'uncertain',
      },
    })
    expect(line).toContain(' report.boot=1i,report.sequence=0i,motor_speed_rpm=3,')
    expect(line).toContain('motor_current_a.quality=3i,')
    expect(line).toContain('pack_temperature_degc.quality=5i,')
    expect(line).toContain('pack_voltage_v=18,pack_voltage_v.quality=1i')
    expect(line).not.toContain('motor_current_a=')
    expect(line).not.toContain('pack_temperature_degc=')
    expect(line).not.toContain('motor_speed_rpm.quality')
  })

  test('with a value that InfluxDB cannot hold is refused, not rounded', () => {
    expect(() => lineOf({ v: { state: 1.5 } })).toThrow(RangeError)
    expect(() => lineOf({ v: { pack_voltage: NaN } })).toThrow(RangeError)
  })
})
