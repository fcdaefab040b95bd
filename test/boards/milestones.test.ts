// What a unit tells of its life without being asked: usage soon after a stop, and milestones as
// entries of its own chain. The drill's whole image on an emulated Pico, over battery pulls: a
// little use is told, too, nothing is told twice, and each milestone is signed once.
import { beforeAll, describe, expect, test } from 'vitest'
import { buildImage, type Image } from '../../firmware/image.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { usagePlan } from '../../firmware/usage-plan.ts'
import { foldChain } from '../../gateway/attestation/chain.ts'
import { type Entry, receiveEntry } from '../../gateway/attestation/entry.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { readUsageItem, type UsageBody } from '../../hardware-profiles/usage.ts'
import { Pico } from '../emu/pico.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { BoardLine } from './line.ts'
import { ms, pin } from './pins.ts'
import { compilerInstalled, drill, loadBoard } from './stand.ts'

const [usageKind, entryKind] = [2, 3]
const host = Uint8Array.from({ length: 32 }, (_, i) => i * 3)
const hundredHoursMs = 360_000_000

/** The drill, sooner ready, on a Pico that keeps and tells its usage after a second in use. */
const quick = (): Promise<Image> => {
  const subject = drill()
  const constants = { ...subject.spec.constants, coast_time: 0.05, soft_start: 0.05 }
  const profile = { ...subject.profile, loops: { drive: { ...subject.spec, constants } } }
  const board = loadBoard('rp2040-pico')
  const flash = { ...board.flash, usageSeconds: 1, tellSeconds: 2, eraseCycles: 1e9 }
  return buildImage({
    ...{ profile, profileDigest: profileDigest(profile), loops: subject.machines.loops },
    ...{ board: { ...board, flash }, purpose: 'machine', path: process.env['PATH'] },
  })
}

/** On until it drives, then off again. */
const use = (line: BoardLine, forMs: number): void => {
  line.volts.trigger = 1.8
  line.run(forMs)
  expect(line.pico.level(pin.gate)).toBe(true)
  line.volts.trigger = 0.3
}
const entriesOf = (line: BoardLine): Entry[] =>
  line.items.flatMap(({ kind, bytes }) => (kind === entryKind ? [receiveEntry(bytes).entry] : []))

