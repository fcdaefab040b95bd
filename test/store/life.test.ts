// The lifecycle in the store with real keys and the real SQLite: what is declared, by whom, with
// parts and counters; what is refused and why; claim and entry in either order; older files.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClaimKind, composeClaim } from '../../gateway/attestation/claim.ts'
import type { Detail } from '../../gateway/attestation/disclosure.ts'
import { UnitKeyHolder } from '../../gateway/attestation/holder.ts'
import { decodeRecord, encodeRecord } from '../../gateway/core/record.ts'
import { Database } from '../../gateway/sinks/store/database.ts'
import { migrate, migrations, versionOf } from '../../gateway/sinks/store/schema.ts'
import { MemoryHolderStore, signerNamed } from '../attestation/world.ts'
import { drill, hello, report, sent, startUs, unitName } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

const folders: StoreFolder[] = []
const open = (): StoreFolder => {
  const made = new StoreFolder()
  folders.push(made)
  return made
}

afterEach(() => {
  for (const made of folders.splice(0)) made.remove()
})

const unitSigner = signerNamed('a unit')
const workshop = signerNamed('workshop')
const secondUs = 1_000_000
const nowUs = startUs + 60 * secondUs
const random = (bytes: number): Uint8Array => randomBytes(bytes)

const claimOf = (kind: ClaimKind, details: readonly Detail[] = [], unit = unitSigner.did) => {
  const { claim, message } = composeClaim(
    { kind, unit, head: null, timeUs: startUs, details },
    workshop,
    random,
  )
  return { hash: claim.hash, record: sent({ kind: 'claim', payload: message, receivedUs: nowUs }) }
}

/** A unit that signs for itself: one entry a second. */
class Signing {
  readonly #holder = new UnitKeyHolder({
    signer: unitSigner,
    store: new MemoryHolderStore(),
    random,
  })
  #seconds = 0

  made(): Buffer {
    const payload = this.#holder.enrol({
      ...{ boot: 1, timeUs: 0, counters: { starts: 0 }, details: [] },
      enrolment: {
        ...{ machine: 'cordless_drill', serial: 'k3v9', custody: 'controller_flash' },
        ...{ profile: Buffer.from(drill.digest, 'hex'), firmware: new Uint8Array(32) },
        simulated: false,
      },
    })
    return sent({ kind: 'entry', payload })
  }

  next(type: string, claim?: Uint8Array): Buffer {
    const starts = ++this.#seconds
    const request = { type, boot: 1, timeUs: starts * secondUs, counters: { starts } }
    return sent({
      kind: 'entry',
      payload: this.#holder.compose({ ...request, ...(claim && { claim }) }),
    })
  }
}

const greeting = hello({ boot: 1, t: 0, key: unitSigner.did })
const stepsOf = (made: StoreFolder) => made.store.queries.life({ unit: unitName, nowUs }).steps

const work: Detail[] = [
  { name: 'reason', value: 'it howled' },
  { name: 'task', value: 'grease_gearbox' },
  { name: 'part', value: 'gearbox' },
  { name: 'part_out', value: 'gearbox:G-1' },
  { name: 'part_in', value: 'gearbox:G-2' },
  { name: 'counter', value: 'starts=1' },
]

test('a test that is declared is in the history, and changes no state', async () => {
  const made = open()
  const unit = new Signing()
  const claim = claimOf('test', [
    { name: 'report', value: 'ab'.repeat(32) },
    { name: 'reason', value: 'self-test passed' },
  ])
  await made.feed([greeting, unit.made(), claim.record, unit.next('test_reported', claim.hash)])
  expect(stepsOf(made)[0]).toMatchObject({
    ...{ type: 'test_reported', from: 'made', to: 'made', refused: undefined, declared: true },
    ...{ author: workshop.did, reason: 'self-test passed' },
  })
})

const repaired = {
  ...{ type: 'repaired', from: 'in_repair', to: 'in_use', refused: undefined, declared: true },
  ...{ author: workshop.did, entrySeq: 2, reason: 'it howled', tasks: ['grease_gearbox'] },
  out: [{ part: 'gearbox', serial: 'G-1' }],
  in: [{ part: 'gearbox', serial: 'G-2' }],
  ...{ counters: { starts: 2 }, timeUs: startUs + 2 * secondUs },
}

