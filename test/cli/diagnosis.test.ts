// The diagnosis: for each place where data can stay behind, the finding that names it.
import { describe, expect, test } from 'vitest'
import { quarantineReasons } from '../../gateway/core/errors.ts'
import { diagnose, type Facts, type UnitFacts } from '../../gateway/diagnosis.ts'

const nowUs = 1_800_000_000_000_000

const well = (): Facts & { unit: UnitFacts } => ({
  nowUs,
  folder: {
    path: '/farm/data',
    exists: true,
    unwritable: undefined,
    freeBytes: 1e12,
    reserveBytes: 1e8,
    other: undefined,
  },
  gateway: { holder: '42', notReady: [], url: 'http://127.0.0.1:8080/' },
  broker: { address: 'mqtt://127.0.0.1:1883', unreachable: undefined },
  store: undefined,
  unit: {
    unit: 'drill-1',
    summary: {
      unit: 'drill-1',
      machine: 'cordless_drill',
      simulated: false,
      lifecycle: 'in_use',
      owner: undefined,
      key: undefined,
      custody: 'gateway',
      boot: 3,
      lastTimeUs: nowUs - 1e5,
      counters: {},
      values: {},
      readings: 100,
      missing: 0,
      duplicates: 0,
      quarantined: 0,
    },
    remembered: { profile: 'aa', otherKey: null, late: 0 },
    profile: { digest: 'aa', reportHz: 20 },
    quarantine: [],
    knownUnits: ['drill-1'],
  },
  quarantine: [],
  sinks: [
    {
      sink: 'store',
      received: 10,
      stored: 8,
      pending: 0,
      quarantined: 1,
      duplicate: 1,
      dropped: {},
      cursor: 10,
    },
  ],
  sinksLive: true,
  configuredSinks: [],
})

/** Facts that are well but for what `change` makes of them, and the findings that are not good. */
const after = (change: (facts: Facts & { unit: UnitFacts }) => void) => {
  const facts = well()
  change(facts)
  return diagnose(facts).filter(({ verdict }) => verdict !== 'good')
}

test('where all is well nothing is wrong, and every station is named', () => {
  const found = diagnose(well())
  expect(found.map(({ verdict }) => verdict)).not.toContain('bad')
  expect(found.map(({ station }) => station)).toEqual([
    'folder',
    'gateway',
    'broker',
    'unit',
    'readings',
    'sinks',
  ])
})

const row = (reason: keyof typeof quarantineReasons, receivedUs: number) => ({
  sink: 'store',
  offset: 7,
  receivedUs,
  topic: 't',
  payload: '',
  reason,
  detail: '"moter_current"',
  remedy: quarantineReasons[reason],
})

describe('each place where data can stay behind', () => {
  const cases: [string, (facts: Facts & { unit: UnitFacts }) => void, string, RegExp][] = [
    ['no folder', (f) => (f.folder.exists = false), 'folder', /no gateway has ever run/],
    ['no right to write', (f) => (f.folder.unwritable = 'EROFS'), 'folder', /cannot be written/],
    ['a full disk', (f) => (f.folder.freeBytes = 1e6), 'folder', /left, less than/],
    ['no gateway', (f) => (f.gateway.holder = undefined), 'gateway', /no gateway runs/],
    ['a failed log', (f) => (f.gateway.notReady = ['disk']), 'gateway', /takes no data: disk/],
    [
      'no broker',
      (f) => (f.broker = { address: 'mqtt://x', unreachable: 'refused' }),
      'broker',
      /nothing answers at mqtt:\/\/x: refused/,
    ],
    ['a broken store', (f) => (f.store = { message: 'm', remedy: 'r' }), 'store', /m/],
    ['never heard of', (f) => (f.unit.summary = undefined), 'unit', /has ever arrived/],
    [
      'only a machine that nobody knows',
      (f) => {
        f.unit.summary = undefined
        f.unit.quarantine = [row('machine_unknown', nowUs)]
      },
      'unit',
      /is not known; messages of it have arrived, and were kept aside/,
    ],
    ['no profile', (f) => (f.unit.profile = undefined), 'unit', /no profile of the machine/],
    ['a hello, no report', (f) => withLast(f, undefined), 'readings', /no reading of it/],
    ['silence', (f) => withLast(f, nowUs - 60e6), 'readings', /1 min|60 s ago: it is silent/],
    ['a clock ahead', (f) => withLast(f, nowUs + 3600e6), 'readings', /clock is ahead/],
    [
      'a typing mistake',
      (f) => (f.unit.quarantine = [row('signal_unknown', nowUs)]),
      'quarantine',
      /1 kept aside by store as signal_unknown .*moter_current/,
    ],
    ['books that are off', (f) => setSink(f, { received: 11 }), 'sinks', /off by 1/],
    [
      'a sink that cannot deliver',
      (f) => setSink(f, { error: { message: 'refused', remedy: 'start it' } }),
      'sinks',
      /refused/,
    ],
  ]
  const withLast = ({ unit }: { unit: UnitFacts }, lastTimeUs: number | undefined) => {
    if (unit.summary !== undefined) unit.summary.lastTimeUs = lastTimeUs
  }
  const setSink = (facts: Facts, more: object) => {
    facts.sinks = facts.sinks.map((sink) => ({ ...sink, ...more }))
  }

  test.each(cases)('%s', (...[, change, station, text]) => {
    const bad = after(change).filter(({ verdict }) => verdict === 'bad')
    expect(bad[0]).toMatchObject({ station, text: expect.stringMatching(text) })
    expect(bad[0]?.remedy).toMatch(/\w/)
  })
})

