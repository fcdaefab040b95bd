// A machine file: what is accepted, and that a wrong one gets every mistake with path, value,
// allowed range and nearest known name.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { type Kinds, type ParsedProfile, parseProfile } from '../../hardware-profiles/profile.ts'
import { root } from '../tree.ts'

const folder = join(root, 'hardware-profiles')
const names = readdirSync(folder).filter((f) => f.endsWith('.json') && !/schema|tsconfig/.test(f))

const kinds: Kinds = {
  loops: {
    spin: {
      channels: ['current'],
      constants: { current_limit: { unit: 'A', min: 1, max: 80, description: 'Motor current' } },
    },
  },
  plants: {},
}

const base = () => ({
  machine: 'mill',
  title: 'Mill',
  kind: 'mill',
  version: 1,
  board: { name: 'sim' },
  reportHz: 10,
  signals: {
    current: {
      description: 'Current',
      unit: 'A',
      type: 'number',
      direction: 'input',
      range: [0, 9],
    },
    state: {
      description: 'State',
      unit: '1',
      type: 'enum',
      direction: 'state',
      values: ['off', 'on'],
    },
  } as Record<string, Record<string, unknown>>,
  counters: { starts: { description: 'Starts', unit: '1' } } as Record<string, unknown>,
  loops: {
    main: {
      kind: 'spin',
      rateHz: 1000,
      channels: { current: 'current' } as Record<string, string>,
      constants: { current_limit: 20 } as Record<string, number>,
    },
  } as Record<string, Record<string, unknown>>,
  interlocks: [] as unknown[],
  parts: {},
  maintenance: [] as unknown[],
  events: [] as Record<string, unknown>[],
})

const mistakes = (parsed: ParsedProfile): string[] =>
  parsed.ok ? [] : parsed.mistakes.map(({ path, message }) => `${path}: ${message}`)

describe('the machine files', () => {
  test.each(names)('%s is right, frozen, and named after its machine', (name) => {
    const profile = [...loadProfiles().profiles.values()].find(
      ({ machine }) => `${machine.replaceAll('_', '-')}.json` === name,
    )
    expect(profile).toBeDefined()
    expect(Object.isFrozen(profile?.signals)).toBe(true)
    expect(Object.isFrozen(Object.values(profile?.signals ?? {})[0])).toBe(true)
  })

  test('the schema for editors is named in each', () => {
    for (const name of names) {
      const data = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { $schema?: string }
      expect(data.$schema).toBe('./schema.json')
    }
  })
})

describe('a right machine file', () => {
  test('is accepted and left as it was', () => {
    const data = base()
    const parsed = parseProfile(data, kinds)
    expect(mistakes(parsed)).toEqual([])
    expect(Object.isFrozen(data)).toBe(false)
  })
})

test('one pin may carry several signals through a multiplexer', () => {
  const pins = { current: { pin: 'GP2', position: 0 }, state: { pin: 'GP2', position: 1 } }
  const wiring = { pwmHz: 20_000, gate: 'GP1', select: ['GP3'], pins }
  expect(mistakes(parseProfile({ ...base(), boards: { b: wiring } }, kinds))).toEqual([])
})

