// Lives of parts and booked shifts, from claims and readings to what a page shows.
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClaimKind, composeClaim } from '../../gateway/attestation/claim.ts'
import type { Detail } from '../../gateway/attestation/disclosure.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { unitsIn } from '../../gateway/durability/table.ts'
import { signerNamed } from '../attestation/world.ts'
import { drill, hello, machines, report, sent, startUs, unitName } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

const folders: StoreFolder[] = []
const open = (options: ConstructorParameters<typeof StoreFolder>[0] = {}): StoreFolder => {
  const made = new StoreFolder(options)
  folders.push(made)
  return made
}

afterEach(() => {
  for (const made of folders.splice(0)) made.remove()
})

const workshop = signerNamed('workshop')
const hourUs = 3_600_000_000

const claim = (
  kind: ClaimKind,
  {
    details,
    atUs,
    unit,
  }: { details: Record<string, string | string[]>; atUs: number; unit: string },
): Buffer => {
  const list = Object.entries(details).flatMap(([name, values]): Detail[] =>
    [values].flat().map((value) => ({ name, value })),
  )
  const { message } = composeClaim(
    { kind, unit, head: null, timeUs: atUs, details: list },
    workshop,
    (bytes) => randomBytes(bytes),
  )
  return sent({ kind: 'claim', payload: message, receivedUs: atUs })
}

/** A reading at an hour, with the run time counter in hours and the fault. */
const at = (hour: number, runH: number, { fault = 'none', boot = 1 } = {}): Buffer => {
  const t = Math.round(hour * hourUs)
  return report(
    {
      ...{ boot, seq: t / 1e6, t },
      v: { state: 'run', fault, torque: 5 },
      c: { starts: 1, run_time: Math.round(runH * 3.6e6) },
    },
    { receivedUs: startUs + t },
  )
}

const keyOf = (made: StoreFolder): string => made.attestation.passportSummary(unitName).key ?? ''
const life = (made: StoreFolder, hour: number) =>
  made.store.queries.life({ unit: unitName, nowUs: startUs + hour * hourUs })

