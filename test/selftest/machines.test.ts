// `tenfold selftest` against the stock images of press and hot end on an emulated Pico, of the hot
// end on a model of the micro:bit's chip, and the drill's test build on QEMU's STM32F405: every
// fault that the machine's kernel knows is in the signed report with its stated time, or with the
// reason why no injection makes it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { readImage } from '../../firmware/flash/images.ts'
import { causeKinds, reduced } from '../../firmware/kernel-constants.ts'
import { injectedFaults, notInjected } from '../../firmware/selftest-faults.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import { runOn } from '../../gateway/cli/selftest.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import { SelftestBoard } from '../../gateway/selftest/board.ts'
import { openRecord, type SelftestReport, selftestType } from '../../gateway/selftest/report.ts'
import { runSelftest } from '../../gateway/selftest/run.ts'
import { DirectLine } from '../../gateway/sources/serial/direct.ts'
import {
  compilerInstalled,
  drill,
  imageOf,
  loadBoard,
  type Subject,
  subjectOf,
} from '../boards/stand.ts'
import { Nrf51 } from '../emu/nrf51.ts'
import { qemuInstalled } from '../emu/qemu.ts'
import { QemuMachine } from '../emu/qemu-machine.ts'
import { root } from '../tree.ts'
import { desk, type Served, serve, switchedStand } from './stand.ts'

// Emulated boards wait for nobody's clock; on a busy machine they take as long as they take.
vi.setConfig({ testTimeout: 300_000 })
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
const long = process.env['TENFOLD_LONG'] === '1'
/** What takes longer is left out, and listed; all of it with TENFOLD_LONG=1. */
const mostS = long ? Number.POSITIVE_INFINITY : 1.5

const machineOf = ({ profile, loop, spec }: Subject) => {
  if (profile.safety === undefined) throw new Error('no safety')
  return { safety: profile.safety, loop, spec }
}

test.each(['cordless_drill', 'earth_block_press', 'hot_end'])(
  '%s: each cause that its kernel has is injected, or said not to be',
  (name) => {
    const { safety, ...rest } = machineOf(subjectOf(name))
    const faults = injectedFaults({ safety, ...rest })
    const said = [...faults, ...notInjected].map(({ cause }) => cause.split(':')[0] ?? '')
    const { current, levels, hold, brake, stop } = safety
    const absent = [
      // What stands in the way of arming, and is no fault.
      ...['none', 'settling', 'not_released', 'no_hardware'],
      ...(current === undefined ? ['over_current', 'overload', 'leak'] : []),
      ...(levels.some(({ above }) => above !== undefined) ? [] : ['above']),
      ...(levels.some(({ below }) => below !== undefined) ? [] : ['below']),
      ...(levels.some(({ jump }) => jump !== undefined) ? [] : ['jump']),
      ...(hold?.longest === undefined ? ['held'] : []),
      ...(brake === undefined ? ['braked'] : []),
      ...(stop === undefined ? ['emergency_stop'] : []),
      ...((brake ?? safety.turn ?? safety.opposed) ? [] : ['outputs']),
    ]
    const known = Object.keys(causeKinds).filter((kind) => !absent.includes(kind))
    expect([...new Set(said)].sort()).toEqual(known.sort())
    for (const { signal } of levels) {
      expect(faults.map(({ cause }) => cause)).toContain(`out_of_range: ${signal}`)
    }
  },
)

/** The command at that board, its signed file opened again: all of it ended in time. */
const tested = async (subject: Subject, { outside }: Served): Promise<SelftestReport> => {
  const io = await desk()
  stops.push(io.remove)
  const args = ['--port', 'x', '--motor-disconnected', '--longest', `${mostS}`, '--key', io.key]
  const code = await runOn(args, io, outside)
  expect([code, io.lines.filter((line) => line.includes('FAILED'))]).toEqual([0, []])
  const folder = join(io.cwd, '.tenfold', 'selftests')
  const file = join(folder, readdirSync(folder)[0] ?? '')
  const report = openRecord(readFileSync(file), selftestType) as SelftestReport
  const { safety, ...rest } = machineOf(subject)
  const all = injectedFaults({ ...rest, safety: report.isCalibrated ? safety : reduced(safety) })
  expect(report.injected.map(({ what, withinS }) => [what, withinS])).toEqual(
    all.filter(({ withinS }) => withinS <= mostS).map(({ what, withinS }) => [what, withinS]),
  )
  expect(report.injected.length + report.leftOut.length).toBe(all.length)
  for (const { cause, found, tookS, withinS } of report.injected) {
    expect(found).toBe(cause)
    expect(tookS).toBeGreaterThan(0)
    expect(tookS).toBeLessThanOrEqual(withinS)
  }
  const text = io.lines.join('\n')
  for (const one of notInjected) expect(text).toContain(`${one.what}: ${one.cause}`)
  expect(text).toContain('NOT CALIBRATED')
  io.lines.length = 0
  expect(await runOn(['check', file], io, outside)).toBe(0)
  expect(io.lines.at(-1)).toContain(report.author)
  return report
}

