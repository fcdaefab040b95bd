// What people declare about a unit (accepted, serviced, handed on ...): which claim says so, which
// entry of the unit's chain includes it, and through which states it leads. Pure; who may declare
// what after the first acceptance, `refusedAuthor` says. A claim is a word, never measured.
import type { ClaimKind } from '../attestation/claim.ts'
import { change, type LifecycleState, type Transition } from './states.ts'

export interface Act {
  readonly claim: ClaimKind
  /** Type of the entry that includes it. */
  readonly entry: string
  readonly path: readonly LifecycleState[]
  readonly description: string
}

const act = (
  claim: ClaimKind,
  { entry, path }: { entry: string; path: readonly LifecycleState[] },
  description: string,
): Act => ({ claim, entry, path, description })

/** By the word of the command line. */
export const acts = {
  accept: act('acceptance', { entry: 'accepted', path: ['accepted'] }, 'you took the unit over'),
  repair: act(
    'repair',
    { entry: 'repair_begun', path: ['in_repair'] },
    'its repair has begun: from now on it counts as down',
  ),
  service: act(
    'service',
    { entry: 'repaired', path: ['in_repair', 'in_use'] },
    'you serviced or repaired it; it is in use again',
  ),
  refurbish: act(
    'refurbishment',
    { entry: 'refurbished', path: ['in_repair', 'refurbished'] },
    'you rebuilt it, for whoever takes it next',
  ),
  transfer: act(
    'transfer',
    { entry: 'transferred', path: ['transferred'] },
    'you handed it on to somebody else',
  ),
  store: act(
    'storage',
    { entry: 'stored', path: ['stored'] },
    'you put it away: it will be silent, and that is no fault',
  ),
  use: act(
    'use',
    { entry: 'taken_into_use', path: ['in_use'] },
    'you took it into use, or out of the store',
  ),
  selftest: act(
    'test',
    { entry: 'test_reported', path: [] },
    'you ran "tenfold selftest" on it: its signed report becomes part of its history',
  ),
  retire: act(
    'retirement',
    { entry: 'retired', path: ['retired'] },
    'its life has ended; nothing can follow',
  ),
} as const
export type ActName = keyof typeof acts

const list: readonly Act[] = Object.values(acts)

/** undefined for a claim that leads through no state, such as `production`. */
export const actOfClaim = (kind: string): Act | undefined =>
  list.find(({ claim }) => claim === kind)

export const actOfEntry = (type: string): Act | undefined =>
  list.find(({ entry }) => entry === type)

/** A unit that works goes on working, whoever has taken it over. */
const pathFrom = (
  from: LifecycleState | null,
  path: readonly LifecycleState[],
): readonly LifecycleState[] =>
  from === 'in_use' && path.length === 1 && path[0] === 'accepted' ? [...path, from] : path

/**
 * Why an author's word about a unit does not count, or undefined. Until it was accepted, and again
 * after it was handed on, anybody may take it over; after that its owner speaks, and whoever the
 * gateway's config names.
 */
export const refusedAuthor = (
  { lifecycle, owner }: { lifecycle: LifecycleState | null; owner: string | null },
  { kind, author }: { kind: ClaimKind; author: string },
  authorities: ReadonlySet<string>,
): string | undefined => {
  if (owner === null || author === owner || authorities.has(author)) return undefined
  if (kind === 'production') return undefined
  if (kind === 'acceptance' && lifecycle === 'transferred') return undefined
  return `${author} is neither the owner who accepted it nor named in units.authorities`
}

/** The state after all of a path, or the first refusal; then the state stays where it was. */
export const follow = (
  from: LifecycleState | null,
  path: readonly LifecycleState[],
): Transition => {
  let state = from
  for (const to of pathFrom(from, path)) {
    const step = change(state, to)
    // A unit without a state is refused nothing.
    if (!step.ok) return { ...step, state: from ?? step.state }
    state = step.state
  }
  return { ok: true, state: state as LifecycleState }
}

/** Names of the details of a claim about work on a unit. */
export const workDetails = {
  reason: 'reason',
  /** SHA-256 of a self-test's signed report, hex. */
  report: 'report',
  part: 'part',
  /** Task of the machine file's maintenance plan, once a task. */
  task: 'task',
  /** Of the parts replaced, one that had failed: not taken out by the plan. */
  failed: 'part_failed',
  /** `<part>:<serial>`, once a part. */
  partOut: 'part_out',
  partIn: 'part_in',
  /** `<name>=<total>`, once a counter: as its author's gateway knew it. */
  counter: 'counter',
} as const

export interface PartRef {
  readonly part: string
  readonly serial: string
}

/** Work as its author declares it. */
export interface Work {
  readonly reason: string | undefined
  /** Names of parts replaced, as the ledger reads them too. */
  readonly parts: readonly string[]
  readonly tasks: readonly string[]
  readonly failed: readonly string[]
  readonly out: readonly PartRef[]
  readonly in: readonly PartRef[]
  readonly counters: Readonly<Record<string, number>>
}

/** Every part that the work has replaced. */
export const partsReplaced = ({ parts, out, in: into }: Work): readonly string[] => [
  ...new Set([...parts, ...[...out, ...into].map(({ part }) => part)]),
]

/** `gearbox:G-17` to its two halves; undefined where it has another form. */
export const parsePart = (text: string): PartRef | undefined => {
  const [, part, serial] = /^([a-z][a-z0-9_]{0,63}):([A-Za-z0-9._/-]{1,64})$/.exec(text) ?? []
  return part === undefined || serial === undefined ? undefined : { part, serial }
}

/** What the details of a claim say of work; details of another form say nothing. */
export const workOf = (
  details: readonly { name: string; value: string | number | boolean }[],
): Work => {
  const texts = (name: string): string[] =>
    details.filter((detail) => detail.name === name).map(({ value }) => String(value))
  const parts = (name: string): PartRef[] => texts(name).flatMap((text) => parsePart(text) ?? [])
  const counters = texts(workDetails.counter).flatMap((text) => {
    const [, name, value] = /^([a-z][a-z0-9_]{0,63})=(\d{1,16})$/.exec(text) ?? []
    return name === undefined ? [] : [[name, Number(value)] as const]
  })
  return {
    reason: texts(workDetails.reason)[0],
    parts: texts(workDetails.part),
    tasks: texts(workDetails.task),
    failed: texts(workDetails.failed),
    out: parts(workDetails.partOut),
    in: parts(workDetails.partIn),
    counters: Object.fromEntries(counters),
  }
}
