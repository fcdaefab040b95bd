// Boards at a serial port go away and come back: the plug is pulled, the board stands still, its
// power is gone. Reports flow again within seconds of its return; from a board of ours, and from an
// Arduino with StandardFirmata on the emulator. The ports are real pseudo-terminals.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Source, SourceContext } from '../../gateway/core/source.ts'
import { create as createFirmata } from '../../gateway/sources/firmata/index.ts'
import { create as createSerial } from '../../gateway/sources/serial/index.ts'
import { Bench, type Uno } from '../emu/uno.ts'
import { FakeBoard } from '../serial/board.ts'
import { profile } from '../serial/stand.ts'
import { socatInstalled, Wire } from '../serial/wire.ts'
import { awayMs, later, limitMs, unservedMs } from './flow.ts'
import { machine, sleep, within } from './world.ts'

const wired = async (): Promise<Wire> => {
  const wire = new Wire()
  await wire.start()
  later(() => wire.stop())
  return wire
}

/** Its reports, counted as they come to the log. */
const running = async (
  create: (context: SourceContext) => Source,
  clock: SourceContext['clock'] = systemClock(),
) => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-lines-'))
  const source = create({
    ...{ profiles: [...loadProfiles().profiles.values()], folder, clock },
    ...{ random: (n: number) => randomBytes(n), secret: () => '', note: () => {} },
  })
  const seen = { reports: 0, payloads: new Set<string>(), last: '' }
  await source.start((record, done) => {
    if (record.topic.endsWith('/report')) {
      seen.last = Buffer.from(record.payload).toString()
      seen.payloads.add(seen.last)
      seen.reports += 1
    }
    setImmediate(done)
  })
  later(async () => {
    await source.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { seen, source }
}

const more = async (seen: { reports: number }): Promise<void> => {
  const { reports } = seen
  while (seen.reports < reports + 3) await sleep(5)
}

/** What was under way when the line went is let through before; then it is away for a while. */
const measured = async (what: string, back: () => unknown, seen: { reports: number }) => {
  await sleep(awayMs)
  const { reports } = seen
  const before = unservedMs([process.pid])
  const beginMs = performance.now()
  await back()
  while (seen.reports === reports) await sleep(5)
  const tookMs = performance.now() - beginMs
  const waitedMs = unservedMs([process.pid]) - before
  const said = `${what}: data flow after ${Math.round(tookMs)} ms, with a processor`
  within(Math.max(0, tookMs - waitedMs), limitMs, said)
}

test.runIf(socatInstalled())('a board of ours at a serial port', { timeout: 300_000 }, async () => {
  const wire = await wired()
  let [isPowered, boot] = [true, 3]
  const boardOn = (): FakeBoard => {
    const made = new FakeBoard(profile, (bytes) => isPowered && wire.send(bytes))
    made.boot = boot++
    return made
  }
  let board = boardOn()
  let accepted: unknown
  wire.onBytes = (bytes) => {
    if (!isPowered) return
    const from = board.heard.length
    board.hear(bytes)
    for (const { kind, fields } of board.heard.slice(from)) {
      if (kind === 'greet' && fields[0] !== accepted) board.sayHello(Number(fields[0]))
      if (kind === 'askSchema') board.saySchema(Number(fields[0]), 200)
      if (kind === 'accept') accepted = fields[0]
    }
  }
  const reports = setInterval(() => accepted !== undefined && board.report(), 100)
  later(() => clearInterval(reports))
  const { seen } = await running((context) =>
    createSerial({ ports: [{ path: wire.path }] }, context),
  )
  await more(seen)
  await wire.unplug()
  await measured('a board of ours, unplugged', () => wire.plug(), seen)
  await more(seen)
  isPowered = false
  accepted = undefined
  await measured(
    'a board of ours, without power',
    () => {
      board = boardOn()
      isPowered = true
    },
    seen,
  )
  await more(seen)
  isPowered = false
  await measured(
    'a board of ours, standing still',
    () => {
      isPowered = true
    },
    seen,
  )
  await more(seen)
  // Nothing came twice: a board's reports have numbers of their own.
  expect(seen.payloads.size).toBe(seen.reports)
})

test.runIf(socatInstalled())('an Arduino with StandardFirmata', { timeout: 300_000 }, async () => {
  const wire = await wired()
  const bench = new Bench()
  const fresh = (): Uno => {
    const made = bench.another()
    made.hear((bytes) => wire.send(bytes))
    made.volts(0, 2.5)
    made.on()
    return made
  }
  let uno = fresh()
  later(() => uno.off())
  wire.onBytes = (bytes) => uno.feed(bytes)
  const pin = { pin: 'A0', signal: 'motor_current', scale: 0.1, offset: -5, pullup: false }
  const head = { port: wire.path, baud: 57_600, machine, unit: 'bench-1', samplingMs: 50 }
  const boards = [{ ...head, pins: [pin] }]
  // A slow machine is no slow board.
  const clock = { ...systemClock(), monotonicMs: () => bench.ms }
  const { seen } = await running((context) => createFirmata({ boards }, context), clock)
  await more(seen)
  uno.off()
  await wire.unplug()
  await measured(
    'an Arduino, unplugged',
    async () => {
      uno = fresh()
      await wire.plug()
    },
    seen,
  )
  await more(seen)
  uno.off()
  await sleep(4000)
  await measured(
    'an Arduino, without power',
    () => {
      uno = fresh()
    },
    seen,
  )
  await more(seen)
  uno.off()
  await measured('an Arduino, standing still', () => uno.on(), seen)
  expect(JSON.parse(seen.last)).toMatchObject({ v: { motor_current: 46.2 } })
})
