// The source Firmata against the real StandardFirmata image on an emulated Uno: what is on its pins
// arrives as readings of a unit, over unplugging and restarts, and rubbish stalls nobody.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import { operatingError } from '../../gateway/core/errors.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import type { Source, SourceContext } from '../../gateway/core/source.ts'
import { openPort, type Port } from '../../gateway/serial/port.ts'
import { openBoots } from '../../gateway/sources/firmata/boots.ts'
import { create } from '../../gateway/sources/firmata/index.ts'
import { sysexBytesMax, Wire } from '../../gateway/sources/firmata/wire.ts'
import { Bench, portOf, type Uno } from '../emu/uno.ts'

const pins = [
  { pin: 'A0', signal: 'motor_current', scale: 0.1, offset: -5, pullup: false },
  { pin: 'D2', signal: 'guard', scale: 1, offset: 0, pullup: false },
]
const board = {
  port: 'uno',
  baud: 57_600,
  machine: 'cordless_drill',
  unit: 'bench-1',
  samplingMs: 20,
  pins,
}

let folder = ''
let bench: Bench
let uno: Uno
let source: Source | undefined
let records: LogRecord[]
let notes: string[]
let failing: Error | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-firmata-'))
  bench = new Bench()
  uno = bench.uno
  records = []
  notes = []
  failing = undefined
})
afterEach(async () => {
  uno.off()
  await source?.stop()
  source = undefined
  rmSync(folder, { recursive: true, force: true })
})

/** The drill, with a switch for a pin that is on or off. */
const profiles = [...loadProfiles().profiles.values()].map((profile) => {
  const guard = { description: 'Guard', unit: '1', type: 'boolean', direction: 'input' } as const
  return { ...profile, signals: { ...profile.signals, guard } }
})

const context = (): SourceContext => ({
  profiles,
  clock: { ...systemClock(), monotonicMs: () => bench.ms },
  random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
  folder,
  secret: () => '',
  note: (line) => notes.push(line),
})

const start = async (more: object = {}, open?: typeof openPort): Promise<void> => {
  const settings = { boards: [{ ...board, ...more }] }
  source = create(settings, context(), open ?? (async () => portOf(uno)))
  await source.start((record, done) => {
    if (failing === undefined) records.push(record)
    done(failing)
  })
}

const until = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** How the board fares, as doctor and the page are told. */
const link = () => source?.links?.()[0]
const lost = { peer: 'bench-1', isConnected: false, isTrouble: true }

interface Body {
  boot: number
  seq?: number
  t: number
  v?: Record<string, number | boolean>
}
const bodies = (): Body[] =>
  records.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as Body)
const newest = (): Body | undefined => bodies().at(-1)

