// A batch is several requests that do not wait for each other: a server that fails one of them has
// ended all of them before the batch is tried again.
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { OperatingError } from '../../gateway/core/errors.ts'
import { createInfluxSink, type Transport } from '../../gateway/influx/sink.ts'
import { reading } from './readings.ts'

const sinkOn = (write: Transport['write']) =>
  createInfluxSink({
    name: 'influx1',
    withDaily: true,
    transport: { ping: async () => {}, write, serverNowUs: () => 2e15, stop: () => {} },
    database: {
      days: async () => [],
      prepare: async () => ({ reports: Infinity, daily: Infinity, events: Infinity }),
    },
  })

const readings = Array.from({ length: 5000 }, (_, sequence) =>
  reading({ sequence, timeUs: 1.8e15 + sequence, bootUs: 1.8e15, c: { starts: sequence } }),
)

interface Open {
  policy: string
  lines: readonly string[]
  end: (error?: Error) => void
}

const byHand = () => {
  const open: Open[] = []
  const sink = sinkOn(
    (policy, lines) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error === undefined ? resolve(undefined) : reject(error))
        open.push({ policy, lines, end })
      }),
  )
  const opened = (count: number) => vi.waitFor(() => expect(open).toHaveLength(count), 10_000)
  return { sink, open, opened }
}

test('all requests of the readings are on their way at once, each line in one', async () => {
  const { sink, open, opened } = byHand()
  const done = sink.write({ readings, events: [] })
  await opened(3)
  const lines = open.flatMap(({ lines }) => lines)
  expect(lines).toHaveLength(5000)
  expect(new Set(lines).size).toBe(5000)
  for (const { end } of open) end()
  // The day and the session, which do not wait for each other either.
  await opened(5)
  expect(open.slice(3).map(({ policy }) => policy)).toEqual(['daily', 'daily'])
  expect(open[3]?.lines[0]).toContain('starts=4999i')
  for (const { end } of open) end()
  expect(await done).toEqual({ refused: [], dropped: [] })
})

test('a failed one fails the batch, once the others have ended', async () => {
  const { sink, open, opened } = byHand()
  const away = new OperatingError('away', { message: 'no answer', remedy: 'Start it.' })
  let ended = false
  const done = sink.write({ readings, events: [] }).finally(() => {
    ended = true
  })
  done.catch(() => {})
  await opened(3)
  open[0]?.end(away)
  open[1]?.end()
  for (let turn = 0; turn < 20; turn++) await setImmediate()
  expect(ended).toBe(false)
  open[2]?.end()
  await expect(done).rejects.toBe(away)
  expect(open).toHaveLength(3)
})
