// `tenfold claim`: a person's signed word about a unit, such as that its buyer took it over.
// Makes the claim with the person's own key, at the moment of the unit's chain that the pages
// show, and publishes it to the broker; the unit then includes it in its chain by digest. A key
// never leaves its file.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { topicOf, unitIdPattern } from '../../hardware-profiles/names.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { nearest } from '../../hardware-profiles/validate.ts'
import { type ClaimKind, composeClaim } from '../attestation/claim.ts'
import { AttestationError } from '../attestation/codes.ts'
import { parseDid } from '../attestation/did.ts'
import type { Detail } from '../attestation/disclosure.ts'
import { loadOrCreateSigner, loadSigner } from '../attestation/identity.ts'
import { type Config, resolveSecret } from '../config.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { reachable } from '../core/address.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { PassportSummary, UnitSummary } from '../core/queries.ts'
import { claimDetails } from '../ledger/proven.ts'
import { type ActName, acts, follow, parsePart, workDetails } from '../lifecycle/acts.ts'
import { longestShiftUs, shiftDetails } from '../lifecycle/shifts.ts'
import { lifecycleStates } from '../lifecycle/states.ts'
import { explain } from '../mqtt/tls.ts'
import { selftestDetails } from '../selftest/claim.ts'
import type { Io } from './io.ts'
import { type PagesAddress, pagesOf, trustIn } from './pages.ts'
import { request } from './request.ts'
import { type Login, send } from './send.ts'

export const summary =
  'signs and sends a claim about a unit: taken over, serviced, handed on, retired'
export const usage = `usage: tenfold claim key --out FILE
       tenfold claim <act> <unit> --key FILE [options] [where]

  key               makes a key of your own; take a new one for each unit, it is personal data
  accept            you took the unit over: releases the first shares for those who built it
${Object.entries(acts)
  .filter(([name]) => name !== 'accept')
  .map(([name, { description }]) => `  ${name.padEnd(17)} ${description}`)
  .join('\n')}

  shift             you booked it for a shift: only then there is an OEE

  --worker DID=N    accept: who built it, each with a weight (only where its maker has not said so)
  --reason TEXT     why, in your words
  --report FILE     selftest: the signed report that "tenfold selftest" has left
  --task NAME       service: a task of the maintenance plan that you did; repeatable
  --part NAME       service: a part that was replaced, by its name in the machine file; repeatable
  --part-out NAME:SERIAL, --part-in NAME:SERIAL
                    service, refurbish: which part came out, which went in; repeatable
  --failed NAME     service, refurbish: a replaced part that had failed; repeatable. Without it
                    the part was taken out in working order
  --from TIME, --to TIME
                    shift: its beginning and end, such as 2026-05-04T06:00+02:00
  --made N, --good N, --ideal-s N
                    shift: pieces made, how many were good, seconds that one should take

where:
  --pages URL       the gateway's pages (default: as the config says)
  --ca FILE         who signs the certificate of an https URL of --pages, PEM
  --broker URL      its broker (default: as the config says)
  --user NAME, --password-env NAME, --password-file FILE
                    to log in at both, where they ask for it
${configUsage}`

const options = {
  ...configOptions,
  out: { type: 'string' },
  key: { type: 'string' },
  worker: { type: 'string', multiple: true },
  reason: { type: 'string' },
  report: { type: 'string' },
  task: { type: 'string', multiple: true },
  part: { type: 'string', multiple: true },
  'part-out': { type: 'string', multiple: true },
  'part-in': { type: 'string', multiple: true },
  failed: { type: 'string', multiple: true },
  from: { type: 'string' },
  to: { type: 'string' },
  made: { type: 'string' },
  good: { type: 'string' },
  'ideal-s': { type: 'string' },
  pages: { type: 'string' },
  ca: { type: 'string' },
  broker: { type: 'string' },
  user: { type: 'string' },
  'password-env': { type: 'string' },
  'password-file': { type: 'string' },
} as const

type Values = ReturnType<typeof parse>['values']

const parse = (args: string[]) => parseArgs({ args, allowPositionals: true, options })

