// Events by the profile's rules, found by the drill's whole image on an emulated Pico: in the very
// moments and for the very readings for which a gateway would find them in its reports; while
// nobody hears it, over a pulled battery; never twice; and bounded where a reading flaps.
import { beforeAll, describe, expect, test } from 'vitest'
import { buildImage, type Image } from '../../firmware/image.ts'
import { linkDefines } from '../../firmware/link-config.ts'
import type { UnitEvent } from '../../gateway/core/delivery.ts'
import { prepareMachine, profileDigest } from '../../gateway/core/machine.ts'
import { Pipeline } from '../../gateway/pipeline/pipeline.ts'
import { readRuled } from '../../gateway/pipeline/ruled.ts'
import { type Dictionary, readDictionary } from '../../gateway/sources/serial/dictionary.ts'
import { helloPayload } from '../../gateway/sources/serial/hello.ts'
import { payloadOf } from '../../gateway/sources/serial/line-parts.ts'
import type { EventRuleSpec, Profile } from '../../hardware-profiles/profile.ts'
import { ruleNumber } from '../../hardware-profiles/rules.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { sent, startUs } from '../pipeline/feed.ts'
import { BoardLine } from './line.ts'
import { ms } from './pins.ts'
import { compilerInstalled, drill, loadBoard } from './stand.ts'

const rule = (type: string, when: EventRuleSpec['when']): EventRuleSpec => ({
  ...{ type, when, description: type },
})
const events = [
  rule('made', { boot: 'first' }),
  rule('pulled', { signal: 'trigger', above: 50.25, clears: 30 }),
  rule('emptied', { signal: 'pack_voltage', below: 15, clears: 17 }),
  rule('started', { signal: 'state', becomes: 'run' }),
  rule('rested', { signal: 'state', becomes: 'idle' }),
  rule('switched_off', { signal: 'fault', becomes: 'under_voltage' }),
  rule('used', { counter: 'starts', passes: 1 }),
]
const found = ['pulled', 'emptied', 'started', 'rested', 'switched_off']
const eventKind = 1
const volts = { pulled: 2.2, released: 0.3, full: 1.9, empty: 1.35 }

const subject = drill()
const constants = { ...subject.spec.constants, coast_time: 0.05, soft_start: 0.05 }
const profile: Profile = {
  ...{ ...subject.profile, events, reportHz: 40 },
  loops: { drive: { ...subject.spec, constants } },
}
const imageWith = (flags: readonly string[]): Promise<Image> => {
  const board = loadBoard('rp2040-pico')
  return buildImage({
    ...{ profile, profileDigest: profileDigest(profile), loops: subject.machines.loops },
    ...{ board: { ...board, flags: [...board.flags, ...flags] } },
    ...{ purpose: 'machine', path: process.env['PATH'] },
  })
}

/** The board's own, as its image has it. */
const dictionaryOf = (): Dictionary => {
  const { loop } = subject
  const [spec = subject.spec] = Object.values(profile.loops)
  const parts = { profile, board: loadBoard('rp2040-pico'), loop, spec, profileDigest: '' }
  const line = linkDefines(parts)
    .defines('')
    .find((define) => define.startsWith('SCHEMA {'))
  const bytes = Uint8Array.from(line?.match(/\d+/g) ?? [], Number)
  const dictionary = readDictionary(bytes, profile)
  if (typeof dictionary === 'string') throw new Error(dictionary)
  return dictionary
}

type Told = [type: string, timeUs: number, cause: string]

