// `tenfold config`: every setting with its value, where that came from and what it is; a check of
// the file; and the line of a name and password for a credentials file. It prints no secret that
// it read.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, rename, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { unitIdPattern } from '../../hardware-profiles/names.ts'
import {
  type Config,
  isLoopback,
  type LoadedConfig,
  resolveSecret,
  type Setting,
} from '../config.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { OperatingError } from '../core/errors.ts'
import { hashPassword, parseCredentials } from '../credentials.ts'
import { createForeign } from '../foreign/translate.ts'
import type { Io } from './io.ts'
import { profilesOf } from './serve.ts'

export const summary = 'prints every setting, its value, its default and what it is'
export const usage = `usage: tenfold config [--check | --json]
       tenfold config user <name> [--for mqtt|http|opcua]
                      [--password-env NAME | --password-file PATH]

  --check          only checks the file, and what it maps to machines; prints its mistakes
  --json           prints the settings as JSON
${configUsage}

"user" adds a name (for MQTT: a unit's id) to the credentials file that mqtt.credentials,
http.credentials or sinks.opcua.credentials names, or prints the line for it. Without a password it
makes a random one and prints that once.`

/** Runs the command: 0, or an OperatingError with every mistake of the file. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...configOptions,
      check: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      for: { type: 'string', default: 'mqtt' },
      'password-env': { type: 'string' },
      'password-file': { type: 'string' },
    },
  })
  const [what, name] = positionals
  const mayBeAbsent = what === 'user'
  const { file, found, loaded } = readConfig(io, { ...values, mayBeAbsent })
  if (what === 'user') return addUser(name ?? '', { io, values, loaded })
  if (what !== undefined) {
    throw new OperatingError('usage', {
      message: `"${what}" is not something that config can do`,
      remedy: 'See "tenfold help config".',
    })
  }
  const from = found ? file : `${file} (not there: every setting has its default)`
  if (values.json) io.out(JSON.stringify({ file, found, settings: loaded.settings }, null, 2))
  else if (values.check) {
    checkMappings(loaded.config)
    io.out(`${from}: no mistakes`)
  } else {
    io.out(`settings from ${from}`)
    io.out(bindings(loaded.config))
    for (const setting of loaded.settings) for (const line of lines(setting)) io.out(line)
  }
  return 0
}

/** What a start would refuse beside the settings' own form: signals that no machine has. */
const checkMappings = ({ mqtt, sources }: Config): void => {
  const mappings = [mqtt.foreign, sources['mqtt-client']?.foreign ?? []]
  const profiles = mappings.some(({ length }) => length > 0) ? profilesOf() : []
  for (const foreign of mappings) createForeign(foreign, profiles)
}

const bindings = ({ http, mqtt }: Config): string =>
  isLoopback(http.host) && isLoopback(mqtt.host)
    ? 'pages and broker listen on loopback only: nothing outside this machine can reach them'
    : `reachable from other machines, with credentials: pages ${http.host}, broker ${mqtt.host}`

const lines = (setting: Setting): string[] => {
  const { key, value, origin, description } = setting
  const shown = value === undefined ? '(not set)' : JSON.stringify(value)
  const usual = setting.default === undefined ? 'none' : JSON.stringify(setting.default)
  const from = origin === 'default' || origin === 'not set' ? '' : `from ${origin}, `
  return ['', `${key} = ${shown}    [${from}default ${usual}]`, `    ${description}`]
}

interface Door {
  setting: string
  at(config: Config): string | undefined
}

const doors: Readonly<Record<string, Door>> = {
  mqtt: { setting: 'mqtt.credentials', at: ({ mqtt }) => mqtt.credentials },
  http: { setting: 'http.credentials', at: ({ http }) => http.credentials },
  opcua: { setting: 'sinks.opcua.credentials', at: ({ sinks }) => sinks.opcua?.credentials },
}

interface UserContext {
  io: Io
  loaded: LoadedConfig
  values: { for: string; 'password-env'?: string; 'password-file'?: string }
}

const addUser = async (name: string, context: UserContext): Promise<number> => {
  const { io, loaded, values } = context
  if (!new RegExp(unitIdPattern).test(name)) {
    throw new OperatingError('name_wrong', {
      message: `"${name}" cannot be a name: it does not have the form ${unitIdPattern}`,
      remedy: "Give the unit's id: small letters, digits and dashes.",
    })
  }
  const door = Object.hasOwn(doors, values.for) ? doors[values.for] : undefined
  if (door === undefined) {
    throw new OperatingError('usage', {
      message: `--for is "${values.for}"`,
      remedy: 'Use --for mqtt (a unit), --for http or --for opcua (a person).',
    })
  }
  const given = givenPassword(io, values)
  const password = given ?? randomBytes(18).toString('base64url')
  const hash = await hashPassword(password, randomBytes(16))
  const path = door.at(loaded.config)
  if (path === undefined) {
    io.out(JSON.stringify({ [name]: hash }))
    io.err(`Put this into a file and name the file in the config, as ${door.setting}.`)
    for (const [other, { setting, at }] of Object.entries(doors)) {
      if (other === values.for || at(loaded.config) === undefined) continue
      io.err(`Did you mean --for ${other}? ${setting} names a file.`)
    }
  } else {
    await writeEntry(path, name, hash)
    io.out(`${path}: wrote ${name}; a running gateway takes it up by "tenfold reload"`)
  }
  if (given === undefined) io.out(`password of ${name}, shown this once: ${password}`)
  return 0
}

const givenPassword = (io: Io, values: UserContext['values']): string | undefined => {
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  const { 'password-env': env, 'password-file': file } = values
  if (env !== undefined) return resolveSecret({ env }, { env: io.env, readFile })
  if (file !== undefined) return resolveSecret({ file }, { env: io.env, readFile })
  return undefined
}

/** The whole file under a new name, then renamed: it is never half written. */
const writeEntry = async (path: string, name: string, hash: string): Promise<void> => {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '{}'
  const entries = { ...parseCredentials(path, before), [name]: hash }
  const next = `${path}.new`
  await writeFile(next, `${JSON.stringify(entries, null, 2)}\n`, { mode: 0o600, flush: true })
  await chmod(next, 0o600)
  await rename(next, path)
}
