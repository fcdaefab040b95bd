// `tenfold doctor`: looks at every station on the path of a reading and says where it ends, for
// one unit or for the gateway alone. It only reads, beside a gateway that runs or not; what the
// facts mean is gateway/diagnosis.ts.
import { access, constants, stat, statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { certificateFinding, type ShownCertificate } from '../certificate-findings.ts'
import type { Config } from '../config.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { reachable } from '../core/address.ts'
import { systemClock } from '../core/clock.ts'
import type { Books } from '../core/delivery.ts'
import { OperatingError, operatingError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { SourceLink } from '../core/link.ts'
import { prepareMachine } from '../core/machine.ts'
import type { Written } from '../core/queries.ts'
import { decodeRecord } from '../core/record.ts'
import { diagnose, type Facts, type Finding, type SinkFacts, type Trouble } from '../diagnosis.ts'
import { closedFinding, linkFindings } from '../link-findings.ts'
import { realFiles } from '../log/files.ts'
import { lockHolder } from '../log/lock.ts'
import { readOne } from '../log/one.ts'
import { writtenFinding } from '../operations/disk.ts'
import { roomFinding } from '../operations/room.ts'
import { certificatesOf, shownBy } from '../shown-certificates.ts'
import { openStoreReader, type StoreReader } from '../sinks/store/store.ts'
import { serialFindings } from '../sources/serial/findings.ts'
import { readSerialHealth } from '../sources/serial/status.ts'
import { type NewestReading, traceOf } from '../trace.ts'
import { readToken } from '../web/token.ts'
import { askPassword, authorization, passwordOptions } from './ask.ts'
import type { Io } from './io.ts'
import { pagesOf } from './pages.ts'
import { request } from './request.ts'
import { profilesOf } from './serve.ts'

export const summary = 'says why no data arrives, for one unit or for the gateway'
export const usage = `usage: tenfold doctor [unit] [--json]

  --json           prints the findings as JSON
${configUsage}
${askPassword}; not needed by the user of the
                   gateway, who may read the data folder

Give the settings that the gateway was started with. For the demo: --data .tenfold/demo
Exit code: 0 when nothing is wrong, 1 when something is.`

/** Runs the command: 0 when nothing is wrong, else 1. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...configOptions, ...passwordOptions, json: { type: 'boolean', default: false } },
  })
  const [unit, ...more] = positionals
  if (more.length > 0) {
    throw new OperatingError('usage', {
      message: 'doctor looks at one unit at a time',
      remedy: 'See "tenfold help doctor".',
    })
  }
  const { config } = readConfig(io, values).loaded
  const shown = shownBy(config)
  const pages = openPages(config, authorization(io, values), shown)
  const { newest, ...facts } = await gather({ config, unit, io, pages })
  const findings = [...diagnose(facts), ...(newest === undefined ? [] : traceOf(newest, facts))]
  findings.push(...(await fromPages(pages, config)))
  const certificates = (await certificatesOf(config))
    .map((one) => ({ ...certificateFinding(one, facts.nowUs), isNamed: 'untilMs' in one.content }))
    // Of the many that were issued only those that end.
    .flatMap(({ isNamed, ...found }) => (isNamed && found.verdict === 'good' ? [] : [found]))
  // First what may be why nothing answered.
  findings.unshift(...certificates.filter(({ verdict }) => verdict === 'bad'))
  findings.push(...certificates.filter(({ verdict }) => verdict !== 'bad'))
  if (config.sources.serial !== undefined) {
    const health = readSerialHealth(join(config.data, 'sources', 'serial'))
    findings.push(...serialFindings(health, { unit, nowUs: systemClock().nowUs() }))
  }
  if (values.json) io.out(JSON.stringify(findings, null, 2))
  else print(findings, io)
  return findings.some(({ verdict }) => verdict === 'bad') ? 1 : 0
}

const marks = { good: 'ok  ', note: 'note', bad: 'BAD ' } as const

const print = (findings: readonly Finding[], io: Io): void => {
  for (const { station, verdict, text, remedy } of findings) {
    io.out(`${marks[verdict]}  ${station.padEnd(10)}  ${text}`)
    if (remedy !== undefined) io.out(`${' '.repeat(18)}-> ${remedy}`)
  }
  const first = findings.find(({ verdict }) => verdict === 'bad')
  io.out('')
  const notes = findings.filter(({ verdict }) => verdict === 'note').length
  const well = notes === 0 ? 'Nothing is wrong.' : `Nothing is wrong; ${notes} to know, see "note".`
  io.out(first === undefined ? well : `Look first at: ${first.text}`)
}

/** What only a running gateway can say of itself. */
const fromPages = async ({ ask, url, isClosed }: Pages, { alerts }: Config): Promise<Finding[]> => {
  const written = await ask<Partial<Written>>('api/written')
  const health = await ask<{ nowUs: number; links: SourceLink[] }>('api/links')
  return [
    ...(isClosed() ? [closedFinding(url)] : []),
    ...(written?.logBytes === undefined ? [] : [writtenFinding(written as Written)]),
    ...(written?.room === undefined ? [] : [roomFinding(written.room, alerts)]),
    ...(health === undefined ? [] : linkFindings(health.links.filter(isOfPages), health.nowUs)),
  ]
}

/** Of serial ports the file of that source says more. */
const isOfPages = ({ source }: SourceLink): boolean => source !== 'serial'

interface Asking {
  config: Config
  unit: string | undefined
  io: Io
  pages: Pages
}

const gather = async ({ config, unit, io, pages }: Asking): Promise<Facts & Traced> => {
  const store = readStore(config, unit)
  const { ask, url } = pages
  const [folder, ready, books, broker] = await Promise.all([
    folderFacts(config, io),
    ask<{ reasons: string[] }>('ready'),
    ask<SinkFacts[]>('api/books'),
    brokerFacts(config),
  ])
  const holder = folder.exists ? lockHolder(join(config.data, 'log')) : undefined
  // What answers at the port is this folder's gateway only if one holds the folder.
  const live = holder !== undefined && Array.isArray(books)
  return {
    nowUs: systemClock().nowUs(),
    folder,
    gateway: { holder, notReady: ready?.reasons, url },
    broker,
    store: folder.exists ? store.trouble : undefined,
    unit: store.unit,
    quarantine: store.quarantine,
    newest: store.newest,
    sinks: live ? books : store.books,
    sinksLive: live,
    configuredSinks: Object.entries(config.sinks).flatMap(([name, sink]) => (sink ? [name] : [])),
  }
}

const folderFacts = async (config: Config, io: Io): Promise<Facts['folder']> => {
  const path = config.data
  const { reserveBytes } = config.log
  const demo = resolve(io.cwd, '.tenfold', 'demo')
  const missing = { path, exists: false, unwritable: undefined, freeBytes: undefined, reserveBytes }
  if (!(await isThere(path))) {
    return { ...missing, other: demo !== path && (await isThere(demo)) ? demo : undefined }
  }
  const unwritable = await access(path, constants.W_OK | constants.X_OK).then(
    () => undefined,
    (error: Error) => error.message,
  )
  const freeBytes = await statfs(path).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  )
  return { ...missing, exists: true, unwritable, freeBytes, other: undefined }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const patienceMs = 2000

/** The pages of the gateway, as far as they let us ask. */
interface Pages {
  url: string
  /**
   * JSON of an answer, also of one that says "not ready"; undefined where nothing of ours answers.
   */
  ask<T>(path: string): Promise<T | undefined>
  /** It asked for a password, and none that is right was shown. */
  isClosed(): boolean
}

const openPages = (
  config: Config,
  given: Record<string, string>,
  shown: readonly ShownCertificate[],
): Pages => {
  const { url, trust } = pagesOf(config, shown)
  const token = readToken(config.data)
  const own = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const headers = given['authorization'] === undefined ? own : given
  let isClosed = false
  return {
    url,
    isClosed: () => isClosed,
    ask: async <T>(path: string): Promise<T | undefined> => {
      try {
        const signal = AbortSignal.timeout(patienceMs)
        const { status, ok, text } = await request(new URL(url + path), { signal, headers, trust })
        if (status === 401) isClosed = true
        return ok || status === 503 ? (JSON.parse(text) as T) : undefined
      } catch {
        return undefined
      }
    },
  }
}

const brokerFacts = async ({ mqtt }: Config): Promise<Facts['broker']> => {
  if (mqtt.port === 0) return undefined
  // As a socket wants it: without the brackets of a URL.
  const host = reachable(mqtt.host).replaceAll(/[[\]]/g, '')
  const unreachable = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host, port: mqtt.port, timeout: patienceMs })
    const end = (reason: string | undefined): void => {
      socket.destroy()
      resolve(reason)
    }
    socket.on('connect', () => end(undefined))
    socket.on('timeout', () => end('no answer'))
    socket.on('error', (error) => end(error.message))
  })
  return { address: `mqtt://${reachable(mqtt.host)}:${mqtt.port}`, unreachable }
}

