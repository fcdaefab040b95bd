// Starts the sources that the config names under `sources`, each from its own folder, loaded only
// when it is asked for. Hands a command to the source that hears its unit. Knows no source by name.
import type { Emit, KnownUnit, Source, SourceContext, UnitCommand } from './core/source.ts'

export interface SourcesOptions {
  /** Settings by the name of the source's folder, checked. */
  settings: object
  /** What a source of this name is made with. */
  context(name: string): SourceContext
  emit: Emit
}

export interface Sources {
  /** True where a source hears the unit now and was given the command. */
  command(command: UnitCommand): boolean
  /** Hands on which units there are. */
  know(units: readonly KnownUnit[]): void
  /** Stops all, the last started first. */
  stop(): Promise<void>
}

/** Throws what a source throws that cannot start, after stopping those that had. */
export const startSources = async (options: SourcesOptions): Promise<Sources> => {
  const started: Source[] = []
  const stop = async (): Promise<void> => {
    for (const source of started.splice(0).reverse()) await source.stop()
  }
  try {
    for (const [name, settings] of Object.entries(options.settings as Record<string, unknown>)) {
      if (settings === undefined) continue
      const source = await load(name, settings, options.context(name))
      await source.start(options.emit)
      started.push(source)
    }
  } catch (error) {
    await stop()
    throw error
  }
  const command = (given: UnitCommand): boolean =>
    started.some((source) => source.command?.(given) ?? false)
  const know = (units: readonly KnownUnit[]): void => {
    for (const source of started) source.know?.(units)
  }
  return { command, know, stop }
}

const load = async (name: string, settings: unknown, context: SourceContext): Promise<Source> => {
  const module = (await import(new URL(`./sources/${name}/index.ts`, import.meta.url).href)) as {
    create(settings: unknown, context: SourceContext): Source
  }
  return module.create(settings, context)
}
