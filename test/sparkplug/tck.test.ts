// Counts how much of the specification is covered, and prints it with the reasons for the rest.
import { expect, test } from 'vitest'
import { edgeChecks } from './edge-ids.ts'
import { hostChecks } from './host-ids.ts'
import { mqtt5Ids, notCovered, serverIds, statements } from './tck-list.ts'

const split = (ids: string): string[] => ids.split(' ')

test('every statement is covered once, or has a reason', () => {
  const checked = [...edgeChecks, ...hostChecks].flatMap(([ids]) => split(ids))
  const covered = [...checked, ...serverIds, ...mqtt5Ids]
  const reasons = notCovered.map(({ why, prefix = '', ids }) => ({
    why,
    ids: split(ids).map((id) => prefix + id),
  }))
  const without = reasons.flatMap(({ ids }) => ids)
  console.log(`sparkplug: ${covered.length} of ${statements} statements covered`)
  for (const { why, ids } of reasons) console.log(`sparkplug: ${ids.length} not: ${why}`)
  expect([...covered, ...without].filter((id, i, all) => all.indexOf(id) !== i)).toEqual([])
  expect(covered.length + without.length).toBe(statements)
})
