// Every query of every panel, variable and annotation of every derived dashboard is run on a real
// InfluxDB that the real sink has filled, with Grafana's macros and variables expanded, and gets
// data.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deriveDashboards } from '../../dashboards/generate.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import { type Machine, prepareMachine } from '../../gateway/core/machine.ts'
import {
  cohortFields,
  cohortMeasurement,
  dashboardFile,
  fieldOf,
  lifeFields,
  usedFieldOf,
} from '../../hardware-profiles/names.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { unitOf } from '../../hardware-profiles/units.ts'
import { deliver, event, nowUs, reading, sinkFor } from '../influx/readings.ts'
import { type Row, startInfluxd } from '../servers/influxd.ts'

const profiles = [...loadProfiles().profiles.values()]
const generated = deriveDashboards(profiles)

interface Target {
  query: string
  refId: string
  resultFormat: string
}
interface Panel {
  id: number
  type: string
  title: string
  timeFrom?: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: Target[]
  fieldConfig?: { defaults: { unit?: string } }
}
interface Dashboard {
  uid: string
  panels: Panel[]
  templating: { list: { name: string; type: string; query: string }[] }
  annotations: { list: { name: string; target: Target }[] }
}

const dashboardOf = ({ machine }: Profile): Dashboard =>
  JSON.parse(generated.get(`dashboards/generated/${dashboardFile(machine)}`) ?? '') as Dashboard

test('provisioning names the type, database and folder that are used', () => {
  const read = (path: string): string =>
    readFileSync(new URL(`../../dashboards/provisioning/${path}`, import.meta.url), 'utf8')
  const source = read('datasources/tenfold.yaml')
  expect(source).toContain('type: influxdb')
  expect(source).toContain('dbName: $TENFOLD_INFLUX_DATABASE')
  expect(read('dashboards/tenfold.yaml')).toContain('path: $TENFOLD_DASHBOARDS')
})

describe.each(profiles.map((profile) => [profile.machine, profile] as const))(
  'dashboard of %s',
  (_, profile) => {
    const dashboard = dashboardOf(profile)
    const shown = dashboard.panels.filter(({ type }) => type !== 'row')

    test('shows every charted signal once, in its unit', () => {
      for (const [name, { unit, chart }] of Object.entries(profile.signals)) {
        const query = `mean("${fieldOf(name, unit)}")`
        const charts = shown.filter(({ targets = [] }) =>
          targets.some((t) => t.query.includes(query)),
        )
        expect(charts.length).toBe(chart === undefined ? 0 : 1)
        for (const { fieldConfig } of charts) {
          const config = JSON.stringify(fieldConfig)
          expect(config).toContain(JSON.stringify(unitOf(unit).grafana))
        }
      }
    })

    test('has one panel id each, and no panel over another', () => {
      const { panels } = dashboard
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
      )
      expect(new Set(cells).size).toBe(cells.length)
      expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24)
    })

    test('is the same at every derivation', () => {
      expect(deriveDashboards(profiles)).toEqual(generated)
    })
  },
)

const server = await startInfluxd()
const dayUs = 86_400_000_000

