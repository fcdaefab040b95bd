// Every file that a setting names is known to a reload, wherever it stands; and what of it is of
// use is told before anything is taken up.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, type Pair } from '../../gateway/certificates/authority.ts'
import { type Config, ConfigSchema } from '../../gateway/config-schema.ts'
import { changedFiles, checkFiles, filesOf } from '../../gateway/reload/files.ts'

let folder: string
let pair: Pair
const put = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const nowMs = Date.UTC(2026, 5, 1)
const issue = { name: 'x', nowMs, days: 30, serial: randomBytes(16) }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-named-'))
  pair = await createAuthority(issue)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Node {
  properties?: Record<string, Node>
  items?: Node
  anyOf?: Node[]
  path?: boolean
  secret?: boolean
  pattern?: string
}

/** Settings with a file at every place of the schema that takes one, and the places. */
const everywhere = (node: Node, place: string, places: string[]): unknown => {
  if (node.path === true || (node.secret === true && node.pattern === undefined)) {
    places.push(place)
    return node.path === true ? join(folder, 'word') : { file: join(folder, 'word') }
  }
  if (node.anyOf !== undefined) {
    const forms = node.anyOf.map((form) => everywhere(form, place, places))
    return Object.assign({}, ...forms.filter((form) => typeof form === 'object'))
  }
  if (node.items !== undefined) return [everywhere(node.items, `${place}.0`, places)]
  const of = Object.entries(node.properties ?? {})
  const below = (name: string): string => (place === '' ? name : `${place}.${name}`)
  return Object.fromEntries(of.map(([name, it]) => [name, everywhere(it, below(name), places)]))
}

test('files are found at every place of the schema that can name one', () => {
  put('word', 'one')
  const places: string[] = []
  const config = everywhere(ConfigSchema as unknown as Node, '', places) as Config
  const compared = new Set(['data', 'http.credentials', 'mqtt.credentials'])
  const wanted = [...new Set(places)].filter((place) => !compared.has(place)).sort()
  expect(wanted).toContain('sources.opcua.servers.0.user.password')
  expect(wanted.length).toBeGreaterThan(25)
  const before = filesOf(config)
  expect(Object.keys(before).sort()).toEqual(wanted)
  expect(changedFiles(before, filesOf(config))).toEqual([])
  put('word', 'two')
  expect(changedFiles(before, filesOf(config)).sort()).toEqual(wanted)
  expect(JSON.stringify(before)).not.toContain('"one"')
})

test('only what has changed is looked at, and has to be of use', async () => {
  const config = (door: object): Config => ({ http: { tls: door }, mqtt: {} }) as unknown as Config
  const files = { certificate: put('c', pair.certificate), key: put('k', pair.key) }
  const tls = filesOf(config(files))
  const late = nowMs + 31 * 86_400_000
  await checkFiles({}, tls, nowMs)
  await checkFiles(tls, tls, late)
  await expect(checkFiles({}, tls, late)).rejects.toMatchObject({ code: 'certificate_wrong' })
  const mqtt = (door: object) => filesOf({ http: {}, mqtt: { tls: door } } as unknown as Config)
  const check = (given: object) => checkFiles({}, mqtt(given), nowMs)
  const wrong = { code: 'certificate_wrong' }
  await check({ authority: files.certificate })
  await expect(check({ authority: files.key })).rejects.toMatchObject(wrong)
  await expect(check({ revoked: files.certificate })).rejects.toMatchObject(wrong)
  const gone = { ...files, key: join(folder, 'gone') }
  const unreadable = { code: 'file_unreadable', message: expect.stringContaining('mqtt.tls.key') }
  await expect(check(gone)).rejects.toMatchObject(unreadable)
  await expect(check({ ...files, key: put('empty', '\n') })).rejects.toMatchObject(unreadable)
})
