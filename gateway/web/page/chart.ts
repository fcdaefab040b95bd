// One chart: the signals of a chart group over time, drawn by uPlot. It draws what it is given
// and knows no gateway. Estimated signals are dashed. Arrow keys move the cursor, as a pointer
// does.
import uPlot from 'uplot'
import { type ChartGroup, type ShownSignal, valueText } from './machine-view.ts'

type Data = [number[], ...(number | null)[][]]

export class Chart {
  readonly element: HTMLElement
  readonly group: ChartGroup
  readonly #plot: uPlot
  readonly #observer: ResizeObserver
  readonly #onCursor: (row: number | undefined) => void

  /** @param onCursor told the row under the cursor, undefined when it leaves */
  constructor(group: ChartGroup, syncKey: string, onCursor: (row: number | undefined) => void) {
    this.group = group
    this.#onCursor = onCursor
    this.element = document.createElement('div')
    this.element.className = 'plot'
    this.element.tabIndex = 0
    this.element.setAttribute('role', 'img')
    this.#plot = new uPlot(this.#options(syncKey), [[]], this.element)
    this.#observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {}
      if (width > 0) this.#plot.setSize({ width: Math.floor(width), height: Math.floor(height) })
    })
    this.#observer.observe(this.element)
    this.element.addEventListener('keydown', (event) => this.#onKey(event))
    this.element.addEventListener('blur', () => this.#plot.setCursor({ left: -10, top: -10 }))
  }

  /** Draws the samples between two times, seconds. */
  draw(data: Data, fromS: number, toS: number): void {
    this.#plot.batch(() => {
      this.#plot.setData(data, false)
      this.#plot.setScale('x', { min: fromS, max: toS })
    })
  }

  /** What a person who cannot see the lines is told. */
  describe(text: string): void {
    if (this.element.getAttribute('aria-label') !== text) {
      this.element.setAttribute('aria-label', text)
    }
  }

  destroy(): void {
    this.#observer.disconnect()
    this.#plot.destroy()
  }

  #onKey(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const times = this.#plot.data[0]
    const row = (this.#plot.cursor.idx ?? times.length) + step * (event.shiftKey ? 20 : 1)
    const time = times[Math.min(Math.max(row, 0), times.length - 1)]
    if (time !== undefined) this.#plot.setCursor({ left: this.#plot.valToPos(time, 'x'), top: 1 })
  }

  #options(syncKey: string): uPlot.Options {
    const colour = colours()
    const scales: uPlot.Scales = { x: { time: true, auto: false } }
    for (const signal of this.group.signals)
      scales[scaleOf(signal)] = { range: paddedRange(signal) }
    const font = '11px system-ui, sans-serif'
    const axis = { stroke: colour.muted, font, ticks: { show: false } }
    const grid = { stroke: colour.line, width: 1 }
    return {
      width: 320,
      height: 160,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      scales,
      cursor: {
        sync: { key: syncKey, setSeries: false },
        drag: { x: false, y: false, setScale: false },
        points: { size: 7 },
        y: false,
      },
      series: [{}, ...this.group.signals.map((signal, at) => line(signal, colour.series[at % 4]))],
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 70, values: (_, times) => ticks(times) },
        ...Object.keys(scales)
          .filter((scale) => scale !== 'x')
          .map((scale, at) => ({
            ...axis,
            scale,
            side: at === 0 ? (3 as const) : (1 as const),
            grid: at === 0 ? grid : { show: false },
            size: 46,
            space: 34,
            values: (_: uPlot, values: number[]) => values.map(compact),
          })),
      ],
      hooks: { setCursor: [(plot) => this.#onCursor(plot.cursor.idx ?? undefined)] },
    }
  }
}

/** Signals of one unit share a scale. */
const scaleOf = ({ unit }: ShownSignal): string => (unit === '' ? 'y' : unit)

const line = (signal: ShownSignal, stroke: string | undefined): uPlot.Series => ({
  label: signal.label,
  scale: scaleOf(signal),
  width: 1.75,
  ...(stroke === undefined ? {} : { stroke }),
  ...(signal.estimated ? { dash: [6, 3] } : {}),
  points: { show: false },
  value: (_, value) => valueText(signal, value),
})

/** A little air above and below; a calm line is not blown up to fill the chart. */
const paddedRange =
  ({ spec }: ShownSignal): uPlot.Scale.Range =>
  (_, min, max) => {
    const [low = 0, high = 1] = spec.range ?? []
    if (min === null || max === null) return [low, high]
    const least = (high - low) / 100
    const pad = Math.max((max - min) * 0.08, (least - (max - min)) / 2, 1e-9)
    const floor = min >= 0 && min < (max - min) * 0.5 ? 0 : min - pad
    return [floor, max + pad]
  }

const dayTime = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const

const ticks = (times: number[]): string[] => {
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0)
  return times.map((timeS) => {
    const date = new Date(timeS * 1000)
    const seconds = span < 600 ? ({ second: '2-digit' } as const) : {}
    return span < 2 * 86_400
      ? date.toLocaleTimeString(undefined, { ...dayTime, ...seconds })
      : date.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })
  })
}

const compact = (value: number): string =>
  Math.abs(value) >= 10_000
    ? `${(value / 1000).toLocaleString(undefined, { maximumFractionDigits: 1 })}k`
    : value.toLocaleString(undefined, { maximumFractionDigits: 2 })

/** Colours of the style sheet, for a canvas that cannot inherit them. */
const colours = () => {
  const style = getComputedStyle(document.documentElement)
  const read = (name: string): string => style.getPropertyValue(name).trim()
  return {
    muted: read('--muted'),
    line: read('--line'),
    series: [read('--series-1'), read('--series-2'), read('--series-3'), read('--series-4')],
  }
}