test('what was lost with a damaged log is bad news, what a retention let go is a note', () => {
  const withDropped = (dropped: Partial<Record<'corrupt' | 'retention', number>>) =>
    after((f) => {
      const [sink] = f.sinks
      if (sink !== undefined) Object.assign(sink, { dropped, stored: 6 })
    })
  expect(withDropped({ corrupt: 2 })).toMatchObject([
    { station: 'sinks', verdict: 'bad', remedy: expect.stringContaining('check the disk') },
  ])
  expect(withDropped({ retention: 2 })).toMatchObject([{ station: 'sinks', verdict: 'note' }])
})

test('what was kept aside before the last good reading is a note', () => {
  const found = after((f) => (f.unit.quarantine = [row('json_malformed', nowUs - 3600e6)]))
  expect(found).toMatchObject([{ station: 'quarantine', verdict: 'note' }])
})

test('a unit that did not say hello but sent something is told so', () => {
  const found = after((f) => {
    f.unit.summary = undefined
    f.unit.quarantine = [row('unit_unknown', nowUs)]
  })
  expect(found[0]?.text).toContain('has not said hello')
  expect(found[0]?.remedy).toContain('tenfold/v1/<machine>/drill-1/hello')
})

test('a mistyped id gets the nearest known one', () => {
  const found = after((f) => {
    f.unit = { ...f.unit, unit: 'dril-1', summary: undefined }
  })
  expect(found[0]?.text).toContain('did you mean "drill-1"?')
})

test('two boards under one id, late and missing reports, another profile are said', () => {
  const found = after((f) => {
    f.unit.remembered = { profile: 'bb', otherKey: 'did:key:z', late: 4 }
    if (f.unit.summary !== undefined) Object.assign(f.unit.summary, { missing: 2, duplicates: 3 })
  })
  expect(found.map(({ verdict }) => verdict).sort()).toEqual([
    'bad',
    'note',
    'note',
    'note',
    'note',
  ])
})

test.each([
  [undefined, 'note', /taken at its word/],
  [{ proven: true, timeUs: nowUs, why: null }, undefined, /proven its key did:key:zA, 2027-/],
  [{ proven: false, timeUs: nowUs, why: 'signature' }, 'bad', /not signed with it/],
  [{ proven: false, timeUs: nowUs, why: 'unanswered' }, 'bad', /does not answer/],
] as const)('whether the key is proven is said: %j', (proof, verdict, text) => {
  const facts = well()
  const summary = facts.unit.summary
  if (summary === undefined) throw new Error('no summary')
  Object.assign(summary, { key: 'did:key:zA', custody: 'controller_flash', proof })
  const found = diagnose(facts)
  expect(found.find((one) => one.verdict !== 'good')?.verdict).toBe(verdict)
  expect(found.filter((one) => text.test(one.text))).toHaveLength(1)
})

test('asked about no unit, it says what is kept aside, by reason, and what to do', () => {
  const rows = [row('machine_unknown', nowUs), row('machine_unknown', nowUs - 9e6)]
  const found = after((f) => {
    f.quarantine = [...rows, row('json_malformed', nowUs)]
  })
  expect(found).toMatchObject([
    { station: 'quarantine', verdict: 'note', text: expect.stringMatching(/^2 .*machine_unknown/) },
    { station: 'quarantine', text: expect.stringMatching(/^1 kept aside .*json_malformed/) },
  ])
  expect(found[0]?.remedy).toContain('start the gateway again')
})

test('where the newest messages were kept aside, that is looked at before the silence', () => {
  const found = after((f) => {
    if (f.unit.summary !== undefined) f.unit.summary.lastTimeUs = nowUs - 60e6
    f.unit.quarantine = [row('signal_unknown', nowUs - 1e6)]
  })
  expect(found.map(({ station }) => station)).toEqual(['quarantine', 'readings'])
})
