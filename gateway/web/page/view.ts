// What a view is, and what the page around it lends it. A view asks for data when it starts,
// shows what it has, and lets go of everything when it stops.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { UnitSummary } from '../../core/queries.ts'
import { ago, dateTime, isoTime } from './format.ts'
import type { MachineView } from './machine-view.ts'

export interface Page {
  /** Summaries of all units, refreshed about once a second; undefined before the first answer. */
  units(): readonly UnitSummary[] | undefined
  machine(name: string): MachineView | undefined
  /** Whether the profiles have come: before that, no machine is known. */
  profilesKnown(): boolean
  /** The gateway's clock, microseconds since 1970: the page's own may be wrong. */
  nowUs(): number
  /** Asks for a redraw at the next frame. */
  redraw(): void
  /** Whether live values come in just now. */
  connected(yes: boolean): void
}

export interface View {
  readonly title: string
  template(): TemplateResult
  /** Called about once a second with fresh summaries. */
  tick?(): void
  stop(): void
}

/** Something asked of the gateway: shows that it is on its way, or why it did not come. */
export interface Asked<T> {
  value: T | undefined
  error: { message: string; remedy: string } | undefined
  refresh(): void
  stop(): void
}

/** Asks now, and again `periodMs` after each answer, while the page is looked at. */
export const keepAsking = <T>(
  question: () => Promise<T>,
  periodMs: number,
  redraw: () => void,
): Asked<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  let stopped = false
  const asked: Asked<T> = {
    value: undefined,
    error: undefined,
    refresh: () => {
      clearTimeout(timer)
      void ask()
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
  const ask = async (): Promise<void> => {
    if (!document.hidden || asked.value === undefined) {
      try {
        asked.value = await question()
        asked.error = undefined
      } catch (error) {
        const { message, remedy } = error as { message: string; remedy?: string }
        asked.error = { message, remedy: remedy ?? '' }
      }
      if (stopped) return
      redraw()
    }
    // Another may have been asked in between: there is one next time all the same.
    clearTimeout(timer)
    timer = setTimeout(ask, periodMs)
  }
  void ask()
  return asked
}

/** The value where it is there, else what is to be said instead. */
export const shown = <T>({ value, error }: Asked<T>, template: (value: T) => unknown): unknown => {
  if (value !== undefined) return template(value)
  return error === undefined ? html`<p class="quiet">Loading…</p>` : problem(error)
}

export const problem = ({ message, remedy }: { message: string; remedy: string }) =>
  html`<p class="problem" role="alert"><strong>${message}</strong> ${remedy}</p>`

export const moment = (timeUs: number) =>
  html`<time datetime=${isoTime(timeUs)} title=${isoTime(timeUs)}>${dateTime(timeUs)}</time>`

export const since = (timeUs: number | undefined, nowUs: number) =>
  timeUs === undefined
    ? html`<span>never seen</span>`
    : html`<span>
        seen
        <time datetime=${isoTime(timeUs)} title=${dateTime(timeUs)}>${ago(timeUs, nowUs)}</time>
      </span>`

export const badge = (text: string, kind = 'quiet', title?: string) =>
  html`<span class="badge ${kind}" title=${title ?? nothing}>${text}</span>`

export const estimatedMark = () =>
  html`<span class="estimated" title="Computed without a sensor: its quality is uncertain"
    >estimated</span
  >`

export const simulatedMark = () =>
  html`<span class="badge simulated" title="A twin, not a machine: it earns and proves nothing"
    >Simulated</span
  >`
