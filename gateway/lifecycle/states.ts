// The states of a unit's life and which may follow which, as data, and the one function that reads
// it. Pure; it does not know what causes a change.

export const lifecycleStates = [
  'made',
  'accepted',
  'in_use',
  'stored',
  'in_repair',
  'refurbished',
  'transferred',
  'retired',
] as const
export type LifecycleState = (typeof lifecycleStates)[number]

/** What may follow each state; null is a unit nobody has heard of. */
const next: Readonly<Record<LifecycleState, readonly LifecycleState[]>> = {
  made: ['accepted', 'in_use', 'stored', 'in_repair', 'retired'],
  accepted: ['in_use', 'stored', 'in_repair', 'transferred', 'retired'],
  in_use: ['accepted', 'stored', 'in_repair', 'transferred', 'retired'],
  stored: ['accepted', 'in_use', 'in_repair', 'transferred', 'retired'],
  in_repair: ['refurbished', 'in_use', 'stored', 'retired'],
  refurbished: ['accepted', 'in_use', 'stored', 'in_repair', 'transferred', 'retired'],
  transferred: ['accepted', 'in_use', 'stored', 'in_repair', 'retired'],
  // What was retired has given its parts away; a unit built from them is a new unit.
  retired: [],
}

export type Transition =
  | { ok: true; state: LifecycleState }
  | { ok: false; state: LifecycleState; reason: string }

/**
 * The state after a change to `to`. A unit without a state may begin in any: a gateway often meets
 * a machine that is in use already. Staying where it is is no change and is allowed.
 */
export const change = (from: LifecycleState | null, to: LifecycleState): Transition => {
  if (from === null || from === to || next[from].includes(to)) return { ok: true, state: to }
  const allowed = next[from].length === 0 ? 'nothing' : next[from].join(', ')
  return { ok: false, state: from, reason: `${to} cannot follow ${from}; it may become ${allowed}` }
}