describe('a declared change', () => {
  test('stands in the chain with author, reason, parts and the counters signed', async () => {
    const made = open()
    const unit = new Signing()
    const repair = claimOf('repair')
    const service = claimOf('service', work)
    await made.feed([greeting, unit.made(), repair.record, unit.next('repair_begun', repair.hash)])
    expect(made.store.queries.units()[0]).toMatchObject({ lifecycle: 'in_repair' })
    await made.feed([service.record, unit.next('repaired', service.hash)])
    expect(stepsOf(made)).toMatchObject([
      repaired,
      { type: 'repair_begun', from: 'made', to: 'in_repair', declared: true, entrySeq: 1 },
      { type: 'made', from: null, to: 'made', declared: false, entrySeq: 0 },
    ])
    expect(made.store.queries.state(unitName)?.life.done).toEqual({
      grease_gearbox: { timeUs: startUs + 2 * secondUs, counters: { starts: 2 } },
    })
  })

  test('is the same when the entry comes before its claim', async () => {
    const made = open()
    const unit = new Signing()
    const repair = claimOf('repair')
    const service = claimOf('service', work)
    await made.feed([greeting, unit.made(), unit.next('repair_begun', repair.hash)])
    await made.feed([unit.next('repaired', service.hash)])
    expect(stepsOf(made)[0]).toMatchObject({ declared: true, author: undefined, tasks: [] })
    await made.feed([service.record])
    expect(stepsOf(made)[0]).toMatchObject(repaired)
    expect(Object.keys(made.store.queries.state(unitName)?.life.done ?? {})).toEqual([
      'grease_gearbox',
    ])
  })

  test.each([
    ['refurbishment', 'refurbished', 'refurbished'],
    ['transfer', 'transferred', 'transferred'],
    ['storage', 'stored', 'stored'],
    ['use', 'taken_into_use', 'in_use'],
    ['retirement', 'retired', 'retired'],
  ] as const)('a claim of kind %s is asked for as %s and leads to %s', async (kind, type, to) => {
    const made = open()
    const unit = new Signing()
    const accept = claimOf('acceptance')
    const act = claimOf(kind)
    await made.feed([greeting, unit.made(), accept.record, unit.next('accepted', accept.hash)])
    await made.feed([act.record])
    expect(JSON.parse(made.commands.at(-1)?.payload ?? '{}')).toMatchObject({ type })
    await made.feed([unit.next(type, act.hash)])
    expect(made.store.queries.units()[0]).toMatchObject({ lifecycle: to })
    expect(stepsOf(made)[0]).toMatchObject({ type, to, declared: true })
  })
})

describe('an illegal change', () => {
  test('by a claim goes to quarantine with its own reason, and the unit is not asked', async () => {
    const made = open()
    const unit = new Signing()
    const end = claimOf('retirement')
    await made.feed([greeting, unit.made(), end.record, unit.next('retired', end.hash)])
    const asked = made.commands.length
    await made.feed([claimOf('service', work).record])
    expect(made.store.queries.quarantine({ limit: 9 })).toMatchObject([
      {
        reason: 'lifecycle_refused',
        detail: 'in_repair cannot follow retired; it may become nothing',
      },
    ])
    expect(made.commands).toHaveLength(asked)
    expect(made.store.queries.units()[0]).toMatchObject({ lifecycle: 'retired' })
  })

  test('that the unit itself has signed stays in its chain, refused in plain words', async () => {
    const made = open()
    const unit = new Signing()
    const [end, late] = [claimOf('retirement'), claimOf('storage')]
    await made.feed([greeting, unit.made(), end.record, late.record])
    await made.feed([unit.next('retired', end.hash), unit.next('stored', late.hash)])
    expect(stepsOf(made)[0]).toMatchObject({
      ...{ type: 'stored', from: 'retired', to: 'stored' },
      refused: 'stored cannot follow retired; it may become nothing',
    })
    expect(made.store.queries.units()[0]).toMatchObject({ lifecycle: 'retired' })
  })
})

test('a unit without a key: the gateway signs what rules and claims say', async () => {
  const made = open()
  await made.feed([
    hello({ boot: 1, t: 0 }),
    report({ boot: 1, seq: 0, t: 5, c: { starts: 0 } }),
    report({ boot: 1, seq: 1, t: 9, c: { starts: 3 } }),
  ])
  const { key = '' } = made.attestation.passportSummary(unitName)
  await made.feed([claimOf('storage', [], key).record])
  expect(
    stepsOf(made).map(({ type, to, declared, entrySeq }) => [type, to, declared, entrySeq]),
  ).toEqual([
    ['stored', 'stored', true, 2],
    ['first_used', 'in_use', false, 1],
    ['made', 'made', false, 0],
  ])
})

