// The composition root of a gateway: joins config, log, delivery, broker and pages. The only file
// that knows them all. What is started is stopped in reverse, so that every acknowledgement that
// was given is in the log and every record in hand is finished.

import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Profile } from '../hardware-profiles/profile.ts'
import { Admission } from './admission.ts'
import { restoredNotes } from './backup/restore.ts'
import { ClockSteps } from './clock-steps.ts'
import { type Commands, openCommands } from './commands/open.ts'
import { type Config, resolveSecret, type Secret } from './config.ts'
import { reachable } from './core/address.ts'
import type { Clock } from './core/clock.ts'
import type { SetpointRequest } from './core/command.ts'
import { OperatingError } from './core/errors.ts'
import { limits } from './core/limits.ts'
import type { SourceContext, UnitCommand } from './core/source.ts'
import { Live } from './live.ts'
import { realFiles } from './log/files.ts'
import { lockFolder } from './log/lock.ts'
import type { FileSystem, Log } from './log/log.ts'
import { openLog } from './log/open.ts'
import { openDisk } from './operations/disk.ts'
import { startOperations } from './operations/index.ts'
import { ownRecords } from './own-records.ts'
import { authentication, openPairing } from './pairing/open.ts'
import { type Delivery, type SinkConfig, startDelivery } from './pipeline/client.ts'
import { startReplaceable } from './reload/delivery.ts'
import { openReloader, settingsOf } from './reload/open.ts'
import type { Settings } from './reload/plan.ts'
import type { ReloadOutcome } from './reload/reload.ts'
import { requeue } from './requeue.ts'
import { certificatesOf } from './shown-certificates.ts'
import { storedCursor } from './sinks/store/cursor.ts'
import type { MqttBroker } from './sources/mqtt/broker.ts'
import { type BrokerParts, createBroker } from './sources/mqtt/index.ts'
import { keptRecordings } from './sources/serial/shelf.ts'
import { type Sources, startSources } from './sources.ts'
import type { Actions } from './web/actions.ts'
import { pagesMaterial } from './web/door.ts'
import { openImages } from './web/images.ts'
import { startWeb } from './web/server.ts'

export interface GatewayParts {
  config: Config
  /** The settings as they are now where they came from; throws an OperatingError. */
  reread(): Config
  profiles: readonly Profile[]
  clock: Clock
  /** Secure random bytes. */
  random(bytes: number): Uint8Array
  env: Readonly<Record<string, string | undefined>>
  /** One line for the person who runs it; never a secret. */
  note(line: string): void
}

export interface Gateway {
  /** Where a browser finds the pages. */
  readonly pageUrl: string
  /** Where units find the broker; over TLS where it has a port for that. */
  readonly mqttUrl: string
  readonly mqttTlsUrl: string | undefined
  /** Resolves with the error when the gateway can no longer do its work. */
  readonly failed: Promise<Error>
  /** Reads the settings again and takes up all that differs, or nothing (reload/). */
  reload(isDry: boolean): Promise<ReloadOutcome>
  /** Stops in reverse order. Idempotent. */
  stop(): Promise<void>
}

