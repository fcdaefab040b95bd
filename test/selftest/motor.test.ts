// `tenfold commission --motor` against the drill's image on an emulated Pico with a motor behind
// its bridge: a locked rotor's current from duty and voltage, and a person who pulls the trigger.
// What cannot be the motor of the machine file is refused, and the calibration stays without it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { coseTypes } from '../../gateway/attestation/cose.ts'
import { runOn } from '../../gateway/cli/commission.ts'
import type { CalibrationRecord, Measured } from '../../gateway/selftest/commission.ts'
import { measureMotor } from '../../gateway/selftest/motor.ts'
import { openRecord } from '../../gateway/selftest/report.ts'
import { BoardLine } from '../boards/line.ts'
import { atRest, ms, pin } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { desk, refusalOf, type Stand, standWith } from './stand.ts'

/** The board's answer to what lies outside of its limits. */
const beyond = 4
// Emulated boards wait for nobody's clock; on a busy machine they take as long as they take.
vi.setConfig({ testTimeout: 300_000 })
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** Share of the on-time at the duty's pin, followed edge by edge; 0 when it has long been still. */
const dutyOf = ({ pico }: Stand): (() => number) => {
  const seen = { rose: 0, high: 0, period: 1 }
  const { onEdge } = pico.options
  pico.options.onEdge = (at, isHigh, ...rest) => {
    onEdge?.(at, isHigh, ...rest)
    if (at !== pin.duty) return
    if (isHigh) Object.assign(seen, { period: pico.cycles - seen.rose, rose: pico.cycles })
    else seen.high = pico.cycles - seen.rose
  }
  return () => (pico.cycles - seen.rose > ms ? 0 : Math.min(1, seen.high / seen.period))
}

describe.runIf(compilerInstalled())('on an emulated Pico', () => {
  let image: Image
  beforeAll(async () => {
    image = await imageOf(drill(), 'rp2040-pico', 'machine')
  })
  const trigger = (percent: number): number => 0.38 + 0.0265 * percent
  const sensor = (amps: number): number => 1.65 + (amps * 3) / 400

  const bringUp = async ({ ohm = 0.15 } = {}) => {
    const flash = new W25q({ times: quickTimes })
    // The motor's current, or a known one that a person lets flow.
    const now = { amps: 0, isJoined: false, isLocked: true }
    let duty = (): number => 0
    const volts = { ...atRest(), trigger: trigger(0) }
    Object.defineProperty(volts, 'current', {
      get: () => {
        if (!now.isJoined) return sensor(now.amps)
        const share = duty()
        return sensor(now.isLocked ? (share * 18) / ohm : share > 0 ? 2 : 0)
      },
    })
    const board = standWith(image, volts, flash)
    duty = dutyOf(board)
    const io = await desk()
    stops.push(io.remove, board.stop)
    const wait = async (forMs: number): Promise<void> => {
      const until = board.pico.cycles + forMs * ms
      while (board.pico.cycles < until) await new Promise((resume) => setImmediate(resume))
    }
    const ask = async (question: string): Promise<string> => {
      if (question.includes('known current')) now.amps = 20
      if (question.includes('motor connected')) now.isJoined = true
      if (question.includes('rotor free')) now.isLocked = false
      const isPulled = question.startsWith('Pull')
      if (question.includes('fully pulled')) volts.trigger = trigger(100)
      else if (isPulled) volts.trigger = trigger(11)
      else if (question.includes('released')) volts.trigger = trigger(0)
      if (isPulled || question.includes('has the motor stopped')) await wait(700)
      if (question.includes('rotor locked')) await wait(2500)
      return question.includes('gate pin') ? '0.01' : question.includes('how many') ? '20' : 'yes'
    }
    const done = runOn(['--port', 'x', '--key', io.key, '--motor'], io, { ...board.outside, ask })
    const records = (): CalibrationRecord[] => {
      const folder = join(io.cwd, '.tenfold', 'calibrations')
      const open = (name: string) =>
        openRecord(readFileSync(join(folder, name)), coseTypes.calibration) as CalibrationRecord
      return readdirSync(folder).sort().map(open)
    }
    return { board, io, done, flash, records }
  }

  test('resistance and direction are measured, signed and stored', async () => {
    const { board, io, done, flash, records } = await bringUp()
    expect(await done).toBe(0)
    const [first, last] = records()
    expect(first?.notDone).toHaveLength(2)
    expect(first && (first.measured as Measured).motor).toBeUndefined()
    expect(last?.notDone).toEqual([])
    const motor = last && (last.measured as Measured).motor
    expect(motor?.resistanceOhm).toBeGreaterThan(0.15 * 0.9)
    expect(motor?.resistanceOhm).toBeLessThan(0.15 * 1.1)
    expect(motor).toMatchObject({ nominalOhm: 0.12, turns: 'forward' })
    expect(io.lines.join('\n')).toMatch(/turns forward; 0\.1\d+ Ohm/)
    expect(io.lines.join('\n')).toMatch(/the loop uses 0\.1\d+ Ohm at 20 Cel/)
    expect(board.both).toEqual([])

    // The loop uses it, also after a battery pull; what is nonsense the board does not keep.
    const coldUohm = Math.round((motor?.coldOhm ?? 0) * 1e6)
    expect(Math.abs(coldUohm / (motor?.resistanceOhm ?? 0) / 1e6 - 1)).toBeLessThan(0.1)
    const own = (pico: Stand['pico']): number => pico.read(image.symbols.get('unit_measured') ?? 0)
    expect(own(board.pico)).toBe(coldUohm)
    await board.stop()
    const line = new BoardLine(image, flash)
    line.pico.run(150 * ms)
    line.meet()
    expect(own(line.pico)).toBe(coldUohm)
    const { lines } = last?.measured ?? { lines: [] }
    const [gains, offsets] = [lines.map(({ gain }) => gain), lines.map(({ offset }) => offset)]
    const store = (measured: number) =>
      line.ask('calibrate', [2, gains, offsets, new Uint8Array(32), [measured]])
    line.ask('calibrate', [1])
    for (const uohm of [1, 59_999, 240_001, 2 ** 31 - 1]) expect(store(uohm)).toBe(beyond)
    expect(own(line.pico)).toBe(coldUohm)
    expect(store(60_000)).toBe(0)
    expect(own(line.pico)).toBe(60_000)
    expect(store(0)).toBe(0)
    expect(own(line.pico)).toBe(0)
  })

  test('another motor than the machine file names is refused; the calibration stays', async () => {
    const { done, records } = await bringUp({ ohm: 0.3 })
    expect((await refusalOf(done)).code).toBe('resistance_implausible')
    expect(records().map(({ notDone }) => notDone.length)).toEqual([2])
  })
})

