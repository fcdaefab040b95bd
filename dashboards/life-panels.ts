// The panels of durability: what a unit's life has come to, and its machine's cohort. The figures
// are the gateway's own, as its page shows them; a dashboard works out none.
import type { VisibilityMode } from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries'
import { cohortFields, lifeFields, usedFieldOf } from '../hardware-profiles/names.ts'
import type { Profile } from '../hardware-profiles/profile.ts'
import {
  dailySpan,
  datasource,
  influxQuery,
  newest,
  perUnit,
  perUnitAndColumn,
  type Sized,
  titleOf,
} from './panels.ts'
import { type Column, cohortQuery, lifeNowQuery, lifeQuery } from './queries.ts'

interface Spec {
  title: string
  description: string
  unit: string
  columns: readonly Column[]
}

const column = (name: string, field: string): Column => ({ name, field })

const trend = (query: string, { title, description, unit }: Spec, alias: object): Sized => ({
  width: 12,
  height: 7,
  builder: new TimeSeries()
    .title(title)
    .description(description)
    .datasource(datasource)
    .unit(unit)
    .timeFrom(dailySpan)
    // A day is one point: a line between two needs both to be seen.
    .showPoints('always' as VisibilityMode)
    .withTarget(influxQuery(query, { ...alias })),
})

/** Damage used, hours left, battery, availability and plan of each unit. */
export const lifePanels = ({ machine, wear, uptime, maintenance }: Profile): Sized[] => {
  const names = lifeFields
  const of = (spec: Spec): Sized => trend(lifeQuery(machine, spec.columns), spec, perUnitAndColumn)
  const used = [...(wear?.fatigue ?? []), ...(wear?.bearings ?? [])]
  const panels: Sized[] = used.map(({ name, description }) => ({
    width: 8,
    height: 5,
    builder: new Stat()
      .title(`${titleOf(name)}: rated life used`)
      .description(`${description}. By load, as folded by the gateway.`)
      .datasource(datasource)
      .unit('percentunit')
      .reduceOptions(newest())
      .withTarget(influxQuery(lifeNowQuery(machine, column(name, usedFieldOf(name))), perUnit)),
  }))
  if (used.length > 0 || wear?.battery !== undefined) {
    panels.push(
      of({
        title: 'Hours of use left',
        description: 'By load and condition, with its 90 % interval; absent: no end in sight.',
        unit: 'h',
        columns: [
          column('lower', names.leftLow),
          column('median', names.left),
          column('upper', names.leftHigh),
        ],
      }),
    )
  }
  if (wear?.battery !== undefined) {
    const columns = [column('resistance', names.resistance)]
    const description = 'Mean slope of voltage over steps of current.'
    panels.push(of({ title: 'Battery resistance', description, unit: 'ohm', columns }))
  }
  if (wear?.battery?.cells !== undefined) {
    const columns = [column('capacity', names.health)]
    const description = 'Of the rated one, in discharges from full to empty.'
    panels.push(of({ title: 'Battery capacity', description, unit: 'percentunit', columns }))
  }
  if (uptime !== undefined) panels.push(...uptimePanels(machine))
  if (maintenance.length === 0) return panels
  const columns = [column('due', names.due), column('overdue', names.overdue)]
  const description = 'Tasks of the maintenance plan, as the gateway counts them.'
  return [...panels, of({ title: 'Due and overdue', description, unit: 'short', columns })]
}

const uptimePanels = (machine: string): Sized[] => {
  const names = lifeFields
  const specs: Spec[] = [
    {
      title: 'Availability',
      description: 'Silent time taken as down (lower) and as up (upper).',
      unit: 'percentunit',
      columns: [column('lower', names.availableLow), column('upper', names.availableHigh)],
    },
    {
      title: 'Mean time between failures',
      description: 'Absent where the rate changes (Laplace), or before the first failure.',
      unit: 'h',
      columns: [column('lower', names.mtbfLow), column('upper', names.mtbfHigh)],
    },
    {
      title: 'OEE of the newest shift',
      description: 'Only where a shift is booked and its three factors are known.',
      unit: 'percentunit',
      columns: [column('oee', names.oee)],
    },
  ]
  return specs.map((spec) => trend(lifeQuery(machine, spec.columns), spec, perUnitAndColumn))
}

/** All units of the machine together: no unit is chosen or named. */
export const cohortPanels = ({ machine }: Profile): Sized[] => {
  const names = cohortFields
  const specs: Spec[] = [
    {
      title: 'Units and failures',
      description: 'Units with use, first failures, failures in all, and silent units.',
      unit: 'short',
      columns: [
        column('units', names.units),
        column('failures', names.failures),
        column('repairs', names.repairs),
        column('silent', names.silent),
      ],
    },
    {
      title: 'B10',
      description: 'Hours of use by which a tenth has failed, with its 90 % bounds.',
      unit: 'h',
      columns: [
        column('lower', names.b10Low),
        column('B10', names.b10),
        column('upper', names.b10High),
      ],
    },
    {
      title: 'Times longer, at least',
      description:
        'Lower bound at 90 % confidence against the tool of durability.referenceHours, silent ' +
        'units taken as failed. Absent where nothing is named or the data carry no answer.',
      unit: 'short',
      columns: [column('times', names.claim)],
    },
  ]
  return specs.map((spec) => trend(cohortQuery(machine, spec.columns), spec, { alias: '$col' }))
}