/** What the flash holds with that stock image, from its start. */
const stock = (name: string): { bin: Uint8Array } => {
  const { files } = readImage(join(root, 'firmware', 'images', `${name}.json`))
  return { bin: files.get('bin') ?? fromUf2(files.get('uf2') ?? new Uint8Array()).image }
}

describe('on an emulated Pico', () => {
  test.each([
    { name: 'earth_block_press', set: { hold: 0, emergency_stop: 1, oil_temperature: 30 } },
    { name: 'hot_end', set: { enable: 0, temperature: 25 } },
  ])(
    '$name: every fault ends in time, and no pin moves',
    async ({ name, set }) => {
      const subject = subjectOf(name)
      const board = switchedStand(subject, stock(`${name.replaceAll('_', '-')}-rp2040-pico`), {
        set,
      })
      stops.push(board.stop)
      const report = await tested(subject, board)
      const power = ['gate', ...machineOf(subject).safety.drives].map(board.wires.pin)
      expect(board.edges.filter(([pin]) => power.includes(pin))).toEqual([])
      expect(report.unit.board).toBe('rp2040-pico')
    },
    300_000,
  )
})

test('the hot end on a model of the micro:bit: every fault ends in time, and no pin moves', async () => {
  const subject = subjectOf('hot_end')
  const { bin } = stock('hot-end-microbit')
  const edges: number[] = []
  let turn = 0
  const chip = new Nrf51({
    bin,
    analogue: () => Math.round(((1.25 + 25 / 200) / 3.6) * 1024) + (turn++ & 1),
    onEdge: (pin) => {
      edges.push(pin)
    },
  })
  const wiring = subject.profile.boards?.['microbit']
  const { pins } = loadBoard('microbit')
  const number = (name: string | undefined): number => pins[name ?? '']?.number ?? -1
  chip.drive(number(wiring?.pins['enable']?.pin), false)
  const board = serve(chip, 16_000)
  stops.push(board.stop)
  const report = await tested(subject, board)
  const power = [number(wiring?.gate), number(wiring?.pins['heater']?.pin)]
  expect(edges.filter((pin) => power.includes(pin))).toEqual([])
  expect(report.unit.board).toBe('microbit')
})

/** It states another machine file than the drill's, so that the command itself refuses it. */
test.runIf(compilerInstalled() && qemuInstalled())(
  'the test build of the drill on an STM32F405: every fault ends in time, nothing is driven',
  async () => {
    const subject = drill()
    const { loop, spec } = subject
    const machine = await QemuMachine.start(
      'stm32f405',
      (await imageOf(subject, 'stm32f405', 'test_inputs')).elf,
    )
    stops.push(() => machine.stop())
    const clock = systemClock()
    const signal = new AbortController().signal
    const line = new DirectLine({ wire: machine.wire, clock, nonce: () => 7, signal })
    await line.hello()
    line.accept()
    stops.push(() => line.close())
    const rest = { pack_voltage: 18, motor_temperature: 25 }
    const readings: Record<string, number> = { ...rest, pack_temperature: 25, clutch_setting: 60 }
    await machine.read(
      loop.inputs.map(({ name, scale }) => Math.round((readings[name] ?? 0) / scale)),
    )
    const { safety } = machineOf(subject)
    const board = new SelftestBoard({ line, safety, clock })
    const { isCalibrated } = await board.state()
    expect(isCalibrated).toBe(false)
    const given = { safety: reduced(safety), loop, spec }
    const ran = await runSelftest(board, given, { mostS, told: () => {} })
    expect(ran.injected.filter(({ passed }) => !passed)).toEqual([])
    expect(ran.injected.length + ran.leftOut.length).toBe(injectedFaults(given).length)
    for (const { tookS } of ran.injected) expect(tookS).toBeGreaterThan(0)
    const places = [...loop.inputs, ...loop.outputs].map(({ name }) => name)
    const duty = places.indexOf('duty')
    for (const one of machine.messages) if (one.is === 'report') expect(one.v[duty]).toBe(0)
  },
  300_000,
)
