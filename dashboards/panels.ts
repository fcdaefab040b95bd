// Panels of a machine's dashboard, each a pure function of its profile: what is asked, in which
// unit it is shown, how large it is. Titles and descriptions are the profile's own words.

import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge'
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  type DataSourceRef,
  GraphDrawStyle,
  ReduceDataOptionsBuilder,
  VisibilityMode,
} from '@grafana/grafana-foundation-sdk/common'
import {
  MappingType,
  type Panel,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries'
import { fieldOf, unitColumn } from '../hardware-profiles/names.ts'
import type { Profile, SignalSpec } from '../hardware-profiles/profile.ts'
import { unitOf } from '../hardware-profiles/units.ts'
import {
  type Column,
  counterQuery,
  dailyUseQuery,
  eventTableQuery,
  extremesQuery,
  intervalQuery,
  lastSeenQuery,
  meanQuery,
  onlineQuery,
  qualityQuery,
  reportsQuery,
  stateQuery,
} from './queries.ts'

/** The variable that chooses the database. */
export const datasource: DataSourceRef = { type: 'influxdb', uid: '$' + '{datasource}' }

/** A panel and its size on Grafana's grid of 24 columns. */
export interface Sized {
  readonly builder: PanelOf
  readonly width: number
  readonly height: number
}
/** What all panel builders have in common, as far as it is used here. */
interface PanelOf extends Builder<Panel> {
  id(id: number): unknown
  gridPos(place: Panel['gridPos'] & object): unknown
}

/** How far back daily figures go, whatever the dashboard's range. */
export const dailySpan = '90d'

/** One query in InfluxQL: the package has no builder for InfluxDB. */
export const influxQuery = (
  query: string,
  more: Readonly<Record<string, unknown>> = {},
): Builder<Dataquery> => ({
  build: () =>
    ({
      refId: 'A',
      datasource,
      query,
      rawQuery: true,
      resultFormat: 'time_series',
      ...more,
    }) as unknown as Dataquery,
})

export const perUnit = { alias: `$tag_${unitColumn}` }
export const perUnitAndColumn = { alias: `$tag_${unitColumn} $col` }

/** `pack_voltage` to `Pack voltage`. */
export const titleOf = (name: string): string => {
  const words = name.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/**
 * The finest time step worth asking for: two reports, else every other step would look like a gap.
 */
const finestStep = ({ reportHz }: Profile): string => `${Math.max(1, Math.ceil(2 / reportHz))}s`

const grafanaUnit = (ucum: string): string => unitOf(ucum).grafana
const columnOf = (name: string, { unit }: { readonly unit: string }): Column => ({
  name,
  field: fieldOf(name, unit),
})
export const newest = (): ReduceDataOptionsBuilder =>
  new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false)

/** Signals that share a chart, by the chart's number, ascending. */
const chartsOf = (profile: Profile): [name: string, signal: SignalSpec][][] => {
  const charted = Object.entries(profile.signals).filter(([, { chart }]) => chart !== undefined)
  const groups = Map.groupBy(charted, ([, { chart }]) => chart ?? 0)
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group)
}

const chart = (
  group: readonly (readonly [name: string, signal: SignalSpec])[],
  query: string,
): TimeSeries => {
  const names = group.map(([name]) => titleOf(name))
  const panel = new TimeSeries()
    .title(names.join(', '))
    .description(
      group.map(([name, { description }]) => `${titleOf(name)}: ${description}.`).join(' '),
    )
    .datasource(datasource)
    .unit(grafanaUnit(group[0]?.[1].unit ?? '1'))
    .withTarget(influxQuery(query, perUnitAndColumn))
  for (const [name, { unit }] of group) {
    panel.overrideByRegexp(` ${name}( min| max)?$`, [{ id: 'unit', value: grafanaUnit(unit) }])
  }
  return panel
}

export const statusPanels = (profile: Profile): Sized[] => [
  {
    width: 6,
    height: 6,
    builder: new Stat()
      .title('Last seen')
      .description('Newest report of each unit, over all time.')
      .datasource(datasource)
      .unit('dateTimeFromNow')
      .reduceOptions(newest())
      .withTarget(influxQuery(lastSeenQuery(profile.machine), perUnit)),
  },
  {
    width: 6,
    height: 6,
    builder: new Stat()
      .title('Online')
      .description('Minutes with at least one report, in the range shown.')
      .datasource(datasource)
      .unit('m')
      .reduceOptions(newest())
      .withTarget(influxQuery(onlineQuery(profile.machine), perUnit)),
  },
  {
    width: 12,
    height: 6,
    builder: new TimeSeries()
      .title('Reports')
      .description('Reports that arrived; 0 is a gap.')
      .datasource(datasource)
      .unit('short')
      .interval(finestStep(profile))
      .withTarget(influxQuery(reportsQuery(profile.machine), perUnit)),
  },
]

