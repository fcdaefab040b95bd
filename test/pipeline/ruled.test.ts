// What a board finds by the profile's rules becomes the event that the gateway would have found; of
// the reports of a board that does so the gateway finds it no second time; and a failure that is
// told late is not one of the part that came in meanwhile.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Sink, UnitEvent } from '../../gateway/core/delivery.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { OutsideStage } from '../../gateway/pipeline/outside.ts'
import { type Outcome, Pipeline } from '../../gateway/pipeline/pipeline.ts'
import { readRuled } from '../../gateway/pipeline/ruled.ts'
import { newUnit, type UnitState } from '../../gateway/pipeline/unit.ts'
import { Store } from '../../gateway/sinks/store/store.ts'
import type { EventRuleSpec } from '../../hardware-profiles/profile.ts'
import { ruleNumber } from '../../hardware-profiles/rules.ts'
import { drill, hello, report, sent, startUs, unitName } from './feed.ts'

/** As rule_tell in runtime/rules.h packs it. */
const pack = (words: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * words.length)
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, 4 * i)
  return bytes
}
const hot = ruleNumber('winding_hot')
const found = (boot: number, words = [0x201, hot, 112_500, -3, 1_500_000, 0, 0], number = 4) => {
  const data = pack(words).toString('base64')
  return sent({ kind: 'item', body: { boot, number, kind: 'event', data } })
}

const pipelineOf = (state?: UnitState): Pipeline =>
  new Pipeline({
    ...{ machines: new Map([[drill.profile.machine, drill]]), enrol: 'hello', lives: true },
    load: () => state,
  })
const eventsOf = (record: Buffer, pipeline = pipelineOf()) => {
  pipeline.process(0, hello({ boot: 9, t: 2_000_000, finds: ['winding_hot'] }))
  const outcome = pipeline.process(1, record)
  return outcome.kind === 'item' ? outcome.events : undefined
}

describe('an item', () => {
  test('of this boot says rule, reading and when, as a detection of the gateway does', () => {
    const [event] = eventsOf(found(9)) ?? []
    const { severity } = drill.profile.events.find(({ type }) => type === 'winding_hot') ?? {}
    const says = { type: 'winding_hot', severity, cause: 'winding_temperature = 112.5' }
    expect(event).toMatchObject({ ...says, timeUs: startUs - 500_000 })
  })

  test('of a value says the word', () => {
    const stalled = [0x201, ruleNumber('stalled'), 1, 0, 1_500_000, 0, 0]
    expect(eventsOf(found(9, stalled))?.[0]?.cause).toBe('fault = stall')
  })

  test('of a boot that nobody heard has bounds', () => {
    const cause = eventsOf(found(7))?.[0]?.cause
    expect(cause).toMatch(/^winding_temperature = 112\.5, before 20\d\d-.*Z, 1\.5 s into boot 7$/)
  })

  test('says what the board had no room for before it', () => {
    const words = [0x201, hot, 112_500, -3, 1_500_000, 0, 7]
    const cause = 'winding_temperature = 112.5, 7 more before it that the board had no room for'
    expect(eventsOf(found(9, words))?.[0]?.cause).toBe(cause)
  })

  test('that comes again is the same event; another number is another', () => {
    const pipeline = pipelineOf()
    const [first] = eventsOf(found(9), pipeline) ?? []
    const again = pipeline.process(2, found(9))
    const other = pipeline.process(3, found(9, undefined, 5))
    if (again.kind !== 'item' || other.kind !== 'item') throw new Error('no items')
    expect(again.events[0]?.identity).toBe(first?.identity)
    expect(other.events[0]?.identity).not.toBe(first?.identity)
  })

  test('of a rule that the profile has no more, or of another form, is kept and no event', () => {
    const gone = [0x201, ruleNumber('gone'), 1, 0, 0, 0, 0]
    for (const words of [gone, [0x301, hot, 0, 0, 0, 0, 0], [0x201, hot, 0, 10, 0, 0, 0], [7]]) {
      expect(eventsOf(found(9, words))).toEqual([])
    }
    expect(readRuled(pack([0x201, hot, 0, 0, 0, 0xffffffff, 0]))).toBeUndefined()
  })
})

