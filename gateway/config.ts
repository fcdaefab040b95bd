// One file of settings, checked against its schema, with defaults filled in. Pure: the text, the
// environment and a way to read a file are passed in. A secret is only ever named, never held in
// the config, so that a config can be printed, logged and sent to a worker as it is.
import { dirname, resolve } from 'node:path'
import { formatMistakes, type Mistake, mistakesIn } from '../hardware-profiles/validate.ts'
import { type Config, ConfigSchema, type Secret } from './config-schema.ts'
import { OperatingError } from './core/errors.ts'
import { parseCredentials } from './credentials.ts'

export type { Config, Secret }

/** Name of the file that is looked for in the working directory. */
export const configFileName = 'tenfold.json'

export interface ConfigSources {
  /** Absolute path of the file; relative paths in it start from its folder. */
  file: string
  /** Its text, or undefined where there is no such file: then every default applies. */
  text: string | undefined
  env: Readonly<Record<string, string | undefined>>
  /** Reads a secret or a credentials file, UTF-8; throws as node:fs does. */
  readFile(path: string): string
  /** Settings from the command line, `{'http.port': 0}`; they win over the file. */
  overrides?: Readonly<Record<string, unknown>>
  /** Users may still lack a password: for the command that gives it to them. */
  mayLackUsers?: boolean
}

/** One setting, as `tenfold config` prints it. */
export interface Setting {
  /** Such as `http.port`. */
  key: string
  /** undefined where it is not set and has no default. */
  value: unknown
  default: unknown
  origin: 'default' | 'file' | 'command line' | 'not set'
  description: string
}

export interface LoadedConfig {
  config: Config
  settings: readonly Setting[]
}

/** Reads the settings, or throws one OperatingError that lists every mistake. */
export const loadConfig = (sources: ConfigSources): LoadedConfig => {
  const written = parse(sources)
  const given = withOverrides(written, sources.overrides ?? {})
  const config = fill(schema, given, sources.file) as Config
  const mistakes = mistakesIn(ConfigSchema, config).map(withoutSecret)
  mistakes.push(...contradictions(soundSections(config, mistakes), sources))
  if (mistakes.length > 0) throw invalid(sources.file, mistakes)
  const settings = list(schema, { key: '', config, written, sources })
  return { config, settings }
}

/** The value of a secret, without the line break that editors leave at the end of a file. */
export const resolveSecret = (
  secret: Secret,
  sources: Pick<ConfigSources, 'env' | 'readFile'>,
): string => {
  const found = findSecret(secret, sources)
  if (typeof found === 'string') return found
  throw new OperatingError('secret_missing', {
    message: found.problem,
    remedy:
      'Set the environment variable, or write the secret into the file that the config names.',
  })
}

/** True for an address that only programs on this machine can reach. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/** What the schema holds of a node, as JSON Schema says it. */
interface Node {
  type?: string
  properties?: Record<string, Node>
  /** Of a list. */
  items?: Node
  /** Forms of which it has one. */
  anyOf?: Node[]
  required?: string[]
  default?: unknown
  description?: string
  /** A path that starts from the config file's folder. */
  path?: boolean
  /** May hold a secret by mistake; `{env}` or `{file}`, the latter a path, where it is no text. */
  secret?: boolean
  pattern?: string
}

const schema = ConfigSchema as unknown as Node

type Data = Record<string, unknown>

const isData = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parse = ({ file, text }: ConfigSources): unknown => {
  if (text === undefined) return {}
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new OperatingError('config_malformed', {
      message: `${file} is not JSON: ${(cause as Error).message}`,
      remedy: 'Check quotes and commas there; JSON has no comments and no comma after a last item.',
      cause,
    })
  }
}

const withOverrides = (written: unknown, overrides: Readonly<Data>): unknown => {
  if (!isData(written) || Object.keys(overrides).length === 0) return written
  const out = structuredClone(written)
  for (const [key, value] of Object.entries(overrides)) {
    const names = key.split('.')
    const last = names.pop() ?? key
    let node: Data = out
    for (const name of names) {
      const inner = Object.hasOwn(node, name) ? node[name] : undefined
      const next: Data = isData(inner) ? inner : {}
      define(node, name, next)
      node = next
    }
    define(node, last, value)
  }
  return out
}

