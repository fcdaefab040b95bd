// A stand-in for the HTTP API of InfluxDB 2.x and 3, which cannot be had here as programs: buckets
// or databases, line protocol with its refusals, and the two questions that our sinks ask. It
// answers as the documents say; what only a real server can show stays unproven.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

type Fields = Record<string, string | number | boolean>

export interface StoredPoint {
  measurement: string
  tags: Record<string, string>
  fields: Fields
  timeNs: bigint
}

export interface LaterInflux {
  readonly url: string
  /** By bucket or database; the key is measurement, tags and time, as in the real one. */
  readonly kept: Map<string, Map<string, StoredPoint>>
  /** Retention of each bucket, seconds, or of each database, text. */
  readonly made: Map<string, string>
  /** Whole requests of /api/v2/write. */
  readonly writes: string[]
  /** The next answers to writes, instead of the real ones. */
  readonly script: { status: number; body?: object }[]
  remove(): Promise<void>
}

export interface LaterOptions {
  version: 2 | 3
  token: string
  /** True: a request with one wrong line is refused whole; false: the others are written. */
  whole?: boolean
}

export const startLaterInflux = async (options: LaterOptions): Promise<LaterInflux> => {
  const state: State = { options, kept: new Map(), made: new Map(), writes: [], script: [] }
  const server = createServer((request, response) => {
    answer(state, request, response).catch((error: Error) => {
      response.writeHead(500).end(JSON.stringify({ message: error.message }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...state,
    url: `http://127.0.0.1:${port}`,
    remove: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

interface State extends Pick<LaterInflux, 'kept' | 'made' | 'writes' | 'script'> {
  options: LaterOptions
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()
}

interface Reply {
  status: number
  value?: object
  csv?: string
  version?: string
}

const answer = async (
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { status, value, csv, version } = await reply(state, request)
  if (version !== undefined) response.setHeader('x-influxdb-version', version)
  response.setHeader('content-type', csv === undefined ? 'application/json' : 'text/csv')
  response.writeHead(status).end(csv ?? (value === undefined ? undefined : JSON.stringify(value)))
}

const reply = async (state: State, request: IncomingMessage): Promise<Reply> => {
  const body = await bodyOf(request)
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x')
  const route = `${request.method} ${pathname}`
  const { version, token } = state.options
  if (pathname === '/ping') {
    return version === 2
      ? { status: 204, version: 'v2.7.11' }
      : { status: 200, value: { version: '3.2.1' } }
  }
  if (![`Token ${token}`, `Bearer ${token}`].includes(request.headers.authorization ?? '')) {
    return { status: 401, value: { code: 'unauthorized', message: 'unauthorized access' } }
  }
  if (route === 'GET /api/v2/orgs') {
    const orgs = searchParams.get('org') === 'coop' ? [{ id: 'o1' }] : []
    return { status: 200, value: { orgs } }
  }
  if (pathname.startsWith('/api/v2/buckets')) {
    return buckets(state, { route, body, name: searchParams.get('name') ?? '' })
  }
  if (route === 'POST /api/v2/write') {
    state.writes.push(body)
    const scripted = state.script.shift()
    if (scripted !== undefined) return { status: scripted.status, value: scripted.body ?? {} }
    return write(state, searchParams.get('bucket') ?? '', body)
  }
  if (route === 'POST /api/v2/query') {
    return { status: 200, csv: fluxDays(state, JSON.parse(body).query as string) }
  }
  if (route === 'POST /api/v3/configure/database') return configure(state, body)
  if (route === 'POST /api/v3/query_sql') return sqlDays(state, body)
  return { status: 404, value: { message: `no ${route}` } }
}

const configure = ({ made }: State, body: string): Reply => {
  const { db = '', retention_period: kept = 'ever' } = JSON.parse(body) as Record<string, string>
  if (made.has(db)) return { status: 409, value: { error: 'exists' } }
  made.set(db, kept)
  return { status: 200, value: {} }
}

const buckets = (
  { made }: State,
  { route, body, name }: { route: string; body: string; name: string },
): Reply => {
  const form = (each: string) => ({
    id: `b-${each}`,
    name: each,
    retentionRules: [{ everySeconds: Number(made.get(each)) }],
  })
  if (route.startsWith('GET')) {
    return { status: 200, value: { buckets: made.has(name) ? [form(name)] : [] } }
  }
  const given = JSON.parse(body) as { name?: string; retentionRules: { everySeconds: number }[] }
  const target = given.name ?? /b-(.*)$/.exec(route)?.[1] ?? ''
  made.set(target, String(given.retentionRules[0]?.everySeconds))
  return { status: route.startsWith('POST') ? 201 : 200, value: form(target) }
}

/** A field keeps its type within a bucket: the only refusal that lines of ours can meet. */
const write = (state: State, bucket: string, body: string): Reply => {
  const { version, whole = false } = state.options
  if (version === 2 && !state.made.has(bucket)) {
    const value = { code: 'not found', message: `bucket "${bucket}" not found` }
    return { status: 404, value }
  }
  const points = state.kept.get(bucket) ?? new Map<string, StoredPoint>()
  state.kept.set(bucket, points)
  const wrong: { line_number: number; error_message: string; original_line: string }[] = []
  const good: StoredPoint[] = []
  for (const [i, line] of body.split('\n').entries()) {
    const point = parseLine(line)
    const bad = conflict(point, [...points.values(), ...good])
    if (bad === undefined) good.push(point)
    else wrong.push({ line_number: i + 1, error_message: bad, original_line: line })
  }
  const takes = wrong.length === 0 || !whole
  for (const point of takes ? good : []) points.set(keyOf(point), point)
  if (wrong.length === 0) return { status: 204 }
  if (version === 3) {
    return { status: 400, value: { error: 'partial write of line protocol occurred', data: wrong } }
  }
  const text = `failure writing points to database: partial write: ${wrong[0]?.error_message}`
  const message = `${text} dropped=${wrong.length}`
  return { status: 422, value: { code: 'unprocessable entity', message } }
}

const conflict = (point: StoredPoint, others: readonly StoredPoint[]): string | undefined => {
  for (const [name, value] of Object.entries(point.fields)) {
    const other = others.find(
      ({ measurement, fields }) => measurement === point.measurement && name in fields,
    )
    if (other !== undefined && typeof other.fields[name] !== typeof value) {
      return `field type conflict: input field "${name}" on measurement "${point.measurement}"`
    }
  }
  return undefined
}

const keyOf = ({ measurement, tags, timeNs }: StoredPoint): string =>
  JSON.stringify([measurement, Object.entries(tags).sort(), String(timeNs)])

/** One line of line protocol, for the plain names that tests use. */
export const parseLine = (line: string): StoredPoint => {
  const match = /^([^ ]+) (.*) (\d+)$/.exec(line)
  if (match === null) throw new Error(`not line protocol: ${line}`)
  const [, head = '', body = '', time = ''] = match
  const [measurement = '', ...tags] = head.split(',')
  const pairs = tags.map((tag) => tag.split('=') as [string, string])
  const fields: Fields = {}
  for (const [, name = '', value = ''] of body.matchAll(/([^=,]+)=("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    fields[name] = fieldOf(value)
  }
  return { measurement, tags: Object.fromEntries(pairs), fields, timeNs: BigInt(time) }
}

const fieldOf = (text: string): string | number | boolean => {
  if (text.startsWith('"')) return JSON.parse(text) as string
  if (text === 'true' || text === 'false') return text === 'true'
  return text.endsWith('i') ? Number(text.slice(0, -1)) : Number(text)
}

const fluxDays = ({ kept }: State, query: string): string => {
  const bucket = /from\(bucket: "([^"]+)"\)/.exec(query)?.[1] ?? ''
  const start = Date.parse(/start: ([^,]+),/.exec(query)?.[1] ?? '')
  const units = [...(/set: \[(.*?)\]/.exec(query)?.[1] ?? '').matchAll(/"([^"]+)"/g)]
  const names = units.map(([, name]) => name)
  const measurement = /_measurement == "([^"]+)"/.exec(query)?.[1]
  const rows = [...(kept.get(bucket)?.values() ?? [])].filter(
    ({ tags, timeNs, measurement: of }) =>
      of === measurement && names.includes(tags['unit']) && timeNs === BigInt(start) * 1_000_000n,
  )
  return rows
    .map(({ tags, fields }) => {
      const columns = Object.entries({ unit: tags['unit'] ?? '', ...fields })
      const row = (first: string, cells: readonly unknown[]): string => [first, ...cells].join(',')
      return [
        row('#datatype', ['string', 'long', ...columns.map(([, value]) => typeOf(value))]),
        row('#group', ['false', 'false', ...columns.map(() => 'false')]),
        row('#default', ['_result', '', ...columns.map(() => '')]),
        row('', ['result', 'table', ...columns.map(([name]) => name)]),
        row('', ['', '0', ...columns.map(([, value]) => value)]),
        '',
      ].join('\r\n')
    })
    .join('\r\n')
}

const typeOf = (value: string | number | boolean): string =>
  typeof value === 'number' ? 'double' : typeof value === 'boolean' ? 'boolean' : 'string'

const sqlDays = ({ kept }: State, body: string): Reply => {
  const { db, q, params } = JSON.parse(body) as {
    db: string
    q: string
    params: Record<string, string>
  }
  const day = Date.parse(/TIMESTAMP '([^']+)'/.exec(q)?.[1] ?? '')
  const units = Object.values(params)
  const points = kept.get(db)
  if (points === undefined) {
    return { status: 400, value: { error: "table 'public.iox.unit_daily' not found" } }
  }
  const measurement = /FROM "([^"]+)"/.exec(q)?.[1]
  const rows = [...points.values()].filter(
    ({ tags, timeNs, measurement: of }) =>
      of === measurement &&
      units.includes(tags['unit'] ?? '') &&
      timeNs === BigInt(day) * 1_000_000n,
  )
  return { status: 200, value: rows.map(({ tags, fields }) => ({ ...tags, ...fields })) }
}