describe('reports of a unit', () => {
  const typesOf = (outcome: Outcome): string[] =>
    outcome.kind === 'reading' ? outcome.events.map(({ type }) => type) : [outcome.kind]
  const heat = (pipeline: Pipeline, finds?: unknown): string[] => {
    pipeline.process(0, hello({ boot: 1, t: 0, finds }))
    return [100, 112.5].flatMap((winding_temperature, i) => {
      const v = { winding_temperature, fault: i === 0 ? 'none' : 'stall' }
      const outcome = pipeline.process(1 + i, report({ boot: 1, seq: i, t: i, v }))
      return typesOf(outcome)
    })
  }

  test('give what it does not find by itself, and nothing twice', () => {
    expect(heat(pipelineOf())).toEqual(['stalled', 'winding_hot'])
    expect(heat(pipelineOf(), ['winding_hot'])).toEqual(['stalled'])
  })

  test('give it again once the unit says no more that it finds it; what stands is not new', () => {
    const pipeline = pipelineOf()
    heat(pipeline, ['winding_hot', 'stalled'])
    pipeline.process(3, hello({ boot: 2, t: 0 }))
    const next = (seq: number, winding_temperature: number): string[] => {
      const v = { winding_temperature }
      const outcome = pipeline.process(4 + seq, report({ boot: 2, seq, t: seq, v }))
      return typesOf(outcome)
    }
    expect(next(0, 111)).toEqual([])
    expect(next(1, 90)).toEqual([])
    expect(next(2, 115)).toEqual(['winding_hot'])
  })

  test('a hello that says it in another form is in quarantine', () => {
    for (const finds of ['winding_hot', [7], ['Winding hot'], new Array(65).fill('a')]) {
      expect(pipelineOf().process(0, hello({ boot: 1, t: 0, finds }))).toMatchObject({
        ...{ kind: 'quarantine', reason: 'type_wrong' },
      })
    }
  })
})

test('a sink outside is given the events of items', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-ruled-'))
  const machines = new Map([[drill.profile.machine, drill]])
  const bounds = { readingAgeUs: 1e15, storeBytes: 1e12, quarantineBytes: 1e6 }
  const store = Store.open({ folder, machines, enrol: 'hello', bounds })
  try {
    const got: UnitEvent[] = []
    const sink: Sink = {
      ...{ name: 'fake', open: async () => {}, stop: async () => {} },
      write: async ({ events }) => {
        got.push(...events)
        return { refused: [], dropped: [] }
      },
    }
    const pipeline = pipelineOf()
    const stage = new OutsideStage({ sink, keeper: store.books('fake'), pipeline })
    const bodies = [hello({ boot: 9, t: 2_000_000 }), found(9)]
    const records = bodies.map((body, offset) => ({ offset, body }))
    await stage.take({ records, gaps: [], next: 2 })
    expect(got.map(({ type }) => type)).toEqual(['made', 'winding_hot'])
    expect(stage.progress().cursor).toBe(2)
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

describe('a failure', () => {
  const broken: EventRuleSpec = {
    ...{ type: 'broke', description: 'It broke', failure: 'controller' },
    when: { signal: 'fault', becomes: 'sensor' },
  }
  const machine = prepareMachine({ ...drill.profile, events: [broken] })
  const failedOf = (boot: number, partSinceUs: number) => {
    const state = newUnit(unitName, machine)
    const part = { serial: 'b', hours: 5, counters: {}, failed: null }
    state.life.parts['controller'] = { ...part, sinceUs: partSinceUs }
    const pipeline = new Pipeline({
      ...{ machines: new Map([[machine.profile.machine, machine]]), enrol: 'hello', lives: true },
      load: () => state,
    })
    const words = [0x201, ruleNumber('broke'), 5, 0, 1_500_000, 0, 0]
    expect(eventsOf(found(boot, words), pipeline)?.[0]?.type).toBe('broke')
    return pipeline.unit(unitName)?.life
  }

  test('after the part came in is its own', () => {
    const life = failedOf(9, startUs - 5_000_000)
    expect(life?.parts['controller']?.failed).toMatchObject({ timeUs: startUs - 500_000 })
  })

  test('before it, or perhaps before it, is not; of the unit it is the first all the same', () => {
    for (const life of [failedOf(9, startUs - 100_000), failedOf(7, startUs - 5_000_000)]) {
      expect(life?.parts['controller']?.failed).toBeNull()
      expect(life?.failed).toMatchObject({ part: 'controller' })
    }
  })
})
