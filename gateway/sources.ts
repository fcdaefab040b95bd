// Starts the sources that the config names under `sources`, each from its own folder, loaded only
// when it is asked for. Hands a command to the source that hears its unit. Knows by name
// only the source that comes first.
import type { SourceLink } from './core/link.ts'
import type { LogRecord } from './core/record.ts'
import type {
  Emit,
  KnownUnit,
  Source,
  SourceContext,
  UnitCommand,
  UnitLine,
} from './core/source.ts'

export interface SourcesOptions {
  /** Settings by the name of the source's folder, checked. */
  settings: object
  /** What a source of this name is made with. */
  context(name: string): SourceContext
  emit: Emit
  /** What each record is given at its receipt. */
  stamp(record: LogRecord): LogRecord
}

export interface Sources {
  /** Where what the gateway's own broker receives goes. */
  readonly emit: Emit
  /** True where a source hears the unit now and was given the command. */
  command(command: UnitCommand): boolean
  /** The line to a unit that a source hears now. */
  line(unit: string): UnitLine | undefined
  /** How the connections of all sources to peers outside fare. */
  links(): readonly SourceLink[]
  /** Hands on which units there are. */
  know(units: readonly KnownUnit[]): void
  /**
   * Starts, stops (undefined) or restarts one with other settings. Throws what it throws that
   * cannot start; it runs with its former settings then.
   */
  replace(name: string, settings: unknown): Promise<void>
  /** Stops all, the last started first. */
  stop(): Promise<void>
}

/** Throws what a source throws that cannot start, after stopping those that had. */
export const startSources = async (options: SourcesOptions): Promise<Sources> => {
  const started = new Map<string, Running>()
  const front = (): Emit | undefined =>
    [...started.values()].find(({ source }) => source.front !== undefined)?.source.front
  const emit: Emit = (record, done) => (front() ?? options.emit)(options.stamp(record), done)
  const end = async (name: string): Promise<void> => {
    const running = started.get(name)
    started.delete(name)
    await running?.source.stop()
  }
  const begin = async (name: string, settings: unknown): Promise<void> => {
    if (settings === undefined) return
    const source = await load(name, settings, options.context(name))
    await source.start(source.front === undefined ? emit : options.emit)
    started.set(name, { source, settings })
  }
  const stop = async (): Promise<void> => {
    for (const name of [...started.keys()].reverse()) await end(name)
  }
  try {
    for (const [name, settings] of frontFirst(options.settings)) await begin(name, settings)
  } catch (error) {
    await stop()
    throw error
  }
  const replace = async (name: string, settings: unknown): Promise<void> => {
    const before = started.get(name)?.settings
    await end(name)
    try {
      await begin(name, settings)
    } catch (error) {
      await begin(name, before)
      throw error
    }
  }
  const running = (): Source[] => [...started.values()].map(({ source }) => source)
  const command = (given: UnitCommand): boolean =>
    running().some((source) => source.command?.(given) ?? false)
  const know = (units: readonly KnownUnit[]): void => {
    for (const source of running()) source.know?.(units)
  }
  const line = (unit: string): UnitLine | undefined => {
    for (const source of running()) {
      const found = source.line?.(unit)
      if (found !== undefined) return found
    }
    return undefined
  }
  const links = (): SourceLink[] =>
    running().flatMap((source) =>
      (source.links?.() ?? []).map((health) => ({ source: source.name, ...health })),
    )
  return { emit, command, line, links, know, replace, stop }
}

interface Running {
  source: Source
  settings: unknown
}

/** The source that is a front for the others starts before them. */
const frontFirst = (settings: object): [string, unknown][] =>
  Object.entries(settings).sort(([a], [b]) => Number(b === 'nats') - Number(a === 'nats'))

const load = async (name: string, settings: unknown, context: SourceContext): Promise<Source> => {
  const module = (await import(new URL(`./sources/${name}/index.ts`, import.meta.url).href)) as {
    create(settings: unknown, context: SourceContext): Source
  }
  return module.create(settings, context)
}
