// A gateway's answers without a gateway: Queries and LiveFeed over made-up units of the real
// profiles, one of them at work. For tests of the pages alone.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../gateway/core/clock.ts'
import { OperatingError, quarantineReasons } from '../../gateway/core/errors.ts'
import type { LiveFeed, LiveReading } from '../../gateway/core/live.ts'
import type { LifecycleStep, Queries, UnitLife, UnitSummary } from '../../gateway/core/queries.ts'
import { livesFromIntervals } from '../../gateway/durability/lives.ts'
import { judgeCases, judgeRepaired, usualQuestion } from '../../gateway/lifecycle/claim-meter.ts'
import type { Actions } from '../../gateway/web/actions.ts'
import { openImages } from '../../gateway/web/images.ts'
import { startWeb, type Web, type WebOptions } from '../../gateway/web/server.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { root } from '../tree.ts'

export const profileOf = (name: string): Profile =>
  JSON.parse(readFileSync(join(root, 'hardware-profiles', `${name}.json`), 'utf8'))

const did = (letter: string): string => `did:key:z6Mk${letter.repeat(44)}`

/** Values of all signals at a time, seconds: smooth, inside their ranges, at work now and then. */
const valuesAt = (profile: Profile, timeS: number): (number | null)[] =>
  Object.values(profile.signals).map((signal, at) => {
    const work = Math.max(0, Math.sin(timeS / 4)) ** 0.4
    const wobble = 0.06 * Math.sin(timeS * 5 + at) + 0.03 * Math.sin(timeS * 17 + at * 3)
    if (signal.values !== undefined) {
      const step = work > 0 ? 2 : 1
      return at % 2 === 0 ? Math.min(step, signal.values.length - 1) : 0
    }
    if (signal.type === 'boolean') return work > 0 ? 0 : 1
    const [, high = 100] = signal.range ?? []
    if (signal.unit === 'Cel') return 31 + at + 8 * Math.sin(timeS / 60 + at) + work
    if (signal.unit === 'V') return 19.2 - 1.4 * work + wobble / 3
    return work === 0 ? 0 : high * (0.2 + 0.25 * work + 0.3 * wobble)
  })

const summaryOf = (profile: Profile, unit: string, more: Partial<UnitSummary>): UnitSummary => {
  const nowUs = Date.now() * 1000
  const values = valuesAt(profile, nowUs / 1e6)
  return {
    unit,
    machine: profile.machine,
    simulated: false,
    lifecycle: 'in_use',
    key: did('A'),
    custody: 'controller_flash',
    owner: undefined,
    boot: 4,
    lastTimeUs: nowUs,
    counters: Object.fromEntries(
      Object.keys(profile.counters).map((name, at) => [
        name,
        Math.floor(7919 * 13 ** at) % 99999937,
      ]),
    ),
    values: Object.fromEntries(
      Object.entries(profile.signals).map(([name, { estimated }], at) => [
        name,
        { value: values[at] ?? undefined, quality: estimated === true ? 'uncertain' : 'good' },
      ]),
    ),
    readings: 481_223,
    missing: 3,
    duplicates: 12,
    quarantined: 2,
    ...more,
  }
}

/** Every fourth of them has failed, at ages around 300 h. */
const livesOf = (count: number) => {
  const lower = Array.from({ length: count }, (_, i) => 80 + 11 * i)
  const upper = lower.map((age, i) => (i % 4 === 0 ? age : Number.POSITIVE_INFINITY))
  return livesFromIntervals({ lower, upper })
}

