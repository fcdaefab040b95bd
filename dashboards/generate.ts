// Profile -> Grafana dashboard. A pure function: the same profile gives the same file, byte for
// byte, so that the committed files can be compared with what they come from. Grafana reads them by
// provisioning.
import {
  type AnnotationQuery,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboardFile, dashboardUid, typeColumn, unitColumn } from '../hardware-profiles/names.ts'
import type { Profile } from '../hardware-profiles/profile.ts'
import { cohortPanels, lifePanels } from './life-panels.ts'
import {
  counterPanels,
  datasource,
  eventPanels,
  extremePanels,
  influxQuery,
  maintenancePanels,
  qualityPanels,
  type Sized,
  signalPanels,
  statePanels,
  statusPanels,
  usePanels,
} from './panels.ts'
import { annotationQuery, unitsQuery, unitVariable } from './queries.ts'

/** Every dashboard, by its path from the project's root. */
export const deriveDashboards = (profiles: Iterable<Profile>): Map<string, string> =>
  new Map(
    [...profiles].map((profile) => [
      `dashboards/generated/${dashboardFile(profile.machine)}`,
      `${JSON.stringify(dashboardOf(profile).build(), null, 2)}\n`,
    ]),
  )

export const dashboardOf = (profile: Profile): DashboardBuilder => {
  const { machine, title } = profile
  const builder = new DashboardBuilder(title)
    .uid(dashboardUid(machine))
    .description('Derived from the machine file; changes here are lost at the next derivation.')
    .readonly()
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .refresh('10s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Database').type('influxdb'))
    .withVariable(
      new QueryVariableBuilder(unitVariable)
        .label('Unit')
        .datasource(datasource)
        .query(unitsQuery(machine))
        .definition(unitsQuery(machine))
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .sort(VariableSort.NaturalAsc)
        .multi(true)
        .includeAll(true)
        .current({ text: ['All'], value: ['$__all'] }),
    )
    .annotations(annotationsOf(profile).map((annotation) => ({ build: () => annotation })))
  place(builder, [
    ['Units', statusPanels(profile)],
    ['Signals', signalPanels(profile)],
    ['States', statePanels(profile)],
    ['Events', eventPanels(profile)],
    ['Use', counterPanels(profile)],
    ['Use by day', usePanels(profile)],
    ['Extremes by day', extremePanels(profile)],
    ['Durability', lifePanels(profile)],
    ['All units of this gateway', cohortPanels(profile)],
    ['Maintenance', maintenancePanels(profile)],
    ['Quality', qualityPanels(profile)],
  ])
  return builder
}

const columns = 24

/**
 * Lays sections out from left to right and top to bottom, each under its row; empty ones are left
 * out.
 */
const place = (builder: DashboardBuilder, sections: [title: string, panels: Sized[]][]): void => {
  let id = 1
  let y = 0
  for (const [title, panels] of sections) {
    if (panels.length === 0) continue
    builder.withRow(new RowBuilder(title).id(id++).gridPos({ x: 0, y, w: columns, h: 1 }))
    y += 1
    let x = 0
    let tallest = 0
    for (const { builder: panel, width, height } of panels) {
      if (x + width > columns) {
        x = 0
        y += tallest
        tallest = 0
      }
      panel.id(id++)
      panel.gridPos({ x, y, w: width, h: height })
      builder.withPanel(panel)
      x += width
      tallest = Math.max(tallest, height)
    }
    y += tallest
  }
}

const colours = { fault: 'red', warning: 'orange', info: 'blue' } as const

/** One a severity that the machine's rules can give. */
const annotationsOf = ({ machine, events }: Profile): AnnotationQuery[] => {
  const severities = new Set(events.map(({ severity }) => severity ?? 'info'))
  return (['fault', 'warning', 'info'] as const)
    .filter((severity) => severities.has(severity))
    .map((severity) => ({
      name: `Events: ${severity}`,
      datasource,
      enable: severity !== 'info',
      iconColor: colours[severity],
      target: influxQuery(annotationQuery(machine, severity), {
        refId: 'Anno',
        fromAnnotations: true,
        textEditor: true,
        textColumn: 'cause',
        tagsColumn: `${typeColumn},${unitColumn}`,
      }).build(),
    }))
}
