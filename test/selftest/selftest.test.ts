// `tenfold selftest` against the drill's own image on an emulated Pico, over its serial line: every
// fault ends as stated, no pin moves, the report is signed and keeps injected and physical apart;
// what a person must do first is refused with the remedy.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { reduced } from '../../firmware/kernel-constants.ts'
import { injectedFaults } from '../../firmware/selftest-faults.ts'
import { type CborMap, decodeCbor, encodeCbor } from '../../gateway/attestation/cbor.ts'
import { AttestationError } from '../../gateway/attestation/codes.ts'
import { runOn } from '../../gateway/cli/selftest.ts'
import { type Clock, systemClock } from '../../gateway/core/clock.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { openRecord, type SelftestReport, selftestType } from '../../gateway/selftest/report.ts'
import { encodeFrame, FrameReader } from '../../gateway/sources/serial/frame.ts'
import { fromBoard, toBoard } from '../../gateway/sources/serial/messages.ts'
import { atRest, ms, pin } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { faultsOf } from '../kernel/faults.ts'
import { desk, refusalOf, type Stand, standWith } from './stand.ts'

// Emulated boards wait for nobody's clock; on a busy machine they take as long as they take.
vi.setConfig({ testTimeout: 300_000 })
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
const powerPins = [pin.gate, pin.duty, pin.brake]
const ask = ['--port', 'x', '--motor-disconnected', '--longest', '1.5', '--key']

const { profile, loop, spec } = drill()
const { safety } = profile
if (safety === undefined) throw new Error('the drill has a safety section')
const machine = { safety, loop, spec }

test('what is injected covers every cause of the table that the kernel is proven with', () => {
  const causes = new Set(injectedFaults(machine).map(({ cause }) => cause))
  expect(causes).toEqual(new Set(faultsOf(safety).map(({ cause }) => cause)))
})

describe.runIf(compilerInstalled())('on an emulated Pico', () => {
  let image: Image
  beforeAll(async () => {
    image = await imageOf(drill(), 'rp2040-pico', 'machine')
  })
  const stand = (volts = atRest()): Stand => {
    const made = standWith(image, volts)
    stops.push(made.stop)
    return made
  }
  const person = async () => {
    const made = await desk()
    stops.push(made.remove)
    return made
  }

  test('each fault ends in time, no pin moves, the signed report says which was which', async () => {
    const board = stand()
    const io = await person()
    const code = await runOn([...ask, io.key], io, board.outside)
    expect([code, io.lines.filter((line) => line.includes('FAILED'))]).toEqual([0, []])
    for (const one of powerPins) expect(board.edges(one)).toEqual([])
    const [name = ''] = readdirSync(join(io.cwd, '.tenfold', 'selftests'))
    expect(name).toMatch(/^cordless-drill-[0-9a-f]{16}-/)
    const file = join(io.cwd, '.tenfold', 'selftests', name)
    const bytes = readFileSync(file)
    const report = openRecord(bytes, selftestType) as SelftestReport
    expect([report.passed, report.isCalibrated]).toEqual([true, false])
    const quick = injectedFaults({ ...machine, safety: reduced(safety) }).filter(
      ({ withinS }) => withinS <= 1.5,
    )
    expect(report.injected.map(({ what }) => what)).toEqual(quick.map(({ what }) => what))
    for (const { tookS, withinS, found, cause } of report.injected) {
      expect(found).toBe(cause)
      expect(tookS).toBeGreaterThan(0)
      expect(tookS).toBeLessThanOrEqual(withinS)
    }
    expect(report.leftOut.length + report.injected.length).toBe(injectedFaults(machine).length)
    expect(report.physical.join()).toContain('10000 Ohm')
    expect(io.lines.join('\n')).toMatch(/INJECTED[\s\S]*PHYSICAL/)

    io.lines.length = 0
    expect(await runOn(['check', file], io, board.outside)).toBe(0)
    expect(io.lines.at(-1)).toContain(report.author)
    const at = bytes.indexOf('"passed":true')
    writeFileSync(
      file,
      Buffer.concat([bytes.subarray(0, at + 10), bytes.subarray(at + 10).fill(0x31, 0, 1)]),
    )
    await expect(runOn(['check', file], io, board.outside)).rejects.toThrow(AttestationError)
  })

  test('is refused with the remedy: motor, hand, drive, trip', async () => {
    const io = await person()
    const unsaid = ask.filter((one) => one !== '--motor-disconnected')
    const board = stand()
    const refused = (args = ask) => refusalOf(runOn([...args, io.key], io, board.outside))
    expect((await refused(unsaid)).code).toBe('motor_connected')
    const pulledAtStart = stand({ ...atRest(), trigger: 2 })
    const hand = await refusalOf(runOn([...ask, io.key], io, pulledAtStart.outside))
    expect([hand.code, hand.remedy]).toEqual(['hand_on', 'Let go of it, and ask again.'])
    await pulledAtStart.stop()
    const open = stand({ ...atRest(), trigger: 0 })
    const unsound = await refusalOf(runOn([...ask, io.key], io, open.outside))
    expect([unsound.code, unsound.message]).toEqual([
      'not_ready',
      'the safety kernel does not find the machine sound: out_of_range: trigger',
    ])
    await open.stop()
    const { pico } = board
    const until = async (done: () => boolean): Promise<void> => {
      while (!done()) await new Promise((resume) => setImmediate(resume))
    }
    const since = pico.cycles
    await until(() => pico.cycles > since + 2300 * ms)
    board.volts.trigger = 2
    board.volts.current = 1.8
    await until(() => pico.level(pin.gate))
    expect((await refused()).code).toBe('machine_armed')
    board.volts.current = 2.6
    await until(() => pico.read(image.symbols.get('told') ?? 0) === 2)
    board.volts.current = 1.65
    board.volts.trigger = 0.3
    const tripped = await refused()
    expect([tripped.code, tripped.message]).toEqual([
      'trip_latched',
      'a trip is latched: over_current: motor_current',
    ])
    expect(tripped.remedy).toContain('take its power')
  })
})