test('a store of the first form is brought to the present one, with what its events tell', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-store-'))
  const path = join(folder, 'store.sqlite')
  const db = Database.open({ path, readOnly: false, busyMs: 100 })
  try {
    db.exec(migrations[0] ?? '')
    db.exec('PRAGMA user_version = 1')
    db.run("INSERT INTO unit VALUES (7, 'drill-1', 'cordless_drill')")
    const event = 'INSERT INTO event VALUES (7, ?, ?, ?, ?, ?, ?, ?, NULL)'
    db.run(event, 0, 'made', 'info', 5, 'boot = 1', 'x', '{}')
    db.run(event, 3, 'stalled', 'warning', 6, 'fault = stall', 'x', '{}')
    db.run(event, 4, 'repaired', 'info', 9, 'entry 3 (refused: no)', 'x', '{"starts":2}')
    migrate(db, path)
    expect(versionOf(db)).toBe(migrations.length)
    expect(
      db.all('SELECT type, to_state, time_us, refused FROM transition ORDER BY time_us'),
    ).toEqual([
      expect.objectContaining({ type: 'made', to_state: 'made', time_us: 5, refused: null }),
      expect.objectContaining({
        type: 'repaired',
        to_state: 'in_use',
        refused: 'entry 3 (refused: no)',
      }),
    ])
    // Once more changes nothing.
    migrate(db, path)
    expect(db.all('SELECT * FROM transition')).toHaveLength(2)
  } finally {
    db.close()
    rmSync(folder, { recursive: true })
  }
})

/** The same record, received at another time. */
const received = (record: Buffer, receivedUs: number): Buffer =>
  encodeRecord({ ...decodeRecord(record), receivedUs })

/** Uptime, wear and plan need values as a drill sends them. */
const working = (seq: number, more: Record<string, unknown> = {}, t = seq * 50_000): Buffer =>
  report(
    {
      ...{ boot: 1, seq, t },
      v: {
        state: 'run',
        torque: (seq % 2) * 20,
        motor_speed: 9000,
        motor_temperature: 40,
        ...more,
      },
      c: { starts: 1 + seq, run_time: seq * 50, charge: seq },
    },
    { receivedUs: startUs + t },
  )

