import { expect, test } from 'vitest'
import type { Reading } from '../../gateway/core/delivery.ts'
import { LiveThinner } from '../../gateway/pipeline/live.ts'
import { hello, pipelineInMemory, report, unitName } from './feed.ts'

const readings = (): ReadonlyMap<string, Reading> => {
  const pipeline = pipelineInMemory()
  pipeline.process(0, hello())
  const outcome = pipeline.process(1, report({ boot: 1, seq: 0, t: 0, v: { torque: 2 } }))
  if (outcome.kind !== 'reading') throw new Error(outcome.kind)
  return new Map([[unitName, outcome.reading]])
}

test('holds the newest reading a unit, once, and nothing while nobody listens', () => {
  const live = new LiveThinner()
  live.offer(readings())
  expect(live.take()).toEqual([])
  live.listen(true)
  expect(live.take()).toEqual([])
  live.offer(readings())
  live.offer(readings())
  expect(live.take()).toMatchObject([{ unit: unitName, machine: 'cordless_drill' }])
  expect(live.take()).toEqual([])
  live.offer(readings())
  live.listen(false)
  expect(live.take()).toEqual([])
})