/** What a gateway has found when it has taken these in, one after the other. */
class Gateway {
  readonly #pipeline = new Pipeline({
    machines: new Map([[profile.machine, prepareMachine(profile)]]),
    ...{ enrol: 'hello', load: () => undefined, lives: true },
  })
  readonly events: UnitEvent[] = []
  #offset = 0
  receivedUs = startUs

  take(kind: 'hello' | 'report' | 'item', payload: Uint8Array): void {
    const record = sent({ kind, payload, receivedUs: this.receivedUs })
    this.#offset += 1
    const outcome = this.#pipeline.process(this.#offset, record)
    if (!('events' in outcome)) throw new Error(`the pipeline says ${JSON.stringify(outcome)}`)
    this.events.push(...outcome.events)
  }

  hello(line: BoardLine, finds: boolean): void {
    if (line.hello === undefined) throw new Error('no hello')
    const { finds: bits = 0, ...rest } = line.hello
    const hello = { ...rest, ...(finds && { finds: bits }) }
    this.take('hello', helloPayload(hello, prepareMachine(profile)))
    // All that is told later is received later.
    this.receivedUs = startUs + 3_600_000_000
  }

  items(line: BoardLine): void {
    for (const { number, boot, kind, bytes } of line.items) {
      if (kind !== eventKind) continue
      const item = { number, boot, kind: 'event', topic: 'item', bytes } as const
      this.take('item', payloadOf(item))
    }
  }

  told(): Told[] {
    return this.events
      .filter(({ type }) => found.includes(type))
      .map(({ type, timeUs, cause }) => [type, timeUs, cause])
  }
}

