// Questions to the gateway this page came from, typed. An error carries what the gateway advises.
// Nothing is kept here: who asks decides how long an answer holds.
import type { Profile } from '../../../hardware-profiles/profile.ts'
import type { ChallengeOutcome } from '../../core/challenge.ts'
import type { Books } from '../../core/delivery.ts'
import type { SourceLink } from '../../core/link.ts'
import type {
  CohortDurability,
  ImageFace,
  KeptRecording,
  PassportSummary,
  QuarantineRow,
  RegisterSummary,
  Series,
  StoredEvent,
  UnitLife,
  UnitSummary,
  Written,
} from '../../core/queries.ts'
import type { ReleaseFace, UnitFirmware, UpdateJob } from '../../core/update.ts'

/** The same as the gateway's: what it took out of quarantine. */
export interface RequeueOutcome {
  requeued: number
  more: boolean
}

/** A pairing code, with the rows of its QR code: `1` is dark. */
export interface ShownPairing {
  code: string
  seconds: number
  qr: readonly string[]
}

/** An answer that is no data: what happened and what to check, in the gateway's words. */
export class Refusal extends Error {
  readonly remedy: string

  constructor(message: string, remedy: string) {
    super(message)
    this.remedy = remedy
  }
}

/** The plots are asked for apart. */
export type ShownDurability = Omit<CohortDurability, 'svg' | 'repaired'> & {
  repaired: Omit<CohortDurability['repaired'], 'svg'>
}

export interface SeriesQuery {
  unit: string
  fromUs: number
  toUs: number
  points: number
}

const unitPath = (unit: string): string => `/api/units/${encodeURIComponent(unit)}`

export const api = {
  profiles: (): Promise<Profile[]> => ask('/api/profiles'),
  units: (): Promise<{ nowUs: number; units: UnitSummary[] }> => ask('/api/units'),
  series: ({ unit, fromUs, toUs, points }: SeriesQuery): Promise<Series> =>
    ask(
      `${unitPath(unit)}/series?${new URLSearchParams({
        from: String(Math.max(0, Math.floor(fromUs))),
        to: String(Math.ceil(toUs)),
        points: String(points),
      })}`,
    ),
  events: (unit: string): Promise<StoredEvent[]> => ask(`${unitPath(unit)}/events?limit=100`),
  recordings: (unit: string): Promise<KeptRecording[]> => ask(`${unitPath(unit)}/recordings`),
  firmware: (unit: string): Promise<UnitFirmware> => ask(`${unitPath(unit)}/firmware`),
  /** Looks at a release, base64, and asks the board; sends nothing. */
  checkRelease: (unit: string, release: string): Promise<ReleaseFace> =>
    ask(`${unitPath(unit)}/update`, JSON.stringify({ release, check: true })),
  sendUpdate: (unit: string, release: string): Promise<UpdateJob> =>
    ask(`${unitPath(unit)}/update`, JSON.stringify({ release })),
  life: (unit: string): Promise<UnitLife> => ask(`${unitPath(unit)}/life`),
  pair: (): Promise<ShownPairing> => ask('/api/pairing', '{}'),
  challenge: (unit: string): Promise<ChallengeOutcome> =>
    ask(`${unitPath(unit)}/command`, JSON.stringify({ kind: 'challenge' })),
  passport: (unit: string): Promise<PassportSummary> => ask(`${unitPath(unit)}/passport`),
  passportFile: (unit: string): string => `${unitPath(unit)}/passport/file`,
  books: (): Promise<Books[]> => ask('/api/books'),
  quarantine: (unit?: string): Promise<QuarantineRow[]> =>
    ask(
      `/api/quarantine?limit=100${unit === undefined ? '' : `&unit=${encodeURIComponent(unit)}`}`,
    ),
  requeue: (offset: number): Promise<RequeueOutcome> =>
    ask('/api/quarantine/requeue', JSON.stringify({ offset })),
  durability: (query: string): Promise<ShownDurability[]> => ask(`/api/durability?${query}`),
  /** Lives, or failures of units that are repaired. */
  durabilityPlot: (machine: string, query: string, of: 'lives' | 'repairs'): string =>
    `/api/durability/plot?${query}&${new URLSearchParams({ machine, of })}`,
  images: (): Promise<ImageFace[]> => ask('/api/images'),
  imageFile: (name: string, form: string): string => `/api/images/${name}.${form}`,
  links: (): Promise<{ nowUs: number; links: SourceLink[] }> => ask('/api/links'),
  /** Empty where the gateway does not count. */
  written: (): Promise<Partial<Written>> => ask('/api/written'),
  register: (): Promise<RegisterSummary> => ask('/api/register'),
}

/** With a body it asks the gateway to do something. */
const ask = async <T>(path: string, body?: string): Promise<T> => {
  let response: Response
  try {
    const headers = { 'Content-Type': 'application/json' }
    const action = body === undefined ? {} : { method: 'POST', headers, body }
    // What is done may wait for a board that is asked again and again.
    const signal = AbortSignal.timeout(body === undefined ? 10_000 : 60_000)
    response = await fetch(path, { ...action, signal })
  } catch {
    throw new Refusal('The gateway does not answer.', 'Is it still running? This page tries again.')
  }
  if (response.ok) return response.json()
  const said = await response.json().catch(() => ({}))
  throw new Refusal(said.message ?? `The gateway answered ${response.status}.`, said.remedy ?? '')
}