describe('a part that is replaced', () => {
  test('ends its life with its serial and its hours, and the new one begins at none', async () => {
    const made = open()
    await made.feed([hello({ boot: 1, t: 0 }), at(0, 0), at(100, 50)])
    const work = { part_out: 'gearbox:G-1', part_in: 'gearbox:G-2', part_failed: 'gearbox' }
    const unit = keyOf(made)
    const atUs = startUs + 100 * hourUs
    await made.feed([claim('service', { details: work, atUs, unit })])
    await made.feed([at(140, 62)])
    expect(life(made, 141).parts).toEqual([
      {
        ...{ part: 'gearbox', serial: 'G-2', fromUs: atUs, toUs: undefined },
        ...{ hours: expect.closeTo(12, 9), failed: false },
      },
      {
        ...{ part: 'gearbox', serial: 'G-1', fromUs: undefined, toUs: atUs },
        ...{ hours: 50, failed: true },
      },
    ])
    const [gearboxes] = made.store.queries.cohorts(startUs + 141 * hourUs, 'gearbox')
    const failed = gearboxes?.known.failed[0]?.units.reduce((sum, n) => sum + n, 0)
    expect([gearboxes?.cohort, unitsIn(gearboxes?.known as never), failed]).toEqual([
      'cordless_drill version 1 gearbox',
      2,
      1,
    ])
    const verdict = made.store.queries.durability({ nowUs: startUs + 141 * hourUs })
    expect(verdict[0]?.parts.find(({ part }) => part === 'gearbox')).toMatchObject({
      ...{ units: 2, failures: 1 },
    })
    // The motor was never touched: one life, as old as the unit.
    expect(verdict[0]?.parts.find(({ part }) => part === 'motor')).toMatchObject({ units: 1 })
    expect(verdict[0]?.repaired).toMatchObject({ units: 1, failures: 1 })
  })

  test('starts its plan, its wear and its conditions anew; those of others go on', async () => {
    const made = open()
    await made.feed([hello({ boot: 1, t: 0 }), at(0, 0)])
    const burst = (fromS: number) =>
      Array.from({ length: 400 }, (_, i) =>
        report(
          {
            ...{ boot: 1, seq: fromS * 1000 + i, t: fromS * 1e6 + i * 50_000 },
            v: { state: 'run', torque: (i % 2) * 30, motor_speed: 9000, motor_temperature: 95 },
            c: { run_time: 60 * 3.6e6 },
          },
          { receivedUs: startUs + fromS * 1e6 + i * 50_000 },
        ),
      )
    await made.feed(burst(10))
    const used = () =>
      Object.fromEntries((life(made, 1).wear?.parts ?? []).map(({ name, used: u }) => [name, u]))
    const due = (task: string) => life(made, 1).maintenance.find((one) => one.task === task)
    expect(used()['gear_teeth']).toBeGreaterThan(0)
    expect(due('replace_brushes')).toMatchObject({ state: 'overdue', partUs: undefined })
    const unit = keyOf(made)
    const atUs = startUs + 60_000_000
    const details = { part: 'gearbox', reason: 'worn' }
    await made.feed([claim('service', { details, atUs, unit })])
    expect(used()).toEqual({ gear_teeth: 0, spindle_bearing: 0 })
    expect(due('grease_gearbox')).toMatchObject({ left: 3.6e8, partUs: atUs })
    expect(due('replace_brushes')).toMatchObject({ state: 'overdue' })
    expect(due('clean_vents')).toMatchObject({ state: 'due' })
    await made.feed([claim('service', { details: { part: 'motor' }, atUs: atUs + 1, unit })])
    expect(due('replace_brushes')).toMatchObject({ left: 1.8e8, state: 'ok' })
    expect(due('clean_vents')).toMatchObject({ state: 'ok' })
    await made.feed(burst(100))
    expect(used()['gear_teeth']).toBeGreaterThan(0)
  })

  test('that a rule saw fail has the age of its failure, not of its repair', async () => {
    const made = open()
    await made.feed([
      ...[hello({ boot: 1, t: 0 }), at(0, 0), at(10, 4), at(11, 5, { fault: 'sensor' })],
      at(20, 6),
    ])
    const details = { part_in: 'controller:C-9' }
    const unit = keyOf(made)
    await made.feed([claim('service', { details, atUs: startUs + 20 * hourUs, unit })])
    expect(life(made, 21).parts.at(-1)).toMatchObject({ hours: 5, failed: true })
    // Older work whose claim comes late does not put the old part back.
    const late = { details: { part_in: 'controller:C-1' }, atUs: startUs + 15 * hourUs, unit }
    await made.feed([claim('service', late)])
    expect(life(made, 21).parts[0]).toMatchObject({ serial: 'C-9' })
    expect(made.count('part_life')).toBe(1)
  })
})

const shift = (from: number, to: number, more: Record<string, string> = {}) => ({
  from_us: String(startUs + from * hourUs),
  to_us: String(startUs + to * hourUs),
  ...more,
})