/** A life with some of everything that a page can show. */
const fakeLife = (
  { maintenance }: Profile,
  { unit, nowUs }: { unit: string; nowUs: number },
): UnitLife => {
  const day = 86_400e6
  const plain = { refused: undefined, declared: false, author: undefined, reason: undefined }
  const noWork = { parts: [], failed: [], tasks: [], out: [], in: [], counters: {} }
  const repaired: LifecycleStep = {
    ...{ type: 'repaired', timeUs: nowUs - 3 * day, from: 'in_repair', to: 'in_use' },
    ...{ ...plain, ...noWork, declared: true, author: did('W'), entrySeq: 3 },
    ...{ reason: 'It howled under load', tasks: ['grease_gearbox'], failed: ['gearbox'] },
    out: [{ part: 'gearbox', serial: 'G-1001' }],
    in: [{ part: 'gearbox', serial: 'G-1187' }],
  }
  const bands = (signal: string, low: number, high: number) => ({
    ...{ signal, low, high },
    ms: Array.from({ length: 32 }, (_, i) => Math.round(4e6 * Math.exp(-(((i - 13) / 6) ** 2)))),
  })
  return {
    unit,
    steps: [
      {
        ...{ ...repaired, type: 'refurbished', timeUs: nowUs - day, from: 'retired' },
        ...{ to: 'refurbished', refused: 'refurbished cannot follow retired' },
      },
      repaired,
      {
        ...{ type: 'first_used', timeUs: nowUs - 40 * day, from: 'made', to: 'in_use' },
        ...{ ...plain, ...noWork, entrySeq: 1 },
      },
    ],
    maintenance: maintenance.map(({ task, description, part }, i) => ({
      ...{ task, description, part, by: 'counter' as const, of: 'run_time', unit: 'ms' },
      ...{ every: 1.8e8, left: 1.8e8 * (i / 4 - 0.2), sinceUs: undefined },
      state: (['overdue', 'due', 'ok'] as const)[i] ?? 'ok',
      doneUs: i === 1 ? nowUs - 9 * day : undefined,
      partUs: undefined,
    })),
    failures: [
      { type: 'sensor_failed', part: 'controller', timeUs: nowUs - 5 * day, reconciled: false },
    ],
    parts: [
      {
        ...{ part: 'gearbox', serial: 'G-1187', fromUs: nowUs - 9 * day, toUs: undefined },
        ...{ hours: 12, failed: false },
      },
      {
        ...{ part: 'gearbox', serial: 'G-1001', fromUs: undefined, toUs: nowUs - 9 * day },
        ...{ hours: 141.5, failed: true },
      },
    ],
    shifts: [
      {
        ...{ fromUs: nowUs - day, toUs: nowUs - day / 2, author: did('W'), plannedS: 28_800 },
        ...{ ranS: 14_400, unknownS: 2880, made: { count: 200, measured: false }, good: 190 },
        ...{ idealS: 60, availability: { lower: 0.5, upper: 0.6 }, quality: 0.95 },
        ...{ effectiveness: { lower: 0.694, upper: 0.833 }, oee: 0.3958, missing: [] },
      },
    ],
    uptime: {
      spentS: { in_use: 40_000, idle: 500_000, in_repair: 90_000, unknown: 2_000_000 },
      now: 'idle',
      availability: { lower: 0.2053, upper: 0.9658 },
      ...{ failures: 3, mtbfH: undefined, mttrH: 8.3 },
      hidden: 'fails more and more often (U = 2.41, p = 0.016): a mean would mislead',
    },
    wear: {
      usedHours: 11.1,
      bands: [bands('motor_current', 0, 80), bands('torque', -64, 64)],
      parts: [
        { name: 'gear_teeth', description: 'Bending', part: 'gearbox', used: 0.0312 },
        { name: 'spindle_bearing', description: 'Ball', part: 'gearbox', used: 0.00001 },
      ],
      left: {
        ...{ median: 345, lower: 180, upper: 610, confidence: 0.9 },
        sources: [
          { name: 'gear_teeth', part: 'gearbox', by: 'load', median: 900, lower: 400, upper: null },
          {
            ...{ name: 'battery_resistance', part: 'battery', by: 'condition' },
            ...{ median: 350, lower: 182, upper: 640 },
          },
        ],
      },
      board: undefined,
      battery: {
        ...{ part: 'battery', firstOhm: 0.061, newestOhm: 0.074, windows: 9, cycles: 31.4 },
        capacity: {
          ...{ ratedAh: 1.5, health: 0.912, newestAh: 1.37, recovered: true },
          ...{ accepted: 9, ended: 31, partial: 21, unseen: 1, endCycle: null },
        },
      },
    },
  }
}

