// The files that settings name: passwords, tokens, keys, certificates, rules. Their contents belong
// to the settings, so a reload compares them, too, by digests that stay in memory, and looks at
// those that have changed before it takes anything up. No content and no digest is ever shown.
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readRevoked } from '../certificates/clients.ts'
import { checkPair } from '../certificates/renewal.ts'
import { type Config, ConfigSchema } from '../config-schema.ts'
import { OperatingError } from '../core/errors.ts'

/** A file and its contents, by setting, such as `sinks.influx2.token`. */
export type NamedFiles = Readonly<Record<string, NamedFile>>

export interface NamedFile {
  readonly path: string
  /** SHA-256 of its contents; undefined where it cannot be read. */
  readonly digest: string | undefined
}

/** What the schema holds of a node. */
interface Node {
  properties?: Record<string, Node>
  items?: Node
  anyOf?: Node[]
  path?: boolean
  secret?: boolean
}

/** A folder, and files whose entries are compared by name. */
const others = new Set(['data', 'http.credentials', 'mqtt.credentials'])

/** Every file that the settings name, as it is now. */
export const filesOf = (config: Config): NamedFiles =>
  Object.fromEntries(
    pathsIn(ConfigSchema as unknown as Node, config, '')
      .filter(([key]) => !others.has(key))
      .map(([key, path]) => [key, { path, digest: digestOf(path) }]),
  )

/** Settings whose file is another one, or has other contents. */
export const changedFiles = (from: NamedFiles, to: NamedFiles): string[] =>
  Object.keys({ ...from, ...to }).filter(
    (key) => from[key]?.digest !== to[key]?.digest || from[key]?.path !== to[key]?.path,
  )

/**
 * Looks at the files that have changed. Throws an OperatingError that names the setting:
 * file_unreadable, certificate_wrong (no certificate, another's key, one that has expired).
 */
export const checkFiles = async (
  from: NamedFiles,
  to: NamedFiles,
  nowMs: number,
): Promise<void> => {
  const sections = new Set<string>()
  for (const key of changedFiles(from, to)) {
    const file = to[key]
    if (file === undefined) continue
    const contents = read(key, file.path)
    const at = key.lastIndexOf('.')
    const [section, name] = [key.slice(0, at), key.slice(at + 1)]
    if (name === 'certificate' || name === 'key') sections.add(section)
    if (name === 'authority') parseAuthority(key, file.path, contents)
    if (name === 'revoked') await readRevoked(contents.toString('utf8'))
  }
  for (const section of sections) {
    const [certificate, key] = [to[`${section}.certificate`], to[`${section}.key`]]
    if (certificate === undefined || key === undefined) continue
    const pair = {
      certificate: read(`${section}.certificate`, certificate.path),
      key: read(`${section}.key`, key.path),
    }
    checkPair(pair, { section, nowMs })
  }
}

const pathsIn = (node: Node, value: unknown, key: string): [key: string, path: string][] => {
  if (typeof value === 'string') return node.path === true ? [[key, value]] : []
  if (typeof value !== 'object' || value === null) return []
  if (node.secret === true) {
    const path: unknown = Reflect.get(value, 'file')
    return typeof path === 'string' ? [[key, path]] : []
  }
  const below = Object.entries(value).flatMap(([name, inner]) => {
    const next = Array.isArray(value) ? node.items : node.properties?.[name]
    return next === undefined ? [] : pathsIn(next, inner, key === '' ? name : `${key}.${name}`)
  })
  return [...below, ...(node.anyOf ?? []).flatMap((form) => pathsIn(form, value, key))]
}

const digestOf = (path: string): string | undefined => {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  } catch {
    return undefined
  }
}

const read = (key: string, path: string): Buffer => {
  const unreadable = (why: string, cause?: unknown) =>
    new OperatingError('file_unreadable', {
      message: `${key}: ${path} ${why}; nothing has been changed`,
      remedy: 'Check that the file is there and who may read it.',
      cause,
    })
  let contents: Buffer
  try {
    contents = readFileSync(path)
  } catch (cause) {
    throw unreadable(`cannot be read: ${(cause as Error).message}`, cause)
  }
  if (contents.toString('utf8').trim() === '') throw unreadable('is empty')
  return contents
}

const parseAuthority = (key: string, path: string, contents: Buffer): void => {
  try {
    new X509Certificate(contents)
  } catch (cause) {
    throw new OperatingError('certificate_wrong', {
      message: `${key}: ${path} is no certificate: ${(cause as Error).message}`,
      remedy: 'It is a PEM file with the certificate of who signs the others.',
      cause,
    })
  }
}
