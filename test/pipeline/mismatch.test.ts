// A unit that was built for another profile: what it reports would mean something else here, so
// that nothing of it is taken until it says hello with the gateway's own.
import { expect, test } from 'vitest'
import { drill, hello, pipelineInMemory, report, sent } from './feed.ts'

const other = 'ab'.repeat(32)
const refused = { kind: 'quarantine', reason: 'profile_mismatch' }

test('its hello, reports and items go to quarantine, until it has the right profile', () => {
  const pipeline = pipelineInMemory()
  const boot = (number: number, profile?: string) =>
    pipeline.process(number, hello({ boot: number, t: 0, ...(profile && { profile }) }))
  const says = (number: number) =>
    pipeline.process(9, report({ boot: number, seq: 1, t: 1, v: { torque: 1 } }))
  expect(boot(1, other)).toMatchObject(refused)
  expect(says(1)).toMatchObject({ kind: 'quarantine', reason: 'unit_unknown' })
  expect(boot(2, drill.digest)).toMatchObject({ kind: 'hello' })
  expect(says(2)).toMatchObject({ kind: 'reading' })
  expect(boot(3, other)).toMatchObject(refused)
  expect(says(3)).toMatchObject(refused)
  const item = { boot: 3, number: 1, kind: 'event', data: '' }
  expect(pipeline.process(9, sent({ kind: 'item', body: item }))).toMatchObject(refused)
  expect(boot(4, drill.digest)).toMatchObject({ kind: 'hello' })
  expect(says(4)).toMatchObject({ kind: 'reading' })
})

test('who states no profile is taken: a publisher by hand has none', () => {
  const pipeline = pipelineInMemory()
  expect(pipeline.process(0, hello())).toMatchObject({ kind: 'hello' })
  expect(pipeline.process(1, report({ v: { torque: 1 } }))).toMatchObject({ kind: 'reading' })
})
