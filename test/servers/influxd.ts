// A real InfluxDB 1.x of a test's own: own config, own data folder, free loopback ports. Nothing of
// a system-wide server is read or touched. Where the program is absent the tests are skipped with
// one printed line; with TENFOLD_REQUIRE_REAL=1 its absence is an error.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './gateway.ts'

export interface InfluxdOptions {
  /** Accounts are checked; the administrator is made at start. */
  admin?: { username: string; password: string }
  /** `max-body-size`, bytes. */
  maxBodyBytes?: number
  /** `max-series-per-database`; 0 = none. */
  maxSeries?: number
}

export interface Influxd {
  /** Such as http://127.0.0.1:41234; the same after every start. */
  readonly url: string
  /** Its own, with all its data. */
  readonly folder: string
  /** Of the running process; undefined between its end and its next start. */
  readonly pid: number | undefined
  /** Ends the server as a service manager would (SIGTERM), data kept. */
  stop(): Promise<void>
  /** Ends it without notice (SIGKILL), data kept. */
  kill(): Promise<void>
  start(): Promise<void>
  restart(): Promise<void>
  /** Rows of one InfluxQL statement; throws what the server says. Times as integers of `epoch`. */
  query(statement: string, options?: QueryOptions): Promise<Row[]>
  /** Ends it and removes its folder. */
  remove(): Promise<void>
}

export interface QueryOptions {
  db?: string
  /** Unit of times in the answer; default µs, which a double holds exactly. */
  epoch?: 'ns' | 'u' | 'ms'
}

/** One row; the tags of its series are columns as well. `_measurement` is the series' name. */
export type Row = Record<string, string | number | boolean | null>

/** Starts a server, or prints one line and gives undefined where `influxd` is not installed. */
export const startInfluxd = async (options: InfluxdOptions = {}): Promise<Influxd | undefined> => {
  if (!installed()) {
    const reason = 'influxd is not installed (Debian: apt-get install influxdb)'
    if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
    console.log(`skipped: ${reason}`)
    return undefined
  }
  const folder = await mkdtemp(join(tmpdir(), 'tenfold-influxd-'))
  const [http, rpc] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${http}`
  await writeFile(join(folder, 'influxdb.conf'), configText(folder, { http, rpc, options }))
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    child = await run(folder, url)
  }
  const end = async (how: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null) return
    const gone = once(running, 'exit')
    running.kill(how)
    await gone
  }
  await start()
  if (options.admin !== undefined) await makeAdmin(url, options.admin)
  return {
    url,
    folder,
    get pid() {
      return child?.pid
    },
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM')
      await start()
    },
    query: (statement, how) => query({ url, admin: options.admin }, statement, how),
    async remove() {
      await end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const installed = (): boolean => {
  try {
    execFileSync('influxd', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

interface Settings {
  http: number
  rpc: number
  options: InfluxdOptions
}

const configText = (folder: string, { http, rpc, options }: Settings): string => `
reporting-enabled = false
bind-address = "127.0.0.1:${rpc}"
[meta]
  dir = "${folder}/meta"
[data]
  dir = "${folder}/data"
  wal-dir = "${folder}/wal"
  index-version = "tsi1"
  query-log-enabled = false
  max-series-per-database = ${options.maxSeries ?? 1_000_000}
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${http}"
  auth-enabled = ${options.admin !== undefined}
  log-enabled = false
  max-body-size = ${options.maxBodyBytes ?? 25_000_000}
[logging]
  level = "error"
[continuous_queries]
  enabled = false
`

const run = async (folder: string, url: string): Promise<ChildProcess> => {
  await mkdir(join(folder, 'home'), { recursive: true })
  const child = spawn('influxd', ['run', '-config', join(folder, 'influxdb.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: join(folder, 'home') },
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000)
  })
  const startMs = Date.now()
  while (Date.now() - startMs < 30_000) {
    if (child.exitCode !== null) throw new Error(`influxd ended at its start:\n${said}`)
    try {
      const answer = await fetch(`${url}/ping`)
      if (answer.status === 204) return child
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill('SIGKILL')
  throw new Error(`influxd did not answer within 30 s:\n${said}`)
}

const makeAdmin = async (url: string, admin: { username: string; password: string }) => {
  const user = `CREATE USER "${admin.username}" WITH PASSWORD '${admin.password}'`
  await query({ url, admin: undefined }, `${user} WITH ALL PRIVILEGES`)
}

interface Access {
  url: string
  admin: InfluxdOptions['admin']
}

const query = async (
  { url, admin }: Access,
  statement: string,
  { db, epoch = 'u' }: QueryOptions = {},
): Promise<Row[]> => {
  const parameters = new URLSearchParams({ q: statement, epoch, ...(db ? { db } : {}) })
  const login = Buffer.from(`${admin?.username}:${admin?.password}`).toString('base64')
  const headers: Record<string, string> =
    admin === undefined ? {} : { authorization: `Basic ${login}` }
  const answer = await fetch(`${url}/query`, { method: 'POST', body: parameters, headers })
  const body = (await answer.json()) as {
    error?: string
    results?: { error?: string; series?: Table[] }[]
  }
  const error = body.error ?? body.results?.find((result) => result.error !== undefined)?.error
  if (error !== undefined) throw new Error(`${error} in: ${statement}`)
  return (body.results ?? []).flatMap(({ series = [] }) => series.flatMap(rowsOf))
}

interface Table {
  name?: string
  tags?: Record<string, string>
  columns: string[]
  values?: Row[string][][]
}

const rowsOf = ({ name, tags, columns, values = [] }: Table): Row[] =>
  values.map((value) => ({
    ...(name === undefined ? {} : { _measurement: name }),
    ...tags,
    ...Object.fromEntries(columns.map((column, i) => [column, value[i] ?? null])),
  }))