interface Traced {
  newest: NewestReading | undefined
}

interface StoreFacts extends Traced {
  trouble: Trouble | undefined
  books: Books[]
  unit: Facts['unit']
  quarantine: Facts['quarantine']
}

const nothing: StoreFacts = {
  ...{ trouble: undefined, books: [], unit: undefined, newest: undefined, quarantine: [] },
}

/** With how it came, as its record in the log says. */
const withRecord = (
  { data }: Config,
  newest: NewestReading | undefined,
): NewestReading | undefined => {
  const body = newest && readOne(realFiles(), join(data, 'log'), newest.offset)
  try {
    return newest && { ...newest, record: body && decodeRecord(body) }
  } catch {
    // Another version of this software has written it.
    return newest
  }
}

const readStore = (config: Config, unit: string | undefined): StoreFacts => {
  const machines = new Map(profilesOf().map((p) => [p.machine, prepareMachine(p)]))
  let reader: StoreReader | undefined
  try {
    reader = openStoreReader(join(config.data, 'store'), machines)
    const { queries } = reader
    const books = queries.books()
    if (unit === undefined) {
      return { ...nothing, books, quarantine: queries.quarantine({ limit: limits.listRows }) }
    }
    const summary = queries.unit(unit)
    const state = queries.state(unit)
    const machine = machines.get(summary?.machine ?? '')
    const facts = {
      unit,
      summary,
      remembered: state,
      profile: machine && { digest: machine.digest, reportHz: machine.profile.reportHz },
      quarantine: queries.quarantine({ unit, limit: limits.listRows }),
      knownUnits: queries.units().map((known) => known.unit),
    }
    return { ...nothing, books, unit: facts, newest: withRecord(config, queries.newest(unit)) }
  } catch (error) {
    const trouble = operatingError(error)
    if (trouble === undefined) throw error
    return { ...nothing, trouble }
  } finally {
    reader?.close()
  }
}
