// The twin as a board: what it says and when, that nothing unacknowledged is forgotten, what
// survives a restart and a power cut, and that its day looks like a day's work. Time and link are
// moved by hand.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Build } from '../../firmware/build.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { createPlant } from '../../firmware/twin/plants/drill/plant.ts'
import {
  type AttestedEvent,
  type Attestor,
  createOutbox,
  type Hello,
  type Link,
  type Report,
} from '../../firmware/twin/protocol.ts'
import { createRig } from '../../firmware/twin/rig.ts'
import { openState } from '../../firmware/twin/state.ts'
import { pace, startTwin, type Twin, type TwinClock } from '../../firmware/twin/twin.ts'
import { buildDrill, drill, kernelOfDrill, loop, machines, spec } from './stand.ts'

let build: Build
let kernel: Build
let root = ''
beforeAll(async () => {
  build = await buildDrill()
  kernel = await kernelOfDrill()
  root = mkdtempSync(join(tmpdir(), 'tenfold-twin-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))
const newFolder = (): string => mkdtempSync(join(root, 'unit-'))

/** A clock that goes as far as it is told, and a sleeper that waits until then. */
const createClock = (): TwinClock & { go(ms: number): Promise<void> } => {
  let nowMs = 0
  let untilMs = 0
  let waiting: { atMs: number; wake: () => void } | undefined
  const tick = (): void => {
    if (waiting === undefined || waiting.atMs > untilMs) return
    nowMs = Math.max(nowMs, waiting.atMs)
    const { wake } = waiting
    waiting = undefined
    wake()
  }
  return {
    nowUs: () => 1_700_000_000_000_000 + nowMs * 1000,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        waiting = { atMs: nowMs + ms, wake: resolve }
        signal?.addEventListener('abort', () => resolve(), { once: true })
        if (signal?.aborted === true) resolve()
        else tick()
      }),
    go: async (ms) => {
      untilMs += ms
      while (waiting !== undefined && waiting.atMs <= untilMs) {
        tick()
        // Lets the twin run on and go to sleep again.
        await new Promise(setImmediate)
      }
      nowMs = untilMs
    },
  }
}

interface Sent {
  topic: string
  payload: Uint8Array
  done: (error?: Error) => void
}

/** A link that remembers what was sent; it acknowledges at once, holds, or is down. */
const createLink = () => {
  const sent: Sent[] = []
  let onReconnect: () => void = () => {}
  let onCommand: (payload: Uint8Array) => void = () => {}
  const link: Link & { mode: 'acks' | 'holds' | 'down'; sent: Sent[] } = {
    mode: 'acks',
    sent,
    publish: (topic, payload, done) => {
      sent.push({ topic, payload, done })
      if (link.mode === 'acks') done()
      if (link.mode === 'down') done(new Error('no connection'))
    },
    onCommand: (listener) => {
      onCommand = listener
    },
    onReconnect: (listener) => {
      onReconnect = listener
    },
  }
  const bodies = <T>(kind: string): T[] =>
    sent
      .filter(({ topic }) => topic.endsWith(`/${kind}`))
      .map(({ payload }) => JSON.parse(new TextDecoder().decode(payload)) as T)
  return Object.assign(link, {
    reports: () => bodies<Report>('report'),
    hellos: () => bodies<Hello>('hello'),
    command: (payload: Uint8Array) => onCommand(payload),
    /** The link breaks: everything on the way is given up; then it is back. */
    breakDown: () => {
      link.mode = 'down'
      for (const { done } of sent.slice(-pace.flyingMax)) done(new Error('connection lost'))
    },
    comeBack: () => {
      link.mode = 'acks'
      onReconnect()
    },
  })
}

const createAttestor = (): Attestor & { composed: AttestedEvent[] } => {
  const composed: AttestedEvent[] = []
  const waiting: Uint8Array[] = []
  return {
    composed,
    compose: (event) => {
      composed.push(event)
      waiting.push(Uint8Array.of(composed.length))
    },
    unsent: () => waiting,
    acknowledge: (count) => {
      waiting.splice(0, count)
    },
  }
}

interface Setting {
  folder: string
  seed?: number
  attestor?: Attestor
}

const start = async ({ folder, seed = 7, attestor }: Setting) => {
  const clock = createClock()
  const link = createLink()
  const twin: Twin = await startTwin({
    ...{ machines, profile: drill, unit: 'drill-1', build, kernel, link, folder, clock, seed },
    identity: { profile: 'ab'.repeat(32), key: 'did:key:z6Mk', custody: 'controller_flash' },
    ...(attestor && { attestor }),
    answer: (command, { boot }) => ({ kind: 'claim', payload: Uint8Array.of(...command, boot) }),
  })
  return { clock, link, twin }
}

describe('what a twin says', () => {
  test('hello first, then reports at the profile rate and at changes of state', async () => {
    const { clock, link, twin } = await start({ folder: newFolder() })
    await clock.go(8000)
    expect(link.sent[0]?.topic).toBe('tenfold/v1/cordless_drill/drill-1/hello')
    expect(link.hellos()).toEqual([
      {
        ...{ boot: 1, t: 0, profile: 'ab'.repeat(32), firmware: build.digest },
        ...{ key: 'did:key:z6Mk', custody: 'controller_flash', simulated: true },
      },
    ])
    const reports = link.reports()
    expect(reports.map(({ seq }) => seq)).toEqual(reports.map((_, i) => i + 1))
    const periodUs = 1e6 / drill.reportHz
    const onTime = reports.filter(({ t }) => t % periodUs < 200)
    expect(onTime.length).toBeGreaterThanOrEqual(8 * drill.reportHz)
    const changes = reports.filter(({ v }, i) => i > 0 && v['state'] !== reports[i - 1]?.v['state'])
    expect(changes.map(({ v }) => v['state'])).toContain('run')
    expect(changes.some(({ t }) => t % periodUs > 1000)).toBe(true)
    await twin.stop()
  })

  test('values are named as in the profile; what nobody knows yet is absent', async () => {
    const { clock, link, twin } = await start({ folder: newFolder() })
    await clock.go(12_000)
    const reports = link.reports()
    for (const { v, c } of reports) {
      for (const name of Object.keys(v)) expect(drill.signals).toHaveProperty(name)
      expect(Object.keys(c).sort()).toEqual(Object.keys(drill.counters).sort())
      for (const value of Object.values(c)) expect(Number.isSafeInteger(value)).toBe(true)
    }
    expect(reports[2]?.v).not.toHaveProperty('motor_speed')
    expect(Object.keys(reports.at(-1)?.v ?? {}).sort()).toEqual(Object.keys(drill.signals).sort())
    const ran = reports.filter(({ v }) => v['state'] === 'run')
    expect(Math.max(...ran.map(({ v }) => Number(v['motor_speed'])))).toBeGreaterThan(5000)
    await twin.stop()
    expect(link.reports().at(-1)?.v['duty']).toBe(0)
  })

  test('a command is answered with what the holder of the key makes of it', async () => {
    const { link, twin } = await start({ folder: newFolder() })
    link.command(Uint8Array.of(42))
    expect(link.sent.at(-1)?.topic).toMatch(/\/claim$/)
    expect([...(link.sent.at(-1)?.payload ?? [])]).toEqual([42, 1])
    await twin.stop()
  })

  test('the same seed says the same, another seed something else', async () => {
    const say = async (seed: number): Promise<string> => {
      const { clock, link, twin } = await start({ folder: newFolder(), seed })
      await clock.go(6000)
      await twin.stop()
      return JSON.stringify(link.reports())
    }
    expect(await say(3)).toBe(await say(3))
    expect(await say(3)).not.toBe(await say(4))
  })
})

describe('what nobody acknowledged', () => {
  test('is sent again after a reconnect, same sequence, before anything newer', async () => {
    const { clock, link, twin } = await start({ folder: newFolder() })
    await clock.go(1000)
    link.mode = 'holds'
    await clock.go(300)
    const open = link.sent.filter(({ topic }) => topic.endsWith('/report')).slice(-5)
    link.breakDown()
    await clock.go(1000)
    const before = link.sent.length
    link.comeBack()
    const after = link.sent.slice(before)
    expect(after[0]?.topic).toMatch(/\/hello$/)
    const resent = after
      .filter(({ topic }) => topic.endsWith('/report'))
      .map(({ payload }) => payload)
    expect(resent.slice(0, 5)).toEqual(open.map(({ payload }) => payload))
    await clock.go(500)
    await twin.stop()
    // Every sequence number was acknowledged in the end, none is missing.
    const seqs = new Set(link.reports().map(({ seq }) => seq))
    expect(seqs.size).toBe(Math.max(...seqs))
    expect(twin.outbox.waiting).toBe(0)
  })

  test('is bounded: the oldest report goes first and is counted', () => {
    const link = createLink()
    link.mode = 'holds'
    const topicOf = (kind: string): string => `x/${kind}`
    const outbox = createOutbox({ link, topicOf, reportsMax: 5, flyingMax: 2 })
    for (let seq = 1; seq <= 9; seq += 1) outbox.report({ boot: 1, seq, t: seq, v: {}, c: {} })
    expect([outbox.waiting, outbox.dropped]).toEqual([5, 4])
    link.mode = 'acks'
    for (const { done } of link.sent.slice(0, 2)) done()
    expect(link.reports().map(({ seq }) => seq)).toEqual([1, 2, 7, 8, 9])
    expect(outbox.waiting).toBe(0)
  })

  test('a link that gives up at once is not asked for ever', () => {
    const link = createLink()
    link.publish = (_topic, _payload, done) => done(new Error('down'))
    const outbox = createOutbox({ link, topicOf: (kind) => kind, reportsMax: 9, flyingMax: 2 })
    outbox.report({ boot: 1, seq: 1, t: 1, v: {}, c: {} })
    expect(outbox.waiting).toBe(1)
  })
})

describe('signed events', () => {
  test('first boot and first use are signed once in a life, and sent in order', async () => {
    const folder = newFolder()
    const attestor = createAttestor()
    const first = await start({ folder, attestor })
    first.link.mode = 'holds'
    await first.clock.go(200)
    expect(attestor.composed.map(({ type }) => type)).toEqual(['made'])
    await first.clock.go(6000)
    expect(attestor.composed.map(({ type }) => type)).toEqual(['made', 'first_used'])
    // One at a time: the second waits for the first.
    const entries = (sent: Sent[]): number[] =>
      sent.filter(({ topic }) => topic.endsWith('/entry')).map(({ payload }) => payload[0] ?? 0)
    expect(entries(first.link.sent)).toEqual([1])

    const second = await start({ folder, attestor })
    await second.clock.go(8000)
    expect(entries(second.link.sent)).toEqual([1, 2])
    expect(attestor.unsent()).toEqual([])
    expect(attestor.composed).toHaveLength(2)
    await second.twin.stop()
  })
})

describe('what survives', () => {
  test('a restart: the boot is counted, counters, charge and temperatures go on', async () => {
    const folder = newFolder()
    const first = await start({ folder })
    await first.clock.go(60_000)
    await first.twin.stop()
    const last = first.link.reports().at(-1)
    const charge = first.twin.rig.plant.keep()['charge'] ?? 0
    const second = await start({ folder })
    expect(second.link.hellos()[0]).toMatchObject({ boot: 2, t: 0 })
    expect(second.twin.rig.plant.keep()['charge']).toBeCloseTo(charge, 9)
    await second.clock.go(100)
    const [report] = second.link.reports()
    expect(report).toMatchObject({ boot: 2, seq: 1 })
    expect(report?.c).toEqual(last?.c)
    expect(report?.c['run_time']).toBeGreaterThan(10_000)
    await second.twin.stop()
  })

  test('a power cut loses at most 1 s of run time; no counter ever goes back', async () => {
    const folder = newFolder()
    const cut = await start({ folder })
    for (const ms of [11_300, 9_700, 14_100, 8_900]) {
      await cut.clock.go(ms)
      const { board } = cut.twin.rig
      const at = loop.states.length + loop.counters.findIndex(({ name }) => name === 'run_time')
      const truth = board.reported[at] ?? 0
      const kept = JSON.parse(readFileSync(join(folder, 'twin.json'), 'utf8'))
      expect(truth - kept.counters.run_time).toBeLessThanOrEqual(1000)
    }
    const said = cut.link.reports().at(-1)?.c ?? {}
    const next = await start({ folder })
    await next.clock.go(100)
    for (const [name, value] of Object.entries(next.link.reports()[0]?.c ?? {})) {
      expect(value).toBeGreaterThanOrEqual(said[name] ?? 0)
    }
    await next.twin.stop()
  })

  test('counters count on over 2^32', () => {
    const folder = newFolder()
    const state = openState(folder)
    const big = 2 ** 40 + 1
    state.commit({ counters: { energy: big }, plant: {}, rules: {} })
    expect(openState(folder).kept).toMatchObject({ boot: 2, counters: { energy: big } })
  })

  test('a damaged state stops the twin and is left as it is', () => {
    const folder = newFolder()
    const file = join(folder, 'twin.json')
    for (const text of ['{"boot":1,"coun', '{"boot":0}', '{"boot":1,"counters":{"a":null}}', '3']) {
      writeFileSync(file, text)
      expect(() => openState(folder)).toThrow(/not a twin's state: .* put back a copy/)
      expect(readFileSync(file, 'utf8')).toBe(text)
    }
  })
})

describe('pace', () => {
  test('after the process was kept from running, uptime follows the clock', async () => {
    const { clock, link, twin } = await start({ folder: newFolder() })
    await clock.go(1000)
    // The clock jumps a minute within one nap.
    const sleep = clock.sleep
    let jumped = false
    clock.sleep = async (ms, signal) => {
      await sleep(jumped ? ms : 60_000, signal)
      jumped = true
    }
    await clock.go(70_000)
    await clock.go(5000)
    expect(twin.uptimeUs() / 1e6).toBeGreaterThan(75)
    expect(twin.rig.uptimeUs() / 1e6).toBeLessThan(20)
    const times = link.reports().map(({ t }) => t)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    await twin.stop()
  })
})

describe('a day at the bench', () => {
  test('holes, screws, jams, a pack that empties and is swapped, heat that comes', async () => {
    const constants = drill.twin?.constants ?? {}
    const plant = createPlant({ constants, random: seeded(5) })
    const rig = createRig({ wasm: build.wasm, loop, plant, rateHz: spec.rateHz })
    const charges: number[] = []
    let swaps = 0
    let hottest = 0
    for (let i = 0; i < 1200 * spec.rateHz; i += 1) {
      rig.step()
      if (i % spec.rateHz !== 0) continue
      const { charge = 0, winding = 0 } = plant.keep()
      if (charge > (charges.at(-1) ?? 1) + 0.2) swaps += 1
      charges.push(charge)
      hottest = Math.max(hottest, winding)
    }
    const count = (name: string): number =>
      rig.board.reported[
        loop.states.length + loop.counters.findIndex((counter) => counter.name === name)
      ] ?? 0
    expect(count('starts')).toBeGreaterThan(100)
    expect(count('clutch_trips')).toBeGreaterThan(20)
    expect(count('stalls')).toBeGreaterThan(3)
    expect(count('stalls')).toBeLessThan(40)
    expect(swaps).toBeGreaterThan(0)
    expect(hottest).toBeGreaterThan(45)
    expect(hottest).toBeLessThan(130)
  }, 60_000)
})
