// All units at a glance: what each is doing, when it was last heard of, its totals.
// A card leads to the unit; whatever it shows of a machine comes from machine-view.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { UnitSummary } from '../../core/queries.ts'
import { api } from './api.ts'
import { quantity, words } from './format.ts'
import { openLive } from './live.ts'
import { type MachineView, type ShownSignal, severityOf, valueText } from './machine-view.ts'
import { openPairing } from './pairing.ts'
import { type Spark, sparkline } from './sparkline.ts'
import { badge, estimatedMark, type Page, simulatedMark, since, type View } from './view.ts'

/** What the small lines show, seconds. */
const sparkSpanS = 120
/** Of more units than this only the first have a line. */
const sparksMax = 24
const countersShown = 4

export const overview = (page: Page): View => {
  const sparks = new Map<string, Spark>()
  const newest = new Map<string, readonly (number | null)[]>()
  const close = openLive(undefined, {
    connected: page.connected,
    readings: (readings) => {
      for (const { unit, machine, timeUs, values } of readings) {
        newest.set(unit, values)
        const signal = firstChart(page.machine(machine))
        const spark = sparks.get(unit)
        if (signal === undefined || spark === undefined) continue
        append(spark, timeUs / 1e6, values[signal.index] ?? null)
      }
      page.redraw()
    },
  })
  const pairing = openPairing(page)
  const loadSparks = (): void => {
    for (const summary of (page.units() ?? []).slice(0, sparksMax)) {
      if (sparks.has(summary.unit) || summary.lastTimeUs === undefined) continue
      const spark: Spark = { timesS: [], values: [] }
      sparks.set(summary.unit, spark)
      void loadSpark(page, summary, spark)
    }
  }
  loadSparks()
  return {
    title: 'Units',
    tick: loadSparks,
    stop: close,
    template: () => {
      const units = page.units()
      if (units === undefined) return html`<p class="quiet">Loading…</p>`
      if (units.length === 0) return html`${empty()} ${pairing.template()}`
      return html`<h1>Units</h1>
        <ul class="cards">
          ${units.map((summary) => {
            const { unit } = summary
            const data = { spark: sparks.get(unit), live: newest.get(unit) }
            return html`<li>${card(page, summary, data)}</li>`
          })}
        </ul>
        ${pairing.template()}`
    },
  }
}

const loadSpark = async (page: Page, summary: UnitSummary, spark: Spark): Promise<void> => {
  const signal = firstChart(page.machine(summary.machine))
  const toUs = summary.lastTimeUs
  if (signal === undefined || toUs === undefined) return
  const fromUs = toUs - sparkSpanS * 1e6
  try {
    const series = await api.series({ unit: summary.unit, fromUs, toUs: toUs + 1, points: 120 })
    const times = series.timesUs.map((timeUs) => timeUs / 1e6)
    const last = times.at(-1) ?? 0
    const later = spark.timesS.findIndex((timeS) => timeS > last)
    const keep = later < 0 ? spark.timesS.length : later
    spark.timesS.splice(0, keep, ...times)
    spark.values.splice(0, keep, ...(series.values[signal.name] ?? times.map(() => null)))
    page.redraw()
  } catch {
    // A card without its line still says everything else.
  }
}

const append = (spark: Spark, timeS: number, value: number | null): void => {
  if (timeS <= (spark.timesS.at(-1) ?? 0)) return
  spark.timesS.push(timeS)
  spark.values.push(value)
  const old = spark.timesS.findIndex((time) => time >= timeS - sparkSpanS)
  if (old <= 0) return
  spark.timesS.splice(0, old)
  spark.values.splice(0, old)
}

const firstChart = (machine: MachineView | undefined): ShownSignal | undefined =>
  machine?.charts[0]?.signals[0]

interface CardData {
  spark: Spark | undefined
  live: readonly (number | null)[] | undefined
}

const card = (page: Page, unit: UnitSummary, { spark, live }: CardData): TemplateResult => {
  const machine = page.machine(unit.machine)
  const valueNow = ({ name, index }: ShownSignal): number | null | undefined =>
    live?.[index] ?? unit.values[name]?.value
  return html`<a class="card unit-card" href="#/unit/${unit.unit}">
    <div class="card-head">
      <div>
        <h2>${unit.unit}</h2>
        <p class="quiet">${machine?.profile.title ?? words(unit.machine)}</p>
      </div>
      ${unit.simulated ? simulatedMark() : nothing}
    </div>
    <div class="badges">
      ${badge(words(unit.lifecycle), 'lifecycle', 'Lifecycle')}
      ${machine?.states.map((signal) => {
        const value = valueNow(signal)
        const severity = severityOf(machine.profile, signal, value)
        return badge(
          `${signal.label}: ${valueText(signal, value).toLowerCase()}`,
          severity,
          signal.description,
        )
      })}
    </div>
    ${spark === undefined || machine === undefined ? nothing : sparkRow(machine, spark, valueNow)}
    <dl class="totals">
      ${Object.entries(unit.counters)
        .slice(0, countersShown)
        .map(([name, value]) => total(machine, name, value))}
    </dl>
    <p class="card-foot quiet">
      ${since(unit.lastTimeUs, page.nowUs())}
      ${unit.quarantined > 0 ? badge(`${unit.quarantined} quarantined`, 'warning') : nothing}
    </p>
  </a>`
}

const sparkRow = (
  machine: MachineView,
  spark: Spark,
  valueNow: (signal: ShownSignal) => number | null | undefined,
) => {
  const signal = firstChart(machine)
  if (signal === undefined) return nothing
  return html`<div class="spark-row">
    ${sparkline(spark, sparkSpanS)}
    <div class="spark-value">
      <span class="big">${valueText(signal, valueNow(signal))}</span>
      <span class="quiet">${signal.label} ${signal.estimated ? estimatedMark() : nothing}</span>
    </div>
  </div>`
}

const total = (machine: MachineView | undefined, name: string, value: number) => {
  const { text, unit } = quantity(value, machine?.profile.counters[name]?.unit ?? '1')
  return html`<div><dt>${words(name)}</dt><dd>${text} <small>${unit}</small></dd></div>`
}

const empty = () =>
  html`<h1>Units</h1>
    <div class="card empty">
      <h2>No unit has said hello yet</h2>
      <p>
        A unit appears here with its first hello. Connect a board, or publish one by hand:
        <code>mosquitto_pub</code> works. If a unit should be here, ask
        <code>npx tenfold doctor &lt;unit&gt;</code> why it is not.
      </p>
    </div>`