/** Runs the command: 0 once the gateway has made the claim durable. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parse(args)
  const [what = '', unit] = positionals
  try {
    if (what === 'key') return makeKey(values, io)
    const act = what === 'shift' || Object.hasOwn(acts, what) ? (what as Word) : undefined
    if (act === undefined || unit === undefined || positionals.length > 2) {
      const words = [...Object.keys(acts), 'shift'].join(', ')
      throw wrongUse(`say "key", or one of ${words} and the id of one unit`)
    }
    return await claim({ act, unit, values, io })
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    const { code, message, remedy } = error
    throw new OperatingError(code, { message, remedy, cause: error })
  }
}

const makeKey = ({ out }: Values, io: Io): number => {
  if (out === undefined) throw wrongUse('--out is missing: the file for the new key')
  const path = resolve(io.cwd, out)
  if (existsSync(path)) {
    throw new OperatingError('key_exists', {
      message: `${path} is there already; a key is never replaced`,
      remedy: 'Choose another name.',
    })
  }
  const { did } = loadOrCreateSigner(path, (bytes) => randomBytes(bytes))
  io.out(`${path}: a new key, for you alone; keep a copy, nobody else has one`)
  io.out(did)
  return 0
}

type Word = ActName | 'shift'

interface Job {
  act: Word
  unit: string
  values: Values
  io: Io
}

const claim = async ({ act, unit, values, io }: Job): Promise<number> => {
  if (!new RegExp(unitIdPattern).test(unit)) throw wrongUse(`"${unit}" cannot be a unit's id`)
  if (values.key === undefined) throw wrongUse('--key is missing: the file of your key')
  const signer = loadSigner(resolve(io.cwd, values.key))
  const declared = declaredBy({ act, unit, values, io })
  const { config } = readConfig(io, values).loaded
  const login = loginOf(values, io)
  const pages =
    values.pages === undefined
      ? pagesOf(config)
      : { url: values.pages, trust: trustIn(io, values.ca) }
  const { machine, did, head, summary: known } = await lookUp(pages, { unit, login })
  if (act !== 'shift' && declared.length > 0) {
    checkNames(declared, await ask<Profile[]>(pages, 'api/profiles', login), machine)
  }
  if (act !== 'shift') checkState(act, known)
  const details = [...declared, ...(isWork(act) ? countersOf(known) : [])]
  const kind: ClaimKind = act === 'shift' ? 'shift' : acts[act].claim
  const timeUs = systemClock().nowUs()
  const { message } = composeClaim({ kind, unit: did, head, timeUs, details }, signer, (bytes) =>
    randomBytes(bytes),
  )
  const url = values.broker ?? `mqtt://${reachable(config.mqtt.host)}:${config.mqtt.port}`
  await send({ url, topic: topicOf({ machine, unit, kind: 'claim' }), message, login })
  io.out(`${kind} of ${unit} (${did})`)
  io.out(`signed by ${signer.did}`)
  io.out(
    act === 'shift'
      ? `The gateway has it; see "tenfold life ${unit}".`
      : 'The gateway has it; the unit takes it into its chain when it is next in contact.',
  )
  warn({ act, values, io }, { author: signer.did, known, config })
  if (known.simulated) {
    io.out('The unit is simulated: the claim will be kept, and count for nothing.')
  }
  return 0
}

const declaredBy = ({ act, unit, values, io }: Job): Detail[] => {
  if (act === 'shift') return bookingDetails(values)
  if (act !== 'selftest') return detailsOf(act, values)
  if (values.report === undefined) throw wrongUse('--report is missing: the file of the report')
  return selftestDetails(readFileSync(resolve(io.cwd, values.report)), unit)
}

/** What the gateway will not do with a claim that it has taken. */
const warn = (
  { act, values, io }: Pick<Job, 'act' | 'values' | 'io'>,
  { author, known, config }: { author: string; known: UnitSummary; config: Config },
): void => {
  if (act === 'accept' && (values.worker ?? []).length === 0) {
    io.err(
      'No --worker is named: unless its maker has said who built it, this releases no share. ' +
        'A later acceptance cannot make up for it.',
    )
  }
  const { owner, lifecycle } = known
  const isFree = act === 'accept' && lifecycle === 'transferred'
  const mayNot = owner !== undefined && owner !== author && !isFree
  if (mayNot && !config.units.authorities.includes(author)) {
    io.err(
      `${owner} has accepted the unit: the gateway sets this aside (claim_unauthorised) unless ` +
        'your key is named in its units.authorities.',
    )
  }
}