/** A board in words only: it answers a greeting with this hello, and knows no more. */
const words = (machine: string, digest: string) => {
  let listener: (bytes: Uint8Array) => void = () => {}
  const say = (kind: number, body: CborMap): void =>
    listener(encodeFrame({ version: 1, kind, body: encodeCbor(body) }))
  const bytes = (count: number): Uint8Array => new Uint8Array(count)
  const reader = new FrameReader()
  const write = (given: Uint8Array): void =>
    reader.push(given, ({ kind, body }) => {
      const first = (decodeCbor(body) as CborMap).get(0) as number
      if (kind === toBoard.greet) {
        const hash = Buffer.from(digest, 'hex')
        const hello = [1, 5, machine, hash, bytes(32), 'pico', bytes(8), bytes(8), 9, 0, 320, first]
        say(fromBoard.hello, new Map([...hello, 0, 0].entries()))
      } else if (kind === toBoard.selftest) {
        say(fromBoard.result, new Map([kind, first, 1].entries()))
      }
    })
  const onData = (given: typeof listener): void => {
    listener = given
  }
  return { onData, write, close: () => Promise.resolve() }
}

const run = async (port: ReturnType<typeof words>, clock: Clock) => {
  const io = await desk()
  stops.push(io.remove)
  return refusalOf(runOn([...ask, io.key], io, { open: () => Promise.resolve(port), clock }))
}

test('strangers: another machine, another machine file, firmware without a self-test', async () => {
  const clock = systemClock()
  const codes: string[] = []
  for (const [machine, digest] of [
    ['toaster', '00'.repeat(32)],
    ['cordless_drill', '00'.repeat(32)],
    ['cordless_drill', profileDigest(profile)],
  ] as const) {
    codes.push((await run(words(machine, digest), clock)).code)
  }
  expect(codes).toEqual(['machine_unknown', 'profile_mismatch', 'selftest_unknown'])
})

test('silence: a port on which nobody answers', async () => {
  const clock = { ...systemClock(), sleep: () => new Promise<void>((done) => setImmediate(done)) }
  const silent = { ...words('', ''), write: () => {} }
  expect((await run(silent, clock)).code).toBe('board_silent')
})