describe.runIf(compilerInstalled())('the drill', () => {
  let image: Image
  beforeAll(async () => {
    image = await quick()
  }, 60_000)
  const start = (flash: W25q, greeting: number): BoardLine => {
    const line = new BoardLine(image, flash, greeting)
    line.pico.run(150 * ms)
    return line
  }

  test('usage is told soon after a stop, and by the next start what a pull left untold', () => {
    const subject = drill()
    const { plan } = usagePlan(subject.profile, subject.loop, subject.spec)
    const parts = (plan?.bands.length ?? 0) + 10 * (plan?.cycles.length ?? 0)
    const flash = new W25q({ times: quickTimes })
    const told = (line: BoardLine): UsageBody[] =>
      line.items.flatMap(({ kind, boot, number, bytes }) => {
        const body = kind === usageKind ? readUsageItem({ boot, number }, bytes) : undefined
        return body === undefined ? [] : [body]
      })
    const drained = (line: BoardLine, forMs: number): UsageBody[] => {
      for (let left = forMs; left > 0; left -= 200) line.drain()
      return told(line)
    }

    // Less than is worth telling: kept, and the pack is pulled. Nobody heard of it.
    const first = start(flash, 1)
    first.meet()
    use(first, 1300)
    first.run(1600)
    expect(drained(first, 200)).toEqual([])
    first.pico.cutPower()

    // Together with this it is enough: after a second of rest, once.
    const second = start(flash, 2)
    second.meet()
    use(second, 1100)
    second.run(1300)
    const all = drained(second, 2000)
    expect(all.length).toBe(parts)
    const [sum] = all
    expect(sum?.usedMs).toBeGreaterThan(2200)
    second.pico.cutPower()

    // A start that has nothing new tells nothing new.
    const third = start(flash, 3)
    third.meet()
    third.run(1500)
    const again = drained(third, 400)
    expect(again.filter(({ boot }) => boot === 3)).toEqual([])

    // With nobody to hear it one waits in the outbox, and no more; the next start does not add.
    third.volts.trigger = 1.8
    third.pico.run(2400 * ms)
    third.volts.trigger = 0.3
    third.pico.run(2000 * ms)
    third.volts.trigger = 1.8
    third.pico.run(2400 * ms)
    third.volts.trigger = 0.3
    third.pico.run(2000 * ms)
    third.pico.cutPower()
    const fourth = start(flash, 4)
    fourth.pico.run(1500 * ms)
    fourth.meet()
    // What a gateway had, but the chip had not yet noted so, comes once more.
    const late = drained(fourth, 3000).filter(({ boot }) => boot > 2)
    const used = [...new Set(late.map(({ usedMs }) => usedMs))].sort((a, b) => a - b)
    expect(late.length).toBe(2 * parts)
    expect(used.length).toBe(2)
    // The one that waited, and what came after it, as soon as a gateway had taken that.
    expect((used[0] ?? 0) - (sum?.usedMs ?? 0)).toBeGreaterThan(2000)
    expect((used[1] ?? 0) - (used[0] ?? 0)).toBeGreaterThan(2000)
  }, 300_000)

  /** A chip that has counted all but an instant of a hundred hours. */
  const worked = async (): Promise<W25q> => {
    const subject = drill()
    const board = loadBoard('rp2040-pico')
    const { bin } = await buildImage({
      ...{ profile: subject.profile, profileDigest: profileDigest(subject.profile) },
      ...{ loops: subject.machines.loops, purpose: 'exercise', path: process.env['PATH'] },
      board: { ...board, flags: [...board.flags, '-DSTORE_HASTY'] },
    })
    const flash = new W25q({ times: quickTimes })
    const pico = new Pico({ bin, flash })
    pico.ask('', 1000 * ms)
    pico.ask('B\n', 60_000 * ms)
    const counters = subject.loop.counters.map(({ name }) =>
      name === 'run_time' ? hundredHoursMs - 100 : 0,
    )
    const words = counters.map((value) => value.toString(16)).join(' ')
    // It erases what it needs, one sector a round, before it notes anything at its usual pace.
    pico.ask('W 1000\n', 60_000 * ms)
    for (let i = 0; i < 3; i += 1) pico.ask(`C 0 ${words}\n`, 60_000 * ms)
    expect(pico.ask(`C 0 ${words}\n`, 60_000 * ms)).toContain((hundredHoursMs - 100).toString(16))
    pico.cutPower()
    return flash
  }

  const cuts = process.env['TENFOLD_LONG'] === '1' ? 60 : 4
  test(`milestones are signed once each, where the power is cut at ${cuts} moments`, async () => {
    const random = seeded(11)
    const flash = await worked()
    let line = start(flash, 1)
    line.meet()
    expect(line.ask('makeKey', [host])).toBe(0)
    line.until(({ kind }) => kind === entryKind, 2000)
    use(line, 400)
    const entries = new Map<number, Entry>()
    const gather = (): void => {
      for (const entry of entriesOf(line)) {
        const known = entries.get(entry.seq)
        expect(known === undefined || Buffer.from(known.bytes).equals(entry.bytes)).toBe(true)
        entries.set(entry.seq, entry)
      }
    }
    // The counters are in the flash after a second at the most; a milestone is signed after that.
    for (let i = 1; i <= cuts; i += 1) {
      line.run(Math.floor(i === 1 ? 1000 + random() * 500 : 20 + random() * 1300))
      gather()
      line.pico.cutPower()
      line = start(flash, i + 1)
      line.meet()
    }
    line.run(1500)
    line.drain()
    gather()
    const list = [...entries.values()].sort((a, b) => a.seq - b.seq)
    foldChain(list)
    expect(list.map(({ type }) => type)).toEqual(['made', 'first_used', 'hours_run'])
    const [, used, hours] = list
    expect(used?.counters['starts']).toBe(1)
    expect(hours?.counters['run_time']).toBeGreaterThanOrEqual(hundredHoursMs)
    expect(hours?.counters['run_time']).toBeLessThan(hundredHoursMs + 1000)

    // More starts and more time are no new milestones.
    use(line, 300)
    line.run(2600)
    line.drain()
    gather()
    expect(entries.size).toBe(3)
  }, 300_000)
})