/** Starts all of it, or stops what had started and throws an OperatingError. */
export const startGateway = async (parts: GatewayParts): Promise<Gateway> => {
  const stops: (() => Promise<void>)[] = []
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (const end of stops.reverse()) {
        // One part that cannot be stopped must not keep the log from being closed.
        await end().catch((error: Error) => parts.note(`while stopping: ${error.message}`))
      }
    })()
    return stopping
  }
  try {
    return { ...(await start(parts, stops)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const start = async (
  parts: GatewayParts,
  stops: (() => Promise<void>)[],
): Promise<Omit<Gateway, 'stop'>> => {
  const { config, profiles, clock, note } = parts
  const failed = Promise.withResolvers<Error>()
  makeFolder(config.data)
  for (const line of restoredNotes(config.data)) note(line)
  const consumed = { offset: storedCursor(join(config.data, 'store')) }
  const disk = openDisk(realFiles(), clock)
  const log = await open(parts, () => consumed.offset, disk.files)
  stops.push(() => log.close())
  const admission = new Admission({ log, reserveBytes: config.log.reserveBytes, note })

  const live = new Live()
  const hearing = nobodyYet()
  const listeners = {
    live: (readings: Parameters<Live['push']>[0]) => live.push(readings),
    command: (command: UnitCommand) => void hearing.send(command),
    ask: (unit: string, request: SetpointRequest) => hearing.give(unit, request),
    note,
    fault: failed.resolve,
  }
  const delivery = await startReplaceable(deliveryOptions(parts, log), listeners, startDelivery)
  stops.push(() => delivery.stop())
  live.onListeners((on) => delivery.listen(on))
  stops.push(watch({ parts, log, delivery, consumed, admission }))

  const names = settingsOf(config)
  const receiving = await startReceiving(parts, { admission, delivery, stops, names, log })
  const { broker, actions, send, give } = receiving
  Object.assign(hearing, { send, give })
  const links = () => receiving.sources.links()
  const notReady = () => admission.notReady()

  const operations = startOperations({
    data: config.data,
    alerts: config.alerts,
    ...{ clock, log, disk, note, links, notReady, queries: delivery.queries, env: parts.env },
    ...{ health: () => delivery.health(), connections: () => broker.connections },
    freeBytes: () => statfs(config.data).then(({ bavail, bsize }) => bavail * bsize),
    certificates: async () => certificatesOf(reloader.settings.config),
    secret: (where) => secretOf(parts, where),
  })
  stops.push(async () => operations.stop())
  const reloader = openReloader({
    ...{ ...receiving, names, operations, delivery, clock, reread: parts.reread },
    pages: () => web,
    deliveryOptions: (wanted) => deliveryOptions({ ...parts, config: wanted }, log),
  })
  const reload = (isDry: boolean): Promise<ReloadOutcome> => reloader.reload(isDry)

  const web = await startWeb({
    ...config.http,
    tls: pagesMaterial(config.http, receiving.brokerParts),
    credentials: () => names.httpNames,
    // The health of a sink is its books and how it fares: what the page and `tenfold doctor` show.
    queries: { ...delivery.queries, books: () => delivery.health() },
    ...{ profiles, clock, live, links, note, notReady, firmware: actions.firmware },
    recordings: keptRecordings(config.data, profiles),
    ...{ actions: { ...actions, reload }, images: openImages() },
    ...{ metrics: () => operations.metrics(), written: () => operations.written() },
    token: { folder: config.data, random: parts.random },
    onDefect: (error) => note(`pages: ${String(error)}`),
  })
  stops.push(() => web.stop())
  return { pageUrl: web.url, ...brokerAt(config, broker), failed: failed.promise, reload }
}

const brokerAt = ({ mqtt: { host, tls } }: Config, { port, tlsPort }: MqttBroker) => ({
  mqttUrl: `mqtt://${reachable(host)}:${port}`,
  mqttTlsUrl: tls && `mqtts://${reachable(tls.host)}:${tlsPort}`,
})

/** Before the sources run nobody hears a command; the worker asks again at a hello. */
const nobodyYet = (): Pick<Receiving, 'send' | 'give'> => ({
  send: () => false,
  give: () => Promise.reject(new Error('the gateway is starting')),
})

interface Receiving {
  broker: MqttBroker
  brokerParts: BrokerParts
  sources: Sources
  actions: Omit<Actions, 'reload'>
  /** False where no source hears the unit. */
  send(command: UnitCommand): boolean
  give: Commands['give']
}

/** Everything that units speak to: the broker, the other sources, and what goes back to them. */
const startReceiving = async (
  parts: GatewayParts,
  { admission, delivery, stops, names, log }: ReceivingParts,
): Promise<Receiving> => {
  const { config, profiles, clock, random } = parts
  const send = (command: UnitCommand) => sources.command(command) || broker.command(command)
  const known = async (unit: string) =>
    (await delivery.queries.units()).find((one) => one.unit === unit)
  const line = (unit: string) => sources.line(unit)
  const commands = openCommands({ profiles, clock, random, known, send, line })
  const emit = commands.tap(admission.emit)
  const pairing = config.units.enrol === 'pairing' ? await openPairing(parts) : undefined
  stops.push(async () => pairing?.close())
  const folder = join(config.data, 'log')
  // Behind a front, what a source hands over goes elsewhere first.
  const ownOf = (name: string) =>
    config.sources.nats === undefined && { own: ownRecords(log, { folder, source: name }) }
  const brokerParts = {
    context: { ...sourceContext(parts, 'mqtt'), ...ownOf('mqtt') },
    keysFolder: join(config.data, 'keys', 'tls'),
    ...authentication(() => names.mqttNames, pairing),
  }
  const broker = createBroker(config.mqtt, brokerParts)
  const steps = new ClockSteps({ clock, note: (line) => parts.note(line) })
  const sources = await startSources({
    settings: config.sources,
    stamp: (record) => (config.log.clockSetLate ? steps.stamp(record) : record),
    context: (name) => ({
      ...sourceContext(parts, name),
      ...{ handover: delivery.handover, ...ownOf(name) },
    }),
    emit,
  })
  stops.push(() => sources.stop())
  await broker.start(sources.emit)
  stops.push(() => broker.stop())
  stops.push(() => commands.stop())
  const looking = setInterval(() => {
    if (!config.mqtt.homeAssistant && !config.sources['mqtt-client']?.homeAssistant) return
    delivery.queries.units().then(
      (units) => [broker, sources].map((one) => one.know(units)),
      () => {},
    )
  }, announceMs)
  stops.push(async () => clearInterval(looking))
  const actions: Receiving['actions'] = {
    command: commands.command,
    ...{ update: commands.update, check: commands.check, firmware: commands.firmware },
    requeue: (request) => requeue({ ...delivery, emit: admission.emit }, request),
    ...(pairing && { pair: () => pairing.desk.offer() }),
  }
  return { broker, brokerParts, sources, actions, send, give: commands.give }
}

/** How soon Home Assistant is told of a unit. */
const announceMs = 5000

interface ReceivingParts {
  admission: Admission
  delivery: Delivery
  stops: (() => Promise<void>)[]
  names: Settings
  log: Log
}

const makeFolder = (path: string): void => {
  try {
    mkdirSync(path, { recursive: true })
    accessSync(path, constants.W_OK)
  } catch (cause) {
    throw new OperatingError('data_folder', {
      message: `the data folder ${path} cannot be written: ${(cause as Error).message}`,
      remedy: 'Check the setting "data", who may write there, and that its disk is not read-only.',
      cause,
    })
  }
}

const open = (
  { config, clock, random, note }: GatewayParts,
  floor: () => number,
  files: FileSystem,
): Promise<Log> =>
  openLog({
    folder: join(config.data, 'log'),
    files,
    clock: {
      nowUs: () => clock.nowUs(),
      after: (delayMs, task) => {
        const timer = setTimeout(task, delayMs)
        timer.unref()
        return () => clearTimeout(timer)
      },
    },
    random,
    lock: lockFolder,
    limits: {
      segmentBytes: limits.segmentBytes,
      queuedBytes: limits.appendQueueBytes,
      commitDelayMs: config.log.commitDelayMs,
    },
    retention: {
      maxBytes: config.log.bytesMax,
      reserveBytes: config.log.reserveBytes,
      maxAgeMs: config.log.ageMaxDays * dayMs,
      floor,
    },
  }).then((log) => {
    const { tornBytes, damagedCommits, lostOffsets } = log.status().recovery
    if (tornBytes > 0) note(`log: an unfinished write of ${tornBytes} bytes was cut off`)
    if (damagedCommits + lostOffsets > 0) {
      note(`log: damage: ${damagedCommits} commits, ${lostOffsets} records lost; check the disk`)
    }
    return log
  })

const dayMs = 86_400_000

const deliveryOptions = (parts: GatewayParts, log: Log) => ({
  dataDir: parts.config.data,
  keysDir: join(parts.config.data, 'keys'),
  profiles: parts.profiles,
  head: log.head,
  sinks: sinksOf(parts),
  ...parts.config.units,
  // Who was paired may say hello; who was not does not get so far.
  enrol: parts.config.units.enrol === 'closed' ? ('closed' as const) : ('hello' as const),
  ...parts.config.durability,
  ledger: parts.config.ledger,
  bounds: {
    readingAgeUs: parts.config.store.retentionDays * dayMs * 1000,
    storeBytes: parts.config.store.bytesMax,
    quarantineBytes: limits.quarantineBytes,
  },
})

const sourceContext = (parts: GatewayParts, name: string): SourceContext => ({
  profiles: parts.profiles,
  clock: parts.clock,
  sinks: Object.keys(parts.config.sinks),
  random: (bytes) => parts.random(bytes),
  folder: join(parts.config.data, 'sources', name),
  secret: (where) => secretOf(parts, where),
  note: (line) => parts.note(`${name}: ${line}`),
})

const secretOf = ({ env }: GatewayParts, where: Secret): string =>
  resolveSecret(where, { env, readFile: (path) => readFileSync(path, 'utf8') })

/** Settings of the databases outside, their secrets read now and handed to the worker only. */
const sinksOf = (parts: GatewayParts): SinkConfig[] =>
  Object.entries(parts.config.sinks).flatMap(([name, config]) => {
    if (config === undefined) return []
    const read = Object.entries(config).map(([key, value]) => {
      const isSecret = key === 'password' || key === 'token'
      return [key, isSecret ? secretOf(parts, value as Secret) : value]
    })
    const { exception, recordsPerSecond } = config as Pick<
      SinkConfig,
      'exception' | 'recordsPerSecond'
    >
    return [{ name, config: Object.fromEntries(read), exception, recordsPerSecond }]
  })

interface Watched {
  parts: GatewayParts
  log: Log
  delivery: Delivery
  consumed: { offset: number }
  admission: Admission
}

/** Once a second: how far the embedded store is, for the log's retention. Hourly: the retention. */
const watch = ({ parts, log, delivery, consumed, admission }: Watched): (() => Promise<void>) => {
  let seconds = 0
  const look = (): void => {
    statfs(parts.config.data).then(
      ({ bavail, bsize }) => admission.room(bavail * bsize),
      // What cannot be looked at is not known to be full: a write will tell.
      () => {},
    )
  }
  look()
  const timer = setInterval(() => {
    look()
    seconds += 1
    delivery.health().then(
      ([store]) => {
        consumed.offset = store?.cursor ?? consumed.offset
      },
      () => {},
    )
    if (seconds % 3600 !== 0) return
    log.retain().catch((error: Error) => parts.note(`log: retention: ${error.message}`))
  }, 1000)
  return async () => clearInterval(timer)
}
