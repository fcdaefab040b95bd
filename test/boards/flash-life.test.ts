// A board whose flash would not last, or whose map is none, is refused with the part and the
// remedy; the Pico's figures are those of the arithmetic by hand.
import { expect, test } from 'vitest'
import type { Board } from '../../firmware/boards.ts'
import { checkFlash, flashLife, leastHours } from '../../firmware/flash-life.ts'
import { usagePlan } from '../../firmware/usage-plan.ts'
import { drill, loadBoard } from './stand.ts'

const { profile, loop, spec } = drill()
const { plan } = usagePlan(profile, loop, spec)
const pico = loadBoard('rp2040-pico')
const counters = loop.counters.length
const found = (flash: Partial<Board['flash']>): string[] =>
  checkFlash({ ...pico, flash: { ...pico.flash, ...flash } }, counters, plan).map(
    ({ place, what }) => `${place} ${what}`,
  )
const parts = pico.flash.parts ?? {}

test("the Pico's flash bears 10,000 hours of use, with a record of counters every 0.75 s", () => {
  const life = flashLife(pico, counters, plan) ?? {}
  // 63 sectors of 50 records of 80 bytes, 100,000 erases, 4800 records an hour.
  expect(life['counters']).toBe(Math.floor((63 * 50 * 100_000) / 4800))
  for (const hours of Object.values(life)) expect(hours).toBeGreaterThanOrEqual(leastHours)
  expect(found({})).toEqual([])
})

test('flash that would be worn out sooner is refused', () => {
  expect(found({ eraseCycles: 10_000 }).join('\n')).toMatch(
    /parts\/counters it would be worn out after 6562 hours of use, 10000 are needed/,
  )
  // Usage told every second in use: 5,900 hours of the values, 2,300 of the outbox.
  expect(found({ tellSeconds: 1 }).join('\n')).toMatch(/parts\/kv .*\n.*parts\/outbox it would/)
  expect(found({ tellSeconds: 300 })).toEqual([])
  const small = { ...parts, kv: { at: 917504, bytes: 16384 } }
  expect(found({ parts: small })[0]).toMatch(/parts\/kv it would be worn out/)
})

test('a map that overlaps, leaves the flash or cuts a sector is refused', () => {
  const change = (name: string, at: number, bytes: number) =>
    found({ parts: { ...parts, [name]: { at, bytes } } }).join('\n')
  expect(change('kv', 851968, 65536)).toMatch(/kv it lies over the part before it/)
  expect(change('black_box', 2097152 - 4096, 8192)).toMatch(/beyond the end of the flash/)
  expect(change('update', 851968, 1000)).toMatch(/no whole number of sectors/)
})
