// What of a machine's safety section is wrong: a signal that does not exist or is not of that kind,
// a limit beyond the range that a sensor can read, a trigger that nobody checks, a hardware cut
// above nothing. Reports every mistake with its path and what to do.
import type { ProfileData } from './profile.ts'
import { nearest } from './validate.ts'

type Report = (path: string, value: unknown, message: string) => void
type Safety = NonNullable<ProfileData['safety']>
type Level = Safety['levels'][number]

/** Everything wrong with the `safety` of a profile that fits the schema. */
export const checkSafety = (profile: ProfileData, report: Report): void => {
  const { safety } = profile
  if (safety === undefined) return
  const add: Report = (at, value, message) => report(`/safety/${at}`, value, message)
  const named = (at: string, name: string, direction: 'input' | 'output'): void => {
    const names = Object.entries(profile.signals)
      .filter(([, signal]) => signal.direction === direction)
      .map(([signal]) => signal)
    if (!names.includes(name)) {
      add(at, name, `"${name}" is not an ${direction} of this machine${nearest(name, names)}`)
    }
  }
  safety.drives.forEach((name, i) => {
    named(`drives/${i}`, name, 'output')
  })
  if (safety.brake !== undefined) named('brake', safety.brake, 'output')
  if (safety.turn !== undefined) named('turn', safety.turn, 'output')
  if ((safety.brake === undefined) !== (safety.brakeLongest === undefined)) {
    add('brakeLongest', safety.brakeLongest, 'comes with "brake": give both, or none')
  }
  checkHold(safety, named, add)
  checkCurrent(safety, named, add)
  const seen = new Set<string>()
  safety.levels.forEach((level, i) => {
    named(`levels/${i}/signal`, level.signal, 'input')
    if (seen.has(level.signal)) add(`levels/${i}/signal`, level.signal, 'is watched twice')
    seen.add(level.signal)
    checkLevel(level, (at, value, message) => add(`levels/${i}/${at}`, value, message))
  })
}

type Named = (at: string, name: string, direction: 'input' | 'output') => void

const checkHold = ({ hold, levels }: Safety, named: Named, add: Report): void => {
  if (hold === undefined) return
  named('hold/signal', hold.signal, 'input')
  const level = levels.find(({ signal }) => signal === hold.signal)
  if (level === undefined) {
    add('hold/signal', hold.signal, 'is not watched: list it in "levels" with its range')
  } else if (hold.released <= level.range[0] || hold.released >= level.range[1]) {
    add('hold/released', hold.released, `must lie within its range, ${level.range.join(' to ')}`)
  }
}

const checkCurrent = ({ current, overCurrentCut }: Safety, named: Named, add: Report): void => {
  if (current === undefined) return
  named('current/signal', current.signal, 'input')
  const { range, absolute, continuous, offCurrent } = current
  if (range[0] >= range[1]) add('current/range', range, 'the low end is not below the high end')
  if (absolute >= Math.min(range[1], -range[0])) {
    add('current/absolute', absolute, `no reading gets there: the range is ${range.join(' to ')}`)
  }
  if (continuous >= absolute) {
    add('current/continuous', continuous, `must be below absolute, which is ${absolute}`)
  }
  if (offCurrent >= continuous) {
    add('current/offCurrent', offCurrent, `must be below continuous, which is ${continuous}`)
  }
  if (overCurrentCut !== undefined && overCurrentCut.current <= absolute) {
    const message = `must be above absolute (${absolute}): it is for what software is too slow for`
    add('overCurrentCut/current', overCurrentCut.current, message)
  }
}

const checkLevel = (level: Level, add: Report): void => {
  const { range, above, below, limitTime, rate, jump, jumpTime } = level
  if (range[0] >= range[1]) add('range', range, 'the low end is not below the high end')
  for (const [name, limit] of Object.entries({ above, below })) {
    if (limit !== undefined && (limit <= range[0] || limit >= range[1])) {
      add(name, limit, `no reading gets there: the range is ${range.join(' to ')}`)
    }
  }
  if (above !== undefined && below !== undefined && below >= above) {
    add('below', below, `must be below "above", which is ${above}`)
  }
  if ((limitTime === undefined) !== (above === undefined && below === undefined)) {
    add('limitTime', limitTime, 'comes with "above" or "below": give both, or none')
  }
  const given = [rate, jump, jumpTime].filter((value) => value !== undefined).length
  if (given !== 0 && given !== 3) {
    add('jump', jump, '"rate", "jump" and "jumpTime" belong together: give all, or none')
  }
}
