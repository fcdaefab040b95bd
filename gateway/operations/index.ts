// Joins what helps to keep a gateway running: its metrics, its alerts, what systemd is told. Looks
// at the gateway from outside, through questions; without it everything else works the same.
import { basename, join } from 'node:path'
import type { ShownCertificate } from '../certificate-findings.ts'
import type { Clock } from '../core/clock.ts'
import type { SourceLink } from '../core/link.ts'
import type { Queries, Written } from '../core/queries.ts'
import type { Log } from '../log/log.ts'
import type { SinkHealth } from '../pipeline/protocol.ts'
import { Alerts } from './alerts.ts'
import { channelsOf } from './channels.ts'
import type { Disk } from './disk.ts'
import { type Metrics, openMetrics } from './metrics.ts'
import { type Room, RoomTrend } from './room.ts'
import { openService } from './service.ts'
import type { AlertSettings } from './settings.ts'

export interface OperationsParts {
  data: string
  alerts: AlertSettings
  clock: Clock
  env: Readonly<Record<string, string | undefined>>
  queries: Queries
  health(): Promise<SinkHealth[]>
  log: Pick<Log, 'status'>
  disk: Pick<Disk, 'written'>
  links(): readonly SourceLink[]
  freeBytes(): Promise<number>
  /** Those that the gateway shows or has issued, as their files are now. */
  certificates(): Promise<readonly ShownCertificate[]>
  connections(): number
  notReady(): readonly string[]
  secret(where: { env: string } | { file: string }): string
  note(line: string): void
}

export interface Operations {
  /** For Prometheus. */
  metrics(): Promise<{ type: string; text: string }>
  /** What went to the disk since the start. */
  written(): Promise<Written>
  /** Alerts by other settings from now on. Throws where a secret of theirs is not found. */
  alert(settings: AlertSettings): void
  stop(): void
}

/** Between two looks; a message leaves at most once in so long. */
const lookMs = 60_000
/** Between two looks at the files of certificates, of which there may be thousands. */
const certificatesMs = 3_600_000

export const startOperations = (parts: OperationsParts): Operations => {
  let metrics: Promise<Metrics> | undefined
  const service = openService(parts)
  const trend = new RoomTrend()
  const room = async (): Promise<Room | undefined> => {
    // A disk that cannot be looked at is told of by what cannot be written.
    const freeBytes = await parts.freeBytes().catch(() => undefined)
    return freeBytes === undefined ? undefined : trend.look(parts.clock.monotonicMs(), freeBytes)
  }
  // Also where nobody is alerted: the doctor asks.
  void room()
  const looking = setInterval(() => void room(), lookMs)
  let alerts = startAlerts(parts, room)
  service.ready()
  return {
    metrics: async () => {
      metrics ??= openMetrics()
      const opened = await metrics
      return { type: opened.type, text: await opened.text(await vitalsOf(parts)) }
    },
    written: async () => {
      const now = await room()
      return { ...writtenOf(parts, await parts.health()), ...(now && { room: now }) }
    },
    alert: (settings) => {
      const next = startAlerts({ ...parts, alerts: settings }, room)
      alerts()
      alerts = next
    },
    stop: () => {
      service.stopping()
      service.stop()
      clearInterval(looking)
      alerts()
    },
  }
}

const writtenOf = ({ disk }: OperationsParts, health: readonly SinkHealth[]): Written =>
  disk.written(health.find((sink) => sink.writtenBytes !== undefined)?.writtenBytes)

const vitalsOf = async (parts: OperationsParts) => {
  const { next, bytes, segments, queuedBytes } = parts.log.status()
  const units = await parts.queries.units()
  const sinks = await parts.health()
  return {
    sinks,
    links: parts.links(),
    written: writtenOf(parts, sinks),
    log: { next, bytes, segments, queuedBytes },
    freeBytes: await parts.freeBytes(),
    lifecycles: units.map(({ lifecycle }) => lifecycle),
    ready: parts.notReady().length === 0,
    connections: parts.connections(),
  }
}

/** @returns what stops it */
const startAlerts = (
  parts: OperationsParts,
  room: () => Promise<Room | undefined>,
): (() => void) => {
  const { alerts: settings, clock, queries, note } = parts
  const channels = channelsOf(settings, (where) => parts.secret(where))
  if (channels.length === 0) return () => {}
  const certificates = seldom(() => parts.certificates(), clock)
  const alerts = new Alerts({
    channels,
    thresholds: settings,
    clock,
    path: join(parts.data, 'alerts.json'),
    name: `tenfold ${basename(parts.data)}`,
    known: async () => ({
      nowUs: clock.nowUs(),
      sinks: await parts.health(),
      links: parts.links(),
      units: await queries.units(),
      notReady: parts.notReady(),
      certificates: await certificates(),
      room: await room(),
    }),
    faults: (after) => queries.faults(after),
    note,
  })
  let looking = false
  const look = async (): Promise<void> => {
    if (looking) return
    looking = true
    try {
      await alerts.look()
    } catch (error) {
      note(`alerts: ${(error as Error).message}`)
    } finally {
      looking = false
    }
  }
  void look()
  const timer = setInterval(() => void look(), lookMs)
  return () => clearInterval(timer)
}

/** The same answer for an hour; asked again at once where it failed. */
const seldom = <T>(ask: () => Promise<T>, clock: Pick<Clock, 'monotonicMs'>) => {
  let known: { value: T; atMs: number } | undefined
  return async (): Promise<T> => {
    const nowMs = clock.monotonicMs()
    if (known === undefined || nowMs - known.atMs >= certificatesMs) {
      known = { value: await ask(), atMs: nowMs }
    }
    return known.value
  }
}
