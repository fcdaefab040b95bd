// What a gateway holds of its fleet, as doctor and Prometheus tell it, with a real nats-server that
// goes and comes back.
import { setTimeout } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { Leases } from '../../gateway/core/link.ts'
import type { Source } from '../../gateway/core/source.ts'
import { linkFindings } from '../../gateway/link-findings.ts'
import { openMetrics } from '../../gateway/operations/metrics.ts'
import type { NatsSettings } from '../../gateway/sources/nats/settings.ts'
import { natsInstalled, startNats } from '../servers/nats.ts'
import { startSource } from './stand.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await setTimeout(20)
}

const running = async (name: string, servers: readonly string[]): Promise<Source> => {
  const settings: NatsSettings = {
    ...{ servers: [...servers], name, fleet: 'test', replicas: 1, shards: 4, leaseMs: 1000 },
    ...{ confirmedBy: 'influx1', bytesMax: 1024 ** 2 },
  }
  return await startSource(settings, stops)
}

const leasesOf = (source: Source): Leases => {
  const leases = source.links?.()[0]?.leases
  if (leases === undefined) throw new Error('it says nothing of its leases')
  return leases
}

const findingsOf = (source: Source) =>
  linkFindings(
    (source.links?.() ?? []).map((one) => ({ source: 'nats', ...one })),
    0,
  )

test.runIf(natsInstalled())(
  'shards, gateways, epochs and what was lost',
  async () => {
    const server = await startNats(1)
    stops.push(() => server.remove())
    const first = await running('a', server.urls)
    await until(() => leasesOf(first).owned === 4)
    const second = await running('b', server.urls)
    await until(() => leasesOf(first).owned === 2 && leasesOf(second).owned === 2)
    expect(leasesOf(first)).toMatchObject({ shards: 4, gateways: 2, epoch: 1, fenced: 0 })
    // Taken over from the first one, each in its second epoch.
    expect(leasesOf(second)).toMatchObject({ shards: 4, gateways: 2, epoch: 2, fenced: 0 })
    expect(findingsOf(second)[1]).toMatchObject({
      ...{ station: 'sources', verdict: 'good' },
      text: expect.stringMatching(/^nats: 2 of 4 shards are owned, at epoch 2 at most; 2 gateways/),
    })
    await server.kill(0)
    await until(() => leasesOf(first).owned === 0 && leasesOf(first).missed > 0)
    const lost = leasesOf(first)
    expect(lost).toMatchObject({ fenced: 2, epoch: 1 })
    expect(findingsOf(first)[1]).toMatchObject({
      ...{ verdict: 'note', remedy: expect.stringContaining('nats_unreachable') },
    })
    const metrics = await openMetrics()
    const text = await metrics.text({
      ...{ sinks: [], lifecycles: [], ready: true, connections: 0, freeBytes: 1 },
      log: { next: 0, bytes: 0, segments: 0, queuedBytes: 0 },
      written: { sinceUs: 0, nowUs: 0 } as never,
      links: (first.links?.() ?? []).map((one) => ({ source: 'nats', ...one })),
    })
    expect(text).toMatch(/^tenfold_nats_shards_owned 0$/m)
    expect(text).toMatch(/^tenfold_nats_gateways 2$/m)
    expect(text).toMatch(/^tenfold_nats_epoch 1$/m)
    expect(text).toMatch(/^tenfold_nats_fenced_total 2$/m)
    expect(text).toMatch(/^tenfold_nats_missed_total [1-9]\d*$/m)
    await server.start(0)
    await until(() => leasesOf(first).owned + leasesOf(second).owned === 4)
    expect(Math.max(leasesOf(first).epoch, leasesOf(second).epoch)).toBeGreaterThan(1)
  },
  120_000,
)
