// What the page may ask for: a path and its parameters in, checked, and plain data out. It knows
// what a query is, not how it is answered, and nothing about one machine.
import { unitIdPattern } from '../../hardware-profiles/names.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { passportFile } from '../attestation/passport-file.ts'
import type { Clock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { SourceLink } from '../core/link.ts'
import type { KeptRecording, Queries, Written } from '../core/queries.ts'
import type { UnitFirmware } from '../core/update.ts'
import type { Images } from './images.ts'
import { content, json, Refused, type Reply } from './reply.ts'

export interface ApiOptions {
  queries: Queries
  profiles: readonly Profile[]
  clock: Clock
  images: Images
  /** A unit's board and its newest update. */
  firmware(unit: string): UnitFirmware
  /** For Prometheus. */
  metrics(): Promise<{ type: string; text: string }>
  /** What it wrote to the disk. */
  written?(): Promise<Written>
  /** Recordings of black boxes that are kept of a unit, oldest first. */
  recordings?(unit: string): Promise<KeptRecording[]>
  /** How the sources' connections to peers outside fare. */
  links?(): readonly SourceLink[]
  /** Why the gateway is not ready, one line each; empty when it is. */
  notReady(): readonly string[]
}

type Handler = (options: ApiOptions, query: URLSearchParams, unit: string) => Promise<Reply>

/** The reply to a path, or undefined where it is none of ours. */
export const answer = async (
  options: ApiOptions,
  path: string,
  query: URLSearchParams,
): Promise<Reply | undefined> => {
  const route = routes[path]
  if (route !== undefined && Object.hasOwn(routes, path)) return route(options, query, '')
  const [, image] = /^\/api\/images\/([a-z0-9.-]+)$/.exec(path) ?? []
  if (image !== undefined) return options.images.file(image)
  const [, unit = '', rest = ''] = /^\/api\/units\/([^/]*)\/([a-z/]+)$/.exec(path) ?? []
  const part = Object.hasOwn(unitRoutes, rest) ? unitRoutes[rest] : undefined
  return part?.(options, query, unitOf(unit))
}

/** A unit's id from a path or a query. */
export const unitOf = (text: string): string => {
  if (unitId.test(text)) return text
  throw new Refused(400, 'unit_wrong', {
    message: 'This cannot be the id of a unit.',
    remedy: "A unit's id has small letters, digits and dashes.",
  })
}

const unitId = new RegExp(unitIdPattern)
const minuteUs = 60_000_000

const routes: Readonly<Record<string, Handler>> = {
  '/live': async () => json({ live: true }),
  '/ready': async ({ notReady }) => {
    const reasons = notReady()
    return json({ ready: reasons.length === 0, reasons }, reasons.length === 0 ? 200 : 503)
  },
  '/metrics': async ({ metrics }) => {
    const { type, text } = await metrics()
    return { status: 200, type, body: Buffer.from(text) }
  },
  '/api/profiles': async ({ profiles }) =>
    content('application/json; charset=utf-8', JSON.stringify(profiles)),
  '/api/units': async ({ queries, clock }) =>
    json({ nowUs: clock.nowUs(), units: await queries.units() }),
  '/api/images': async ({ images }) => json(images.list()),
  '/api/books': async ({ queries }) => json(await queries.books()),
  '/api/written': async ({ written }) => json((await written?.()) ?? {}),
  '/api/links': async ({ links, clock }) => json({ nowUs: clock.nowUs(), links: links?.() ?? [] }),
  '/api/register': async ({ queries }) => json(await queries.register()),
  '/api/durability': async (options, query) =>
    json(
      (await verdicts(options, query)).map(({ svg: _, repaired, ...verdict }) => {
        const { svg: __, ...repairs } = repaired
        return { ...verdict, repaired: repairs }
      }),
    ),
  '/api/durability/plot': async (options, query) => {
    const asked = query.get('machine')
    const found = (await verdicts(options, query)).find(({ machine }) => machine === asked)
    if (found === undefined) throw wrong('machine', 'is none of this gateway')
    const { svg } = query.get('of') === 'repairs' ? found.repaired : found
    return content('image/svg+xml', svg)
  },
  '/api/quarantine': async ({ queries }, query) => {
    const unit = query.get('unit')
    const limit = whole(query, 'limit', { usual: 100, min: 1, max: limits.listRows })
    const offset = whole(query, 'offset', { usual: -1, min: 0, max: limits.integerMax })
    return json(
      await queries.quarantine({
        limit,
        ...(unit !== null && { unit: unitOf(unit) }),
        ...(offset >= 0 && { offset }),
      }),
    )
  },
}

const unitRoutes: Readonly<Record<string, Handler>> = {
  series: async ({ queries, clock }, query, unit) => {
    const now = clock.nowUs()
    const times = { min: 0, max: limits.integerMax }
    const toUs = whole(query, 'to', { usual: now, ...times })
    const fromUs = whole(query, 'from', { usual: toUs - 5 * minuteUs, ...times })
    const points = whole(query, 'points', { usual: 1000, min: 2, max: limits.seriesPoints })
    if (fromUs >= toUs) throw wrong('from', 'is not before "to"')
    return json(await queries.series({ unit, fromUs, toUs, points }))
  },
  events: async ({ queries }, query, unit) => {
    const limit = whole(query, 'limit', { usual: 100, min: 1, max: limits.listRows })
    return json(await queries.events({ unit, limit }))
  },
  life: async ({ queries, clock }, _query, unit) =>
    json(await queries.life({ unit, nowUs: clock.nowUs() })),
  update: async ({ firmware }, _query, unit) => json(firmware(unit).job),
  firmware: async ({ firmware }, _query, unit) => json(firmware(unit)),
  recordings: async ({ recordings }, _query, unit) => json((await recordings?.(unit)) ?? []),
  passport: async ({ queries }, _query, unit) => json(await queries.passportSummary(unit)),
  'passport/file': async ({ queries }, _query, unit) => ({
    status: 200,
    type: 'application/octet-stream',
    body: Buffer.from(await queries.passport(unit)),
    headers: { 'Content-Disposition': `attachment; filename="${passportFile(unit)}"` },
  }),
}

const whole = (
  query: URLSearchParams,
  name: string,
  range: { usual: number; min: number; max: number },
): number => {
  const text = query.get(name)
  if (text === null) return range.usual
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= range.min && value <= range.max) return value
  throw wrong(name, `must be a whole number, at least ${range.min} and at most ${range.max}`)
}

const verdicts = (
  { queries, clock }: ApiOptions,
  query: URLSearchParams,
): ReturnType<Queries['durability']> => {
  const { mean } = positive(query, 'failures', 'mean')
  const { hours } = positive(query, 'hours', 'hours')
  return queries.durability({
    nowUs: clock.nowUs(),
    ...positive(query, 'reference', 'referenceHours'),
    ...positive(query, 'beta', 'beta'),
    ...(mean !== undefined && hours !== undefined && { referenceFailures: { mean, hours } }),
  })
}

/** A positive number under another name, or nothing where it is not asked for. */
const positive = <K extends string>(
  query: URLSearchParams,
  name: string,
  as: K,
): Partial<Record<K, number>> => {
  const text = query.get(name)
  if (text === null || text === '') return {}
  const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (value > 0) return { [as]: value } as Record<K, number>
  throw wrong(name, 'must be a number above 0')
}

const wrong = (name: string, message: string): Refused =>
  new Refused(400, 'parameter_wrong', {
    message: `The parameter "${name}" ${message}.`,
    remedy: 'Times are microseconds since 1970.',
  })
