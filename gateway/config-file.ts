// Finds and reads the config file for a command: `tenfold.json` in the working directory, or
// --config. The only place where settings meet the file system; what they mean is config.ts.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ParseArgsOptionsConfig } from 'node:util'
import { configFileName, type LoadedConfig, loadConfig } from './config.ts'
import { OperatingError } from './core/errors.ts'

/** Options that every command with a config takes (node:util parseArgs). */
export const configOptions = {
  config: { type: 'string' },
  data: { type: 'string' },
  set: { type: 'string', multiple: true },
} as const satisfies ParseArgsOptionsConfig

export const configUsage = `  --config PATH    settings (default: ${configFileName} here)
  --data PATH      the gateway's data folder: short for --set data=PATH
  --set KEY=VALUE  wins over the file, such as --set http.port=8081; repeatable`

export interface ConfigFile {
  /** Absolute path, also where there is no such file. */
  file: string
  found: boolean
  loaded: LoadedConfig
}

/**
 * Reads and checks the settings of a command. A file that was named must be there; the usual one
 * may be absent. Throws an OperatingError with every mistake.
 */
export const readConfig = (
  io: { env: Record<string, string | undefined>; cwd: string },
  values: {
    config?: string | undefined
    data?: string | undefined
    set?: string[] | undefined
    /** For the command that makes the credentials file: one that is not there has no entries. */
    mayBeAbsent?: boolean
  },
): ConfigFile => {
  const file = resolve(io.cwd, values.config ?? configFileName)
  const text = readText(file, values.config !== undefined)
  const loaded = loadConfig({
    file,
    text,
    env: io.env,
    mayLackUsers: values.mayBeAbsent === true,
    readFile: values.mayBeAbsent === true ? readOrEmpty : (path) => readFileSync(path, 'utf8'),
    overrides: {
      ...(values.data === undefined
        ? {}
        : { data: values.data === '' ? '' : resolve(io.cwd, values.data) }),
      ...Object.fromEntries((values.set ?? []).map(setting)),
    },
  })
  return { file, found: text !== undefined, loaded }
}

const readOrEmpty = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '{}')

const readText = (file: string, required: boolean): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' && !required) return undefined
    throw new OperatingError('config_unreadable', {
      message: `the config ${file} cannot be read: ${message}`,
      remedy: 'Check its path and who may read it.',
      cause,
    })
  }
}

/** `http.port=8081`: the value as JSON where it is JSON, else as text. */
const setting = (text: string): [key: string, value: unknown] => {
  const at = text.indexOf('=')
  if (at <= 0) {
    throw new OperatingError('usage', {
      message: `--set ${text} is not of the form KEY=VALUE`,
      remedy: 'Write it like --set http.port=8081.',
    })
  }
  const value = text.slice(at + 1)
  try {
    return [text.slice(0, at), JSON.parse(value)]
  } catch {
    return [text.slice(0, at), value]
  }
}
