// The live charts of one unit: history from the store first, then every report as it comes in,
// under one cursor. It owns the window of time that they show.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { LiveReading } from '../../core/live.ts'
import { api } from './api.ts'
import { Chart } from './chart.ts'
import { clockTime, dateTime, number } from './format.ts'
import { type MachineView, type ShownSignal, valueText } from './machine-view.ts'
import { SeriesBuffer } from './series-buffer.ts'
import { estimatedMark, type Page, problem } from './view.ts'

const spans = [
  { label: '1 min', spanS: 60 },
  { label: '10 min', spanS: 600 },
  { label: '1 h', spanS: 3600 },
  { label: '1 day', spanS: 86_400 },
  { label: '30 days', spanS: 30 * 86_400 },
] as const
type Span = (typeof spans)[number]

/** Up to here live reports are drawn as they come. */
const liveSpanMaxS = 600
/**
 * Live reports are thinned to what an eye can follow; what is stored has all of them, so the
 * window is read again at least so often. Longer spans change slowly and are read less often.
 */
const reloadMs = { live: 5000, least: 10_000 } as const
const points = 1500

export class UnitCharts {
  readonly #page: Page
  readonly #unit: string
  readonly #machine: MachineView
  readonly #signals: readonly ShownSignal[]
  #charts: Chart[]
  #buffer: SeriesBuffer
  #span: Span = spans[0]
  #cursorS: number | undefined
  #error: { message: string; remedy: string } | undefined
  #loading = false
  #loadedMs = 0
  #drawnMs = 0
  #frame = 0
  #stopped = false
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)')

  constructor(page: Page, unit: string, machine: MachineView) {
    this.#page = page
    this.#unit = unit
    this.#machine = machine
    this.#signals = machine.charts.flatMap(({ signals }) => signals)
    this.#buffer = new SeriesBuffer(this.#signals)
    this.#charts = this.#makeCharts()
    this.#scheme.addEventListener('change', this.#recolour)
    void this.load()
  }

  stop(): void {
    this.#stopped = true
    cancelAnimationFrame(this.#frame)
    this.#scheme.removeEventListener('change', this.#recolour)
    for (const chart of this.#charts) chart.destroy()
  }

  append(readings: readonly LiveReading[]): void {
    if (this.#span.spanS > liveSpanMaxS) return
    for (const reading of readings) this.#buffer.append(reading)
    this.#schedule()
  }

  /** Called about once a second. */
  tick(): void {
    const { spanS } = this.#span
    const everyMs =
      spanS <= liveSpanMaxS ? reloadMs.live : Math.max(reloadMs.least, (spanS * 1000) / 400)
    if (performance.now() - this.#loadedMs > everyMs) void this.load()
    for (const chart of this.#charts) chart.describe(this.#spoken(chart))
  }

  /** Reads the window from the store; what came in live meanwhile stays. */
  async load(): Promise<void> {
    if (this.#loading) return
    this.#loading = true
    const span = this.#span
    try {
      const toUs = this.#endUs()
      const fromUs = toUs - span.spanS * 1e6
      const series = await api.series({ unit: this.#unit, fromUs, toUs: toUs + 1, points })
      if (this.#stopped || span !== this.#span) return
      const rate = this.#machine.profile.reportHz
      const sparse = series.timesUs.length > points / 2 ? span.spanS / points : 1 / rate
      this.#buffer.load(series, Math.max(2, 5 * sparse, 5 / rate))
      this.#error = undefined
      this.#loadedMs = performance.now()
      this.#draw()
      if (performance.getEntriesByName('first-data').length === 0 && this.#buffer.length > 0) {
        performance.mark('first-data')
      }
    } catch (error) {
      const { message, remedy } = error as { message: string; remedy?: string }
      this.#error = { message, remedy: remedy ?? '' }
    } finally {
      this.#loading = false
      this.#page.redraw()
      if (span !== this.#span && !this.#stopped) void this.load()
    }
  }

  template(): TemplateResult {
    return html`<div class="toolbar">
        <div class="segmented" role="group" aria-label="Time shown">
          ${spans.map(
            (span) =>
              html`<button
                type="button"
                aria-pressed=${span === this.#span}
                @click=${() => this.#choose(span)}
              >
                ${span.label}
              </button>`,
          )}
        </div>
        <p class="quiet when" aria-live="off">${this.#when()}</p>
      </div>
      ${this.#error === undefined ? nothing : problem(this.#error)}
      <div class="charts">${this.#charts.map((chart) => this.#card(chart))}</div>`
  }

  #card(chart: Chart): TemplateResult {
    const { title, signals } = chart.group
    return html`<section class="card chart" aria-label=${title}>
      <header>
        <h3>${title}</h3>
        <ul class="legend">
          ${signals.map(
            (signal, at) => html`<li>
              <span class="key key-${at + 1} ${signal.estimated ? 'dashed' : ''}"></span>
              ${signals.length > 1 ? html`<span class="quiet">${signal.label}</span>` : nothing}
              <span class="value">${valueText(signal, this.#valueAt(signal))}</span>
              ${signal.estimated ? estimatedMark() : nothing}
            </li>`,
          )}
        </ul>
      </header>
      ${chart.element}
    </section>`
  }

  #makeCharts(): Chart[] {
    return this.#machine.charts.map(
      (group) => new Chart(group, `unit-${this.#unit}`, (row) => this.#cursor(row)),
    )
  }

  readonly #recolour = (): void => {
    for (const chart of this.#charts) chart.destroy()
    this.#charts = this.#makeCharts()
    this.#draw()
    this.#page.redraw()
  }

  #choose(span: Span): void {
    if (span === this.#span) return
    this.#span = span
    this.#buffer = new SeriesBuffer(this.#signals)
    this.#page.redraw()
    void this.load()
  }

  #cursor(row: number | undefined): void {
    const timeS = row === undefined ? undefined : this.#buffer.data([])[0][row]
    if (timeS === this.#cursorS) return
    this.#cursorS = timeS
    this.#page.redraw()
  }

  /** The window ends with the newest sample: a unit that rests still shows its last work. */
  #endUs(): number {
    const summary = this.#page.units()?.find(({ unit }) => unit === this.#unit)
    const stored = summary?.lastTimeUs ?? 0
    const live = (this.#buffer.lastS ?? 0) * 1e6
    return Math.max(stored, live) || this.#page.nowUs()
  }

  #schedule(): void {
    if (this.#frame !== 0) return
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0
      const pauseMs = this.#span.spanS > 60 ? 400 : 80
      if (performance.now() - this.#drawnMs < pauseMs) this.#schedule()
      else this.#draw()
    })
  }

  #draw(): void {
    if (this.#stopped) return
    this.#drawnMs = performance.now()
    const toS = this.#buffer.lastS ?? this.#endUs() / 1e6
    const fromS = toS - this.#span.spanS
    this.#buffer.trim(fromS)
    for (const chart of this.#charts) {
      chart.draw(this.#buffer.data(chart.group.signals.map(({ index }) => index)), fromS, toS)
    }
    this.#page.redraw()
  }

  #valueAt({ index }: ShownSignal): number | null | undefined {
    const [times, column = []] = this.#buffer.data([index])
    if (this.#cursorS === undefined) return column.at(-1)
    const row = times.indexOf(this.#cursorS)
    return row < 0 ? column.at(-1) : column[row]
  }

  #when(): string {
    const { spanS } = this.#span
    if (this.#cursorS !== undefined) {
      const timeUs = this.#cursorS * 1e6
      return spanS > liveSpanMaxS ? dateTime(timeUs) : clockTime(timeUs)
    }
    const lastS = this.#buffer.lastS
    if (lastS === undefined) return this.#loading ? 'Loading…' : 'No readings in this time.'
    const pastS = this.#page.nowUs() / 1e6 - lastS
    return pastS < 5 ? 'Live' : `Until ${dateTime(lastS * 1e6)}`
  }

  #spoken({ group }: Chart): string {
    const parts = group.signals.map((signal) => {
      const column = this.#buffer.data([signal.index])[1] ?? []
      const present = column.filter((value) => value !== null)
      if (present.length === 0) return `${signal.label}: no readings`
      const low = number(
        present.reduce((a, b) => Math.min(a, b)),
        signal.decimals,
      )
      const high = number(
        present.reduce((a, b) => Math.max(a, b)),
        signal.decimals,
      )
      const mark = signal.estimated ? ' (estimated)' : ''
      const now = valueText(signal, column.at(-1))
      return `${signal.label}${mark}: now ${now}, lowest ${low}, highest ${high}`
    })
    return `Chart of the last ${this.#span.label}. ${parts.join('. ')}`
  }
}