describe('a shift', () => {
  /** On from 0 to 10 h, a reading every six minutes; runs half of the time. */
  const working = [
    hello({ boot: 1, t: 0 }),
    ...Array.from({ length: 101 }, (_, i) => at(i / 10, i / 20)),
  ]
  const book = async (made: StoreFolder, details: Record<string, string>, atH = 10) => {
    const unit = keyOf(made)
    await made.feed([claim('shift', { details, atUs: startUs + atH * hourUs, unit })])
  }

  test('without one there is no OEE', async () => {
    const made = open()
    await made.feed(working)
    expect(life(made, 10).shifts).toEqual([])
  })

  test('has an OEE of what was measured and declared: ideal time of good pieces, of the planned', async () => {
    const made = open()
    await made.feed(working)
    await book(made, shift(2, 6, { made: '100', good: '90', ideal_s: '60' }))
    const [one] = life(made, 10).shifts
    expect(one).toMatchObject({ plannedS: 14_400, unknownS: 0, good: 90, missing: [] })
    expect(one?.made).toEqual({ count: 100, measured: false })
    expect(one?.ranS).toBeCloseTo(7200, 6)
    expect(one?.availability?.lower).toBeCloseTo(0.5, 9)
    expect(one?.effectiveness?.upper).toBeCloseTo(6000 / 7200, 9)
    expect(one?.quality).toBeCloseTo(0.9, 9)
    expect(one?.oee).toBeCloseTo(5400 / 14_400, 9)
  })

  test('says which factor is missing, and gives no OEE then', async () => {
    const made = open()
    await made.feed(working)
    await book(made, shift(2, 6, { made: '100' }))
    expect(life(made, 10).shifts[0]).toMatchObject({
      ...{ oee: undefined, quality: undefined, effectiveness: undefined },
      missing: ['the ideal time of a piece is not declared', 'good pieces are not declared'],
    })
    expect(life(made, 10).shifts[0]?.availability?.lower).toBeCloseTo(0.5, 9)
  })

  test('counts pieces by the counter that the machine file names', async () => {
    const uptime = drill.profile.uptime
    if (uptime === undefined) throw new Error('the drill has no uptime')
    const piece = { counter: 'starts', idealS: 30 }
    const machine = prepareMachine({ ...drill.profile, uptime: { ...uptime, piece } })
    const made = open({ machines: new Map([...machines, ['cordless_drill', machine]]) })
    const count = (i: number) =>
      report(
        {
          boot: 1,
          seq: i,
          t: i * 60e6,
          v: { state: 'run' },
          c: { starts: 2 * i, run_time: i * 6e4 },
        },
        { receivedUs: startUs + i * 60e6 },
      )
    await made.feed([hello({ boot: 1, t: 0 }), ...Array.from({ length: 121 }, (_, i) => count(i))])
    await book(made, shift(0, 1, { good: '118', made: '5' }), 2)
    const [one] = life(made, 2).shifts
    expect(one?.made).toEqual({ count: 120, measured: true })
    expect(one?.oee).toBeCloseTo((30 * 118) / 3600, 6)
  })

  test('shows both bounds where the unit was silent, and counts a new controller from its start', async () => {
    const made = open()
    const second = [hello({ boot: 2, t: 0 }, { receivedUs: startUs + 4 * hourUs })]
    const after = Array.from({ length: 21 }, (_, i) =>
      report(
        { boot: 2, seq: i, t: i * 360e6, v: { state: 'run' }, c: { run_time: i * 180_000 } },
        { receivedUs: startUs + 4 * hourUs + i * 360e6 },
      ),
    )
    await made.feed([...working.slice(0, 22), ...second, ...after])
    await book(made, shift(0, 6), 7)
    const [one] = life(made, 7).shifts
    // One hour of run until 2 h, silent until 4 h, one hour more.
    expect(one?.ranS).toBeCloseTo(7200, 3)
    expect(one?.unknownS).toBeCloseTo(7200, 3)
    expect(one?.availability?.lower).toBeCloseTo(1 / 3, 6)
    expect(one?.availability?.upper).toBeCloseTo(2 / 3, 6)
  })

  test('a later booking corrects those that it overlaps; one that has not begun waits', async () => {
    const made = open()
    await made.feed(working)
    await book(made, shift(2, 6, { made: '1' }), 10)
    await book(made, shift(3, 6, { made: '2' }), 11)
    await book(made, shift(6, 8, { made: '3' }), 12)
    await book(made, shift(200, 208), 13)
    await book(made, shift(9, 8), 14)
    const { shifts } = life(made, 15)
    expect(shifts.map(({ made: pieces }) => pieces?.count)).toEqual([undefined, 3, 2])
    expect(shifts[0]?.missing).toContain('it has not begun')
  })
})