/** A plain assignment would change the prototype where the name is `__proto__`. */
const define = (node: Data, name: string, value: unknown): void => {
  Object.defineProperty(node, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

/**
 * Defaults under what was given, and paths made absolute. What does not fit is left to the
 * schema.
 */
const fill = (node: Node, given: unknown, file: string): unknown => {
  if (node.properties === undefined) {
    return leaf(node, given === undefined ? structuredClone(node.default) : given, file)
  }
  if (given !== undefined && !isData(given)) return given
  const out: Data = {}
  for (const [name, value] of Object.entries(given ?? {})) define(out, name, value)
  for (const [name, inner] of Object.entries(node.properties)) {
    const optional = node.required?.includes(name) !== true
    const own = Object.hasOwn(out, name) ? out[name] : undefined
    if (own === undefined && optional) continue
    out[name] = fill(inner, own, file)
  }
  return out
}

const leaf = (node: Node, value: unknown, file: string): unknown => {
  // An empty path is left to the schema, which refuses it; resolved, it would be the file's folder.
  if (value === '') return value
  if (Array.isArray(value)) return value.map((one) => located(node.items ?? {}, one, file))
  if (node.path === true && typeof value === 'string') return absolute(file, value)
  if (node.secret !== true || !isData(value) || typeof value['file'] !== 'string') return value
  return { ...value, file: absolute(file, value['file']) }
}

/** An item of a list with its paths made absolute; defaults are for what stands once. */
const located = (node: Node, value: unknown, file: string): unknown => {
  const { properties } = formOf(node, value)
  if (!isData(value) || properties === undefined) return leaf(node, value, file)
  const out: Data = {}
  for (const [name, inner] of Object.entries(value)) {
    define(out, name, located(ownOf(properties, name), inner, file))
  }
  return out
}

/** The form of an item that names all that was given; a secret is a form of its own. */
const formOf = (node: Node, value: unknown): Node => {
  if (node.secret === true || node.anyOf === undefined || !isData(value)) return node
  const names = Object.keys(value)
  return (
    node.anyOf.find(({ properties = {} }) =>
      names.every((one) => Object.hasOwn(properties, one)),
    ) ?? node
  )
}

const ownOf = (properties: Record<string, Node>, name: string): Node =>
  Object.hasOwn(properties, name) ? (properties[name] ?? {}) : {}

const absolute = (file: string, path: string): string => resolve(dirname(file), path)

/** A secret that stands where its place should be named must not be printed with the mistake. */
const withoutSecret = (mistake: Mistake): Mistake => {
  const { path } = mistake
  const { secret, pattern, anyOf } = nodeAt(path)
  if (secret !== true && anyOf?.some(hasSecret) === true) {
    const message = mistake.message.replace(/^.*(?=has none of the forms)/s, '')
    return { path, value: undefined, message: `${message}; no secret is written here` }
  }
  if (secret !== true) return mistake
  const message =
    pattern === undefined
      ? 'must say where the secret is, {"env": "NAME"} or {"file": "path"}; never write it here'
      : `does not have the form ${pattern}`
  return { path, value: undefined, message }
}

const nodeAt = (path: string): Node => {
  let node = schema
  for (const name of path.split('/').slice(1)) {
    node = node.properties?.[name] ?? node.items ?? {}
  }
  return node
}

const hasSecret = ({ properties = {} }: Node): boolean =>
  Object.values(properties).some(({ secret }) => secret === true)

/** The config with sections that have mistakes set back, so that the others can be checked, too. */
const soundSections = (config: Config, mistakes: readonly Mistake[]): Config => {
  const usual = fill(schema, {}, '/') as Config
  if (!isData(config)) return usual
  const wrong = new Set(mistakes.map(({ path }) => path.split('/')[1] ?? ''))
  const sound = Object.entries(config).filter(([name]) => !wrong.has(name))
  return { ...usual, ...Object.fromEntries(sound) }
}

/**
 * What a schema cannot say: bindings need credentials, ports differ, files and secrets are
 * there.
 */
const contradictions = (config: Config, sources: ConfigSources): Mistake[] => {
  const { http, mqtt, log, ledger, sinks, units } = config
  const found: Mistake[] = []
  const report = (path: string, value: unknown, message: string): void => {
    found.push({ path, value, message })
  }
  for (const [name, { host, credentials }] of Object.entries({ http, mqtt })) {
    if (credentials !== undefined) {
      const problem = credentialsProblem(credentials, name, sources)
      if (problem !== undefined) report(`/${name}/credentials`, credentials, problem)
    } else if (!isLoopback(host) && !(name === 'mqtt' && units.enrol === 'pairing')) {
      report(
        `/${name}/host`,
        host,
        `"${host}" can be reached from other machines, and anybody there could take part; ` +
          `bind 127.0.0.1, or set ${name}.credentials to the name of a file, which ` +
          `"tenfold config user <name> --for ${name}" makes`,
      )
    }
  }
  if (http.port === mqtt.port && http.port !== 0) {
    report('/mqtt/port', mqtt.port, `${mqtt.port} is http.port, too; give one of them another port`)
  }
  if (log.reserveBytes >= log.bytesMax) {
    report('/log/reserveBytes', log.reserveBytes, `is not below log.bytesMax, ${log.bytesMax}`)
  }
  if (ledger.rules !== undefined && (ledger.founder ?? ledger.management) !== undefined) {
    report(
      '/ledger/rules',
      ledger.rules,
      'names founder and management itself: set one or the other',
    )
  }
  const { influx1, influx2, influx3, opcua } = sinks
  const isOpen = opcua?.modes.includes('None') === true
  if (isOpen && !(isLoopback(opcua.host) && opcua.credentials === undefined)) {
    report('/sinks/opcua/modes', opcua.modes, 'None: values and passwords could be read on the way')
  }
  for (const problem of usersProblems(opcua, sources)) report(...problem)
  const secrets = {
    '/alerts/email/password': config.alerts.email?.password,
    '/sinks/influx1/password': influx1?.password,
    '/sinks/influx2/token': influx2?.token,
    '/sinks/influx3/token': influx3?.token,
  }
  for (const [path, where] of Object.entries(secrets)) {
    const secret = where && findSecret(where, sources)
    if (typeof secret === 'object') report(path, where, secret.problem)
  }
  if (influx1?.password !== undefined && influx1.username === undefined) {
    report('/sinks/influx1/username', undefined, 'is missing: there is a password')
  }
  return found
}

/** A role is a user's, and a user has a password. */
const usersProblems = (
  opcua: Config['sinks']['opcua'],
  sources: ConfigSources,
): [path: string, value: unknown, message: string][] => {
  const { credentials, roles = {} } = opcua ?? {}
  const at = '/sinks/opcua'
  if (credentials === undefined) {
    const without = 'gives roles to nobody: set sinks.opcua.credentials (tenfold config user)'
    return Object.keys(roles).length === 0 ? [] : [[`${at}/roles`, roles, without]]
  }
  const problem = credentialsProblem(credentials, 'opcua', sources)
  if (problem !== undefined) return [[`${at}/credentials`, credentials, problem]]
  const names = parseCredentials(credentials, sources.readFile(credentials))
  const isKnown = (name: string): boolean =>
    Object.hasOwn(names, name) || sources.mayLackUsers === true
  const strangers = Object.keys(roles).filter((name) => !isKnown(name))
  return strangers.map((name) => [`${at}/roles`, name, lacking(name, credentials)])
}

const lacking = (name: string, file: string): string =>
  `"${name}" has no entry in ${file}: write it with "tenfold config user ${name} --for opcua"`

const credentialsProblem = (
  path: string,
  name: string,
  sources: ConfigSources,
): string | undefined => {
  try {
    parseCredentials(path, sources.readFile(path))
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') return message
    return `${path} is not there yet: "tenfold config user <name> --for ${name}" makes it`
  }
}

const findSecret = (
  secret: Secret,
  { env, readFile }: Pick<ConfigSources, 'env' | 'readFile'>,
): string | { problem: string } => {
  if ('env' in secret) {
    const value = env[secret.env]
    const missing = value === undefined || value === ''
    return missing ? { problem: `the environment variable ${secret.env} is not set` } : value
  }
  try {
    const value = readFile(secret.file).replace(/\r?\n$/, '')
    return value === '' ? { problem: `the file ${secret.file} is empty` } : value
  } catch (error) {
    return { problem: `the file ${secret.file} cannot be read: ${(error as Error).message}` }
  }
}

const invalid = (file: string, mistakes: readonly Mistake[]): OperatingError =>
  new OperatingError('config_invalid', {
    message: formatMistakes(file, mistakes),
    remedy: 'Correct each line above; "tenfold config" prints every setting and what it is.',
  })

interface ListContext {
  key: string
  config: unknown
  written: unknown
  sources: ConfigSources
}

const list = (node: Node, context: ListContext): Setting[] => {
  const { key, config, written, sources } = context
  if (node.properties === undefined) {
    const overridden = Object.hasOwn(sources.overrides ?? {}, key)
    const given = overridden ? 'command line' : written === undefined ? 'default' : 'file'
    return [
      {
        key,
        value: config,
        default: node.default,
        origin: config === undefined ? 'not set' : given,
        description: node.description ?? '',
      },
    ]
  }
  return Object.entries(node.properties).flatMap(([name, inner]) =>
    list(inner, {
      key: key === '' ? name : `${key}.${name}`,
      config: isData(config) ? config[name] : undefined,
      written: isData(written) ? written[name] : undefined,
      sources,
    }),
  )
}
