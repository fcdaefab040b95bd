// What would change if a running gateway took other settings: pure, so that a dry run and the real
// one cannot differ. Every setting is either taken up while it runs or needs a restart; a new one
// needs a restart until it is named here.
import type { Config } from '../config.ts'
import type { Credentials } from '../credentials.ts'

/** Settings as they are used: files of credentials read. */
export interface Settings {
  readonly config: Config
  readonly mqttNames: Credentials | undefined
  readonly httpNames: Credentials | undefined
}

export type Change =
  | { readonly kind: 'source'; readonly name: string; readonly how: How }
  | { readonly kind: 'delivery'; readonly settings: readonly string[] }
  | { readonly kind: 'alerts' }
  | { readonly kind: 'credentials'; readonly of: 'mqtt' | 'http'; readonly names: string[] }

export type How = 'start' | 'stop' | 'restart'

export interface Plan {
  readonly changes: readonly Change[]
  /** Settings that only a restart takes up; where there is one, nothing is changed. */
  readonly restart: readonly string[]
}

/** Parts of the config that the delivery worker is started with. */
const deliverySettings = ['sinks', 'units', 'durability', 'store', 'ledger'] as const

export const planOf = (from: Settings, to: Settings): Plan => {
  const changes = [
    ...credentialChanges(from, to),
    ...sourceChanges(from.config, to.config),
    ...deliveryChange(from.config, to.config),
    ...(isSame(from.config.alerts, to.config.alerts) ? [] : [{ kind: 'alerts' } as const]),
  ]
  return { changes, restart: restartsOf(from.config, to.config) }
}

/** One line a change, for the person who asked. */
export const lineOf = (change: Change): string => {
  if (change.kind === 'source') return `sources.${change.name}: ${change.how}`
  if (change.kind === 'alerts') return 'alerts: taken up'
  if (change.kind === 'credentials') {
    return `${change.of}.credentials: ${change.names.join(', ')}: taken up`
  }
  return `${change.settings.join(', ')}: delivery restarts; what is acknowledged waits in the log`
}

const credentialChanges = (from: Settings, to: Settings): Change[] =>
  (['mqtt', 'http'] as const).flatMap((of) => {
    const [before, after] = [from[`${of}Names`] ?? {}, to[`${of}Names`] ?? {}]
    const names = Object.keys({ ...before, ...after }).filter(
      (name) => before[name] !== after[name],
    )
    return names.length === 0 ? [] : [{ kind: 'credentials', of, names }]
  })

const sourceChanges = (from: Config, to: Config): Change[] => {
  const [before, after] = [from.sources, to.sources] as Record<string, unknown>[]
  return Object.keys({ ...before, ...after }).flatMap((name) => {
    if (isSame(before?.[name], after?.[name])) return []
    const how = before?.[name] === undefined ? 'start' : 'restart'
    return [{ kind: 'source', name, how: after?.[name] === undefined ? 'stop' : how }]
  })
}

const deliveryChange = (from: Config, to: Config): Change[] => {
  const settings = deliverySettings.filter((name) => !isSame(from[name], to[name]))
  return settings.length === 0 ? [] : [{ kind: 'delivery', settings }]
}

const restartsOf = (from: Config, to: Config): string[] => {
  const paired = (config: Config): boolean => config.units.enrol === 'pairing'
  const guarded = (config: Config, of: 'mqtt' | 'http'): boolean =>
    config[of].credentials !== undefined
  const fixed = (['data', 'log'] as const).filter((name) => !isSame(from[name], to[name]))
  const doors = (['mqtt', 'http'] as const).flatMap((of) => {
    const { credentials: _, ...before } = from[of]
    const { credentials: __, ...after } = to[of]
    const opened = guarded(from, of) === guarded(to, of) ? [] : [`${of}.credentials`]
    return [...differing(of, before, after), ...opened]
  })
  // Between two runs of it, what machines send would go past the fleet.
  const fleet = isSame(from.sources.nats, to.sources.nats) ? [] : ['sources.nats']
  return [...fixed, ...fleet, ...doors, ...(paired(from) === paired(to) ? [] : ['units.enrol'])]
}

const differing = (place: string, before: object, after: object): string[] =>
  Object.keys({ ...before, ...after })
    .filter((name) => !isSame(Reflect.get(before, name), Reflect.get(after, name)))
    .map((name) => `${place}.${name}`)

/** Config is plain data whose keys come in the schema's order. */
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
