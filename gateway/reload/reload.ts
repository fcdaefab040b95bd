// Takes up other settings while the gateway runs, all of them or none: each part that changes can
// be taken back, and is where a later one fails. No connection of the broker is touched.
import { OperatingError } from '../core/errors.ts'
import { type Change, lineOf, planOf, type Settings } from './plan.ts'

/** What can be done to the running parts. A rejection leaves the part as it was. */
export interface Parts {
  source(name: string, settings: unknown): Promise<void>
  delivery(settings: Settings): Promise<void>
  alerts(settings: Settings): void
  credentials(settings: Settings): void
  /** Limits of the broker, or the certificate of a server; for what comes from now on. */
  limits(settings: Settings): void
  tls(of: 'mqtt' | 'http', settings: Settings): Promise<void>
}

export interface ReloadOutcome {
  /** One line a change; none: nothing differs. */
  readonly changes: readonly string[]
  readonly applied: boolean
}

export interface ReloaderOptions {
  settings: Settings
  /** Reads and checks the settings anew; throws an OperatingError with every mistake. */
  read(): Settings
  /** Looks at the files that differ before anything is taken up; throws where one is wrong. */
  check(from: Settings, to: Settings): Promise<void>
  parts: Parts
}

export class Reloader {
  readonly #options: ReloaderOptions
  #settings: Settings
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#settings = options.settings
  }

  /** In use now. */
  get settings(): Settings {
    return this.#settings
  }

  /**
   * Reads the settings and takes them up; `isDry` only says what would change. One at a time.
   * Throws an OperatingError: config_invalid, reload_needs_restart, or what a part failed with;
   * everything is as it was then.
   */
  reload(isDry: boolean): Promise<ReloadOutcome> {
    const now = this.#last.then(() => this.#reload(isDry))
    this.#last = now.catch(() => {})
    return now
  }

  async #reload(isDry: boolean): Promise<ReloadOutcome> {
    const [from, to] = [this.#settings, this.#options.read()]
    const { changes, restart } = planOf(from, to)
    if (restart.length > 0) throw needsRestart(restart)
    await this.#options.check(from, to)
    const lines = changes.map(lineOf)
    if (isDry || changes.length === 0) return { changes: lines, applied: false }
    const done: Change[] = []
    try {
      for (const change of changes) {
        await this.#apply(change, to)
        done.push(change)
      }
    } catch (error) {
      for (const change of done.reverse()) await this.#apply(change, from)
      throw error
    }
    this.#settings = to
    return { changes: lines, applied: true }
  }

  #apply(change: Change, settings: Settings): Promise<void> | void {
    const { parts } = this.#options
    if (change.kind === 'credentials') return parts.credentials(settings)
    if (change.kind === 'limits') return parts.limits(settings)
    if (change.kind === 'tls') return parts.tls(change.of, settings)
    if (change.kind === 'alerts') return parts.alerts(settings)
    if (change.kind === 'delivery') return parts.delivery(settings)
    return parts.source(change.name, Reflect.get(settings.config.sources, change.name))
  }
}

const needsRestart = (names: readonly string[]): OperatingError =>
  new OperatingError('reload_needs_restart', {
    message: `only a restart takes up ${names.join(', ')}; nothing has been changed`,
    remedy: 'Put these settings back as they were, or restart the gateway.',
  })
