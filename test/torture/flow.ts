// How long it takes until data flow again: from the return of whoever was away until a report that
// was sent after it can be asked for. In the long form at most 5 s; in the short one only printed.
import { afterEach } from 'vitest'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import type { GatewayProcess } from '../servers/gateway.ts'
import { long, sleep, unservedOf, within } from './world.ts'

export const limitMs = 5000
/** How long a fault lasts. */
export const awayMs = long ? 20_000 : 1500

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
/** After the test, the last one first. */
export const later = (end: () => unknown): void => {
  ends.push(end)
}

/** Every counter `starts` is one more than the sequence of the report that brought it. */
export const startsOf = async ({ pageUrl }: GatewayProcess): Promise<Map<string, number>> => {
  const reply = await fetch(new URL('/api/units', pageUrl))
  const { units } = (await reply.json()) as { units: UnitSummary[] }
  return new Map(units.map(({ unit, counters }) => [unit, Number(counters['starts'] ?? 0)]))
}

/** A unit, by the name that the gateway in question has for it. */
export interface Sending {
  name: string
  /** Reports that it has sent until now. */
  sent(): number
}

export interface Flowing {
  gateway(): GatewayProcess
  unit: Sending
  /** Processes that need a processor for it. */
  pids(): readonly (number | undefined)[]
}

/**
 * Milliseconds that a thread of these was ready and had no processor, the longest of them
 * (proc(5), schedstat); 0 where the system does not say.
 */
export const unservedMs = (pids: readonly (number | undefined)[]): number =>
  Math.max(0, ...pids.flatMap((pid) => unservedOf(pid)))

/** Whether a report with this sequence, or a later one, has come to where it belongs. */
export interface Reaching {
  arrived(sequence: number): Promise<boolean>
  /** Reports that were sent until now. */
  sent(): number
  pids(): readonly (number | undefined)[]
}

/** Waits until a report that is sent from now on has arrived. */
export const freshIn = async (
  what: string,
  { arrived, sent, pids }: Reaching,
  mostMs = limitMs,
): Promise<void> => {
  const wanted = sent()
  const [beginMs, before] = [performance.now(), unservedMs(pids())]
  while (!(await arrived(wanted).catch(() => false))) await sleep(50)
  const tookMs = performance.now() - beginMs
  // Another program's hold on the processor is no outage of these.
  const waitedMs = Math.max(0, unservedMs(pids()) - before)
  const said = `${what}: data flow after ${Math.round(tookMs)} ms, with a processor`
  within(Math.max(0, tookMs - waitedMs), mostMs, said)
}

/** The same for a unit whose counters a gateway shows. */
export const freshAgain = (what: string, { gateway, unit, pids }: Flowing, mostMs = limitMs) => {
  const arrived = async (sequence: number): Promise<boolean> =>
    ((await startsOf(gateway())).get(unit.name) ?? 0) > sequence
  return freshIn(what, { arrived, sent: unit.sent, pids }, mostMs)
}

/** Before the first fault: no limit. */
export const flowing = (flow: Flowing): Promise<void> =>
  freshAgain('at the start', flow, Number.POSITIVE_INFINITY)