describe('an Uno with StandardFirmata', { timeout: 240_000 }, () => {
  test('what is on its pins arrives, in the units of the profile', async () => {
    uno.volts(0, 2.5)
    uno.level(2, true)
    uno.on()
    await start()
    await until(() => newest()?.v?.['guard'] === true && 'motor_current' in (newest()?.v ?? {}))
    expect(notes.at(-1)).toMatch(/^bench-1: StandardFirmata 2\.\d+ at uno$/)
    expect(link()).toMatchObject({ peer: 'bench-1', isConnected: true, isTrouble: false })
    expect(link()?.heardUs).toBeGreaterThanOrEqual(link()?.sinceUs ?? Infinity)
    expect(records[0]?.topic).toBe('tenfold/v1/cordless_drill/bench-1/hello')
    expect(records[1]?.topic).toBe('tenfold/v1/cordless_drill/bench-1/report')
    expect(bodies()[0]).toEqual({ boot: 1, t: expect.any(Number) })
    expect(newest()?.v?.['motor_current']).toBeCloseTo(512 * 0.1 - 5, 6)
    uno.volts(0, 5)
    uno.level(2, false)
    await until(() => newest()?.v?.['guard'] === false)
    await until(() => newest()?.v?.['motor_current'] === 1023 * 0.1 - 5)
    const numbers = bodies().flatMap(({ seq }) => (seq === undefined ? [] : [seq]))
    expect(numbers).toEqual(numbers.map((_, i) => i))
    const times = bodies().map(({ t }) => t)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  test('unplugged and plugged in again, it goes on under its next boot', async () => {
    uno.on()
    let port = portOf(uno)
    await start({}, async () => {
      port = portOf(uno)
      return port
    })
    await until(() => records.length > 3)
    port.pull()
    uno.off()
    await until(() => notes.some((note) => /the serial port has gone/.test(note)))
    uno = bench.another()
    uno.on()
    await until(() => newest()?.boot === 2 && newest()?.seq !== undefined)
    expect(bodies().filter(({ seq }) => seq === undefined)).toMatchObject([
      { boot: 1 },
      { boot: 2 },
    ])
  })

  test('a board that hangs is said to be silent and is opened again', async () => {
    uno.on()
    await start()
    await until(() => records.length > 3)
    uno.off()
    await until(() => notes.some((note) => /silent for 3000 ms/.test(note)))
    expect(link()).toMatchObject({ ...lost, said: expect.stringContaining('silent for 3000 ms') })
    uno = bench.another()
    uno.on()
    await until(() => newest()?.boot === 2)
    expect(link()).toMatchObject({ isConnected: true, isTrouble: false })
  })

  test('a pin that it lacks, or that cannot do that, is named', async () => {
    uno.on()
    await start({ pins: [{ ...pins[0], pin: 'A9' }] })
    await until(() => notes.length > 0)
    expect(notes[0]).toMatch(/no pin A9/)
    expect(link()).toMatchObject({ ...lost, said: expect.stringContaining('no pin A9') })
    await source?.stop()
    notes.length = 0
    uno = bench.another()
    uno.on()
    await start({ pins: [{ ...pins[1], pin: 'D0' }] })
    await until(() => notes.length > 0)
    expect(notes[0]).toMatch(/pin D0 cannot be an input/)
    expect(records).toEqual([])
  })

  test('a port where nobody answers is closed after 15 s, and opened again', async () => {
    let openings = 0
    await start({}, async () => {
      openings += 1
      return { ...portOf(uno), onData: () => {} }
    })
    await until(() => openings === 2)
    expect(notes).toEqual([expect.stringContaining('no StandardFirmata answers')])
    expect(link()).toMatchObject({ ...lost, said: expect.stringContaining('no StandardFirmata') })
    expect(records).toEqual([])
  })

  test('a reading that the log cannot take is said to be lost', async () => {
    uno.on()
    failing = new Error('the disk is full')
    await start()
    await until(() => notes.some((note) => /a reading was lost: the disk is full/.test(note)))
  })

  test('what is not Firmata is said, and nothing of it is believed', async () => {
    const port = {
      ...portOf(uno),
      onData: (hear: (bytes: Uint8Array) => void) => {
        hear(Uint8Array.of(0xf0))
        const timer = setInterval(() => hear(new Uint8Array(999).fill(0x41)), 1)
        stopFeed = () => clearInterval(timer)
      },
    }
    let stopFeed = (): void => {}
    await start({}, async () => port)
    await until(() => notes.length > 0)
    stopFeed()
    expect(notes[0]).toMatch(/this is not Firmata/)
    expect(link()).toMatchObject({ ...lost, said: expect.stringContaining('not Firmata') })
    expect(records).toEqual([])
  })

  test('rubbish on the line neither stalls it nor is believed for long', async () => {
    uno.volts(0, 2.5)
    uno.on()
    await start()
    await until(() => records.length > 3)
    let wrong = 0
    uno.alter = (byte) => (wrong++ % 7 === 3 ? byte ^ 0x81 : byte)
    await until(() => wrong > 300)
    uno.alter = (byte) => byte
    // Ten in a row are right: what was wrong before is not there any more.
    const right = 512 * 0.1 - 5
    const read = (): number[] =>
      bodies().flatMap(({ v }) => {
        const value = v?.['motor_current']
        return typeof value === 'number' ? [value] : []
      })
    await until(
      () =>
        read().length > 10 &&
        read()
          .slice(-10)
          .every((each) => each === right),
    )
  })
})

describe('what is wrong in the settings', () => {
  test.each([
    [{ machine: 'cordless_dril' }, /no machine "cordless_dril".*cordless_drill/],
    [{ pins: [{ ...pins[0], signal: 'motor_curent' }] }, /no signal "motor_curent".*motor_current/],
    [{ pins: [{ ...pins[0], signal: 'state' }] }, /state is an enum/],
    [{ pins: [{ ...pins[0], signal: 'guard' }] }, /on or off; take a digital pin/],
    [{ pins: [pins[0], { ...pins[1], pin: 'A0' }] }, /take a digital pin|A0 is named twice/],
    [{ pins: [pins[0], { ...pins[0], pin: 'A1' }] }, /motor_current is named twice/],
  ])('%j is refused before a port is opened', async (more, message) => {
    const open = (): Promise<Port> => Promise.reject(new Error('opened'))
    const error = operatingError(await start(more, open).catch((e: unknown) => e))
    expect(error?.code).toBe('firmata_settings')
    expect(error?.message).toMatch(message)
  })

  test('a port that is not there is said once, and tried again', async () => {
    let tries = 0
    await start({ port: '/dev/tenfold-none' }, (options) => {
      tries++
      return openPort(options)
    })
    await until(() => tries > 2)
    const said = /no serial port \/dev\/tenfold-none \(port_absent\).*Plug/
    expect(notes).toEqual([expect.stringMatching(said)])
    expect(link()).toMatchObject({ ...lost, said: expect.stringMatching(said) })
  })
})

describe('the guard before the parser', () => {
  const wireOf = () => {
    let give: (bytes: Uint8Array) => void = () => {}
    const onData = (listener: typeof give): void => {
      give = listener
    }
    const port = { ...portOf(uno), onData }
    let garbage = 0
    const wire = new Wire(
      port,
      () => {},
      () => garbage++,
    )
    return { wire, give: (bytes: Uint8Array) => give(bytes), garbage: () => garbage }
  }

  test('a message without an end is given up, and nothing after it is passed on', () => {
    const { wire, give, garbage } = wireOf()
    let passed = 0
    wire.on('data', (bytes: Uint8Array) => (passed += bytes.length))
    give(Uint8Array.of(0xf0))
    for (let i = 0; i < 10; i++) give(new Uint8Array(sysexBytesMax / 4).fill(1))
    expect(garbage()).toBe(1)
    expect(passed).toBeLessThanOrEqual(sysexBytesMax)
  })

  test('random bytes: what firmata-io keeps stays bounded', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 40 }), (chunks) => {
        const { wire, give } = wireOf()
        let inside = 0
        wire.on('data', (bytes: Uint8Array) => {
          for (const byte of bytes) inside = byte > 0x7f ? 1 : inside + 1
        })
        for (const chunk of chunks) give(chunk)
        expect(inside).toBeLessThan(sysexBytesMax + 200)
      }),
      // Some twenty pieces a run.
      { numRuns: Math.ceil(Number(process.env['TENFOLD_FUZZ'] ?? 2000) / 20) },
    )
  })
})

describe('boots', () => {
  test('are counted over restarts, and a damaged file is said', () => {
    expect([openBoots(folder).next('a'), openBoots(folder).next('a')]).toEqual([1, 2])
    expect(openBoots(folder).next('b')).toBe(1)
    writeFileSync(join(folder, 'boots.json'), '{"a":')
    const damaged = expect.objectContaining({ code: 'firmata_boots' })
    expect(() => openBoots(folder).next('a')).toThrow(damaged)
  })

  test('that are damaged leave that board alone, and nothing else ends', async () => {
    writeFileSync(join(folder, 'boots.json'), '{"a":')
    uno.on()
    await start()
    await until(() => notes.some((note) => note.includes('(firmata_boots)')))
    expect(link()).toMatchObject({ ...lost, said: expect.stringContaining('(firmata_boots)') })
    expect(records).toEqual([])
  })
})
