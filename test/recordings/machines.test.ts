// Press and hot end: their images on an emulated Pico, joined to their plants and by a real
// pseudo-terminal to a real gateway, trip on a fault at work. What the gateway fetched is listed,
// and replayed by `tenfold replay-fault --unit`; what the twin puts out is what the pins did.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { recordingsIn } from '../../firmware/twin/black-box.ts'
import { type Plant, seeded } from '../../firmware/twin/plant.ts'
import { createPlant as createHeater } from '../../firmware/twin/plants/heater/plant.ts'
import { createPlant as createPress } from '../../firmware/twin/plants/press/plant.ts'
import { replayFault } from '../../firmware/twin/replay-fault.ts'
import { contentOf, keptIn, shelfOf } from '../../gateway/sources/serial/shelf.ts'
import {
  compilerInstalled,
  imageOf,
  kernelOf,
  type Subject,
  subjectOf,
  wasmOf,
} from '../boards/stand.ts'
import { type Wires, wiresOf } from '../boards/switch-pins.ts'
import { testIo } from '../cli/io.ts'
import { sleep, socatInstalled } from '../serial/wire.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { newFlash } from '../signing/slots.ts'
import { JoinedPico } from '../updates/joined.ts'

const ready = compilerInstalled() && socatInstalled()
const ms = 125_000
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** Says what it waits for where it takes long: a test that timed out tells nothing by itself. */
const until = async (what: string, check: () => Promise<boolean> | boolean): Promise<void> => {
  for (let tries = 0; !(await check()); tries += 1) {
    if (tries % 1000 === 999) console.log(`still waiting: ${what}`)
    await sleep(20)
  }
}

type Edge = [pin: number, high: boolean, cycle: number]
interface Bench {
  subject: Subject
  board: JoinedPico
  wires: Wires
  edges: Edge[]
  gateway: GatewayProcess
  data: string
  unit: string
  tenfold: (...args: string[]) => Promise<string>
  /** How far the plant's time is from the board's, s. */
  apartS: () => number
  /** Looked at in every slice of the board's time, so that what is done then is done in time. */
  when: (check: () => boolean, act?: () => void) => Promise<void>
}

/** A board in front of its gateway, heard by it, with nothing held. */
const joined = async (machine: string, plant: (subject: Subject) => Plant): Promise<Bench> => {
  const subject = subjectOf(machine)
  const { bin } = await imageOf(subject, 'rp2040-pico', 'machine')
  const wires = wiresOf(subject, plant(subject))
  const edges: Edge[] = []
  let waits: (() => boolean)[] = []
  let plantS = 0
  const when = (check: () => boolean, act = (): void => {}): Promise<void> =>
    new Promise((resolve) => {
      waits.push(() => {
        if (!check()) return true
        act()
        resolve()
        return false
      })
    })
  const board = new JoinedPico(newFlash(bin), {
    counts: wires.counts,
    before: (pico, dtS) => {
      waits = waits.filter((isWaiting) => isWaiting())
      wires.move(pico, dtS)
      plantS += dtS
      wires.drive(pico)
    },
    onEdge: (...edge) => edges.push(edge),
  })
  wires.override.set(subject.profile.safety?.hold?.signal ?? '', 0)
  await board.start()
  stops.push(() => board.stop())
  const data = mkdtempSync(join(tmpdir(), 'tenfold-recordings-'))
  stops.push(() => rmSync(data, { recursive: true, force: true }))
  const set = { 'sources.serial': JSON.stringify({ ports: [{ path: board.wire.path }] }) }
  const gateway = await startGatewayProcess({ data, set })
  stops.push(() => gateway.kill())
  const unit = `${machine.replaceAll('_', '-')}-e6605838832d912a`
  const tenfold = async (...args: string[]): Promise<string> => {
    const io = await testIo()
    const code = await io.tenfold(...args)
    await io.remove()
    return [`${code}`, ...io.lines, ...io.errors].join('\n')
  }
  const armed = 1000 * ms
  await when(() => board.pico.cycles > armed)
  const apartS = (): number => Math.abs(plantS - board.pico.us / 1e6)
  return { subject, board, wires, edges, gateway, data, unit, tenfold, apartS, when }
}

/** A fault, so long after an output has risen so often. */
interface Fault {
  output: string
  rises: number
  afterMs: number
  signal: string
  value: number
}

const faultAtWork = ({ board, wires, edges, when }: Bench, fault: Fault): Promise<void> => {
  const { output, rises, afterMs, signal, value } = fault
  const pin = wires.pin(output)
  const due = (): boolean => {
    const [, , at] = edges.filter(([one, high]) => one === pin && high)[rises - 1] ?? []
    return at !== undefined && board.pico.cycles > at + afterMs * ms
  }
  return when(due, () => wires.override.set(signal, value))
}

const press = ({ profile }: Subject): Plant =>
  createPress({
    constants: { ...profile.twin?.constants, jam_share: 0 },
    random: seeded(1),
    kept: { main: 0.19, drawer: 0.2 },
  })
/** As cold as its air. */
const hotEnd = ({ profile }: Subject): Plant =>
  createHeater({ constants: { ...profile.twin?.constants }, random: seeded(1) })

/** What changed at the pins: which output, up or down, so many steps before the last change. */
type Change = [output: number, high: boolean, before: number]

