// `tenfold replay` against the real embedded broker: its records go through the real pipeline, and
// what comes out is what the file says. Playing it again changes nothing.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../gateway/cli/replay.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Reading } from '../../gateway/core/delivery.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { Pipeline } from '../../gateway/pipeline/pipeline.ts'
import { MqttBroker } from '../../gateway/sources/mqtt/broker.ts'
import { cyclesFile, nutrunner, pointsOf, recordOf } from './record.ts'

let folder = ''
const stops: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenfold-replay-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** A broker whose log is the pipeline itself. */
const gateway = async () => {
  const pipeline = new Pipeline({
    machines: new Map([[nutrunner.profile.machine, nutrunner]]),
    enrol: 'hello',
    load: () => undefined,
  })
  const readings: Reading[] = []
  const counted = { hello: 0, duplicate: 0, quarantine: 0 }
  let offset = 0
  const broker = new MqttBroker({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock(),
    epoch: 'test0000',
    payloadBytes: 10_000,
    machines: new Set(['cordless_drill']),
    connections: 10,
    note: () => {},
  })
  await broker.start((record, done) => {
    const outcome = pipeline.process(offset++, encodeRecord(record))
    if (outcome.kind === 'reading') readings.push(outcome.reading)
    else if (outcome.kind in counted) counted[outcome.kind as keyof typeof counted]++
    else throw new Error(outcome.kind)
    setImmediate(done)
  })
  stops.push(() => broker.stop())
  return { url: `mqtt://127.0.0.1:${broker.port}`, pipeline, readings, counted }
}

const command = async (args: string[], signal = new AbortController().signal) => {
  const out: string[] = []
  const err: string[] = []
  const io = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    env: {},
    cwd: folder,
    signal,
  }
  return { code: await run(args, io), out, err }
}

const write = (name: string, lines: readonly unknown[]): Promise<void> =>
  writeFile(
    join(folder, name),
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  )

const asPoint = ({ timeUs, values, counters }: Reading) => {
  const [torque, angle, cycleTime, speed] = values
  return { timeUs, torque, angle, cycleTime, speed, cycles: counters[0] ?? null }
}

const real = cyclesFile()

describe.skipIf(real === undefined)('the real records', () => {
  const file = real ?? ''

  test('arrive point for point; a second play is all duplicates', async () => {
    const { url, pipeline, readings, counted } = await gateway()
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, 100)
    await write('hundred.ndjson', lines)
    const first = await command(['hundred.ndjson', '--broker', url])
    expect(first).toMatchObject({ code: 0, err: [] })
    const points = pointsOf(file, 100)
    const { length } = points
    expect(first.out[0]).toContain('nexo-520000905: 100 cycles')
    expect(first.out.at(-1)).toContain(`${(length + 1).toLocaleString('en-GB')} messages`)
    expect(readings.map(asPoint)).toEqual(points)
    expect(readings.every(({ timeSource }) => timeSource === 'source')).toBe(true)
    const after = { readings: length, totals: [points.at(-1)?.cycles], lost: 0, late: 0 }
    expect(pipeline.unit('nexo-520000905')).toMatchObject({ ...after, duplicates: 0 })
    expect(counted).toEqual({ hello: 1, duplicate: 0, quarantine: 0 })

    const again = await command(['hundred.ndjson', '--broker', url])
    expect(again.code).toBe(0)
    expect(readings).toHaveLength(length)
    expect(counted).toEqual({ hello: 2, duplicate: length, quarantine: 0 })
    expect(pipeline.unit('nexo-520000905')).toMatchObject({ ...after, duplicates: length })
  })
})

describe('the command', () => {
  test('refuses a file with wrong records and sends nothing', async () => {
    const { url, readings, counted } = await gateway()
    await write('wrong.ndjson', [recordOf({ cycle: 1 }), '{', { ...recordOf({}), date: 'today' }])
    const { code, err } = await command(['wrong.ndjson', '--broker', url])
    expect(code).toBe(1)
    expect(err).toEqual([
      expect.stringMatching(/^wrong\.ndjson:2: is not JSON: /),
      'wrong.ndjson:3: "date" is "today", not a date like 2021-02-15 14:40:15',
      '2 wrong records',
      'Nothing was sent. Mend the file, or pass over them with --skip.',
    ])
    expect(readings).toEqual([])
    expect(counted.hello).toBe(0)
  })

  test('passes over wrong records with --skip, and says so', async () => {
    const { url, readings } = await gateway()
    await write('some.ndjson', [recordOf({ cycle: 1 }), '{', recordOf({ cycle: 4 })])
    const { code, err, out } = await command(['some.ndjson', '--broker', url, '--skip'])
    expect(code).toBe(0)
    expect(err.at(-1)).toBe('1 wrong records are passed over')
    expect(out[1]).toBe('counter  1 to 4: 2 cycles are not in the file, in 1 gaps')
    expect(readings).toHaveLength(6)
  })

  test('plays in a zone and as another unit', async () => {
    const { url, readings } = await gateway()
    await write('one.ndjson', [recordOf({})])
    const args = ['one.ndjson', '--broker', url, '--zone=-05:30', '--unit', 'workshop-7']
    expect((await command(args)).code).toBe(0)
    expect(readings[0]).toMatchObject({
      unit: 'workshop-7',
      timeUs: Date.UTC(2021, 1, 15, 20, 10, 15) * 1000,
    })
  })

  test.each([
    [['--speed', 'slow'], '--speed is "slow"'],
    [['--speed=-1'], '--speed is "-1"'],
    [['--zone', 'CET'], '--zone is "CET"'],
    [['--zone', '+25:00'], '--zone is "+25:00"'],
    [['--unit', 'No 7'], '--unit is "No 7"'],
    [['--profile', 'nutruner'], 'no machine is called "nutruner" (did you mean "nutrunner"?)'],
    [['--profile', 'cordless_drill'], 'no form of records is known for "cordless_drill"'],
    [['other.ndjson'], 'give it one file'],
  ])('%j is refused', async (args, message) => {
    const code = args.includes('cordless_drill') ? 'replay_form' : 'usage'
    await expect(command(['one.ndjson', ...args])).rejects.toMatchObject({ code })
    await expect(command(['one.ndjson', ...args])).rejects.toThrow(message)
  })

  test('an absent file, an empty file and an absent broker are named', async () => {
    await expect(command(['absent.ndjson'])).rejects.toMatchObject({
      code: 'replay_file',
      message: expect.stringMatching(/cannot read .*absent\.ndjson/),
    })
    await write('empty.ndjson', [''])
    expect((await command(['empty.ndjson'])).err[0]).toBe('empty.ndjson:1: the file has no records')
    await write('one.ndjson', [recordOf({})])
    await expect(command(['one.ndjson', '--broker', 'mqtt://127.0.0.1:1'])).rejects.toMatchObject({
      code: 'broker_unreachable',
      message: expect.stringContaining('the MQTT broker at mqtt://127.0.0.1:1'),
    })
  })

  test('stops when it is asked to', async () => {
    const { url, readings } = await gateway()
    const cycles = [
      recordOf({ cycle: 1 }),
      { ...recordOf({ cycle: 2 }), date: '2021-02-16 00:00:00' },
    ]
    await write('days.ndjson', cycles)
    const stop = new AbortController()
    const played = command(['days.ndjson', '--broker', url, '--speed', 'real'], stop.signal)
    while (readings.length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
    stop.abort()
    expect((await played).code).toBe(130)
    expect(readings).toHaveLength(3)
  })
})