describe('figures of a life', () => {
  const readings = Array.from({ length: 400 }, (_, seq) => working(seq))
  // Half an hour of silence, then a sensor that fails for a second.
  const quietUs = 1_800_000_000
  const failing = [
    working(400, { fault: 'none' }, 20_000_000 + quietUs),
    working(401, { fault: 'sensor', state: 'fault' }, 21_000_000 + quietUs),
    working(402, { fault: 'none', state: 'idle' }, 22_000_000 + quietUs),
  ]
  const all = [hello({ boot: 1, t: 0 }), ...readings, ...failing]
  const laterUs = startUs + 22_000_000 + quietUs

  test('are the same in batches of any size and over a restart', async () => {
    const [whole, single] = [open(), open()]
    await whole.feed(all)
    await single.feed(all.slice(0, 200), 7)
    single.reopen()
    await single.feed(all.slice(200), 1)
    const query = { unit: unitName, nowUs: laterUs }
    expect(single.store.queries.life(query)).toEqual(whole.store.queries.life(query))
    expect(single.store.queries.state(unitName)).toEqual(whole.store.queries.state(unitName))
  })

  test('silence is neither up nor down, and both bounds say so', async () => {
    const made = open()
    await made.feed(all)
    const { uptime } = made.store.queries.life({ unit: unitName, nowUs: laterUs })
    const upS = 19.95 + 1
    // From the last reading of the work to the first one after.
    const unknownS = 1800.05
    expect(uptime?.spentS['in_use']).toBeCloseTo(upS, 6)
    expect(uptime?.spentS['failed']).toBeCloseTo(1, 6)
    expect(uptime?.spentS['unknown']).toBeCloseTo(unknownS, 6)
    const allS = upS + unknownS + 1
    expect(uptime?.availability?.lower).toBeCloseTo(upS / allS, 9)
    expect(uptime?.availability?.upper).toBeCloseTo((upS + unknownS) / allS, 9)
    expect(uptime).toMatchObject({ failures: 1, now: 'idle' })
    const later = made.store.queries.life({ unit: unitName, nowUs: laterUs + 3600 * secondUs })
    expect(later.uptime).toMatchObject({ now: 'unknown' })
    expect(later.uptime?.spentS['unknown']).toBeCloseTo(unknownS + 3600, 6)
  })

  test('a failure wants a record of its part, within its time', async () => {
    const made = open()
    await made.feed(all)
    const query = { unit: unitName, nowUs: laterUs }
    const failure = { type: 'sensor_failed', part: 'controller', timeUs: laterUs - secondUs }
    expect(made.store.queries.life(query).failures).toEqual([{ ...failure, reconciled: false }])
    expect(made.store.queries.state(unitName)?.life.failed).toMatchObject({ part: 'controller' })
    const { key = '' } = made.attestation.passportSummary(unitName)
    const other = claimOf('service', [{ name: 'part', value: 'gearbox' }], key)
    const right = claimOf('service', [{ name: 'part_in', value: 'controller:C-2' }], key)
    const at = (record: Buffer): Buffer => received(record, laterUs + secondUs)
    await made.feed([at(other.record)])
    expect(made.store.queries.life(query).failures[0]).toMatchObject({ reconciled: false })
    await made.feed([at(right.record)])
    expect(made.store.queries.life(query).failures).toEqual([{ ...failure, reconciled: true }])
  })

  test('work that is declared starts the interval of its task anew', async () => {
    const made = open()
    await made.feed([hello({ boot: 1, t: 0 }), report({ boot: 1, seq: 0, t: 5, c: { starts: 0 } })])
    await made.feed([report({ boot: 1, seq: 1, t: 9, c: { starts: 52_000 } })])
    const dueOf = () =>
      made.store.queries
        .life({ unit: unitName, nowUs: startUs + 340 * 86_400 * secondUs })
        .maintenance.map(({ task, state, left }) => [task, state, left && Math.round(left)])
    expect(dueOf()).toEqual(
      expect.arrayContaining([
        ['check_chuck', 'overdue', -2000],
        ['inspect', 'due', 25],
        ['replace_brushes', 'unknown', undefined],
        ['clean_vents', 'ok', undefined],
      ]),
    )
    expect(dueOf()[0]).toEqual(['check_chuck', 'overdue', -2000])
    const { key = '' } = made.attestation.passportSummary(unitName)
    await made.feed([claimOf('service', [{ name: 'task', value: 'check_chuck' }], key).record])
    expect(dueOf()).toContainEqual(['check_chuck', 'ok', 50_000])
  })

  test('a condition holds until its work is declared, whatever the signal says since', async () => {
    const made = open()
    const hot = working(0, { motor_temperature: 95 })
    await made.feed([hello({ boot: 1, t: 0 }), hot, working(1)])
    const vents = () =>
      made.store.queries
        .life({ unit: unitName, nowUs })
        .maintenance.find(({ task }) => task === 'clean_vents')
    expect(vents()).toMatchObject({ state: 'due', sinceUs: startUs })
    const { key = '' } = made.attestation.passportSummary(unitName)
    await made.feed([claimOf('service', [{ name: 'task', value: 'clean_vents' }], key).record])
    expect(vents()).toMatchObject({ state: 'ok', sinceUs: undefined, doneUs: nowUs })
  })

  test('wear is shown as bands, life used and hours left', async () => {
    const made = open()
    const hour = Array.from({ length: 8000 }, (_, i) => working(i, {}, i * 50_000))
    await made.feed([hello({ boot: 1, t: 0 }), ...hour])
    const { wear } = made.store.queries.life({ unit: unitName, nowUs: startUs + 400 * secondUs })
    expect(wear?.usedHours).toBeCloseTo(399.95 / 3600, 6)
    expect(wear?.bands.map(({ signal, ms }) => [signal, ms.length])).toEqual([
      ['torque', 32],
      ['motor_speed', 32],
    ])
    const [teeth, bearing] = wear?.parts ?? []
    // 3999.5 cycles of 20 N.m on the curve 60 N.m, 100,000 cycles, exponent 6.
    expect((teeth?.used ?? 0) / (3999 / (100_000 * 3 ** 6))).toBeCloseTo(1, 2)
    expect(bearing).toMatchObject({ name: 'spindle_bearing', part: 'gearbox' })
    expect(wear?.left?.lower).toBeGreaterThan(0)
    expect(wear?.left?.median ?? 0).toBeGreaterThan(wear?.left?.lower ?? 0)
  })
})
