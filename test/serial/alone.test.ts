// A lost gateway never stops a machine: the drill's own image on an emulated Pico drives its motor
// while the gateway is there, falls silent, is unplugged, stops reading, or is noise. What the pins
// say is compared, edge by edge, with a run that never had a gateway; then the gateway is back.
import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { safetyStates } from '../../firmware/kernel-constants.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { Line } from '../../gateway/sources/serial/line.ts'
import { protocol } from '../../gateway/sources/serial/messages.ts'
import { atRest, type Bench, ms, put } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf, type Subject } from '../boards/stand.ts'
import { UsbHost } from '../emu/usb-host.ts'
import { drives, expectSamePins } from './hand.ts'

const build = compilerInstalled()
/** The drill, sooner ready: after power-up it waits for a motor that may still turn. */
const quickDrill = (): Subject => {
  const subject = drill()
  const constants = { ...subject.spec.constants, coast_time: 0.05, soft_start: 0.05 }
  const spec = { ...subject.spec, constants }
  return { ...subject, spec, profile: { ...subject.profile, loops: { drive: spec } } }
}
const subject = quickDrill()

/** The first start erases its flash; the gateway goes when the motor has run for a while. */
const [pulledMs, lostMs, backMs, endMs] = [200, 450, 1350, 2650]
/** The last millisecond may end an instruction earlier or later. */
const compared = (endMs - 1) * ms
const stepsPerMs = subject.spec.rateHz / 1000

interface Told {
  kind: string
  body: Record<string, unknown>
}

/** A gateway's end of the line; its clock is the board's. */
const gatewayAt = (bench: Bench, write: (bytes: Uint8Array) => void) => {
  const told: Told[] = []
  const { pico } = bench
  const line = new Line({
    ...{ unit: undefined, protocol, epoch: 'e', write, note: () => {} },
    machines: new Map([[subject.profile.machine, prepareMachine(subject.profile)]]),
    clock: {
      nowUs: () => 1_700_000_000_000_000 + Math.round(pico.us),
      monotonicMs: () => pico.us / 1000,
      sleep: () => Promise.resolve(),
    },
    nonce: () => 1 + Math.floor(pico.us),
    claim: () => true,
    dictionaries: new Map(),
    emit: ({ topic, payload }, done) => {
      const text = Buffer.from(payload).toString()
      told.push({ kind: topic.split('/').at(-1) ?? '', body: parsed(text) })
      done()
    },
  })
  return { line, told }
}
const parsed = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

interface Way {
  over: 'uart' | 'usb'
  /** What happens to the line while the gateway is lost. */
  lose?: (host: UsbHost | undefined) => void
  /** Bytes that come instead, in each millisecond. */
  noise?: () => Uint8Array
  back?: (host: UsbHost | undefined) => void
  /** No gateway, ever. */
  never?: boolean
}