const isWork = (act: Word): boolean => act === 'service' || act === 'refurbish'

const detailsOf = (act: ActName, values: Values): Detail[] => {
  const { worker = [], part = [], task = [], failed = [], reason } = values
  const out = partsOf('--part-out', values['part-out'])
  const into = partsOf('--part-in', values['part-in'])
  const moved = [...out, ...into].map((text) => text.split(':')[0] ?? '')
  const named = [...part, ...moved, ...failed]
  if (!isWork(act) && named.length + task.length > 0) {
    throw wrongUse(`parts and tasks belong to "service" and "refurbish", not to "${act}"`)
  }
  if (act === 'service' && named.length + task.length === 0) {
    throw wrongUse('--part is missing: what was replaced; or --task: what was done')
  }
  const workers = worker.map((text) => {
    const [, did = '', weight = '1'] = /^(did:key:\w+)(?:=([1-9]\d{0,8}))?$/.exec(text) ?? []
    if (did === '') throw wrongUse(`--worker ${text} does not have the form did:key:...=WEIGHT`)
    parseDid(did)
    return { name: claimDetails.worker, value: `${did} ${weight}` }
  })
  const each = (name: string, list: readonly string[]): Detail[] =>
    list.map((value) => ({ name, value }))
  return [
    ...workers,
    ...each(claimDetails.part, [...new Set(named)]),
    ...each(workDetails.reason, reason === undefined ? [] : [reason.slice(0, 200)]),
    ...each(workDetails.task, task),
    ...each(workDetails.failed, failed),
    ...each(workDetails.partOut, out),
    ...each(workDetails.partIn, into),
  ]
}