describe.runIf(compilerInstalled())('the drill', () => {
  let image: Image
  beforeAll(async () => {
    image = await imageWith([])
  }, 60_000)
  const start = (flash: W25q, greeting: number): BoardLine => {
    const line = new BoardLine(image, flash, greeting)
    line.pico.run(150 * ms)
    return line
  }
  const hold = (line: BoardLine, forMs: number, set: () => void): void => {
    set()
    line.run(forMs)
  }
  /** Pulled, the pack sags until the loop switches off and comes back, released; pulled again. */
  const work = (line: BoardLine): void => {
    const { volts: at } = line
    const pull = (volt: number) => () => {
      at.trigger = volt
    }
    const pack = (volt: number) => () => {
      at.slow[0] = volt
    }
    hold(line, 300, pull(volts.pulled))
    hold(line, 200, pull(1.5))
    hold(line, 200, pack(volts.empty))
    hold(line, 100, pack(1.7))
    hold(line, 100, pack(volts.empty))
    hold(line, 200, pack(volts.full))
    hold(line, 400, pull(volts.released))
    hold(line, 200, pull(volts.pulled))
    hold(line, 400, pull(volts.released))
  }

  test('it finds what a gateway would find in its reports, at the same uptimes', () => {
    const line = start(new W25q({ times: quickTimes }), 1)
    line.meet(200)
    work(line)
    line.drain()
    const dictionary = dictionaryOf()
    const [byReports, byBoard] = [new Gateway(), new Gateway()]
    byReports.hello(line, false)
    byBoard.hello(line, true)
    for (const { boot, seq, t, v, c } of line.reports) {
      const payload = Buffer.from(JSON.stringify({ boot, seq, t, ...dictionary.report(v, c) }))
      byReports.take('report', payload)
      byBoard.take('report', payload)
    }
    // Of the reports alone it takes nothing that the board finds by itself.
    expect(byBoard.told()).toEqual([])
    byBoard.items(line)
    // What stood at the first report began before anybody heard it.
    const heardUs = startUs - (line.hello?.uptimeUs ?? 0) + (line.reports[0]?.t ?? 0)
    const since = (told: Told[]): Told[] => told.filter(([, timeUs]) => timeUs > heardUs)
    expect(since(byBoard.told())).toEqual(since(byReports.told()))
    const types = since(byBoard.told()).map(([type]) => type)
    for (const type of found) expect(types).toContain(type)
    expect(types.filter((type) => type === 'started').length).toBe(2)
  }, 300_000)

  test('what nobody hears is told by a later start, with bounds, under one identity', () => {
    const flash = new W25q({ times: quickTimes })
    const alone = start(flash, 1)
    work(alone)
    expect(alone.items).toEqual([])
    alone.pico.cutPower()

    const gateway = new Gateway()
    const later = start(flash, 2)
    later.meet()
    later.drain()
    gateway.hello(later, true)
    gateway.items(later)
    const missed = gateway.events.filter(({ cause }) => cause.endsWith('s into boot 1'))
    const types = missed.map(({ type }) => type)
    expect(types.filter((type) => type === 'pulled').length).toBe(2)
    expect(types.filter((type) => type === 'started').length).toBe(2)
    for (const type of found) expect(types).toContain(type)
    for (const { timeUs, cause } of missed) {
      expect(timeUs).toBeLessThanOrEqual(startUs)
      expect(cause).toMatch(/^\w+ = [\w.]+, before 20\d\d-.*Z, [\d.]+ s into boot 1$/)
    }
    // They are in the order in which they happened.
    const seconds = missed.map(({ cause }) => Number(/ ([\d.]+) s into/.exec(cause)?.[1]))
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b))

    // The chip had not noted yet that a gateway has them: they come again, and are the same.
    later.pico.cutPower()
    const again = start(flash, 3)
    again.meet()
    again.drain()
    const before = new Set(gateway.events.map(({ identity }) => identity))
    gateway.items(again)
    const missedAgain = gateway.events.filter(({ cause }) => cause.endsWith('s into boot 1'))
    expect(missedAgain.length).toBeLessThanOrEqual(2 * missed.length)
    for (const { identity } of missedAgain) expect(before).toContain(identity)
  }, 300_000)

  test('what a self-test injects is no event', () => {
    const line = start(new W25q({ times: quickTimes }), 1)
    line.meet(2200)
    line.drain()
    const emptied = ruleNumber('emptied')
    const count = (): number =>
      line.items.filter(({ bytes }) => readRuled(bytes)?.number === emptied).length
    const { loop } = subject
    const inputs = loop.inputs.map(({ name }) => (name === 'pack_voltage' ? 14_500 : 0))
    const outputs = loop.outputs.map(() => 0)
    const [begin, end, apply] = [1, 2, 6]
    line.send('selftest', [1, begin])
    line.run(40)
    for (let i = 0; i < 4; i += 1) {
      line.send('selftest', [2 + i, apply, inputs, outputs, 0])
      line.run(60)
    }
    const at = loop.inputs.findIndex(({ name }) => name === 'pack_voltage')
    expect(line.reports.some(({ v }) => v[at] === 14_500)).toBe(true)
    line.send('selftest', [9, end])
    line.drain()
    expect(count()).toBe(0)
    // The same from the pins is one.
    hold(line, 100, () => {
      line.volts.slow[0] = volts.empty
    })
    line.drain()
    expect(count()).toBe(1)
  }, 300_000)

  test('what flaps is told so many times, and then how often it was not', async () => {
    const few = await imageWith(['-DRULES_AT_ONCE=3', '-DRULES_EVERY_US=1000000u'])
    const line = new BoardLine(few, new W25q({ times: quickTimes }), 1)
    line.run(140)
    let flaps = 0
    const flap = (): void => {
      hold(line, 80, () => {
        line.volts.slow[0] = volts.empty
      })
      hold(line, 80, () => {
        line.volts.slow[0] = volts.full
      })
      flaps += 1
    }
    for (let i = 0; i < 6; i += 1) flap()
    line.run(1100)
    flap()
    line.meet()
    line.drain()
    const told = line.items.flatMap(({ kind, bytes }) =>
      kind === eventKind ? [readRuled(bytes) ?? []].flat() : [],
    )
    const lost = told.reduce((sum, one) => sum + one.lost, 0)
    expect(lost).toBeGreaterThanOrEqual(2)
    // At rest from the start is one more.
    expect(told.length + lost).toBe(flaps + 1)
  }, 300_000)
})
