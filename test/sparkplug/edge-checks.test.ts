// The checks of what the edge node sends can fail: each of these worlds breaks one statement, and
// is like one that breaks none.
import { expect, test } from 'vitest'
import { type Check, parts } from './edge-checks.ts'
import type { EdgeWorld } from './edge-world.ts'
import { nowMs } from './stand.ts'

const hourMs = 3_600_000

/** Messages as kind, unit and time of its one item; in one session. */
const world = (...messages: [kind: string, unit: string, timestamp: number][]): EdgeWorld => {
  const sent = messages.map(([kind, unit, timestamp], at) => ({
    ...{ at, session: 0, kind, topic: `spBv1.0/hall/${kind}/gate${unit && `/${unit}`}` },
    ...{ timestamp, items: [{ alias: 1, timestamp }] },
  }))
  return { sent } as unknown as EdgeWorld
}
const fails = (check: Check, made: EdgeWorld): void => expect(() => check(made)).toThrow()

test('a time in another time zone is not now', () => {
  const check = parts.stamped('NDATA')
  check(world(['NDATA', '', nowMs()]))
  for (const ms of [hourMs, -hourMs, hourMs / 4]) fails(check, world(['NDATA', '', nowMs() + ms]))
})

test('an item that goes back in time between two messages is found', () => {
  const check = parts.chronological(['DBIRTH', 'DDATA'])
  check(world(['DBIRTH', 'a', 1], ['DDATA', 'a', 2], ['DDATA', 'a', 2]))
  fails(check, world(['DBIRTH', 'a', 1], ['DDATA', 'a', 3], ['DDATA', 'a', 2]))
  fails(check, world(['DBIRTH', 'a', 5], ['DDATA', 'a', 3], ['DDATA', 'a', 4]))
  // Two units have an order each.
  const births = [
    ['DBIRTH', 'a', 5],
    ['DBIRTH', 'b', 1],
  ] as const
  check(world(...births.map((one) => [...one] as [string, string, number]), ['DDATA', 'b', 2]))
})

test('data of a unit that is not born, has died, or whose node was born anew is found', () => {
  const check = parts.afterBirths('DDATA')
  const [node, unit, data] = [
    ['NBIRTH', '', 1] as [string, string, number],
    ['DBIRTH', 'a', 1] as [string, string, number],
    ['DDATA', 'a', 1] as [string, string, number],
  ]
  check(world(node, unit, data))
  fails(check, world(unit, data))
  fails(check, world(node, data))
  fails(check, world(node, ['DBIRTH', 'b', 1], data))
  fails(check, world(node, unit, ['DDEATH', 'a', 1], data))
  fails(check, world(node, unit, node, data))
  fails(parts.afterBirths('NDATA'), world(node, ['NDEATH', '', 1], ['NDATA', '', 1]))
})