const atPins = ({ subject, wires, edges }: Bench): Change[] => {
  const { loop, spec } = subject
  const pins = loop.outputs.map(({ name }) => wires.pin(spec.channels[name] ?? name))
  const outputs = edges.filter(([pin]) => pins.includes(pin))
  const last = outputs.at(-1)?.[2] ?? 0
  const period = 125e6 / spec.rateHz
  return outputs.map(([pin, high, cycle]) => [
    pins.indexOf(pin),
    high,
    Math.round((last - cycle) / period),
  ])
}

const inTwin = (passed: readonly (readonly number[])[]): Change[] => {
  const changes = passed.flatMap((now, step): Change[] =>
    now.flatMap((value, output): Change[] => {
      const before = passed[step - 1]?.[output] ?? value
      return before === value ? [] : [[output, value === 1, step]]
    }),
  )
  const last = changes.at(-1)?.[2] ?? 0
  return changes.map(([output, high, step]) => [output, high, last - step])
}

const inOrder = (changes: readonly Change[]): string[] =>
  changes.map(([output, high, before]) => `${before} ${output} ${high}`).sort()

/** The recording as the gateway has it, run through the twin and held against the pins. */
const checkTwin = async (bench: Bench): Promise<void> => {
  const { loop, spec, profile } = bench.subject
  const { safety } = profile
  const [kept] = await keptIn(shelfOf(bench.data), bench.unit)
  const [recording] = kept ? recordingsIn(await contentOf(kept)) : []
  if (safety === undefined || recording === undefined) throw new Error('nothing to replay')
  const [{ wasm }, { wasm: kernel }] = [await wasmOf(bench.subject), await kernelOf(bench.subject)]
  const parts = { recording, wasm, kernel, loop, spec, safety }
  const replayed = replayFault(parts)
  expect([replayed.differs, replayed.compared]).toEqual([undefined, recording.steps.length])
  expect(replayed.fault / spec.rateHz).toBeGreaterThanOrEqual(0.25)
  expect((recording.steps.length - 1 - replayed.fault) / spec.rateHz).toBe(0.05)
  const twin = inTwin(replayed.passed)
  // The last rise before the fault and its end at least; more where its share is small.
  expect(twin.length).toBeGreaterThanOrEqual(2)
  const pins = atPins(bench).filter(([, , before]) => before <= (twin[0]?.[2] ?? 0))
  expect(inOrder(twin)).toEqual(inOrder(pins))
  // With the hand off for one step it is another story: the comparison can fail.
  const isOn = (outputs: readonly number[]): boolean => outputs.some((value) => value !== 0)
  const off = replayed.passed.slice(0, replayed.fault).findLastIndex(isOn)
  const steps = recording.steps.map((step, i) =>
    i === off ? { ...step, raw: step.raw ^ (1 << 24) } : step,
  )
  const changed = replayFault({ ...parts, recording: { ...recording, steps } })
  expect(changed.differs).toBe(off)
}

test.runIf(ready).each([
  {
    machine: 'earth_block_press',
    plant: press,
    begin: async ({ wires }: Bench) => {
      wires.override.set('hold', 1)
    },
    fault: { output: 'drawer_pull', rises: 1, afterMs: 150, signal: 'pressure', value: 195 },
    cause: 'above: pressure',
    // The loop itself may be first, or not: it looks a hundred times a second.
    decided: /loop state: (run|fault) -> wait_release/,
  },
  {
    machine: 'hot_end',
    plant: hotEnd,
    // Full on, and near its target on for a share of each tenth of a second. Where the target is
    // not renewed in time, on a busy machine, it is off for as long, and then goes on.
    begin: async ({ wires, tenfold, unit, gateway }: Bench) => {
      wires.override.set('enable', 1)
      const ask = ['command', unit, 'setpoint', 'target=60', '--gateway', gateway.pageUrl]
      await until('heat', async () => {
        await tenfold(...ask)
        return wires.override.has('temperature')
      })
    },
    fault: { output: 'heater', rises: 3, afterMs: 20, signal: 'temperature', value: 420 },
    cause: 'out_of_range: temperature',
    decided: /loop fault: sensor/,
  },
])(
  'the recording of a tripped $machine comes to its gateway, and the twin does the same',
  async ({ machine, plant, begin, fault, cause, decided }) => {
    const bench = await joined(machine, plant)
    const { board, wires, gateway, data, unit, tenfold, when } = bench
    const failing = faultAtWork(bench, fault)
    await begin(bench)
    await failing
    expect(bench.apartS()).toBeLessThan(0.01)
    const later = board.pico.cycles + 200 * ms
    await when(() => board.pico.cycles > later)
    expect(board.pico.level(wires.pin('gate'))).toBe(false)
    wires.override.delete(fault.signal)
    await until('the recording in the flash', () => recordingsIn(board.flash.cells).length === 1)
    // At its hello a board is asked at once.
    await board.wire.unplug()
    await board.wire.plug()
    await until('the gateway to have it', async () =>
      (await keptIn(shelfOf(data))).some(({ isTold }) => isTold),
    )
    await checkTwin(bench)

    const listed = await tenfold('recordings', '--data', data)
    expect(listed).toMatch(new RegExp(`^0\n.* ${unit}  recording 1, boot 1  ${cause}$`))
    const said = await tenfold('replay-fault', '--unit', unit, '--data', data)
    expect(said).toMatch(decided)
    expect(said).toContain(`kernel: armed -> tripped (${cause})`)
    expect(said).toMatch(/\nsame: outputs and all that the kernel said, bit for bit, in \d+ steps$/)
    expect(said).toMatch(/^0\n/)
    expect(await gateway.stop()).toBe(0)
  },
  600_000,
)
