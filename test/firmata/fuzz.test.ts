// A board that answers as an Uno does and then sends messages of every kind with wrong bytes in
// them: through firmata-io and johnny-five nothing throws, no value is more than the converter
// counts, and the heap stays. TENFOLD_FUZZ=1000000 for the long form, TENFOLD_SEED repeats a run.
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Port } from '../../gateway/serial/port.ts'
import { type Asked, askBoard, type Ready } from '../../gateway/sources/firmata/board.ts'
import { planPins } from '../../gateway/sources/firmata/pins.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { machines, startUs } from '../pipeline/feed.ts'
import { Account, count, mutate, type Next, numbers, oneOf, seed } from '../torture/fuzz.ts'

const pins = [
  { pin: 'A0', signal: 'motor_current', scale: 0.1, offset: -5, pullup: false },
  { pin: 'D2', signal: 'test_switch', scale: 1, offset: 0, pullup: false },
]
const settings = {
  ...{ port: 'uno', baud: 57_600, machine: 'cordless_drill', unit: 'bench-1', samplingMs: 20 },
  pins,
}
const profile = machines.get('cordless_drill')?.profile
const plans = planPins(settings, profile === undefined ? [] : [profile])

/** What johnny-five remembers of the boards that it has met. */
const { Board } = createRequire(import.meta.url)('johnny-five') as { Board: { cache: unknown[] } }

const sysex = (...bytes: number[]): number[] => [0xf0, ...bytes, 0xf7]
const version = [0xf9, 2, 4]
const firmware = sysex(0x79, 2, 4, 0x55, 0, 0x6e, 0, 0x6f, 0)
/** Twenty pins: 14 that read and write a level, 6 that read a voltage with ten bits. */
const capabilities = sysex(
  0x6c,
  ...Array.from({ length: 14 }, () => [0, 1, 1, 1, 11, 1, 0x7f]).flat(),
  ...Array.from({ length: 6 }, () => [0, 1, 1, 1, 2, 10, 0x7f]).flat(),
)
const channels = sysex(0x6a, ...Array.from({ length: 20 }, (_, i) => (i < 14 ? 127 : i - 14)))

/** A port that a test speaks into; what is written to the board is not looked at. */
const deafPort = () => {
  let hear: (bytes: Uint8Array) => void = () => {}
  const port: Port = {
    path: 'uno',
    onData: (listener) => {
      hear = listener
    },
    onClose: () => {},
    write: () => true,
    close: async () => {},
  }
  return { port, say: (bytes: readonly number[]) => hear(Uint8Array.from(bytes)) }
}

interface Met extends ReturnType<typeof deafPort> {
  asked: Asked
  ready: Ready
  ended: string[]
}

const meet = async (): Promise<Met> => {
  const { port, say } = deafPort()
  const ended: string[] = []
  const ask = { port, pins: plans, samplingMs: 20, clock: systemClock() }
  const asked = askBoard(ask, (reason) => ended.push(reason))
  for (const message of [version, firmware, capabilities, channels]) {
    // firmata-io asks for each when it has the one before.
    await new Promise((resolve) => setImmediate(resolve))
    say(message)
  }
  const ready = await asked.ready
  return { port, say, asked, ready, ended }
}

const messageOf = (next: Next): number[] => {
  const data = (): number => next(128)
  if (next(4) > 0) return [oneOf(next, [0xe0, 0xe1, 0x90, 0x91]), data(), next(8)]
  const some = Array.from({ length: next(24) }, data)
  const kinds = [0x6e, 0x6a, 0x6c, 0x79, 0x71, 0x77, 0x73, 0x74, 0x72, 0x62, 0x60, data()]
  return oneOf(next, [sysex(oneOf(next, kinds), ...some), version, firmware, channels, some])
}

test.each([
  ['a pin that the board does not have', sysex(0x6e, 99, 0, 0)],
  ['more channels than pins', sysex(0x6a, ...new Array(40).fill(1))],
  ['a name without letters', sysex(0x79)],
])('%s ends the connection, not the gateway', async (_, message) => {
  const { say, asked, ended } = await meet()
  say(message)
  expect(ended).toEqual([expect.stringMatching(/^an answer that cannot be read/)])
  // What comes after it is not believed.
  say(sysex(0x6e, 99, 0, 0))
  expect(ended).toHaveLength(1)
  asked.stop()
})

test('counts beyond the converter are left out', async () => {
  const { say, asked, ready } = await meet()
  say([0xe0, 0x7f, 0x07])
  expect(ready.values()).toEqual({ motor_current: 1023 * 0.1 - 5 })
  say([0xe0, 0, 0x08])
  expect(ready.values()).toEqual({})
  asked.stop()
})

test(`${count} messages (seed ${seed})`, async () => {
  const next = numbers(seed)
  const account = new Account(machines)
  const topic = (kind: 'hello' | 'report') =>
    topicOf({ machine: 'cordless_drill', unit: 'bench-1', kind })
  const base = { receivedUs: startUs, source: 'firmata', session: 's', retained: false }
  const give = (kind: 'hello' | 'report', body: object): unknown =>
    account.take({ ...base, topic: topic(kind), payload: Buffer.from(JSON.stringify(body)) })
  let met = await meet()
  let boot = 1
  give('hello', { boot, t: 0 })
  await account.each(async (n) => {
    const message = messageOf(next)
    met.say(next(50) === 0 ? [...mutate(Uint8Array.from(message), next)] : message)
    const v = met.ready.values()
    const current = v['motor_current'] as number | undefined
    if (current !== undefined && !(current >= -5 && current <= 97.31))
      expect.unreachable(`${current}`)
    if (Object.keys(v).length > 0) give('report', { boot, seq: n, t: n, v })
    if (met.ended.length === 0) return
    account.refused += 1
    met.asked.stop()
    met = await meet()
    boot += 1
    give('hello', { boot, t: 0 })
  })
  met.asked.stop()
  expect(Board.cache).toEqual([])
  account.close('firmata')
}, 7_200_000)
