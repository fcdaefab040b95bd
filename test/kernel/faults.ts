// Every fault that the drill's kernel must end, each with the time stated for it (the table of
// firmware/kernel/README.md) and what it is then called. The same table is injected into the kernel
// in V8 and, at the pins, into the image on an emulated board.
import type { SafetySpec } from '../../hardware-profiles/profile.ts'

export interface Fault {
  what: string
  /** Readings that the fault sets, SI, by input. */
  readings?: Readonly<Record<string, number>>
  /** What it reads before that, where that is not as at work. */
  before?: Readonly<Record<string, number>>
  /** Inputs that no longer move. */
  frozen?: readonly string[]
  /** What the loop asks for in it, SI, where that is not half duty. */
  asks?: Readonly<Record<string, number>>
  cause: string
  /** Stated: from the fault to everything off, ms. */
  withinMs: number
  /** A disturbance as short as this must not trip, ms; 0 where any is enough. */
  notBeforeMs: number
  /** Too long for an emulated board. */
  slow?: boolean
}

/** Signals other than the current are read and checked in turn: so much later at most, ms. */
const turnsMs = 1.2

const ofCurrent = (current: NonNullable<SafetySpec['current']>): Fault[] => {
  const [lowest = 0, highest = 0] = current.range
  return [
    ...[1, -1].map((sign) => ({
      what: `a current of ${sign * (current.absolute + 3)} A`,
      readings: { motor_current: sign * (current.absolute + 3) },
      cause: 'over_current: motor_current',
      withinMs: current.absoluteTime * 1000 + 0.2,
      notBeforeMs: current.absoluteTime * 1000 - 0.2,
    })),
    ...[lowest - 10, highest + 10].map((amps, i) => ({
      what: `a current sensor ${i === 0 ? 'open' : 'shorted'}, reading ${amps} A`,
      readings: { motor_current: amps },
      cause: 'out_of_range: motor_current',
      withinMs: current.rangeTime * 1000 + 0.2,
      notBeforeMs: current.rangeTime * 1000 - 0.2,
    })),
    {
      what: 'a current sensor that is stuck',
      frozen: ['motor_current'],
      cause: 'stuck: motor_current',
      withinMs: current.stuckTime * 1000 + 0.3,
      notBeforeMs: current.stuckTime * 1000 - 1,
    },
    {
      what: 'a current that flows with the bridge off (implausible)',
      asks: { duty: 0 },
      readings: { motor_current: 20 },
      cause: 'leak: motor_current',
      withinMs: current.offTime * 1000 + 0.3,
      notBeforeMs: current.offTime * 1000 - 1,
    },
    {
      what: 'I2t: 60 A for long',
      readings: { motor_current: 60 },
      cause: 'overload: motor_current',
      // Half of the reserve is taken as used after a reset.
      withinMs: (1000 * current.reserve) / (60 ** 2 - current.continuous ** 2),
      notBeforeMs: (450 * current.reserve) / (60 ** 2 - current.continuous ** 2),
      slow: current.reserve > 2000,
    },
  ]
}

const ofLevel = (level: SafetySpec['levels'][number]): Fault[] => {
  const { signal, range, above, below, limitTime = 0, jump, jumpTime = 0, stuckTime } = level
  const [low = 0, high = 0] = range
  const all: Fault[] = [low - 3, high + 3].map((value, i) => ({
    what: `${signal} ${i === 0 ? 'open' : 'shorted'}, reading ${value}`,
    readings: { [signal]: value },
    cause: `out_of_range: ${signal}`,
    withinMs: level.rangeTime * 1000 + turnsMs,
    notBeforeMs: level.rangeTime * 1000 - turnsMs,
  }))
  for (const [name, limit, past] of [
    ['above', above, 1],
    ['below', below, -1],
  ] as const) {
    if (limit === undefined) continue
    all.push({
      what: `${signal} ${name} ${limit}`,
      readings: { [signal]: limit + past * 0.6 },
      // From near, or it would be a jump.
      before: { [signal]: limit - past * (limit > 30 ? 12 : 5) },
      cause: `${name}: ${signal}`,
      withinMs: limitTime * 1000 + turnsMs,
      notBeforeMs: limitTime * 1000 - turnsMs,
    })
  }
  if (stuckTime !== undefined) {
    all.push({
      what: `${signal} stuck`,
      frozen: [signal],
      cause: `stuck: ${signal}`,
      withinMs: stuckTime * 1000 + turnsMs,
      notBeforeMs: stuckTime * 1000 - 2,
      slow: stuckTime > 2,
    })
  }
  if (jump !== undefined) {
    const far = signal === 'pack_voltage' ? 0.3 : 40 + jump + 2
    all.push({
      what: `${signal} jumping (implausible)`,
      readings: { [signal]: far },
      cause: `jump: ${signal}`,
      withinMs: jumpTime * 1000 + turnsMs,
      notBeforeMs: jumpTime * 1000 - turnsMs,
    })
  }
  return all
}

const ofHand = (
  { longest = 0, ...hold }: NonNullable<SafetySpec['hold']>,
  brakeLongest: number,
): Fault[] => [
  {
    what: 'the hand let go and the loop drives on',
    readings: { trigger: 0 },
    cause: 'dead_man: trigger',
    withinMs: hold.stopTime * 1000 + 0.7,
    notBeforeMs: hold.stopTime * 1000 - 1,
  },
  {
    what: 'a trigger that is stuck',
    readings: { motor_current: 10 },
    cause: 'held: trigger',
    withinMs: longest * 1000,
    notBeforeMs: longest * 1000 - 100,
    slow: longest > 2,
  },
  {
    what: 'a brake that does not end',
    asks: { duty: 0, brake: 50 },
    readings: { trigger: 0, motor_current: -10 },
    cause: 'braked: trigger',
    withinMs: brakeLongest * 1000 + 0.3,
    notBeforeMs: brakeLongest * 1000 - 1,
  },
  {
    what: 'drive and brake asked for at once',
    asks: { duty: 30, brake: 30 },
    cause: 'outputs: trigger',
    withinMs: 0.1,
    notBeforeMs: 0,
  },
  {
    what: 'a bridge turned under drive',
    asks: { duty: 30, bridge: 1 },
    cause: 'outputs: trigger',
    withinMs: 0.1,
    notBeforeMs: 0,
  },
]

/** Every fault of a machine as the drill is one. */
export const faultsOf = ({ hold, current, levels, brakeLongest = 0 }: SafetySpec): Fault[] => {
  if (hold === undefined || current === undefined) throw new Error('the drill has both')
  return [...ofCurrent(current), ...levels.flatMap(ofLevel), ...ofHand(hold, brakeLongest)]
}