describe.runIf(build)('a drill that loses its gateway at work', () => {
  let image: Image
  let alone: ReturnType<typeof seen>
  beforeAll(async () => {
    image = await imageOf(subject, 'rp2040-pico', 'machine')
    alone = seen(run({ over: 'uart', never: true }).bench)
  }, 300_000)

  const seen = ({ edges, sampled }: Bench) => ({
    edges: drives.map((one) => edges(one).filter(([at]) => at < compared)),
    sampled: sampled.filter((at) => at < compared),
  })
  const word = ({ pico }: Bench, symbol: string, index = 0): number =>
    pico.read((image.symbols.get(symbol) ?? 0) + 4 * index) | 0

  /** From power-up to the end, in milliseconds of the board's. */
  const run = (way: Way) => {
    const bench = put(image, atRest())
    const { pico, volts, sampled } = bench
    // By the count of conversions, so that it is the very same step in every run.
    const pulled = (): boolean => sampled.length >= pulledMs * stepsPerMs
    Object.defineProperty(volts, 'trigger', { get: () => (pulled() ? 1.9 : 0.3) })
    Object.defineProperty(volts, 'current', { get: () => (pulled() ? 1.725 : 1.65) })
    const host = way.over === 'usb' ? new UsbHost(pico.usb) : undefined
    const coming: number[] = []
    const { line, told } = gatewayAt(bench, (bytes) => {
      if (host === undefined) coming.push(...bytes)
      else host.send(bytes)
    })
    let isThere = way.never !== true
    const hear = (bytes: Uint8Array): void => {
      if (isThere) line.receive(bytes)
    }
    if (host !== undefined) host.onData = hear
    const said: number[] = []
    const before = pico.options.onUart
    pico.options.onUart = (byte) => {
      before?.(byte)
      said.push(byte)
    }
    const during: Told[] = []
    for (let at = 0; at < endMs; at += 1) {
      if (at === lostMs) {
        isThere = false
        coming.length = 0
        way.lose?.(host)
      }
      if (at === backMs && way.never !== true) {
        during.push(...told)
        way.back?.(host)
        isThere = true
      }
      if (at > lostMs && at < backMs) coming.push(...(way.noise?.() ?? []))
      if (isThere) line.tick()
      // 115200 bits a second are eleven bytes and a half in a millisecond.
      for (let i = 0; i < 11 && coming.length > 0; i += 1) {
        if (!pico.feed(coming[0] as number)) break
        coming.shift()
      }
      pico.run((at + 1) * ms - pico.cycles)
      if (host === undefined) hear(Uint8Array.from(said.splice(0)))
    }
    return { bench, told, before: during, line }
  }

  const ways: (Way & { what: string })[] = [
    { what: 'is killed: nothing comes any more over the UART', over: 'uart' },
    {
      what: 'is noise: the UART is flooded at its full rate',
      over: 'uart',
      noise: () => randomBytes(11),
    },
    {
      what: 'has closed the USB port: DTR is gone',
      over: 'usb',
      lose: (host) => host?.request([0x21, 0x22, 0, 0, 0]),
      back: (host) => host?.request([0x21, 0x22, 3, 0, 0]),
    },
    {
      what: 'does not read: its USB host leaves every packet where it is',
      over: 'usb',
      lose: (host) => host?.stopReading(),
      back: (host) => host?.goOnReading(),
    },
    {
      what: 'is noise over USB',
      over: 'usb',
      noise: () => new Uint8Array(0),
      lose: (host) => host?.send(randomBytes(40_000)),
    },
  ]

  test('alone, it drives', () => {
    const rises = (alone.edges[0] ?? []).filter(([, high]) => high).length
    expect(rises).toBeGreaterThan(20_000 * ((endMs - pulledMs - 200) / 1000))
  })

  test.each(ways)(
    '$what',
    (way) => {
      const { bench, told, before, line } = run(way)
      const { pico } = bench
      // The motor: the very edges, and each step at its time.
      const now = seen(bench)
      expectSamePins(now, alone)
      expect([safetyStates[word(bench, 'told')], word(bench, 'told', 1)]).toEqual(['armed', 0])
      expect(pico.resets).toBe(0)

      // The gateway: what it had stays, and the same boot goes on with greater numbers.
      const reports = (list: readonly Told[]) => list.filter(({ kind }) => kind === 'report')
      expect(reports(before).length).toBeGreaterThan(2)
      expect(told.slice(0, before.length)).toEqual(before)
      const after = reports(told.slice(before.length))
      expect(after.length).toBeGreaterThan(2)
      expect(line.status()).toMatchObject({ state: 'speaking' })
      const sequences = reports(told).map(({ body }) => Number(body['seq']))
      expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b))
      const [first, last] = [after[0], reports(before).at(-1)]
      expect(first?.body['boot']).toBe(last?.body['boot'])
      // The gateway greets once a second; a board that it greets again reports at once.
      expect(Number(first?.body['t']) / 1000).toBeLessThan(backMs + 1200)
    },
    300_000,
  )
})