/** Units that fail every 90 hours or so, watched for 200. */
const repairedOf = (count: number) => {
  const best = Array.from({ length: count }, (_, i) => ({ events: [60 + i, 150 + i], end: 200 }))
  return { best, worst: best, silent: 0 }
}

export const fakeQueries = (profiles: readonly Profile[]): Queries => {
  const [drill, other] = profiles as [Profile, Profile]
  const units = (): UnitSummary[] => [
    summaryOf(drill, 'drill-1', {
      simulated: true,
      proof: { proven: true, timeUs: 1_600_000_000_000_000, why: null },
    }),
    summaryOf(drill, 'drill-7', {
      ...{ lifecycle: 'in_repair', lastTimeUs: undefined, quarantined: 0 },
      proof: { proven: false, timeUs: 1_600_000_000_000_000, why: 'other_key' },
    }),
    summaryOf(other, 'tool-3', {
      lastTimeUs: 1_600_000_000_000_000,
      quarantined: 0,
      custody: 'gateway',
      key: undefined,
    }),
  ]
  const known = (unit: string): UnitSummary => {
    const found = units().find((summary) => summary.unit === unit)
    if (found !== undefined) return found
    throw new OperatingError('unit_unknown', { message: `no unit ${unit}`, remedy: 'Say hello.' })
  }
  const entries = ['made', 'first_used', 'used_today', 'used_today'].map((type, seq) => ({
    seq,
    type,
    timeUs: Date.now() * 1000 - (4 - seq) * 86_400e6,
    hash: String(seq).repeat(64),
    leaf: seq === 3 ? undefined : seq,
  }))
  return {
    units: async () => units(),
    series: async ({ unit, fromUs, toUs, points }) => {
      const { machine, lastTimeUs = 0 } = known(unit)
      const profile = machine === drill.machine ? drill : other
      const stepUs = Math.max((toUs - fromUs) / points, 50_000)
      const timesUs: number[] = []
      for (let t = fromUs; t <= Math.min(toUs, lastTimeUs); t += stepUs) timesUs.push(Math.floor(t))
      const rows = timesUs.map((t) => valuesAt(profile, t / 1e6))
      const names = Object.keys(profile.signals)
      return {
        unit,
        timesUs,
        values: Object.fromEntries(names.map((name, at) => [name, rows.map((r) => r[at] ?? null)])),
      }
    },
    events: async ({ unit }) =>
      drill.events.map(({ type, severity = 'info', description, attest }, at) => ({
        unit: known(unit).unit,
        type,
        severity,
        description,
        attested: attest === true,
        timeUs: Date.now() * 1000 - (at + 1) * 777e6,
        cause: 'starts = 1',
      })),
    life: async ({ unit, nowUs }) => fakeLife(drill, { unit: known(unit).unit, nowUs }),
    durability: async ({ referenceHours, beta, referenceFailures }) => {
      const reference = referenceHours === undefined ? undefined : { b10: referenceHours }
      const question = { ...usualQuestion, reference, assumedBeta: beta }
      return profiles.map((profile, i) => {
        const lives = livesOf(i === 0 ? 40 : 0)
        const cases = { best: lives, worst: lives, silent: 0 }
        const { machine, version } = profile
        return {
          ...{ cohort: `${machine} version ${version}`, machine },
          ...{ ...judgeCases(cases, question), simulatedLeftOut: 2 * i, unusedLeftOut: i },
          repaired: judgeRepaired(repairedOf(i === 0 ? 12 : 0), {
            ...usualQuestion,
            reference: referenceFailures,
          }),
          parts:
            i === 0 ? [{ part: 'gearbox', units: 9, failures: 3, silent: 0, b10: undefined }] : [],
        }
      })
    },
    books: async () => [
      {
        sink: 'store',
        received: 481_240,
        stored: 481_223,
        pending: 3,
        quarantined: 2,
        duplicate: 12,
        dropped: {},
        cursor: 481_237,
      },
      {
        sink: 'influx1',
        received: 481_240,
        stored: 480_001,
        pending: 1_100,
        quarantined: 2,
        duplicate: 12,
        dropped: { retention: 125 },
        cursor: 480_140,
      },
    ],
    quarantine: async () =>
      (['signal_unknown', 'json_malformed', 'signal_unknown', 'signal_unknown'] as const).map(
        (reason, at) => ({
          sink: 'store',
          offset: 1000 + at,
          receivedUs: Date.now() * 1000 - at * 3e6,
          topic: 'tenfold/v1/cordless_drill/drill-1/report',
          payload: '{"v":{"motor_curent":12.3}}<script>alert(1)</script>',
          reason,
          detail: '"motor_curent" (did you mean "motor_current"?)',
          remedy: quarantineReasons[reason],
        }),
      ),
    passportSummary: async (unit) => ({
      unit,
      key: known(unit).key,
      custody: known(unit).custody,
      entries,
      checkpoint:
        'tenfold.example/log\n3\nqINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=\n\n— tenfold…',
    }),
    passport: async (unit) => `passport of ${known(unit).unit}\n`,
    faults: async () => [],
    register: async () => ({
      supply: '1000800',
      holders: [
        { holder: did('F'), name: 'founder', shares: '1000000' },
        { holder: did('W'), name: '', shares: '640' },
        { holder: did('M'), name: 'management', shares: '160' },
      ],
      units: [
        { unit: did('A'), minted: '0', budget: '1000', note: 'simulated: earns nothing' },
        { unit: did('B'), minted: '800', budget: '1000', note: 'accepted by its buyer' },
      ],
    }),
  }
}

