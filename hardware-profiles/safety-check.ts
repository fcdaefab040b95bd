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
  for (const name of Object.keys(safety.loads ?? {})) {
    if (!safety.drives.includes(name)) {
      add(`loads/${name}`, name, `is none of "drives"${nearest(name, safety.drives)}`)
    }
  }
  safety.opposed?.forEach((pair, i) => {
    pair.forEach((name, side) => {
      if (!safety.drives.includes(name)) {
        const message = `is none of "drives"${nearest(name, safety.drives)}`
        add(`opposed/${i}/${side}`, name, message)
      }
    })
    if (pair[0] === pair[1]) add(`opposed/${i}`, pair, 'an output is not opposed to itself')
  })
  if (safety.brake !== undefined) named('brake', safety.brake, 'output')
  if (safety.turn !== undefined) named('turn', safety.turn, 'output')
  if ((safety.brake === undefined) !== (safety.brakeLongest === undefined)) {
    add('brakeLongest', safety.brakeLongest, 'comes with "brake": give both, or none')
  }
  checkHold(profile, named, add)
  checkStop(profile, safety, add)
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

/** Both values of a contact are sound: there is nothing to watch in it. */
const isContact = ({ signals }: ProfileData, name: string): boolean => {
  const { type, values } = signals[name] ?? {}
  return type === 'boolean' || values?.length === 2
}

const checkStop = (profile: ProfileData, safety: Safety, add: Report): void => {
  const { stop, command, hold, hardwareCut, levels } = safety
  if (stop !== undefined) {
    const signal = profile.signals[stop.signal]
    if (signal?.direction !== 'input' || !isContact(profile, stop.signal)) {
      add('stop/signal', stop.signal, 'is no input of two values')
    }
  }
  if (command !== undefined) {
    const { direction, range: [low = 0, high = 0] = [] } = profile.signals[command.signal] ?? {}
    if (direction !== 'setpoint') add('command/signal', command.signal, 'is no setpoint')
    else if (command.rest < low || command.rest >= high) {
      add('command/rest', command.rest, `must lie within its range, ${low} to ${high}`)
    }
    if (hold === undefined) add('hold', undefined, 'is missing: "command" comes beside a hand')
  }
  if (hardwareCut === undefined) return
  const level = levels.find(({ signal }) => signal === hardwareCut.signal)
  if (level?.above === undefined) {
    add('hardwareCut/signal', hardwareCut.signal, 'is none of "levels" with an "above"')
  } else if (hardwareCut.above <= level.above) {
    const message = `must be above the kernel's ${level.above}: it ends what software cannot`
    add('hardwareCut/above', hardwareCut.above, message)
  }
}

const checkHold = (profile: ProfileData, named: Named, add: Report): void => {
  const { hold, levels = [] } = profile.safety ?? {}
  if (hold === undefined) return
  named('hold/signal', hold.signal, 'input')
  if ((hold.longest === undefined) !== (hold.stays === true)) {
    add('hold/longest', hold.longest, 'is given, or "stays": true for a switch that stays put')
  }
  if (isContact(profile, hold.signal)) return
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
  const { range, above, uncalibrated, below, limitTime, rate, jump, jumpTime } = level
  if (range[0] >= range[1]) add('range', range, 'the low end is not below the high end')
  for (const [name, limit] of Object.entries({ above, below })) {
    if (limit !== undefined && (limit <= range[0] || limit >= range[1])) {
      add(name, limit, `no reading gets there: the range is ${range.join(' to ')}`)
    }
  }
  if (above !== undefined && below !== undefined && below >= above) {
    add('below', below, `must be below "above", which is ${above}`)
  }
  if (uncalibrated !== undefined) {
    const [low, high] = [below ?? range[0], above ?? range[0]]
    if (uncalibrated <= low || uncalibrated >= high) {
      add('uncalibrated', uncalibrated, 'must be below "above", and within what it may be')
    }
  }
  if ((limitTime === undefined) !== (above === undefined && below === undefined)) {
    add('limitTime', limitTime, 'comes with "above" or "below": give both, or none')
  }
  const given = [rate, jump, jumpTime].filter((value) => value !== undefined).length
  if (given !== 0 && given !== 3) {
    add('jump', jump, '"rate", "jump" and "jumpTime" belong together: give all, or none')
  }
}
