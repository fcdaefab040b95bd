// A gateway dies at work: a process of its own on a real pseudo-terminal is killed while the
// drill's image on an emulated Pico drives its motor, and the port goes, too. The pins do what they
// do without any gateway, each step puts out what the twin does, and the gateway that comes later
// on the same data has every item and every report that was had, once, and counters that went on.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { safetyStates } from '../../firmware/kernel-constants.ts'
import { startGuarded } from '../../firmware/twin/guarded-board.ts'
import type { StoredEvent } from '../../gateway/core/queries.ts'
import { storeFile } from '../../gateway/sinks/store/store.ts'
import { encodeFrame, FrameReader } from '../../gateway/sources/serial/frame.ts'
import { fromBoard, toBoard } from '../../gateway/sources/serial/messages.ts'
import { fieldOf } from '../../hardware-profiles/names.ts'
import { ms, pin } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf, kernelOf, wasmOf } from '../boards/stand.ts'
import { messagesIn } from '../emu/hello.ts'
import { Pico } from '../emu/pico.ts'
import { noiseOf } from '../emu/rosc.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { JoinedPico } from '../updates/joined.ts'
import { expectSamePins, HandledDrill } from './hand.ts'
import { bytesOfWords, flashWith, wordsFor } from './kept.ts'
import { sleep, socatInstalled, type Wire } from './wire.ts'

const ready = compilerInstalled() && socatInstalled()
const unit = 'cordless-drill-e6605838832d912a'
const subject = drill()
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
const until = async (check: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await check())) await sleep(20)
}

/** What the board reads and puts out in each step, as it stands in its memory at the step's end. */
const stepsOf = (pico: Pico, image: Image) => {
  const { inputs, outputs } = subject.loop
  const words = (symbol: string, count: number): number[] => {
    const at = image.symbols.get(symbol)
    if (at === undefined) throw new Error(`the image has no ${symbol}`)
    return Array.from({ length: count }, (_, i) => pico.read(at + 4 * i) | 0)
  }
  const steps: { read: number[]; said: number[] }[] = []
  let before = 0
  pico.onWrite((address) => {
    // The watchdog is fed at the end of each step, and nowhere else once they run.
    if (address !== 0x40058004) return
    const [count = 0] = words('link_steps', 1)
    if (count === before) return
    before = count
    const said = [...words('passed', outputs.length), ...words('outputs', outputs.length)]
    steps.push({ read: words('inputs', inputs.length), said: [...said, ...words('told', 3)] })
  })
  return steps
}

/** The first step in which the twin, given the same readings, says something else; -1 for none. */
const differsFromTwin = async (steps: ReturnType<typeof stepsOf>): Promise<number> => {
  const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
  const micros = (): number => {
    throw new Error('this loop reads no clock')
  }
  const twin = startGuarded({ wasm, kernel, loop: subject.loop, micros })
  twin.setup()
  // Nobody has calibrated the board.
  ;(twin.kernelExports['reduce'] as () => void)()
  return steps.findIndex(({ read, said }) => {
    twin.inputs.set(read)
    twin.step()
    const now = [...twin.outputs, ...twin.asked, ...twin.told]
    return now.some((word, i) => word !== said[i])
  })
}

/** Items wait in the wire until they may pass; whoever hears of an acknowledgement is told. */
const watched = (wire: Wire) => {
  const watch = { holdsItems: true, onAck: (): void => {} }
  const towards = { board: new FrameReader(), gateway: new FrameReader() }
  wire.spoil = (bytes, to) => {
    const passing: Uint8Array[] = []
    towards[to].push(bytes, (frame) => {
      const isItem = to === 'gateway' && frame.kind === fromBoard.item
      if (!isItem || !watch.holdsItems) passing.push(encodeFrame(frame))
      if (to === 'board' && frame.kind === toBoard.ack) watch.onAck()
    })
    return Buffer.concat(passing)
  }
  return watch
}

type Row = Record<string, unknown>
const rowsOf = (data: string, sql: string): Row[] => {
  const db = new DatabaseSync(join(data, 'store', storeFile), { readOnly: true })
  try {
    return db.prepare(sql).all() as Row[]
  } finally {
    db.close()
  }
}
const itemsOf = (data: string): string[] =>
  rowsOf(data, 'SELECT boot, number, data FROM item ORDER BY number').map(
    ({ boot, number, data: bytes }) =>
      `${boot} ${number} ${Buffer.from(bytes as Uint8Array).toString('hex')}`,
  )
const reportsOf = (data: string): Row[] =>
  rowsOf(data, 'SELECT * FROM report_cordless_drill ORDER BY boot, sequence')

const perReport = ['motor_current', 'pack_voltage'] as const
const { counters } = subject.loop
const columnOf = (name: string): string =>
  fieldOf(name, (subject.profile.counters[name] ?? subject.profile.signals[name])?.unit ?? '1')

/** Rows of the store against what the board said under their boot and sequence. */
const expectAsSaid = (rows: readonly Row[], said: readonly number[]): void => {
  const reports = messagesIn(said).flatMap((one) => (one.is === 'report' ? [one] : []))
  const told = new Map(reports.map((one) => [`${one.boot} ${one.seq}`, one]))
  const names = rows.map(({ boot, sequence }) => `${boot} ${sequence}`)
  expect(new Set(names).size).toBe(names.length)
  for (const [i, row] of rows.entries()) {
    const { v, c } = told.get(names[i] ?? '') ?? { v: [], c: [] }
    const [, , current, voltage] = v
    expect(perReport.map((name) => row[columnOf(name)])).toEqual([
      Number(current) / 1000,
      Number(voltage) / 1000,
    ])
    expect(counters.map(({ name }) => row[columnOf(name)])).toEqual(c)
  }
}

