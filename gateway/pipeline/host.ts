// What runs in the delivery worker: the embedded store and the databases outside, each with its own
// runner, reader and cursor; maintenance of the store; answers to questions. Joined here, started
// and stopped by worker.ts. It never touches the main thread's sockets.
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { Clock } from '../core/clock.ts'
import type { CommandOutcome, SetpointRequest } from '../core/command.ts'
import type { Books, Sink } from '../core/delivery.ts'
import { OperatingError } from '../core/errors.ts'
import type { Asked, KeptUnit } from '../core/handover.ts'
import { limits } from '../core/limits.ts'
import { type Machine, prepareMachine } from '../core/machine.ts'
import type { UnitLife, UnitSummary } from '../core/queries.ts'
import { realFiles } from '../log/files.ts'
import { openReader } from '../log/reader.ts'
import { writtenBy } from '../operations/disk.ts'
import { Attestation } from '../sinks/store/attestation.ts'
import { giveUnit } from '../sinks/store/handover.ts'
import { storeName } from '../sinks/store/local-stage.ts'
import { readAside } from '../sinks/store/quarantine.ts'
import { Store } from '../sinks/store/store.ts'
import type { AsideAsked, AsideRow } from './aside.ts'
import { FiguresRound } from './figures.ts'
import { LiveThinner, liveEveryMs } from './live.ts'
import { OutsideStage } from './outside.ts'
import {
  type DeliveryOptions,
  type FromWorker,
  plainError,
  type SinkConfig,
  type SinkHealth,
} from './protocol.ts'
import { Runner, runnerDefaults, type Stage } from './runner.ts'

/** What a sink's `create` gets beside its settings. */
export interface SinkContext {
  readonly clock: Clock
  readonly profiles: readonly Profile[]
  /** Folder of its own in the data folder; it makes it when needed. */
  readonly folder: string
  /** 0 to 1, for the jitter of reconnects. */
  random(): number
  /** One line for the person who runs the gateway; never a secret. */
  note(line: string): void
  /** What the embedded store knows of all units, and of one's life. Not before `open`. */
  units(): UnitSummary[]
  life(query: { unit: string; nowUs: number }): UnitLife
  /** Asks a unit for setpoints; rejects with an OperatingError where it was not asked. */
  command(unit: string, request: SetpointRequest): Promise<CommandOutcome>
}

export interface Host {
  /** Methods of core Queries, and `health`. */
  readonly answers: Readonly<Record<string, (...args: never[]) => unknown>>
  listen(on: boolean): void
  stop(): Promise<void>
}

/** What the worker gives its host of the outside. */
export interface World {
  readonly clock: Clock
  /** 0 to 1, for the jitter of retries. */
  random(): number
  /** Secure random bytes, for keys. */
  randomBytes(bytes: number): Uint8Array
  say(message: FromWorker): void
  /** Asks the gateway's desk. */
  command(unit: string, request: SetpointRequest): Promise<CommandOutcome>
}

/** How long a stop waits for a database that does not answer, milliseconds. */
const farewellMs = 3000
const maintainEveryMs = 1000

/** Rejects with an OperatingError when the store or a sink cannot be opened. */
export const startHost = async (options: DeliveryOptions, world: World): Promise<Host> => {
  const { clock, say } = world
  const machines = new Map<string, Machine>(
    options.profiles.map((profile) => [profile.machine, prepareMachine(profile)]),
  )
  const sinks = await Promise.all(
    options.sinks.map((sink) =>
      createSink(sink, {
        ...{ clock, profiles: options.profiles },
        folder: join(options.dataDir, 'sinks', sink.name),
        random: () => world.random(),
        note: (line) => say({ kind: 'note', line }),
        units: () => store.queries.units(),
        life: (query) => store.queries.life(query),
        command: (unit, request) => world.command(unit, request),
      }),
    ),
  )
  const { bounds, enrol = 'hello' } = options
  const store = Store.open({ folder: join(options.dataDir, 'store'), machines, enrol, bounds })
  const live = new LiveThinner()
  const { dataDir, keysDir, ledger = {}, authorities } = options
  const attestation = new Attestation(store, {
    ...{ dataDir, keysDir, ledger, machines, authorities },
    random: (bytes) => world.randomBytes(bytes),
    command: (command) => say({ kind: 'command', command }),
  })
  const stages: Stage[] = [
    store.stage({
      attestor: (unit) => attestation.attestor(unit),
      onKept: (newest) => live.offer(newest),
    }),
    ...sinks.map((sink) => outside(store, { sink, options })),
  ]
  const runners = stages.map((stage) => runnerOf(stage, { options, world }))
  for (const runner of runners) runner.start()
  const pushing = setInterval(() => {
    const readings = live.take()
    if (readings.length > 0) say({ kind: 'live', readings })
  }, liveEveryMs)
  const stopping = new AbortController()
  const source = store.queries
  const { referenceHours } = options
  const figures = new FiguresRound({ source, sinks, referenceHours }, clock.nowUs())
  const maintenance = maintain(store, { clock, signal: stopping.signal })
  // By itself: a database that does not answer must hold up neither the store nor a reading.
  const giving = give(figures, { clock, signal: stopping.signal })
  return {
    answers: {
      ...answersOf({ store, runners, passports: attestation, figures }),
      ...handoverOf({ store, attestation, sinks }),
    },
    listen: (on) => live.listen(on),
    async stop() {
      clearInterval(pushing)
      stopping.abort()
      await maintenance
      const ends = Promise.all([giving, ...runners.map((runner) => runner.stop())])
      await Promise.race([ends, clock.sleep(farewellMs)])
      store.close()
    },
  }
}

