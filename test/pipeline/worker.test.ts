// The delivery worker as main.ts uses it: the real thread, the real log, questions, live values,
// errors.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import type { LiveReading } from '../../gateway/core/live.ts'
import { realFiles } from '../../gateway/log/files.ts'
import type { Log } from '../../gateway/log/log.ts'
import { openLog } from '../../gateway/log/open.ts'
import {
  type Delivery,
  type DeliveryOptions,
  startDelivery,
} from '../../gateway/pipeline/client.ts'
import { hello, report, unitName } from './feed.ts'

let dataDir: string
let log: Log
const stops: (() => Promise<void>)[] = []

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'tenfold-worker-'))
  log = await openLog({
    folder: join(dataDir, 'log'),
    files: realFiles(),
    clock: { nowUs: () => Date.now() * 1000, after: () => () => {} },
    random: (bytes) => randomBytes(bytes),
    retention: { maxBytes: 2 ** 32, reserveBytes: 0, maxAgeMs: Infinity, floor: () => 0 },
  })
})

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  await log.close()
  rmSync(dataDir, { recursive: true, force: true })
})

/** Until it holds: the test's own time is the limit, on a machine as busy as it may be. */
const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 110_000, interval: 20 })

const live = vi.fn<(readings: readonly LiveReading[]) => void>()
const fault = vi.fn<(error: Error) => void>()

const start = async (more: Partial<DeliveryOptions> = {}): Promise<Delivery> => {
  const delivery = await startDelivery(
    {
      ...{ dataDir, keysDir: join(dataDir, 'keys'), head: log.head, sinks: [] },
      profiles: [...loadProfiles().profiles.values()],
      bounds: { readingAgeUs: 1e16, storeBytes: 1e12, quarantineBytes: 1e8 },
      ...more,
    },
    { live, command: () => {}, fault },
  )
  stops.push(() => delivery.stop())
  return delivery
}

const append = (...bodies: Buffer[]): Promise<unknown> =>
  Promise.all(
    bodies.map(
      (body) =>
        new Promise<void>((resolve, reject) =>
          log.append(body, false, (error) => (error ? reject(error) : resolve())),
        ),
    ),
  )

describe('the delivery worker', { timeout: 120_000 }, () => {
  test('stores what the log has, answers, and says what is new to whoever listens', async () => {
    const delivery = await start()
    await append(hello(), report({ boot: 1, seq: 0, t: 0, v: { torque: 2 } }))
    await eventually(async () => {
      expect(await delivery.health()).toMatchObject([
        { sink: 'store', stored: 2, pending: 0, state: 'idle', lagUs: 0, error: undefined },
      ])
    })
    expect(await delivery.queries.units()).toMatchObject([{ unit: unitName, readings: 1 }])
    expect(live).not.toHaveBeenCalled()
    delivery.listen(true)
    await append(report({ boot: 1, seq: 1, t: 1, v: { torque: 3 } }))
    await eventually(() => expect(live).toHaveBeenCalled())
    expect(live.mock.calls[0]?.[0]).toMatchObject([{ unit: unitName, machine: 'cordless_drill' }])
    expect(await delivery.queries.register()).toMatchObject({ units: [{ unit: unitName }] })
    expect(await delivery.queries.passport(unitName)).toContain('tenfold-passport@v1')
  })

  test("carries an error's code and remedy over", async () => {
    const delivery = await start()
    const asked = delivery.queries.events({ unit: 'nobody', limit: 1 })
    await expect(asked).rejects.toMatchObject({
      ...{ name: 'OperatingError', code: 'unit_unknown' },
      remedy: expect.stringMatching(/hello/),
    })
    await delivery.stop()
    await delivery.stop()
    await expect(delivery.queries.units()).rejects.toMatchObject({ code: 'delivery_stopped' })
    expect(fault).not.toHaveBeenCalled()
  })

  test('does not start with an unknown sink, or a file for a data folder', async () => {
    const sinks = [{ name: 'influx9', config: {} }]
    await expect(start({ sinks })).rejects.toMatchObject({ code: 'sink_unknown' })
    await expect(start({ sinks: [{ name: '../x', config: {} }] })).rejects.toMatchObject({
      code: 'sink_unknown',
    })
    const file = join(dataDir, 'file')
    writeFileSync(file, '')
    await expect(start({ dataDir: file })).rejects.toMatchObject({ code: 'store_unreadable' })
  })

  test('a database that does not answer holds up neither the store nor the stop', async () => {
    const config = { url: 'http://127.0.0.1:9', database: 'x', retentionDays: 0 }
    const delivery = await start({ sinks: [{ name: 'influx1', config }] })
    await append(hello(), report({ boot: 1, seq: 0, t: 0, v: { torque: 2 } }))
    await eventually(async () => {
      const [store, influx] = await delivery.health()
      expect(store).toMatchObject({ stored: 2, pending: 0 })
      expect(influx).toMatchObject({ sink: 'influx1', state: 'retrying', pending: 2 })
      expect(influx?.error?.remedy).not.toBe('')
    })
  })
})
