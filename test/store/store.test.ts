import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Machine, prepareMachine } from '../../gateway/core/machine.ts'
import { openStoreReader, Store, storeFile } from '../../gateway/sinks/store/store.ts'
import { drill, hello, machines, report, startUs, unitName } from '../pipeline/feed.ts'
import { StoreFolder, wide } from './store-folder.ts'

const folders: StoreFolder[] = []
const open = (...args: ConstructorParameters<typeof StoreFolder>): StoreFolder => {
  const made = new StoreFolder(...args)
  folders.push(made)
  return made
}

afterEach(() => {
  for (const made of folders.splice(0)) made.remove()
})

const reports = (from: number, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) =>
    report({ boot: 1, seq: from + i, t: (from + i) * 1000, v: { torque: i }, c: { starts: i } }),
  )

const table = 'report_cordless_drill'

describe('the embedded store', () => {
  test('keeps a row a reading: usable values in columns, the rest beside them', async () => {
    const made = open()
    const v = { torque: 3.5, motor_current: 9999, state: 'run' }
    const q = { pack_voltage: 'bad:open' }
    await made.feed([hello(), report({ boot: 1, seq: 0, t: 7, v, q, c: { starts: 4 } })])
    expect(made.store.database.get(`SELECT * FROM ${table}`)).toMatchObject({
      ...{ unit: 1, boot: 1, sequence: 0, time_us: startUs + 7, offset: 1, time_source: 0 },
      ...{ torque_nm: 3.5, motor_current_a: null, state: 2, pack_voltage_v: null, starts: 4 },
      quality: JSON.stringify({
        motor_current: ['bad_out_of_range', 9999],
        pack_voltage: 'bad_open',
      }),
    })
    expect(made.store.queries.units()).toMatchObject([
      {
        ...{ unit: unitName, readings: 1, lifecycle: 'in_use', boot: 1, counters: { starts: 4 } },
        values: { torque: { value: 3.5, quality: 'uncertain' } },
      },
    ])
    const types = made.store.queries.events({ unit: unitName, limit: 9 }).map(({ type }) => type)
    expect(types).toEqual(['first_used', 'made'])
  })

  test('keeps beside the time how it came about, in a file of before as well', async () => {
    const made = open()
    await made.feed([hello()])
    made.store.database.exec(
      `ALTER TABLE ${table} DROP COLUMN received_us; ALTER TABLE ${table} DROP COLUMN boot_us`,
    )
    made.reopen()
    const receivedUs = startUs + 9e6
    await made.feed([report({ boot: 1, seq: 0, t: 7e6, v: { torque: 1 } }, { receivedUs })])
    await made.feed([report({ v: { torque: 1 }, time: startUs + 8e6 }, { receivedUs })])
    const columns = 'time_us, time_source, received_us, boot_us'
    const rows = made.store.database.all(`SELECT ${columns} FROM ${table} ORDER BY time_us`)
    expect(rows.map((row) => Object.values(row))).toEqual([
      [startUs + 7e6, 0, receivedUs, startUs],
      [startUs + 8e6, 1, receivedUs, null],
    ])
  })

  test('balances its books over a restart in the middle of everything', async () => {
    const made = open()
    await made.feed([hello(), ...reports(0, 10), 'corrupt', ...reports(5, 10)], 7)
    made.reopen()
    await made.feed([report({ v: { torq: 1 } }), ...reports(14, 2)], 2)
    expect(made.stage.progress()).toEqual({
      cursor: 25,
      tally: { stored: 17, duplicate: 6, quarantined: 1, dropped: { corrupt: 1 } },
    })
    expect(made.count(table)).toBe(16)
    expect(made.store.queries.books()).toMatchObject([{ sink: 'store', cursor: 25, stored: 17 }])
  })

  test('a failed commit leaves nothing behind, in the file or in memory', async () => {
    const made = open()
    await made.feed([hello(), ...reports(0, 3)])
    const { database } = made.store
    database.exec(
      `CREATE TRIGGER full BEFORE INSERT ON ${table} WHEN NEW.sequence = 5
        BEGIN SELECT RAISE(ABORT, 'no'); END`,
    )
    await expect(made.feed(reports(3, 4))).rejects.toThrow('no')
    expect(made.count(table)).toBe(3)
    expect(made.stage.progress()).toMatchObject({ cursor: 4, tally: { stored: 4 } })
    database.exec('DROP TRIGGER full')
    await made.drain()
    expect(made.count(table)).toBe(7)
    expect(made.stage.progress()).toMatchObject({ cursor: 8, tally: { stored: 8, duplicate: 0 } })
    expect(made.store.queries.units()[0]).toMatchObject({ readings: 7, duplicates: 0 })
  })

  test('looks a row up where the state can no longer tell a duplicate', async () => {
    const made = open()
    const odd = Array.from({ length: 200 }, (_, i) =>
      report({ boot: 1, seq: 2 * i, t: 0, v: { torque: 1 } }),
    )
    await made.feed([hello(), ...odd])
    const old = [2, 3].map((seq) => report({ boot: 1, seq, t: 0, v: { torque: 1 } }))
    await made.feed(old)
    expect(made.stage.progress().tally).toMatchObject({ stored: 202, duplicate: 1 })
    expect(made.store.queries.units()[0]).toMatchObject({ readings: 201, duplicates: 1 })
    expect(made.count(table)).toBe(201)
  })

  test('adds the columns of a profile that has grown, and keeps what was there', async () => {
    const made = open()
    await made.feed([hello(), ...reports(0, 3)])
    made.store.close()
    const grown = withSignal('humidity', { type: 'number', unit: '%' })
    const store = Store.open({
      folder: join(made.folder, 'store'),
      machines: grown,
      enrol: 'hello',
      bounds: wide,
    })
    made.log.append(report({ boot: 1, seq: 3, t: 0, v: { torque: 8, humidity: 40 } }))
    await store.stage({ onKept: () => {} }).take(made.log.read(4, { records: 9, bytes: 1e9 }))
    const rows = store.database.all(`SELECT torque_nm, humidity_pct FROM ${table}`)
    expect(rows.map((row) => Object.values(row))).toEqual([
      ...[0, 1, 2].map((n) => [n, null]),
      [8, 40],
    ])
    store.close()
    made.store = Store.open({
      folder: join(made.folder, 'store'),
      machines,
      enrol: 'hello',
      bounds: wide,
    })
  })

  test('refuses a profile that changes the type of a column', () => {
    const made = open()
    const changed = withSignal('torque', { type: 'integer', unit: 'N.m' })
    expect(() =>
      Store.open({
        folder: join(made.folder, 'store'),
        machines: changed,
        enrol: 'hello',
        bounds: wide,
      }),
    ).toThrow(
      expect.objectContaining({
        code: 'column_type',
        message: expect.stringMatching(/torque_nm was REAL/),
      }),
    )
  })

  test('says what is wrong with a foreign or newer file', () => {
    const made = open()
    made.store.database.exec('PRAGMA user_version = 99')
    const again = {
      folder: join(made.folder, 'store'),
      machines,
      enrol: 'hello',
      bounds: wide,
    } as const
    expect(() => Store.open(again)).toThrow(expect.objectContaining({ code: 'store_version' }))
    const folder = join(made.folder, 'other')
    Store.open({ ...again, folder }).close()
    writeFileSync(
      join(folder, storeFile),
      'not a database, and longer than its header would be'.repeat(9),
    )
    expect(() => Store.open({ ...again, folder })).toThrow(
      expect.objectContaining({ code: 'store_unreadable' }),
    )
  })

  test('holds the quarantine within its bytes: oldest telemetry first, counted', async () => {
    const made = open({ bounds: { ...wide, quarantineBytes: 5000 } })
    const wrong = Array.from({ length: 40 }, (_, i) =>
      report({ v: { [`x${i}`]: 1, pad: 'x'.repeat(300) } }),
    )
    await made.feed([hello(), ...wrong], 5)
    const rows = made.store.queries.quarantine({ limit: 100 })
    expect(rows.length).toBeLessThan(15)
    expect(rows[0]).toMatchObject({ offset: 40, reason: 'signal_unknown' })
    expect(made.stage.progress().tally.quarantined).toBe(40)
    const kept = made.store.database.get('SELECT * FROM sink')
    expect(kept?.['quarantine_forgotten']).toBe(40 - rows.length)
    expect(kept?.['quarantine_bytes']).toBeLessThanOrEqual(5000)
  })

  test('is read beside a gateway that writes', async () => {
    const made = open()
    await made.feed([hello(), ...reports(0, 3)])
    const reader = openStoreReader(join(made.folder, 'store'), machines)
    expect(reader.queries.units()[0]).toMatchObject({ readings: 3 })
    await made.feed(reports(3, 2))
    expect(reader.queries.units()[0]).toMatchObject({ readings: 5 })
    expect(() => reader.queries.events({ unit: 'nobody', limit: 1 })).toThrow(/no unit "nobody"/)
    reader.close()
  })
})

const withSignal = (
  name: string,
  more: { type: 'number' | 'integer'; unit: string },
): Map<string, Machine> => {
  const signal = { description: name, direction: 'input', ...more } as const
  const signals = { ...drill.profile.signals, [name]: signal }
  return new Map(machines).set('cordless_drill', prepareMachine({ ...drill.profile, signals }))
}