describe('a wrong machine file', () => {
  test('gets every mistake at once, not the first', () => {
    const data = { ...base(), reportHz: 5000, title: '', extra: 1 }
    expect(mistakes(parseProfile(data, kinds)).map((line) => line.split(':')[0])).toEqual(
      expect.arrayContaining(['/reportHz', '/title', '/extra']),
    )
  })

  test('names the allowed range', () => {
    expect(mistakes(parseProfile({ ...base(), reportHz: 5000 }, kinds))).toEqual([
      '/reportHz: 5000 is outside the allowed range, above 0 and at most 1000',
    ])
  })

  test('says of a counter where it wraps in whole numbers, and not below 256', () => {
    const withWrap = (wrapsAt: number) => {
      const data = base()
      data.counters['starts'] = { description: 'Starts', unit: '1', wrapsAt }
      return mistakes(parseProfile(data, kinds)).map((line) => line.split(':')[0])
    }
    expect(withWrap(2 ** 32)).toEqual([])
    for (const wrong of [255, 1000.5, 2 ** 53]) {
      expect(withWrap(wrong)).toEqual(['/counters/starts/wrapsAt'])
    }
  })

  test('names the nearest known field and unit', () => {
    const data = base()
    data.signals['current'] = { ...data.signals['current'], unti: 'A', unit: 'amp' }
    const found = mistakes(parseProfile(data, kinds))
    expect(found.join('\n')).toMatch(/"unti" is not a known name \(did you mean "unit"\?\)/)
    expect(found.join('\n')).toMatch(/"amp" is not one of .*"A"/)
  })

  test('names the nearest known signal and counter', () => {
    const data = base()
    data.events.push({
      type: 'a',
      description: 'a',
      when: { signal: 'curent', above: 1, clears: 0 },
    })
    data.events.push({ type: 'b', description: 'b', when: { counter: 'start', passes: 1 } })
    expect(mistakes(parseProfile(data, kinds))).toEqual([
      '/events/0/when/signal: "curent" is not known here (did you mean "current"?); ' +
        'known: current, state',
      '/events/1/when/counter: "start" is not known here (did you mean "starts"?); known: starts',
    ])
  })

  const wrong: [what: string, change: (data: ReturnType<typeof base>) => void, path: string][] = [
    [
      'a loop constant out of range',
      (d) => set(d, 'current_limit', 200),
      '/loops/main/constants/current_limit',
    ],
    [
      'an unknown loop constant',
      (d) => set(d, 'curent_limit', 2),
      '/loops/main/constants/curent_limit',
    ],
    [
      'an unknown loop kind',
      (d) => Object.assign(d.loops['main'] ?? {}, { kind: 'spun' }),
      '/loops/main/kind',
    ],
    [
      'a missing channel',
      (d) => Object.assign(d.loops['main'] ?? {}, { channels: {} }),
      '/loops/main/channels/current',
    ],
    [
      'a reversed range',
      (d) => Object.assign(d.signals['current'] ?? {}, { range: [9, 0] }),
      '/signals/current/range',
    ],
    [
      'an enum without values',
      (d) => delete d.signals['state']?.['values'],
      '/signals/state/values',
    ],
    [
      'an enum with a unit',
      (d) => Object.assign(d.signals['state'] ?? {}, { unit: 'A' }),
      '/signals/state/unit',
    ],
    [
      'two names for one field',
      (d) => Object.assign(d.counters, { current_a: { description: 'x', unit: '1' } }),
      '/counters/current_a',
    ],
    ['an event of one type twice', (d) => d.events.push(boot(), boot()), '/events/1/type'],
    [
      'an event of no known form',
      (d) => d.events.push({ ...boot(), when: { foo: 1 } }),
      '/events/0/when',
    ],
    [
      'a plant that is not there',
      (d) => Object.assign(d, { twin: { plant: 'x', constants: {} } }),
      '/twin/plant',
    ],
    [
      'an interlock on an unknown signal',
      (d) => d.interlocks.push({ description: 'x', signal: 'q', trip: 1, direction: 'above' }),
      '/interlocks/0/signal',
    ],
    [
      'maintenance by an unknown counter',
      (d) => d.maintenance.push({ task: 't', description: 'x', counter: 'q', every: 1 }),
      '/maintenance/0/counter',
    ],
    [
      'two signals on one pin',
      (d) => wired(d, { pins: { current: x, state: x } }),
      '/boards/b/pins/state/pin',
    ],
    [
      'the gate on a signal',
      (d) => wired(d, { gate: 'GP9', pins: { state: { pin: 'GP9' } } }),
      '/boards/b/pins/state/pin',
    ],
    [
      'one input of the multiplexer twice',
      (d) => wired(d, { select: ['GP3'], pins: { current: y, state: y } }),
      '/boards/b/pins/state/pin',
    ],
    [
      'an input that the multiplexer has not',
      (d) => wired(d, { select: ['GP3'], pins: { current: { pin: 'GP2', position: 2 } } }),
      '/boards/b/pins/current/position',
    ],
    [
      'a multiplexer without an address',
      (d) => wired(d, { pins: { current: y } }),
      '/boards/b/pins/current/position',
    ],
    [
      'a pin for an unknown signal',
      (d) => wired(d, { pins: { curent: x } }),
      '/boards/b/pins/curent',
    ],
    [
      'a line of one point',
      (d) =>
        wired(d, {
          pins: {
            current: {
              pin: 'GP2',
              line: [
                [1, 2],
                [1, 3],
              ],
            },
          },
        }),
      '/boards/b/pins/current/line',
    ],
    [
      'two signals sampled in the on-time',
      (d) => wired(d, { pins: { current: timed('GP2'), state: timed('GP3') } }),
      '/boards/b/pins/state/sample',
    ],
  ]
  const x = { pin: 'GP2' }
  const y = { pin: 'GP2', position: 1 }
  const timed = (pin: string) => ({ pin, sample: 'on_time' })
  const wired = (d: ReturnType<typeof base>, given: object) =>
    Object.assign(d, { boards: { b: { pwmHz: 20_000, gate: 'GP1', ...given } } })
  const set = (d: ReturnType<typeof base>, name: string, value: number) =>
    Object.assign(d.loops['main']?.['constants'] ?? {}, { [name]: value })
  const boot = () => ({ type: 'booted', description: 'x', when: { boot: 'every' } })

  test.each(wrong)('%s is named by its path', (_what, change, path) => {
    const data = base()
    change(data)
    const found = parseProfile(data, kinds)
    expect(found.ok ? [] : found.mistakes.map((m) => m.path)).toContain(path)
  })

  test.each([null, 7, 'x', [], undefined])('%j is refused without a throw', (value) => {
    expect(parseProfile(value, kinds).ok).toBe(false)
  })
})
