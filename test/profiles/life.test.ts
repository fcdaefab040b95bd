// What a machine file may say of maintenance, uptime and wear: the drill's is right, and each
// mistake is named at its place.
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { checkLife } from '../../hardware-profiles/life-check.ts'
import { type ProfileData, ProfileSchema } from '../../hardware-profiles/profile.ts'
import { mistakesIn } from '../../hardware-profiles/validate.ts'

const drill = loadProfiles().profiles.get('cordless_drill')
const copy = (): ProfileData => structuredClone(drill) as unknown as ProfileData

/** Places of all mistakes, by schema first, then by names. */
const places = (profile: ProfileData): string[] => {
  const found = mistakesIn(ProfileSchema, profile).map(({ path }) => path)
  if (found.length > 0) return found
  checkLife(profile, (path) => found.push(path))
  return found
}

type Wrong = [what: string, spoil: (profile: ProfileData) => void, path: string]

const task = { task: 'wipe', description: 'Wipe it' }
const uptimeOf = (profile: ProfileData) => profile.uptime as NonNullable<ProfileData['uptime']>
const wearOf = (profile: ProfileData) => profile.wear as NonNullable<ProfileData['wear']>

const wrong: Wrong[] = [
  [
    'a task by an unknown counter',
    (p) => p.maintenance.push({ ...task, counter: 'hours', every: 1 }),
    '/maintenance/7/counter',
  ],
  [
    'a task by a signal that is a word',
    (p) => p.maintenance.push({ ...task, signal: 'state', above: 1 }),
    '/maintenance/7/signal',
  ],
  [
    'a task on an unknown part',
    (p) => p.maintenance.push({ ...task, part: 'wing', days: 3 }),
    '/maintenance/7/part',
  ],
  [
    'a task twice',
    (p) => p.maintenance.push({ ...task, task: 'inspect', days: 3 }),
    '/maintenance/7/task',
  ],
  ['a task without a reason', (p) => p.maintenance.push({ ...task } as never), '/maintenance/7'],
  ['no time between two tasks', (p) => p.maintenance.push({ ...task, days: 0 }), '/maintenance/7'],
  [
    'a failure of an unknown part',
    (p) => Object.assign(p.events[0] ?? {}, { failure: 'wing' }),
    '/events/0/failure',
  ],
  ['a state of use that is none', (p) => uptimeOf(p).inUse.push('runs'), '/uptime/inUse/2'],
  ['use by a quantity', (p) => (uptimeOf(p).signal = 'torque'), '/uptime/signal'],
  [
    'bands from high to low',
    (p) => Object.assign(wearOf(p).histograms[0] ?? {}, { low: 99 }),
    '/wear/histograms/0/low',
  ],
  [
    'wear by an unknown signal',
    (p) => Object.assign(wearOf(p).fatigue[0] ?? {}, { signal: 'torqe' }),
    '/wear/fatigue/0/signal',
  ],
  [
    'a bearing of no part',
    (p) => Object.assign(wearOf(p).bearings[0] ?? {}, { part: 'x' }),
    '/wear/bearings/0/part',
  ],
  [
    'one name for two kinds of wear',
    (p) => Object.assign(wearOf(p).bearings[0] ?? {}, { name: 'gear_teeth' }),
    '/wear',
  ],
  [
    'a curve without damage',
    (p) => Object.assign(wearOf(p).fatigue[0]?.curve ?? {}, { cycles: 0 }),
    '/wear/fatigue/0/curve/cycles',
  ],
]

describe('how a machine lives', () => {
  test('the drill says so without a mistake', () => {
    expect(places(copy())).toEqual([])
  })

  test.each(wrong)('%s is a mistake', (_what, spoil, path) => {
    const profile = copy()
    spoil(profile)
    expect(places(profile)).toEqual([path])
  })
})