const outside = (
  store: Store,
  { sink, options }: { sink: Sink; options: DeliveryOptions },
): Stage => {
  const { name } = sink
  const exception = options.sinks.find((one) => one.name === name)?.exception
  return new OutsideStage({
    ...{ sink, exception },
    keeper: store.books(name),
    pipeline: store.pipeline(name),
  })
}

/**
 * A database outside gathers for longer, and takes more at once: its requests cost more than a
 * commit here, and each of their steps has to wait for its turn in this thread.
 */
const outsideOptions = {
  lingerMs: 100,
  batchRecords: limits.outsideBatchRecords,
  batchBytes: limits.outsideBatchBytes,
}

const runnerOf = (
  stage: Stage,
  { options, world }: { options: DeliveryOptions; world: World },
): Runner =>
  new Runner({
    stage,
    reader: openReader(realFiles(), join(options.dataDir, 'log'), options.head),
    clock: world.clock,
    random: () => world.random(),
    options: {
      ...runnerDefaults,
      ...(stage.name !== storeName && outsideOptions),
      recordsPerSecond: options.sinks.find(({ name }) => name === stage.name)?.recordsPerSecond,
    },
  })

const plainOf = (error: OperatingError | undefined) => error && plainError(error)

interface Answering {
  store: Store
  runners: readonly Runner[]
  passports: Attestation
  figures: FiguresRound
}

const answersOf = ({ store, runners, passports, figures }: Answering): Host['answers'] => {
  const { queries } = store
  return {
    units: () => queries.units(),
    series: (query: Parameters<typeof queries.series>[0]) => queries.series(query),
    events: (query: Parameters<typeof queries.events>[0]) => queries.events(query),
    life: (query: Parameters<typeof queries.life>[0]) => queries.life(query),
    durability: (query: Parameters<typeof queries.durability>[0]) => queries.durability(query),
    quarantine: (query: Parameters<typeof queries.quarantine>[0]) => queries.quarantine(query),
    faults: (afterOffset: number) => queries.faults(afterOffset),
    books: (): Books[] => runners.map((runner) => runner.books()),
    health: (): SinkHealth[] =>
      runners.map((runner) => {
        const health = runner.health()
        const writtenBytes = health.sink === storeName ? writtenBy('thread-self') : undefined
        return {
          ...{ ...health, writtenBytes },
          error: health.error ?? plainOf(figures.error(health.sink)),
        }
      }),
    aside: (asked: AsideAsked) => readAside(store.database, asked),
    endAside: (rows: readonly Pick<AsideRow, 'offset' | 'sinks'>[]) => store.endAside(rows),
    passportSummary: (unit: string) => passports.passportSummary(unit),
    passport: (unit: string) => passports.passport(unit),
    register: () => passports.register(),
  }
}

/** Units that come from another gateway of the fleet, or go to one. */
const handoverOf = ({ store, attestation, sinks }: HandingOver): Host['answers'] => ({
  chainKey: () => attestation.chainKey(),
  giveUnit: (asked: Asked) => giveUnit(store.database, asked),
  takeUnit: (kept: KeptUnit) => {
    attestation.takeUnit(
      kept,
      sinks.map(({ name }) => name),
    )
    store.forget(kept.unit)
    for (const sink of sinks) sink.forget?.()
  },
  forgetUnit: (unit: string) => {
    attestation.forgetUnit(unit)
    store.forget(unit)
    for (const sink of sinks) sink.forget?.()
  },
})

interface HandingOver {
  store: Store
  attestation: Attestation
  sinks: readonly Sink[]
}

const createSink = async ({ name, config }: SinkConfig, context: SinkContext): Promise<Sink> => {
  if (!/^[a-z][a-z0-9]{0,31}$/.test(name)) throw unknownSink(name)
  let module: { create?: (config: unknown, context: SinkContext) => Sink | Promise<Sink> }
  try {
    module = await import(new URL(`../sinks/${name}/index.ts`, import.meta.url).href)
  } catch (cause) {
    throw unknownSink(name, cause)
  }
  if (module.create === undefined) throw unknownSink(name)
  return module.create(config, context)
}

const unknownSink = (name: string, cause?: unknown): OperatingError =>
  new OperatingError('sink_unknown', {
    message: `no sink "${name}" can be loaded`,
    remedy: `Compare the name with the folders of gateway/sinks; a sink's index.ts exports create.`,
    cause,
  })

const give = async (
  figures: FiguresRound,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> => {
  while (!signal.aborted) {
    await clock.sleep(maintainEveryMs, signal)
    if (!signal.aborted) await figures.step(clock.nowUs(), signal)
  }
}

/** Summaries and retention of the store, between batches. */
const maintain = async (
  store: Store,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<void> => {
  while (!signal.aborted) {
    await clock.sleep(maintainEveryMs, signal)
    try {
      while (!signal.aborted && store.maintain(clock.nowUs())) await setImmediate()
    } catch (error) {
      // A full disk shows in the health of the store's own runner too; here it only has to be tried
      // again.
      if (!(error instanceof OperatingError)) throw error
    }
  }
}
