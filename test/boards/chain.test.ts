// What a board signs and tells: its whole image on an emulated Pico trips, is reset over the link,
// takes claims, and writes its own chain, which the gateway's verifier reads. Power is cut while it
// signs and writes; no chain may fork, and nothing that it said yes to may be missing.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { causeKinds, causeName, places } from '../../firmware/kernel-constants.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { foldChain } from '../../gateway/attestation/chain.ts'
import { didOf } from '../../gateway/attestation/did.ts'
import { type Entry, receiveEntry } from '../../gateway/attestation/entry.ts'
import { readTrip } from '../../gateway/pipeline/trip.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { BoardLine } from './line.ts'
import { ms, pin } from './pins.ts'
import { compilerInstalled, drill, imageOf, type Subject } from './stand.ts'

const [done, stale, busy, failed] = [0, 3, 6, 7]
const [eventKind, entryKind] = [1, 3]
const host = Uint8Array.from({ length: 32 }, (_, i) => i * 3)
const digestOf = (i: number): Uint8Array => new Uint8Array(32).fill(i)

/** The drill, sooner ready. */
const quickDrill = (): Subject => {
  const subject = drill()
  const constants = { ...subject.spec.constants, coast_time: 0.05, soft_start: 0.05 }
  const spec = { ...subject.spec, constants }
  return { ...subject, spec, profile: { ...subject.profile, loops: { drive: spec } } }
}

const entriesOf = (line: BoardLine): Entry[] =>
  line.items.flatMap(({ kind, bytes }) => (kind === entryKind ? [receiveEntry(bytes).entry] : []))

describe.runIf(compilerInstalled())('the drill', () => {
  const subject = quickDrill()
  const { safety } = subject.profile
  if (safety === undefined) throw new Error('no safety')
  const overCurrent = (causeKinds['over_current'] ?? 0) + (places.current << 5)
  let image: Image
  beforeAll(async () => {
    image = await imageOf(subject, 'rp2040-pico', 'machine')
  }, 60_000)

  test('trips, tells it, signs it, and is reset over the link without moving', () => {
    const line = new BoardLine(image, new W25q({ times: quickTimes }))
    line.pico.run(150 * ms)
    line.meet()
    expect(line.ask('claim', [digestOf(1), 'accepted'])).toBe(failed)
    expect(line.ask('makeKey', [host])).toBe(done)
    line.until(({ kind }) => kind === entryKind, 2000)
    line.volts.trigger = 1.8
    line.run(60)
    expect(line.pico.level(pin.gate)).toBe(true)
    line.volts.current = 1.65 + 1.2
    line.run(20)
    expect(line.pico.level(pin.gate)).toBe(false)
    line.volts.current = 1.65
    line.volts.trigger = 0.3
    const event = line.until(({ kind }) => kind === eventKind, 3000)
    line.until(({ bytes, kind }) => kind === entryKind && typeOf(bytes) === 'tripped', 3000)

    const trip = readTrip(event.bytes)
    expect(trip).toMatchObject({ cause: overCurrent })
    expect(trip?.value).toBeGreaterThan(55)
    expect(trip?.step).toBeGreaterThan(1000)
    const opened = line.items.flatMap(({ kind, bytes }) =>
      kind === entryKind ? receiveEntry(bytes).disclosures : [],
    )
    expect(opened).toMatchObject([{ name: 'cause', value: causeName(overCurrent, safety) }])

    expect(line.ask('resetTrip', [overCurrent + 1])).toBe(stale)
    line.volts.trigger = 1.8
    line.run(20)
    expect(line.ask('resetTrip', [overCurrent])).toBe(busy)
    line.volts.trigger = 0.3
    line.run(20)
    expect(line.ask('resetTrip', [overCurrent])).toBe(done)
    // Nothing moves by itself: only a hand that pulls after it was seen released.
    line.run(200)
    expect(line.pico.level(pin.gate)).toBe(false)
    line.volts.trigger = 1.8
    line.run(60)
    expect(line.pico.level(pin.gate)).toBe(true)
    line.volts.trigger = 0.3
    line.until(({ bytes, kind }) => kind === entryKind && typeOf(bytes) === 'trip_cleared', 3000)
    expect(line.ask('claim', [digestOf(2), 'made'])).toBe(2)
    expect(line.ask('claim', [digestOf(2), 'repaired'])).toBe(done)
    expect(line.ask('claim', [digestOf(2), 'repaired'])).toBe(done)
    line.drain()
    const entries = entriesOf(line)
    // The milestone comes beside them, when its counter is in the flash.
    const types = entries.map(({ type }) => type)
    const others = types.filter((type) => type !== 'first_used')
    expect(others).toEqual(['made', 'tripped', 'trip_cleared', 'repaired'])
    expect(types.length).toBe(others.length + 1)
    expect(entries.at(-1)?.claim).toEqual(digestOf(2))
    const head = foldChain(entries)
    line.run(40)
    expect(head.unit).toBe(didOf(line.hello?.key ?? host))
    expect(head.enrolment).toMatchObject({
      ...{ machine: 'cordless_drill', custody: 'controller_flash', simulated: false },
      profile: Uint8Array.from(Buffer.from(line.hello?.profile ?? '', 'hex')),
    })
    expect(line.pico.resets).toBe(0)
  }, 180_000)

  const cuts = process.env['TENFOLD_LONG'] === '1' ? 200 : 10
  test(`a chain whose board loses its power at ${cuts} moments never forks, loses nothing`, () => {
    const random = seeded(7)
    const flash = new W25q({ times: quickTimes })
    let line = new BoardLine(image, flash)
    line.pico.run(130 * ms)
    line.meet()
    expect(line.ask('makeKey', [host])).toBe(done)
    const promised: number[] = []
    const entries = new Map<number, Entry>()
    const gather = (): void => {
      for (const entry of entriesOf(line)) {
        const known = entries.get(entry.seq)
        expect(known === undefined || Buffer.from(known.bytes).equals(entry.bytes)).toBe(true)
        entries.set(entry.seq, entry)
      }
    }
    for (let i = 1; i <= cuts; i += 1) {
      // Anywhere from before it begins to sign to after it has handed over.
      if (line.ask('claim', [digestOf(i), 'transferred'], 20 + random() * 260) === done)
        promised.push(i)
      line.pico.run(Math.floor(random() * 20 * ms))
      gather()
      line.pico.cutPower()
      line = new BoardLine(image, flash, i + 1)
      line.pico.run(130 * ms)
      line.meet()
    }
    line.drain()
    gather()
    const list = [...entries.values()].sort((a, b) => a.seq - b.seq)
    foldChain(list)
    const claims = list.map(({ claim }) => claim?.[0])
    expect(promised.length).toBeGreaterThan(0)
    for (const one of promised) expect(claims.filter((claim) => claim === one)).toEqual([one])
  }, 300_000)
})

const typeOf = (bytes: Uint8Array): string => receiveEntry(bytes).entry.type
