// What a board's kernel tripped on becomes an event that says check, reading, limit and step; its
// time is the boot's clock where somebody heard that boot, and bounds where nobody did.
import { expect, test } from 'vitest'
import { causeKinds, places } from '../../firmware/kernel-constants.ts'
import { readTrip } from '../../gateway/pipeline/trip.ts'
import { hello, pipelineInMemory, sent } from './feed.ts'

const overCurrent = (causeKinds['over_current'] ?? 0) + (places.current << 5)

/** As trip_tell in runtime/trip.h packs it. */
const pack = (words: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(32)
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, 4 * i)
  return bytes
}
const trip = (
  boot: number,
  bytes = pack([0x101, overCurrent, 5000, 1_500_000, 0, 1, 71_250, -3]),
) =>
  sent({ kind: 'item', body: { boot, number: 4, kind: 'event', data: bytes.toString('base64') } })

const eventsOf = (record: Buffer) => {
  const pipeline = pipelineInMemory()
  pipeline.process(0, hello({ boot: 9, t: 2_000_000 }))
  const outcome = pipeline.process(1, record)
  return outcome.kind === 'item' ? outcome.events : undefined
}

test('a trip of this boot says what, how much, the limit, and when', () => {
  const [event] = eventsOf(trip(9)) ?? []
  const says = 'over_current: motor_current, it read 71.25 A, the limit is 110 A, step 5000'
  expect(event).toMatchObject({ type: 'kernel_tripped', severity: 'fault', cause: says })
})

test('a trip of a boot that nobody heard says so, with bounds', () => {
  const [event] = eventsOf(trip(7)) ?? []
  expect(event?.cause).toMatch(/, before 20\d\d-.*Z, 1\.5 s into boot 7$/)
})

test('what ended a run has no reading; bytes of another form are kept and no event', () => {
  const hang = pack([0x101, causeKinds['hang'] ?? 0, 0, 40_000, 0, 0, 0, 0])
  expect(eventsOf(trip(9, hang))?.[0]?.cause).toBe('hang')
  expect(eventsOf(trip(9, Buffer.from('other')))).toEqual([])
  expect(readTrip(pack([0x102, 2, 0, 0, 0, 0, 0, 0]))).toBeUndefined()
  expect(readTrip(pack([0x101, 2, 0, 0, 0xffffffff, 0, 0, 0]))).toBeUndefined()
})
