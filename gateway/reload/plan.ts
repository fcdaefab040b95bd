// What would change if a running gateway took other settings: pure, so that a dry run and the real
// one cannot differ. Every setting is either taken up while it runs or needs a restart; a new one
// needs a restart until it is named here.
import type { Config } from '../config.ts'
import type { Credentials } from '../credentials.ts'
import { changedFiles, type NamedFiles } from './files.ts'

/** Settings as they are used: files of credentials read, of others a digest. */
export interface Settings {
  readonly config: Config
  readonly files: NamedFiles
  readonly mqttNames: Credentials | undefined
  readonly httpNames: Credentials | undefined
}

/** `files`: settings whose file has other contents under the same name. */
export type Change = { readonly files?: readonly string[] } & Kind

type Kind =
  | { readonly kind: 'source'; readonly name: string; readonly how: How }
  | { readonly kind: 'delivery'; readonly settings: readonly string[] }
  | { readonly kind: 'alerts' }
  | { readonly kind: 'limits' }
  | { readonly kind: 'tls'; readonly of: 'mqtt' | 'http' }
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
  const { mqtt } = from.config
  const changes = [
    ...credentialChanges(from, to),
    ...(isSame(mqtt.limits, to.config.mqtt.limits) ? [] : [{ kind: 'limits' } as const]),
    ...tlsChanges(from, to),
    ...sourceChanges(from, to),
    ...deliveryChange(from, to),
    ...(differs(from, to, 'alerts') ? [{ kind: 'alerts' } as const] : []),
  ]
  return { changes: changes.map((one) => withFiles(one, from, to)), restart: restartsOf(from, to) }
}

/** One line a change, for the person who asked. */
export const lineOf = (change: Change): string => {
  const { files = [] } = change
  return files.length === 0 ? said(change) : `${said(change)} (new contents: ${files.join(', ')})`
}

const said = (change: Change): string => {
  if (change.kind === 'source') return `sources.${change.name}: ${change.how}`
  if (change.kind === 'alerts') return 'alerts: taken up'
  if (change.kind === 'limits') return 'mqtt.limits: taken up; nobody is disconnected'
  if (change.kind === 'tls') return `${change.of}.tls: new connections see it, open ones stay`
  if (change.kind === 'credentials') {
    return `${change.of}.credentials: ${change.names.join(', ')}: taken up`
  }
  return `${change.settings.join(', ')}: delivery restarts; what is acknowledged waits in the log`
}

/** Parts of the settings that a change takes up. */
const partsOf = (change: Change): readonly string[] => {
  if (change.kind === 'source') return [`sources.${change.name}`]
  if (change.kind === 'delivery') return change.settings
  if (change.kind === 'tls') return [`${change.of}.tls`]
  return change.kind === 'alerts' ? ['alerts'] : []
}

const withFiles = (change: Change, from: Settings, to: Settings): Change => {
  const files = partsOf(change).flatMap((part) =>
    filesBelow(from, to, part).filter((key) => from.files[key]?.path === to.files[key]?.path),
  )
  return files.length === 0 ? change : { ...change, files }
}

const filesBelow = (from: Settings, to: Settings, part: string): string[] =>
  changedFiles(from.files, to.files).filter((key) => key.startsWith(`${part}.`))

/** Whether a part of the settings is another one, or has a file with other contents. */
const differs = (from: Settings, to: Settings, part: string): boolean => {
  const at = ({ config }: Settings): unknown =>
    part.split('.').reduce<unknown>((node, name) => Reflect.get(Object(node), name), config)
  return !isSame(at(from), at(to)) || filesBelow(from, to, part).length > 0
}

const credentialChanges = (from: Settings, to: Settings): Change[] =>
  (['mqtt', 'http'] as const).flatMap((of) => {
    const [before, after] = [from[`${of}Names`] ?? {}, to[`${of}Names`] ?? {}]
    const names = Object.keys({ ...before, ...after }).filter(
      (name) => before[name] !== after[name],
    )
    return names.length === 0 ? [] : [{ kind: 'credentials', of, names }]
  })

/** Where it is opened or closed, its address changes: that is a restart. */
const tlsChanges = (from: Settings, to: Settings): Change[] =>
  (['mqtt', 'http'] as const).flatMap((of) => {
    const isOpen = from.config[of].tls !== undefined && to.config[of].tls !== undefined
    return isOpen && differs(from, to, `${of}.tls`) ? [{ kind: 'tls', of }] : []
  })

const sourceChanges = (from: Settings, to: Settings): Change[] => {
  const [before, after] = [from.config.sources, to.config.sources] as Record<string, unknown>[]
  return Object.keys({ ...before, ...after }).flatMap((name) => {
    if (!differs(from, to, `sources.${name}`)) return []
    const how = before?.[name] === undefined ? 'start' : 'restart'
    return [{ kind: 'source', name, how: after?.[name] === undefined ? 'stop' : how }]
  })
}

const deliveryChange = (from: Settings, to: Settings): Change[] => {
  const settings = deliverySettings.filter((name) => differs(from, to, name))
  return settings.length === 0 ? [] : [{ kind: 'delivery', settings }]
}

const restartsOf = (given: Settings, wanted: Settings): string[] => {
  const [from, to] = [given.config, wanted.config]
  const isGuarded = (config: Config, of: 'mqtt' | 'http'): boolean =>
    config[of].credentials !== undefined
  const fixed = (['data', 'log'] as const).filter((name) => !isSame(from[name], to[name]))
  const doors = (['mqtt', 'http'] as const).flatMap((of) => {
    const opened = isGuarded(from, of) === isGuarded(to, of) ? [] : [`${of}.credentials`]
    return [...differing(of, fixedOf(from[of]), fixedOf(to[of])), ...opened]
  })
  // Between two runs of it, what machines send would go past the fleet.
  const fleet = differs(given, wanted, 'sources.nats') ? ['sources.nats'] : []
  const isPaired = (config: Config): boolean => config.units.enrol === 'pairing'
  return [...fixed, ...fleet, ...doors, ...(isPaired(from) === isPaired(to) ? [] : ['units.enrol'])]
}

/** What of a door only a restart changes: of its TLS the address, and how clients log in. */
const fixedOf = (door: object & { tls?: object | undefined }): object => {
  const { credentials: _, limits: __, tls, ...rest } = door as Record<string, unknown>
  if (tls === undefined) return rest
  const {
    certificate: ___,
    key,
    authority,
    revoked,
    names,
    ...address
  } = tls as Record<string, unknown>
  return { ...rest, tls: address }
}

const differing = (place: string, before: object, after: object): string[] =>
  Object.keys({ ...before, ...after })
    .filter((name) => !isSame(Reflect.get(before, name), Reflect.get(after, name)))
    .map((name) => `${place}.${name}`)

/** Config is plain data whose keys come in the schema's order. */
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