/** The same board with the same hand and pack, and nothing at its port, ever. */
const expectAsAlone = (world: HandledDrill, flash: W25q, cycles: number): void => {
  const alone = new HandledDrill(world.script)
  const pico: Pico = new Pico({
    ...{ bin: flash.cells.slice(0, 256), flash, noise: noiseOf(11) },
    ...{ analogue: alone.counts, onEdge: alone.onEdge },
  })
  alone.cycles = () => pico.cycles
  pico.run(cycles)
  // The last millisecond may end an instruction earlier or later.
  expectSamePins(world.seen(cycles - ms), alone.seen(cycles - ms))
}

const joined = async (words: readonly string[][]) => {
  const flash = await flashWith(words.map((list) => `1 ${list.join(' ')}`))
  const image = await imageOf(subject, 'rp2040-pico', 'machine')
  flash.cells.set(image.bin)
  const untouched = new W25q({ times: quickTimes })
  untouched.cells.set(flash.cells)
  const world = new HandledDrill()
  const board = new JoinedPico(flash, world)
  const { pico } = board
  world.cycles = () => pico.cycles
  const said: number[] = []
  const heard = pico.options.onUart
  pico.options.onUart = (byte) => {
    said.push(byte)
    heard?.(byte)
  }
  const data = mkdtempSync(join(tmpdir(), 'tenfold-killed-'))
  stops.push(() => rmSync(data, { recursive: true, force: true }))
  const start = async (): Promise<GatewayProcess> => {
    const set = { 'sources.serial': JSON.stringify({ ports: [{ path: board.wire.path }] }) }
    const started = await startGatewayProcess({ data, set })
    stops.push(() => started.kill())
    return started
  }
  return { world, board, pico, said, data, start, untouched, steps: stepsOf(pico, image) }
}

test.runIf(ready)(
  'a gateway that is killed at work, and its port, stop nothing; the next one has all, once',
  async () => {
    const words = Array.from({ length: 8 }, (_, i) => wordsFor(i + 1, 100 + i))
    const { world, board, pico, said, data, start, untouched, steps } = await joined(words)
    const pass = (times: number): Promise<void> => {
      const end = pico.cycles + times * ms
      return until(() => pico.cycles > end)
    }
    const work = (): Promise<void> => {
      world.now({ trigger: 1.9, current: 1.7 })
      return until(() => pico.level(pin.gate))
    }
    let gateway = await start()
    const watch = watched(board.wire)
    await board.start()
    stops.push(() => board.stop())
    await until(() => pico.cycles > 1900 * ms)
    await work()
    const before = reportsOf(data).length
    await until(() => reportsOf(data).length > before + 5)
    const had = reportsOf(data)

    // In the midst of delivering items, with the motor under drive.
    let acks = 0
    const killed = new Promise<void>((resolve) => {
      watch.onAck = () => {
        acks += 1
        if (acks === 3) resolve(gateway.kill())
      }
    })
    watch.holdsItems = false
    await killed
    await pass(200)
    await board.wire.unplug()
    await pass(200)
    expect(pico.level(pin.gate)).toBe(true)
    expect(itemsOf(data).length).toBeLessThan(words.length)
    // What happens while nobody hears it: the pack runs empty, and is changed at rest.
    world.now({ pack: 1.3 })
    await until(() => !pico.level(pin.gate))
    await pass(200)
    world.now({ pack: 1.9, trigger: 0.3, current: 1.65 })
    await pass(200)
    await work()

    await board.wire.plug()
    gateway = await start()
    await until(() => itemsOf(data).length > words.length)
    const now = reportsOf(data).length
    await until(() => reportsOf(data).length > now + 5)
    const answer = await fetch(new URL(`api/units/${unit}/events?limit=100`, gateway.pageUrl))
    const events = (await answer.json()) as StoredEvent[]
    expect(events.filter(({ type }) => type === 'pack_emptied').length).toBe(1)
    expect(await gateway.stop()).toBe(0)
    await board.stop()

    expectAsAlone(world, untouched, pico.cycles)
    expect(await differsFromTwin(steps)).toBe(-1)
    expect(steps.filter(({ said: [duty = 0] }) => duty > 0).length).toBeGreaterThan(10_000)
    const [state = 0, cause] = steps.at(-1)?.said.slice(-3) ?? []
    expect([safetyStates[state], cause, pico.resets]).toEqual(['armed', 0, 0])

    // Eight of the boot before, and the event of this one.
    const kept = itemsOf(data)
    expect(kept.slice(0, -1)).toEqual(words.map((list, i) => `1 ${i + 1} ${bytesOfWords(list)}`))
    expect(kept.at(-1)).toMatch(/^2 9 /)
    const rows = reportsOf(data)
    expect(rows.slice(0, had.length)).toEqual(had)
    expectAsSaid(rows, said)
    const runMs = rows.map((row) => Number(row[columnOf('run_time')]))
    expect(runMs).toEqual([...runMs].sort((a, b) => a - b))
    const [last, first] = [had.at(-1), rows.at(-1)]
    expect([last?.['boot'], last?.['starts'], first?.['boot'], first?.['starts']]).toEqual([
      ...[2, 1, 2, 2],
    ])
    // Some of it while nobody heard.
    expect(Number(runMs.at(-1)) - Number(runMs[had.length - 1])).toBeGreaterThan(500)
  },
  300_000,
)