describe('what a person does', () => {
  const { profile, machines } = drill()
  const [spec] = Object.values(profile.loops)
  const { safety } = profile
  const loop = machines.loops.get(spec?.kind ?? '')
  if (spec === undefined || safety === undefined || loop === undefined) throw new Error('no drill')

  /** A board that says so of its pins, whatever is asked. */
  const measured = (
    { duty = 8, amps = 10, volts = 18, bridge = 0, cause = 0, warm = 20 },
    answer = 'yes',
  ): Promise<unknown> => {
    const inputs = loop.inputs.map(({ name, scale }) =>
      name === 'motor_current'
        ? amps / scale
        : name === 'pack_voltage'
          ? volts / scale
          : name === 'motor_temperature'
            ? warm / scale
            : 0,
    )
    const outputs = loop.outputs.map(({ name, scale }) =>
      name === 'duty' ? duty / scale : name === 'bridge' ? bridge : 0,
    )
    const said = { is: 'calibration', number: 1, isCalibrated: true, isAtRest: false } as const
    const board = {
      read: () => Promise.resolve({ ...said, cause, inputs, outputs }),
      confirm: () => Promise.resolve(),
      answer: () => Promise.resolve(answer),
    }
    return measureMotor(board, { safety, loop, spec })
  }

  test('is measured as duty * voltage / current, and stored for 20 Cel', async () => {
    const [resistanceOhm, turns] = [expect.closeTo(0.144, 9), 'forward']
    const cold = { resistanceOhm, coldOhm: resistanceOhm, motorCel: 20, turns }
    await expect(measured({})).resolves.toMatchObject(cold)
    // 40 K warmer than 20 Cel, copper has 15.72 % more.
    const warm = { resistanceOhm, coldOhm: expect.closeTo(0.144 / 1.1572, 9), motorCel: 60 }
    await expect(measured({ warm: 60 })).resolves.toMatchObject(warm)
  })

  test.each([
    [{ amps: 30 }, 'resistance_implausible'],
    [{ duty: 30 }, 'duty_high'],
    [{ duty: 0 }, 'motor_not_driven'],
    [{ duty: 0, cause: 34 }, 'motor_not_driven'],
    [{ amps: 1 }, 'motor_current_low'],
    [{ amps: -10 }, 'motor_current_low'],
    [{ bridge: 1 }, 'direction_switch'],
  ])('%o is refused', async (pins, code) => {
    expect((await refusalOf(measured(pins))).code).toBe(code)
  })

  test('a motor that turns back is refused', async () => {
    expect((await refusalOf(measured({}, 'no'))).code).toBe('direction_wrong')
  })
})
