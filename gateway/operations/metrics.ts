// The gateway's own counters in the text form that Prometheus reads. No unit is a label: their
// number has no bound, and a unit's life is in the store. Computed when asked, not kept.
import type { Counter, Gauge } from 'prom-client'
import type { Leases, SourceLink } from '../core/link.ts'
import type { Written } from '../core/queries.ts'
import type { SinkHealth } from '../pipeline/protocol.ts'

/** What is known of a gateway at one moment. */
export interface Vitals {
  sinks: readonly SinkHealth[]
  /** Connections of sources to peers outside. */
  links: readonly SourceLink[]
  log: { next: number; bytes: number; segments: number; queuedBytes: number }
  written: Written
  /** Room on the disk of the data folder, bytes. */
  freeBytes: number
  /** Lifecycle state of each unit. */
  lifecycles: readonly string[]
  ready: boolean
  connections: number
}

export interface Metrics {
  readonly type: string
  text(vitals: Vitals): Promise<string>
}

/** Loads the package, and from then on watches garbage collection and the event loop. */
export const openMetrics = async (): Promise<Metrics> => {
  const { collectDefaultMetrics, Counter, Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const shared = { registers: [registry] }
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name: `tenfold_${name}`, help, labelNames, ...shared })
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `tenfold_${name}`, help, labelNames, ...shared })

  const records = counter('sink_records_total', 'Records of the log by how they ended', [
    'sink',
    'end',
  ])
  const dropped = counter('sink_dropped_total', 'Records that were dropped', ['sink', 'reason'])
  const pending = gauge('sink_pending_records', 'Records that a sink does not have yet', ['sink'])
  const lag = gauge('sink_lag_seconds', 'Age of the oldest record it does not have', ['sink'])
  const failing = gauge('sink_failed_attempts', 'Attempts since the last success', ['sink'])
  const appended = counter('log_records_total', 'Records that are durable in the log')
  const logBytes = gauge('log_bytes', 'Bytes of the log on the disk')
  const queued = gauge('log_queued_bytes', 'Bytes that wait for their fsync')
  const written = counter('disk_written_bytes_total', 'Bytes written to the disk', ['part'])
  const free = gauge('disk_free_bytes', 'Room on the disk of the data folder')
  const units = gauge('units', 'Units by lifecycle state', ['lifecycle'])
  const ready = gauge('ready', '1 while the gateway takes data')
  const connections = gauge('mqtt_connections', 'Clients of the embedded broker')
  const fillLinks = linkGauges(gauge)
  const fillLeases = leaseFigures(gauge, counter)

  const fill = (vitals: Vitals): void => {
    for (const each of [records, dropped, appended, written]) each.reset()
    for (const each of [pending, lag, failing, units]) each.reset()
    fillLinks(vitals.links)
    fillLeases(vitals.links.find(({ leases }) => leases !== undefined)?.leases)
    for (const { sink, ...health } of vitals.sinks) {
      for (const end of ['stored', 'duplicate', 'quarantined'] as const) {
        records.inc({ sink, end }, health[end])
      }
      for (const [reason, count] of Object.entries(health.dropped)) {
        dropped.inc({ sink, reason }, count)
      }
      pending.set({ sink }, health.pending)
      lag.set({ sink }, health.lagUs / 1e6)
      failing.set({ sink }, health.attempts)
    }
    appended.inc(vitals.log.next)
    logBytes.set(vitals.log.bytes)
    queued.set(vitals.log.queuedBytes)
    const { totalBytes: all, logBytes: log, storeBytes: store } = vitals.written
    for (const [part, bytes] of Object.entries({ all, log, store })) {
      if (bytes !== undefined) written.inc({ part }, bytes)
    }
    free.set(vitals.freeBytes)
    for (const lifecycle of vitals.lifecycles) units.inc({ lifecycle })
    ready.set(vitals.ready ? 1 : 0)
    connections.set(vitals.connections)
  }
  return {
    type: registry.contentType,
    text: (vitals) => {
      fill(vitals)
      return registry.metrics()
    },
  }
}

type MakeGauge = <L extends string>(name: string, help: string, labels?: readonly L[]) => Gauge<L>

/** One time series for each peer that the settings name: few. */
const linkGauges = (gauge: MakeGauge): ((links: readonly SourceLink[]) => void) => {
  const labels = ['source', 'peer'] as const
  const connected = gauge('source_connected', '1 while a source reaches its peer', labels)
  const turned = gauge('source_turned_seconds', 'When that last changed, since 1970', labels)
  const heard = gauge('source_heard_seconds', 'When it was last heard, since 1970', labels)
  return (links) => {
    for (const each of [connected, turned, heard]) each.reset()
    for (const { source, peer, isConnected, sinceUs, heardUs } of links) {
      connected.set({ source, peer }, isConnected ? 1 : 0)
      turned.set({ source, peer }, sinceUs / 1e6)
      if (heardUs !== undefined) heard.set({ source, peer }, heardUs / 1e6)
    }
  }
}

type MakeCounter = (name: string, help: string) => Counter

/** Shares of a fleet; 0 where the gateway has none. */
const leaseFigures = (
  gauge: MakeGauge,
  counter: MakeCounter,
): ((leases: Leases | undefined) => void) => {
  const owned = gauge('nats_shards_owned', 'Shards that this gateway has a lease for')
  const gateways = gauge('nats_gateways', 'Gateways of the fleet that are alive')
  const epoch = gauge('nats_epoch', 'Greatest epoch that it has owned a shard in')
  const fenced = counter('nats_fenced_total', 'Shards that were lost before they were given up')
  const missed = counter('nats_missed_total', 'Heartbeats that the servers have not taken')
  return (leases) => {
    for (const each of [owned, gateways, epoch, fenced, missed]) each.reset()
    if (leases === undefined) return
    owned.set(leases.owned)
    gateways.set(leases.gateways)
    epoch.set(leases.epoch)
    fenced.inc(leases.fenced)
    missed.inc(leases.missed)
  }
}