/** What books a shift; refused where it could mean nothing. */
const bookingDetails = (values: Values): Detail[] => {
  const time = (flag: 'from' | 'to'): number => {
    const text = values[flag]
    if (text === undefined) throw wrongUse(`--${flag} is missing: when the shift begins and ends`)
    const ms = /T.*(Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
    if (Number.isFinite(ms)) return ms * 1000
    throw wrongUse(`--${flag} ${text} is no time with its zone, such as 2026-05-04T06:00+02:00`)
  }
  const [from, to] = [time('from'), time('to')]
  if (to <= from) throw wrongUse('--to is not after --from')
  if (to - from > longestShiftUs) throw wrongUse('a shift has at most 24 hours')
  const number = (flag: 'made' | 'good' | 'ideal-s'): number | undefined => {
    const text = values[flag]
    if (text === undefined) return undefined
    const form = flag === 'ideal-s' ? /^\d{1,6}(\.\d{1,3})?$/ : /^\d{1,9}$/
    if (form.test(text)) return Number(text)
    throw wrongUse(`--${flag} ${text} is no number of that kind`)
  }
  const [made, good, idealS] = [number('made'), number('good'), number('ideal-s')]
  if ((good ?? 0) > (made ?? Number.POSITIVE_INFINITY)) throw wrongUse('--good is above --made')
  return Object.entries({ from, to, made, good, idealS }).flatMap(([name, value]) => {
    const detail = shiftDetails[name as keyof typeof shiftDetails]
    return value === undefined ? [] : [{ name: detail, value: String(value) }]
  })
}

const partsOf = (flag: string, texts: readonly string[] = []): readonly string[] => {
  for (const text of texts) {
    if (parsePart(text) === undefined) {
      throw wrongUse(`${flag} ${text} does not have the form part:SERIAL`)
    }
  }
  return texts
}

/** Names that the machine file lacks would be signed for ever and mean nothing. */
const checkNames = (
  details: readonly Detail[],
  profiles: readonly Profile[],
  machine: string,
): void => {
  const profile = profiles.find((known) => known.machine === machine)
  if (profile === undefined) return
  const tasks = profile.maintenance.map(({ task }) => task)
  for (const { name, value } of details) {
    const text = String(value)
    const known =
      name === claimDetails.part ? Object.keys(profile.parts) : name === 'task' ? tasks : undefined
    if (known === undefined || known.includes(text)) continue
    throw new OperatingError(`${name}_unknown`, {
      message: `a ${machine} has no ${name} "${text}"${nearest(text, known)}`,
      remedy: `Known are ${known.join(', ')}.`,
    })
  }
}

/** Refused before it is signed: the gateway would set it aside. */
const checkState = (act: ActName, { unit, lifecycle }: UnitSummary): void => {
  const from = lifecycleStates.find((state) => state === lifecycle) ?? null
  const step = follow(from, acts[act].path)
  if (step.ok) return
  throw new OperatingError('lifecycle_refused', {
    message: `${unit} is ${from}: ${step.reason}`,
    remedy: 'Declare first what lies between, or check the id of the unit.',
  })
}

const countersOf = ({ counters = {} }: Partial<UnitSummary>): Detail[] =>
  Object.entries(counters).map(([name, total]) => ({
    name: workDetails.counter,
    value: `${name}=${total}`,
  }))

const loginOf = (values: Values, io: Io): Login | undefined => {
  const { user, 'password-env': env, 'password-file': file } = values
  if (user === undefined) return undefined
  const secret = env !== undefined ? { env } : file !== undefined ? { file } : undefined
  if (secret === undefined) throw wrongUse('--user needs --password-env or --password-file')
  const readFile = (path: string): string => readFileSync(resolve(io.cwd, path), 'utf8')
  return { user, password: resolveSecret(secret, { env: io.env, readFile }) }
}

interface Subject {
  machine: string
  did: string
  summary: UnitSummary
  /** Hash of the unit's newest entry; null before its first. */
  head: Uint8Array | null
}

const lookUp = async (
  pages: PagesAddress,
  { unit, login }: { unit: string; login: Login | undefined },
): Promise<Subject> => {
  const { units } = await ask<{ units: UnitSummary[] }>(pages, 'api/units', login)
  const found = units.find((summary) => summary.unit === unit)
  if (found === undefined) {
    throw new OperatingError('unit_unknown', {
      message: `the gateway at ${pages.url} knows no unit ${unit}`,
      remedy: `Known are ${units.map((known) => known.unit).join(', ') || 'none'}.`,
    })
  }
  const { key, entries } = await ask<PassportSummary>(pages, `api/units/${unit}/passport`, login)
  if (key === undefined) {
    throw new OperatingError('unit_without_key', {
      message: `${unit} has no key of its own, so nothing can be claimed about it`,
      remedy: 'Let it state its key at hello.',
    })
  }
  const newest = entries.reduce<PassportSummary['entries'][number] | undefined>(
    (last, entry) => (last === undefined || entry.seq > last.seq ? entry : last),
    undefined,
  )
  const head = newest === undefined ? null : Uint8Array.from(Buffer.from(newest.hash, 'hex'))
  return { machine: found.machine, did: key, summary: found, head }
}

const ask = async <T>(
  { url, trust }: PagesAddress,
  path: string,
  login: Login | undefined,
): Promise<T> => {
  const basic = Buffer.from(`${login?.user}:${login?.password}`).toString('base64')
  const headers = login === undefined ? {} : { Authorization: `Basic ${basic}` }
  const signal = AbortSignal.timeout(10_000)
  const answer = await request(new URL(path, url), { headers, trust, signal }).catch(
    (cause: Error) => {
      throw new OperatingError('pages_unreachable', {
        message: `no gateway answers at ${url}: ${explain(cause)}`,
        remedy: 'Start it, or give its address: --pages http://..., or https:// with --ca',
        cause,
      })
    },
  )
  const said = parsed<T & { message?: string; remedy?: string }>(answer.text)
  if (answer.ok && said !== undefined) return said
  throw new OperatingError('pages_refused', {
    message: said?.message ?? `the gateway at ${url} answered ${answer.status}`,
    remedy: said?.remedy ?? 'Check the address: is it a gateway?',
  })
}

const parsed = <T>(text: string): T | undefined => {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

const wrongUse = (message: string): OperatingError =>
  new OperatingError('usage', { message, remedy: 'See "tenfold help claim".' })
