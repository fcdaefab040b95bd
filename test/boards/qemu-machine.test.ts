// Whole machines in QEMU, by their test builds: interrupts, priorities and the FPU's registers are
// those of the real cores there. Readings come over the link, what passes goes out with reports.
import { afterEach, describe, expect, test } from 'vitest'
import { profileDigest } from '../../gateway/core/machine.ts'
import { type QemuBoard, qemuInstalled } from '../emu/qemu.ts'
import { QemuMachine } from '../emu/qemu-machine.ts'
import { compilerInstalled, drill, imageOf, loadBoard, type Subject, subjectOf } from './stand.ts'

const can = compilerInstalled() && qemuInstalled()
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const started = async (subject: Subject, board: QemuBoard): Promise<QemuMachine> => {
  const { elf } = await imageOf(subject, board, 'test_inputs')
  const machine = await QemuMachine.start(board, elf)
  // A gateway that is silent for three seconds is forgotten.
  const greeting = setInterval(() => machine.send('greet', [7]), 700)
  stops.push(async () => {
    clearInterval(greeting)
    await machine.stop()
  })
  machine.send('greet', [7])
  await machine.next('hello', (hello) => hello.greeting === 7)
  machine.send('accept', [7])
  return machine
}

/** By the loop's names: readings in, values of a report out. */
const namesOf = ({ loop }: Subject) => {
  const places = [...loop.inputs, ...loop.outputs, ...loop.states].map(({ name }) => name)
  return {
    readings: (by: Record<string, number>): number[] =>
      loop.inputs.map(({ name, scale }) => Math.round((by[name] ?? 0) / scale)),
    value: (values: readonly (number | null)[], name: string): number =>
      values[places.indexOf(name)] ?? Number.NaN,
    state: (name: string): number =>
      loop.states.find((one) => one.name === 'state')?.values?.indexOf(name) ?? -1,
  }
}

describe.runIf(can)('the drill on an STM32F405', () => {
  const rest = {
    ...{ pack_voltage: 18, motor_temperature: 25, pack_temperature: 25, clutch_setting: 60 },
    ...{ trigger: 0, motor_current: 0, direction: 0 },
  }

  test('says that it is a test build, drives when the hand pulls, and trips on its current', async () => {
    const subject = drill()
    const machine = await started(subject, 'stm32f405')
    const { readings, value, state } = namesOf(subject)
    const hello = machine.messages.find((one) => one.is === 'hello')
    expect(hello).toMatchObject({ board: 'stm32f405', machine: 'cordless_drill', reason: 0 })
    expect(hello).not.toMatchObject({ profile: profileDigest(subject.profile) })
    await machine.read(readings(rest))
    const idle = await machine.next('report', ({ v }) => value(v, 'state') === state('idle'))
    expect(value(idle.v, 'duty')).toBe(0)
    await machine.read(readings({ ...rest, trigger: 60, motor_current: 5 }))
    await machine.next('report', ({ v }) => value(v, 'duty') > 2000)
    await machine.read(readings({ ...rest, trigger: 60, motor_current: 150 }))
    await machine.next('report', ({ v }) => value(v, 'duty') === 0)
    // The cause is gone, the hand still pulls: off it stays.
    await machine.read(readings({ ...rest, trigger: 60, motor_current: 5 }))
    for (let i = 0; i < 5; i += 1) {
      const { v } = await machine.next('report', () => true)
      expect(value(v, 'duty')).toBe(0)
    }
  }, 300_000)
})

describe.runIf(can)('the hot end on a micro:bit', () => {
  const subject = subjectOf('hot_end')
  const board = loadBoard('microbit')
  const wiring = subject.profile.boards?.['microbit']
  const numberOf = (name: string | undefined): number => board.pins[name ?? '']?.number ?? -1
  const power = [numberOf(wiring?.gate), numberOf(wiring?.pins['heater']?.pin)]
  const high = ({ pins }: QemuMachine): number[] =>
    pins.flatMap(([pin, level]) => (level && power.includes(pin) ? [pin] : []))

  test('keeps gate and heater low until it is allowed and asked, and again when asked no more', async () => {
    const machine = await started(subject, 'microbit')
    const { readings } = namesOf(subject)
    await machine.read(readings({ temperature: 25 }))
    for (let i = 0; i < 2; i += 1) await machine.next('report', () => true)
    await machine.read(readings({ temperature: 25, enable: 1 }))
    for (let i = 0; i < 2; i += 1) await machine.next('report', () => true)
    expect(high(machine)).toEqual([])
    machine.send('setpoint', [1, 1, 400, [20_000]])
    const { code } = await machine.next('result', ({ of }) => of === 37)
    expect(code).toBe(0)
    for (let i = 0; i < 2; i += 1) await machine.next('report', () => true)
    expect(new Set(high(machine))).toEqual(new Set(power))
    for (let i = 0; i < 4; i += 1) await machine.next('report', () => true)
    for (const pin of power) {
      expect(machine.pins.findLast(([one]) => one === pin)).toEqual([pin, false])
    }
  }, 300_000)

  test('makes its key of its own noise, and keeps it and its boots over resets', async () => {
    const machine = await started(subject, 'microbit')
    let before = machine.messages.findLast((one) => one.is === 'hello')?.boot ?? 0
    expect(before).toBe(1)
    machine.send('makeKey', [5, new Uint8Array(32).fill(9)])
    expect((await machine.next('result', ({ of }) => of === 44)).code).toBe(0)
    const keys = new Set<string>()
    for (let i = 1; i <= 5; i += 1) {
      const hello = machine.next('hello', ({ boot }) => boot > before)
      machine.reset()
      const { boot, key } = await hello
      expect(boot).toBe(before + 1)
      keys.add(Buffer.from(key ?? []).toString('hex'))
      before = boot
      await new Promise((resolve) => setTimeout(resolve, 37 * i))
    }
    expect(keys.size).toBe(1)
    expect([...keys][0]).toMatch(/^[0-9a-f]{64}$/)
  }, 300_000)
})