export const signalPanels = (profile: Profile): Sized[] =>
  chartsOf(profile).map((group) => {
    const columns = group.map(([name, signal]) => columnOf(name, signal))
    return {
      width: 12,
      height: 8,
      builder: chart(group, meanQuery(profile.machine, columns))
        .interval(finestStep(profile))
        .spanNulls(false),
    }
  })

/** What a state signal calls its numbers. */
const mappingOf = ({ type, values }: SignalSpec): ValueMapping => {
  const names = type === 'boolean' ? ['off', 'on'] : (values ?? [])
  const options = names.map((name, index) => [String(index), { text: titleOf(name), index }])
  return { type: MappingType.ValueToText, options: Object.fromEntries(options) }
}

export const statePanels = (profile: Profile): Sized[] =>
  Object.entries(profile.signals)
    .filter(([, { type }]) => type === 'enum' || type === 'boolean')
    .map(([name, signal]) => ({
      width: 12,
      height: 6,
      builder: new StateTimeline()
        .title(titleOf(name))
        .description(signal.description)
        .datasource(datasource)
        .interval(finestStep(profile))
        .mappings([mappingOf(signal)])
        .showValue(VisibilityMode.Auto)
        .withTarget(influxQuery(stateQuery(profile.machine, columnOf(name, signal)), perUnit)),
    }))

export const eventPanels = ({ machine }: Profile): Sized[] => [
  {
    width: 24,
    height: 8,
    builder: new Table()
      .title('Events')
      .description('By the rules of the machine file, newest first.')
      .datasource(datasource)
      .filterable(true)
      .withTarget(influxQuery(eventTableQuery(machine), { resultFormat: 'table' })),
  },
]

export const counterPanels = (profile: Profile): Sized[] =>
  Object.entries(profile.counters).map(([name, counter]) => ({
    width: 6,
    height: 5,
    builder: new Stat()
      .title(titleOf(name))
      .description(`${counter.description}: where it stands, over all time.`)
      .datasource(datasource)
      .unit(grafanaUnit(counter.unit))
      .reduceOptions(newest())
      .withTarget(influxQuery(counterQuery(profile.machine, columnOf(name, counter)), perUnit)),
  }))

export const usePanels = (profile: Profile): Sized[] =>
  Object.entries(profile.counters).map(([name, counter]) => ({
    width: 8,
    height: 7,
    builder: new TimeSeries()
      .title(`${titleOf(name)} a day`)
      .description(`${counter.description}: growth from one UTC day with reports to the next.`)
      .datasource(datasource)
      .unit(grafanaUnit(counter.unit))
      .timeFrom(dailySpan)
      .drawStyle(GraphDrawStyle.Bars)
      .fillOpacity(60)
      .withTarget(influxQuery(dailyUseQuery(profile.machine, columnOf(name, counter)), perUnit)),
  }))

export const extremePanels = (profile: Profile): Sized[] =>
  chartsOf(profile).map((group) => {
    const columns = group.map(([name, signal]) => columnOf(name, signal))
    const query = extremesQuery(profile.machine, columns)
    const title = `${group.map(([name]) => titleOf(name)).join(', ')}: extremes of a day`
    return {
      width: 8,
      height: 7,
      builder: chart(group, query)
        .title(title)
        .timeFrom(dailySpan)
        .showPoints(VisibilityMode.Always),
    }
  })

export const maintenancePanels = (profile: Profile): Sized[] =>
  profile.maintenance.flatMap((planned) => {
    if (!('counter' in planned)) return []
    const { task, description, counter, every } = planned
    const spec = profile.counters[counter]
    if (spec === undefined) return []
    const column = { name: task, field: fieldOf(counter, spec.unit) }
    return [
      {
        width: 8,
        height: 5,
        builder: new BarGauge()
          .title(description)
          .description(
            `${titleOf(counter)} since the last multiple of its interval. ` +
              'When a service was really done is in the passport of the unit.',
          )
          .datasource(datasource)
          .unit(grafanaUnit(spec.unit))
          .min(0)
          .max(every)
          .reduceOptions(newest())
          .withTarget(influxQuery(intervalQuery(profile.machine, column, every), perUnit)),
      },
    ]
  })

export const qualityPanels = (profile: Profile): Sized[] => {
  const columns = Object.entries(profile.signals).map(([name, signal]) => columnOf(name, signal))
  return [
    {
      width: 24,
      height: 7,
      builder: new TimeSeries()
        .title('Samples of unexpected quality')
        .description('Bad values are left out of every other panel; here they are counted.')
        .datasource(datasource)
        .unit('short')
        .interval(finestStep(profile))
        .drawStyle(GraphDrawStyle.Points)
        .withTarget(influxQuery(qualityQuery(profile.machine, columns), perUnitAndColumn)),
    },
  ]
}
