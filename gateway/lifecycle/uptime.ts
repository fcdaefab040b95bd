// Time per state of one unit as it streams: what a contact says holds until the next one, or is
// unknown where that takes too long. Pure, in place, exact after a replay; what the figures mean is
// durability's.
import type { UptimeState as SpanState } from '../durability/uptime.ts'
import type { LifecycleState } from './states.ts'

/** in_use and idle are up; failed (measured) and in_repair (declared) are down. */
export const doings = ['in_use', 'idle', 'failed', 'in_repair', 'stored', 'retired'] as const
export type Doing = (typeof doings)[number]

/** Plain data. Times in microseconds since 1970. */
export interface UptimeFold {
  /** As of the newest contact; null before the first. */
  doing: Doing | null
  contactUs: number | null
  /** The stretch that is still growing. */
  open: { fromUs: number; state: SpanState } | null
  /** Microseconds spent, by doing, and unknown. */
  spentUs: Record<Doing | 'unknown', number>
}

export interface ClosedSpan {
  readonly fromUs: number
  readonly toUs: number
  readonly state: SpanState
}

export const newUptime = (): UptimeFold => ({
  doing: null,
  contactUs: null,
  open: null,
  spentUs: { in_use: 0, idle: 0, failed: 0, in_repair: 0, stored: 0, retired: 0, unknown: 0 },
})

const spanStates: Readonly<Record<Doing, SpanState>> = {
  in_use: 'up',
  idle: 'up',
  failed: 'repair',
  in_repair: 'repair',
  stored: 'stored',
  // Its life is over: nobody waits for it.
  retired: 'stored',
}

/** A person's word holds while the unit says nothing: it lies on a bench or in a box. */
const isDeclared = (doing: Doing): boolean =>
  doing === 'in_repair' || doing === 'stored' || doing === 'retired'

const none: readonly ClosedSpan[] = []

/**
 * Takes a contact at `timeUs` after which the unit is `next`; returns the stretches that it
 * closes. A contact older than the newest one changes what the unit does, and no time.
 */
export const foldContact = (
  fold: UptimeFold,
  { timeUs, next }: { timeUs: number; next: Doing },
  silentUs: number,
): readonly ClosedSpan[] => {
  const { doing, contactUs } = fold
  if (doing === null || contactUs === null || fold.open === null) {
    fold.doing = next
    fold.contactUs = timeUs
    fold.open = { fromUs: timeUs, state: spanStates[next] }
    return none
  }
  const nowUs = timeUs > contactUs ? timeUs : contactUs
  const known = nowUs - contactUs <= silentUs || isDeclared(doing)
  fold.spentUs[known ? doing : 'unknown'] += nowUs - contactUs
  fold.doing = next
  fold.contactUs = nowUs
  const after = spanStates[next]
  if (known && after === fold.open.state) return none
  const closed: ClosedSpan[] = []
  const turn = (atUs: number, state: SpanState): void => {
    const { open } = fold
    if (open === null || open.state === state) return
    if (atUs > open.fromUs) closed.push({ fromUs: open.fromUs, toUs: atUs, state: open.state })
    fold.open = { fromUs: atUs, state }
  }
  if (!known) turn(contactUs, 'unknown')
  turn(nowUs, after)
  return closed
}

/** What the unit does, by its lifecycle and what it measures: use is believed before a box. */
export const doingOf = (
  lifecycle: LifecycleState | null,
  { inUse, down }: { inUse: boolean; down: boolean },
): Doing => {
  if (lifecycle === 'retired' || lifecycle === 'in_repair') return lifecycle
  if (down) return 'failed'
  if (inUse) return 'in_use'
  return lifecycle === 'stored' ? 'stored' : 'idle'
}
