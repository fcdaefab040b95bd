// What a gateway remembers of one unit: the state that every fold of the pipeline works on. Plain
// JSON data, so that it is kept in one transaction with a cursor; absent numbers are null. No logic
// of its own beyond making a new one.
import type { RuleState } from '../../hardware-profiles/rules.ts'
import type { Machine } from '../core/machine.ts'
import { quality } from '../core/quality.ts'
import { completeLife, type LifeState, newLife } from '../lifecycle/life.ts'
import type { LifecycleState } from '../lifecycle/states.ts'
import type { Custody } from './decode.ts'
import type { DoorState } from './door.ts'
import type { SentState } from './exception.ts'
import type { SkewState } from './skew.ts'
import type { TrackState } from './track.ts'

/** One run of a board from power-on to power-off. */
export interface BootState {
  boot: number
  /** Wall clock at uptime 0, microseconds since 1970; fixed by the first record of the boot. */
  epochUs: number
  /** By how much the gateway's clock had been set when it was fixed; absent = not at all. */
  steppedUs?: number
  /** Highest sequence seen; -1 before the first. */
  high: number
  /** Below this, seen and missing sequences are no longer told apart. */
  floor: number
  /** Missing sequences between floor and high: from, to (inclusive), from, to, ... ascending. */
  gaps: number[]
  /** Sequences that were missing when their gap was forgotten. */
  lost: number
  /** Smallest and greatest value of each counter in this boot. */
  first: (number | null)[]
  last: (number | null)[]
  /** Counters that wrap, by sequence: then first and last are so, too. And what wraps add. */
  tracks?: (TrackState | null)[]
  turned?: number[]
}

export interface UnitState {
  unit: string
  machine: string
  /** Names at the positions of all lists below: a profile may grow between two starts. */
  signalNames: readonly string[]
  counterNames: readonly string[]
  simulated: boolean
  /** did:key from the first hello that stated one; a later other one is kept aside. */
  key: string | null
  otherKey: string | null
  custody: Custody
  /** What came of the newest challenge; absent before the first. */
  proof?: { proven: boolean; key: string; timeUs: number; why: string | null } | null
  /** Digests that the newest hello stated. */
  profile: string | null
  /** Digest of another profile, where the newest hello stated one: nothing it reports is taken. */
  mismatch?: string | null
  firmware: string | null
  lifecycle: LifecycleState | null
  /** What its maintenance, uptime and wear are worked out from. */
  life: LifeState
  /** Ascending by number, the newest limits.bootsPerUnit. */
  boots: BootState[]
  /**
   * Counters over boots that are forgotten: what drops have added, and where the last boot stood.
   */
  base: number[]
  tail: (number | null)[]
  /**
   * Counters of reports without a sequence: sum of lives ended, and the greatest value of the one
   * that goes on; with source times worked out from `hand`.
   */
  handBase: number[]
  handLast: (number | null)[]
  hand?: (TrackState | null)[] | null
  /** Counters over the whole life of the unit; null = never reported. */
  totals: (number | null)[]
  /** Newest value of each signal, and its quality. */
  values: (number | null)[]
  quality: number[]
  /** Source time of each newest value, where reports without a sequence carry one. */
  valueUs?: (number | null)[] | null
  /** What the sink was sent last, where it takes no reading that says the same. */
  sent?: SentState | null
  /** The same, where lines are drawn between what it was sent. */
  door?: DoorState | null
  /** Its clock against the gateway's. */
  skew?: SkewState | null
  /** Time of the newest reading. */
  lastUs: number | null
  rules: RuleState
  /** Types of events that the board finds by itself, as its newest hello says. */
  finds?: readonly string[] | null
  readings: number
  duplicates: number
  quarantined: number
  /** Readings of boots that were already forgotten: kept, but counted in no total. */
  late: number
  /** Sequences that were still missing when their boot was forgotten. */
  lost: number
}

export const newUnit = (unit: string, machine: Machine): UnitState => {
  const none = (): null[] => machine.counterFields.map(() => null)
  const zero = (): number[] => machine.counterFields.map(() => 0)
  return {
    unit,
    machine: machine.profile.machine,
    signalNames: machine.signalNames,
    counterNames: machine.counterNames,
    simulated: false,
    key: null,
    otherKey: null,
    custody: 'gateway',
    profile: null,
    firmware: null,
    lifecycle: null,
    life: newLife(),
    boots: [],
    base: zero(),
    tail: none(),
    handBase: zero(),
    handLast: none(),
    totals: none(),
    values: machine.signalFields.map(() => null),
    quality: machine.signalFields.map(() => quality.absent),
    lastUs: null,
    rules: {},
    readings: 0,
    duplicates: 0,
    quarantined: 0,
    late: 0,
    lost: 0,
  }
}

/** A state of an older gateway has less in it. */
const withLife = (kept: Omit<UnitState, 'life'> & { life?: Partial<LifeState> }): UnitState => ({
  ...kept,
  life: completeLife(kept.life ?? {}),
})

/** A kept state in the positions of its machine's profile, which may have changed since. */
export const fitToMachine = (kept: UnitState, machine: Machine): UnitState => {
  const state = withLife(kept)
  const { signalIndex, counterIndex, signalNames, counterNames } = machine
  if (same(state.counterNames, counterIndex) && same(state.signalNames, signalIndex)) {
    // The machine's own lists: thousands of units need not hold the names once more each.
    return { ...state, signalNames, counterNames }
  }
  const counters = <T>(list: T[], blank: T): T[] =>
    move({ list, names: state.counterNames, blank }, counterIndex)
  const signals = <T>(list: T[], blank: T): T[] =>
    move({ list, names: state.signalNames, blank }, signalIndex)
  return {
    ...state,
    ...{ signalNames, counterNames, sent: null, door: null },
    boots: state.boots.map((boot) => ({
      ...boot,
      first: counters(boot.first, null),
      last: counters(boot.last, null),
      ...(boot.tracks && { tracks: counters(boot.tracks, null) }),
      ...(boot.turned && { turned: counters(boot.turned, 0) }),
    })),
    base: counters(state.base, 0),
    tail: counters(state.tail, null),
    handBase: counters(state.handBase, 0),
    handLast: counters(state.handLast, null),
    ...(state.hand && { hand: counters(state.hand, null) }),
    totals: counters(state.totals, null),
    values: signals(state.values, null),
    quality: signals(state.quality, quality.absent),
    ...(state.valueUs && { valueUs: signals(state.valueUs, null) }),
  }
}

const same = (names: readonly string[], index: ReadonlyMap<string, number>): boolean =>
  names.length === index.size && names.every((name, i) => index.get(name) === i)

const move = <T>(
  from: { list: readonly T[]; names: readonly string[]; blank: T },
  index: ReadonlyMap<string, number>,
): T[] => {
  const out = Array.from(index, () => from.blank)
  from.names.forEach((name, i) => {
    const place = index.get(name)
    if (place !== undefined) out[place] = from.list[i] ?? from.blank
  })
  return out
}