describe.skipIf(server === undefined)('queries of the dashboards on InfluxDB', () => {
  if (server === undefined) return
  // Noon, so that the data of a day never fall into two.
  const toUs = Math.floor(nowUs() / dayUs) * dayUs - dayUs / 2
  const units = (machine: string): string[] =>
    [1, 2].map((n) => `${machine.replaceAll('_', '-')}-${n}`)

  /**
   * Two days of two units: all values of every enum, growing counters, every rule, some bad
   * samples.
   */
  const fill = async (machine: Machine): Promise<void> => {
    const { profile } = machine
    const signals = Object.entries(profile.signals)
    const count = 400
    const readings = units(profile.machine).flatMap((unit) =>
      Array.from({ length: count }, (_, i) => {
        const isOld = i < count / 2
        const timeUs = toUs - (isOld ? dayUs : 0) - (count - i) * 1_000_000
        const isBad = i % 7 === 3
        return reading({
          machine,
          unit,
          timeUs,
          sequence: i,
          v: Object.fromEntries(
            signals.map(([name, { range, values, type }]) => {
              if (type === 'enum') return [name, i % (values?.length ?? 1)]
              if (type === 'boolean') return [name, i % 2]
              const [low = 0, high = 100] = range ?? []
              return [name, Math.round(low + ((high - low) * (i % 50)) / 50)]
            }),
          ),
          c: Object.fromEntries(Object.keys(profile.counters).map((name) => [name, 1000 + i * 3])),
          q: isBad ? Object.fromEntries(signals.map(([name]) => [name, 'bad_stuck'])) : {},
        })
      }),
    )
    const events = units(profile.machine).flatMap((unit) =>
      profile.events.map(({ type }, i) =>
        event({ machine, unit, type, timeUs: toUs - 60_000_000, offset: i }),
      ),
    )
    const sink = sinkFor(server)
    const result = await deliver(sink, { readings, events })
    const all = <T extends object>(names: T, more: string[] = []) =>
      Object.fromEntries(
        [...Object.values(names), ...more].map((name, i) => [String(name), i + 0.5]),
      )
    const { fatigue = [], bearings = [] } = profile.wear ?? {}
    const used = [...fatigue, ...bearings].map(({ name }) => usedFieldOf(name))
    const day = { machine: profile.machine, simulated: false, dayUs: toUs - dayUs / 2 }
    await sink.figures?.([
      { ...day, unit: undefined, fields: all(cohortFields) },
      ...units(profile.machine).map((unit) => ({ ...day, unit, fields: all(lifeFields, used) })),
    ])
    expect(result).toMatchObject({ refused: [], dropped: [] })
  }

  beforeAll(async () => {
    for (const profile of profiles) await fill(prepareMachine(profile))
  })
  afterAll(() => server.remove())

  /** As Grafana's InfluxQL data source does: macros, then variables in their regex form. */
  const expand = (query: string, from: string, chosen: readonly string[]): string => {
    const days = Number(/^(\d+)d$/.exec(from)?.[1] ?? 0)
    const fromMs = Math.floor(toUs / 1000) - (days > 0 ? days * 86_400_000 : 6 * 3_600_000)
    const toMs = Math.ceil(toUs / 1000)
    const any = chosen.map((unit) => unit.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&'))
    const unit = any.length === 1 ? (any[0] ?? '') : `(${any.join('|')})`
    return query
      .replaceAll('$timeFilter', `time >= ${fromMs}ms and time <= ${toMs}ms`)
      .replaceAll('$__interval', '10s')
      .replaceAll('$unit', unit)
  }
  const run = (query: string): Promise<Row[]> => server.query(query, { db: 'd', epoch: 'ms' })

  /** Columns that a statement asks for by name. */
  const asked = (query: string): string[] => {
    const named = [...query.replace(/FROM \(.*\)/, '').matchAll(/ AS "([^"]+)"/g)]
    const plain = [
      ...(/^SELECT ((?:"\w+"(?:, )?)+) FROM/.exec(query)?.[1] ?? '').matchAll(/"(\w+)"/g),
    ]
    return [...named, ...plain].map((match) => match[1] ?? '')
  }

  const expectData = (rows: Row[], query: string): void => {
    expect(query).not.toMatch(/\$[\w{]/)
    expect(rows, query).not.toEqual([])
    expect(asked(query)).not.toEqual([])
    for (const column of asked(query)) {
      const values = rows.map((row) => row[column] ?? null).filter((value) => value !== null)
      expect(values.length, `${column} of ${query}`).toBeGreaterThan(0)
    }
  }

  const cases = profiles.flatMap((profile) => {
    const { panels, annotations } = dashboardOf(profile)
    const targets = panels.flatMap(({ title, timeFrom = '', targets = [] }) =>
      targets.map(({ query }) => ({ what: title, query, from: timeFrom })),
    )
    const notes = annotations.list.map(({ name, target: { query } }) => ({
      what: name,
      query,
      from: '',
    }))
    return [...targets, ...notes].map((one) => [profile.machine, one.what, one] as const)
  })

  test.each(cases)('%s: %s', async (machine, _, { query, from }) => {
    const all = units(machine)
    for (const chosen of [all, all.slice(0, 1)]) {
      const expanded = expand(query, from, chosen)
      const rows = await run(expanded)
      expectData(rows, expanded)
      const found = new Set(rows.flatMap(({ unit }) => (unit === undefined ? [] : [unit])))
      // A cohort has no unit.
      const isCohort = query.includes(`"${cohortMeasurement}"`)
      expect(found).toEqual(new Set(isCohort ? [] : chosen))
    }
  })

  test.each(profiles.map((profile) => [profile.machine, profile] as const))(
    '%s: variables',
    async (machine, profile) => {
      const { list } = dashboardOf(profile).templating
      expect(list.map(({ name }) => name)).toEqual(['datasource', 'unit'])
      const rows = await run(expand(list[1]?.query ?? '', '', []))
      expect(rows.map(({ value }) => value)).toEqual(units(machine))
    },
  )

  test('figures are right: a counter, its growth of a day, a mean, time online', async () => {
    const [profile] = profiles
    if (profile === undefined) throw new Error('no profile')
    const { machine, counters } = profile
    const [[name, { unit }] = ['', { unit: '1' }]] = Object.entries(counters)
    const find = (part: string): { query: string; from: string } => {
      const found = cases.find(([of, , { query }]) => of === machine && query.includes(part))
      if (found === undefined) throw new Error(`no query with ${part}`)
      return found[2]
    }
    const ask = async (part: string): Promise<Row[]> => {
      const { query, from } = find(part)
      return run(expand(query, from, units(machine).slice(0, 1)))
    }
    const field = fieldOf(name, unit)
    expect((await ask(`SELECT last("${field}") AS`))[0]).toMatchObject({ [name]: 1000 + 399 * 3 })
    const growth = await ask(`non_negative_difference(last("${field}"))`)
    expect(growth.at(-1)).toMatchObject({ [name]: 600 })
    const [seen] = await ask('"last_seen"')
    expect(seen?.['last_seen']).toBe(Math.floor((toUs - 1_000_000) / 1000))
    const [online] = await ask('AS "online"')
    expect([4, 5]).toContain(online?.['online'])
  })
})
