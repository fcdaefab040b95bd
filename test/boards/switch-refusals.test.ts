// What a machine without a bridge gets refused: in its safety section, its setpoints, its wiring;
// each with the place and what to do.
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { Setpoints } from '../../firmware/twin/setpoints.ts'
import { wire } from '../../firmware/wiring.ts'
import { checkSetpoints } from '../../gateway/commands/desk.ts'
import { type Kinds, type Profile, parseProfile } from '../../hardware-profiles/profile.ts'
import { loadBoard, subjectOf } from './stand.ts'

const machines = loadProfiles()
const kinds: Kinds = {
  loops: Object.fromEntries(
    [...machines.loops].map(([name, loop]) => [
      name,
      {
        channels: [...loop.inputs, ...loop.outputs, ...loop.states, ...loop.counters].map(
          (channel) => channel.name,
        ),
        constants: loop.constants,
      },
    ]),
  ),
  plants: Object.fromEntries(machines.plants),
}
type Plain = Record<string, Record<string, unknown>>
const changed = (name: string, change: (data: Plain) => void): string => {
  const data = structuredClone(machines.profiles.get(name)) as unknown as Plain
  change(data)
  const parsed = parseProfile(data, kinds)
  return parsed.ok ? '' : parsed.mistakes.map((one) => `${one.path} ${one.message}`).join('\n')
}
const safety =
  (given: Readonly<Record<string, unknown>>) =>
  (data: Plain): void => {
    Object.assign(data['safety'] ?? {}, given)
  }

describe('a safety section', () => {
  test.each([
    [safety({ opposed: [['main_up', 'main_dow']] }), /opposed\/0\/1 .*"drives".*main_down/],
    [safety({ loads: { main_upp: { ohm: 19 } } }), /loads\/main_upp is none of "drives".*main_up/],
    [safety({ opposed: [['pump', 'pump']] }), /opposed\/0 an output is not opposed to itself/],
    [safety({ stop: { signal: 'pressure' } }), /stop\/signal is no input of two values/],
    [safety({ command: { signal: 'pressure', rest: 1 } }), /command\/signal is no setpoint/],
    [
      safety({ hardwareCut: { signal: 'pressure', above: 190, by: 'a valve' } }),
      /hardwareCut\/above must be above the kernel's 190/,
    ],
    [
      safety({ hardwareCut: { signal: 'hold', above: 1, by: 'a valve' } }),
      /hardwareCut\/signal is none of "levels"/,
    ],
    [
      ({ safety: { levels } = {} }: Plain) =>
        Object.assign((levels as unknown[])[0] as object, { uncalibrated: 190 }),
      /levels\/0\/uncalibrated must be below "above"/,
    ],
    [
      safety({ hold: { signal: 'hold', released: 0.5, releaseTime: 0.1, stopTime: 0.02 } }),
      /hold\/longest is given, or "stays"/,
    ],
  ])('%#', (change, message) => {
    expect(changed('earth_block_press', change)).toMatch(message)
  })

  test('of the hot end: a target within its range, beside a hand; only setpoints are renewed', () => {
    expect(changed('hot_end', safety({ command: { signal: 'target', rest: 270 } }))).toMatch(
      /command\/rest must lie within its range, 0 to 270/,
    )
    expect(
      changed('hot_end', (data) => {
        delete data['safety']?.['hold']
      }),
    ).toMatch(/hold is missing: "command" comes beside a hand/)
    expect(
      changed('hot_end', (data) => {
        Object.assign(data['signals']?.['temperature'] ?? {}, { renewS: 5 })
      }),
    ).toMatch(/temperature\/renewS only a setpoint is renewed/)
  })
})

describe('the wiring', () => {
  const press = subjectOf('earth_block_press')
  type Wiring = NonNullable<Profile['boards']>[string]
  const findings = (change: (wiring: Wiring) => Partial<Wiring>, board = 'rp2040-pico'): string => {
    const wiring = press.profile.boards?.['rp2040-pico']
    if (wiring === undefined) throw new Error('not wired')
    const profile = { ...press.profile, boards: { [board]: { ...wiring, ...change(wiring) } } }
    const { loop, spec } = press
    return wire({ profile, board: loadBoard(board), loop, spec })
      .findings.map(({ place, what, remedy }) => `${place}: ${what}. ${remedy}`)
      .join('\n')
  }
  const pin = (signal: string, more: object) => (wiring: Wiring) => {
    const wired = wiring.pins[signal]
    return wired === undefined ? {} : { pins: { ...wiring.pins, [signal]: { ...wired, ...more } } }
  }

  test('of the machine file is fine, and lists what the kernel switches off apart', () => {
    expect(findings(() => ({}))).toBe('')
    const { loop, spec, profile } = press
    const { defines } = wire({ profile, board: loadBoard('rp2040-pico'), loop, spec })
    const power = defines.find((line) => line.startsWith('POWER_OUTPUTS'))
    expect(power?.match(/X\(/g)?.length).toBe(6)
    expect(defines.some((line) => line.startsWith('PWM_SLICE'))).toBe(false)
  })

  test('an output that is on while its pin is low is refused: so it is in reset, too', () => {
    expect(findings(pin('main_up', { active: 'low' }))).toMatch(
      /\/pins\/main_up\/active: .*on in reset, too\. Use a driver that is off while its input is low/,
    )
  })

  test('one signal is sampled in each step', () => {
    expect(findings(pin('pressure', { sample: 'in_turn' }))).toMatch(
      /no signal is sampled in each step\. .*"sample": "each_step"/,
    )
  })

  test('a board that has drivers for bridges only says so', () => {
    const board = { ...loadBoard('rp2040-pico') }
    delete board.drivesSwitches
    const { profile, loop, spec } = press
    const { findings: found } = wire({ profile, board, loop, spec })
    expect(found.map(({ what }) => what).join()).toMatch(/no drivers yet for outputs that drive/)
  })
})

describe('a setpoint that must be renewed', () => {
  const { profile, loop, spec } = subjectOf('hot_end')
  const values = { target: 210 }

  test('is refused by gateway and twin where it would hold for longer', () => {
    expect(() => checkSetpoints(profile, { kind: 'setpoint', values, holdsMs: 5000 })).not.toThrow()
    expect(() => checkSetpoints(profile, { kind: 'setpoint', values, holdsMs: 5001 })).toThrow(
      /holds 1 to 5000 ms, not 5001/,
    )
    const setpoints = new Setpoints({ profile, loop, spec })
    const inputs = Int32Array.of(1, 20_000, 0)
    const ask = (number: number, holdsMs: number) => {
      const command = { id: 'a', kind: 'setpoint', values, boot: 1, before_t: 1e9 }
      const bytes = new TextEncoder().encode(
        JSON.stringify({ ...command, number, holds_ms: holdsMs }),
      )
      return setpoints.take(bytes, inputs, { boot: 1, uptimeUs: 0 })
    }
    expect(ask(1, 5001)).toMatchObject({ accepted: false, reason: 'beyond' })
    expect(ask(2, 5000)).toMatchObject({ accepted: true })
    setpoints.apply(inputs, 4_999_000)
    expect(inputs[2]).toBe(21_000)
    inputs[2] = 0
    setpoints.apply(inputs, 5_000_000)
    expect(inputs[2]).toBe(0)
  })
})