/** Reports at 20 Hz while somebody listens. */
export const fakeFeed = (profile: Profile, unit: string): LiveFeed => ({
  subscribe: (listener) => {
    const timer = setInterval(() => {
      const timeUs = Date.now() * 1000
      const reading: LiveReading = {
        machine: profile.machine,
        unit,
        timeUs,
        values: valuesAt(profile, timeUs / 1e6),
        quality: Object.values(profile.signals).map(({ estimated }) =>
          estimated === true ? 1 : 0,
        ),
        counters: Object.keys(profile.counters).map(() => 1),
      }
      listener([reading])
    }, 50)
    return () => clearInterval(timer)
  },
})

const away = async (unit: string): Promise<never> => {
  throw new OperatingError('unit_silent', { message: `${unit} is away`, remedy: 'Join it.' })
}

/** Of a gateway without boards. */
export const noUpdates: Pick<Actions, 'update' | 'check' | 'firmware'> = {
  ...{ update: away, check: away },
  firmware: () => ({ board: null, job: null }),
}

export const startFakeGateway = async (more: Partial<WebOptions> = {}): Promise<Web> => {
  const profiles = [profileOf('cordless-drill'), profileOf('nutrunner')]
  return startWeb({
    host: '127.0.0.1',
    port: 0,
    names: [],
    credentials: () => undefined,
    queries: fakeQueries(profiles),
    actions: {
      command: async () => ({ id: '0', accepted: false, reason: 'disarmed' }),
      ...noUpdates,
      requeue: async () => ({ requeued: 1, more: false }),
      reload: async () => ({ changes: [], applied: false }),
    },
    firmware: noUpdates.firmware,
    profiles,
    live: fakeFeed(profiles[0] as Profile, 'drill-1'),
    clock: systemClock(),
    images: openImages(),
    metrics: async () => ({ type: 'text/plain', text: '' }),
    notReady: () => [],
    onDefect: (error) => {
      throw error
    },
    ...more,
  })
}
