// A chart frame as SVG text: scales, ticks, grid, axis names, legend. No data analysis, no document
// model: strings in, a string out, the same on a server, in a page or in a file.

/** Colours of the charts: dark enough on white for print, distinct without red against green. */
export const INK = {
  text: '#1b2733',
  faint: '#5b6b7a',
  grid: '#e3e8ed',
  frame: '#9aa8b5',
  main: '#0b5d8a',
  band: '#0b5d8a',
  second: '#c2571a',
} as const

/** Escapes text for SVG. */
export const escapeText = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

type Value = string | number

/** An element with its attributes; empty ones are left out, numbers kept to two decimals. */
const element = (name: string, attributes: Readonly<Record<string, Value>>, inner = ''): string => {
  const text = Object.entries(attributes)
    .filter(([, v]) => v !== '')
    .map(([k, v]) => ` ${k}="${typeof v === 'number' ? n2(v) : v}"`)
    .join('')
  return inner === '' ? `<${name}${text}/>` : `<${name}${text}>${inner}</${name}>`
}

const FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif"

/** A coordinate with two decimals. */
export const n2 = (v: number): string => String(Math.round(v * 100) / 100)

/** One axis: its ends in scale units, how a value maps there, and its ticks. */
export interface Axis {
  readonly low: number
  readonly high: number
  readonly to: (value: number) => number
  readonly ticks: readonly { value: number; label: string }[]
  readonly title: string
}

/** Size and place of the plotting area, in pixels. */
export interface Frame {
  readonly width: number
  readonly height: number
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

export const FRAME: Frame = { width: 860, height: 540, left: 86, top: 66, right: 28, bottom: 64 }

/** Maps values to pixels, clipped a little outside the plotting area. */
export const placer = (frame: Frame, x: Axis, y: Axis) => {
  const w = frame.width - frame.left - frame.right
  const h = frame.height - frame.top - frame.bottom
  const clip = (t: number) => Math.min(1.5, Math.max(-0.5, t))
  return {
    x: (v: number) => frame.left + w * clip((x.to(v) - x.low) / (x.high - x.low)),
    y: (v: number) => frame.top + h * (1 - clip((y.to(v) - y.low) / (y.high - y.low))),
  }
}

/** Text at a place. */
export const label = (
  [x, y]: readonly [number, number],
  text: string,
  { size = 13, anchor = 'start', colour = INK.text as string, bold = false, turn = 0 } = {},
): string =>
  element(
    'text',
    {
      x,
      y,
      'font-family': FONT,
      'font-size': size,
      'text-anchor': anchor,
      fill: colour,
      'font-weight': bold ? '600' : '',
      transform: turn ? `rotate(${turn} ${n2(x)} ${n2(y)})` : '',
    },
    escapeText(text),
  )

const pathData = (points: readonly (readonly [number, number])[]): string =>
  points.map(([x, y], i) => `${i ? 'L' : 'M'}${n2(x)} ${n2(y)}`).join('')

/** A line through points (pixels). */
export const path = (
  points: readonly (readonly [number, number])[],
  { colour = INK.main as string, width = 2, dash = '' } = {},
): string => {
  const style = { fill: 'none', stroke: colour, 'stroke-width': width, 'stroke-linejoin': 'round' }
  return element('path', { d: pathData(points), ...style, 'stroke-dasharray': dash })
}

/** The area between two lines given from left to right. */
export const band = (
  lower: readonly (readonly [number, number])[],
  upper: readonly (readonly [number, number])[],
  colour: string = INK.band,
): string => {
  const d = `${pathData([...upper, ...[...lower].reverse()])}Z`
  return element('path', { d, fill: colour, 'fill-opacity': 0.14, stroke: 'none' })
}

/** A filled point. */
export const dot = (
  [cx, cy]: readonly [number, number],
  colour: string = INK.main,
  r = 3.6,
): string => element('circle', { cx, cy, r, fill: colour, stroke: '#fff', 'stroke-width': r / 5 })

/** A bar from its top left corner. */
export const bar = (
  { x, y, w, h }: { x: number; y: number; w: number; h: number },
  colour: string,
): string => element('rect', { x, y, width: Math.max(0, w), height: Math.max(0, h), fill: colour })

const DASHES = '5 4'

/** Key of the chart, in the given corner of the plotting area. */
export const legend = (
  frame: Frame,
  entries: readonly {
    text: string
    colour: string
    mark: 'line' | 'band' | 'dot' | 'bar' | 'dash' | 'none'
  }[],
  corner: 'top-left' | 'bottom-right' | 'top-right' = 'top-left',
): string => {
  const width = 30 + Math.max(...entries.map((e) => e.text.length)) * 7
  const height = 12 + entries.length * 19
  const x = corner === 'top-left' ? frame.left + 12 : frame.width - frame.right - width - 12
  const y = corner === 'bottom-right' ? frame.height - frame.bottom - height - 12 : frame.top + 12
  const rows = entries.map((e, i) => {
    const cy = y + 15 + i * 19
    const line: [number, number][] = [
      [x + 8, cy],
      [x + 26, cy],
    ]
    const marks = {
      line: () => path(line, { colour: e.colour }),
      dash: () => path(line, { colour: e.colour, dash: DASHES, width: 1.4 }),
      band: () => {
        const place = { x: x + 8, y: cy - 6, width: 18, height: 12 }
        return element('rect', { ...place, fill: e.colour, 'fill-opacity': 0.2 })
      },
      bar: () => bar({ x: x + 10, y: cy - 6, w: 14, h: 12 }, e.colour),
      dot: () => dot([x + 17, cy], e.colour),
      none: () => '',
    }
    return marks[e.mark]() + label([x + (e.mark === 'none' ? 8 : 33), cy + 4], e.text, { size: 12 })
  })
  const paper = { fill: '#fff', 'fill-opacity': 0.88, stroke: INK.grid }
  const box = element('rect', { x, y, width, height, rx: 4, ...paper })
  return box + rows.join('')
}

/** A whole chart: title, note under it, axes with grid, and the given body clipped to the area. */
export const chart = (
  { frame = FRAME, title, note = '' }: { frame?: Frame; title: string; note?: string },
  [x, y]: readonly [Axis, Axis],
  { inside, outside = '' }: { inside: string; outside?: string },
): string => {
  const at = placer(frame, x, y)
  const bottom = frame.height - frame.bottom
  const right = frame.width - frame.right
  const grid = { colour: INK.grid, width: 1 }
  const xs = x.ticks.map((t) => {
    const px = at.x(t.value)
    const name =
      t.label && label([px, bottom + 20], t.label, { anchor: 'middle', colour: INK.faint })
    return (
      path(
        [
          [px, frame.top],
          [px, bottom],
        ],
        grid,
      ) + name
    )
  })
  const ys = y.ticks.map((t) => {
    const py = at.y(t.value)
    const name =
      t.label && label([frame.left - 9, py + 4], t.label, { anchor: 'end', colour: INK.faint })
    return (
      path(
        [
          [frame.left, py],
          [right, py],
        ],
        grid,
      ) + name
    )
  })
  const w = right - frame.left
  const h = bottom - frame.top
  const place = { x: frame.left, y: frame.top, width: w, height: h }
  const view = `${frame.left} ${frame.top} ${w} ${h}`
  const parts = [
    `<title>${escapeText(title)}</title>`,
    element('rect', { width: '100%', height: '100%', fill: '#fff' }),
    label([frame.left, 28], title, { size: 17, bold: true }),
    note && label([frame.left, 49], note, { size: 12.5, colour: INK.faint }),
    ...xs,
    ...ys,
    inside && element('svg', { ...place, viewBox: view }, inside),
    element('rect', { ...place, fill: 'none', stroke: INK.frame }),
    label([frame.left + w / 2, frame.height - 18], x.title, { anchor: 'middle' }),
    label([22, frame.top + h / 2], y.title, { anchor: 'middle', turn: -90 }),
    outside,
  ]
  return drawing(frame.width, frame.height, parts)
}

const drawing = (width: number, height: number, parts: readonly string[]): string => {
  const size = { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img' }
  const inner = parts.filter((p) => p !== '').join('\n')
  return element('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size }, inner)
}

/** Charts one under the other as one SVG. */
export const stack = (charts: readonly string[], frame: Frame = FRAME): string => {
  const inner = charts.map((c, i) => c.replace('<svg ', `<svg y="${i * frame.height}" `))
  return `${drawing(frame.width, frame.height * charts.length, inner)}\n`
}

const tickLabel = (v: number): string => {
  if (v !== 0 && (Math.abs(v) >= 1e7 || Math.abs(v) < 1e-4))
    return v.toExponential(0).replace('e+', 'e')
  const [whole = '', part] = String(Number(v.toPrecision(10))).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  return part ? `${grouped}.${part}` : grouped
}

/** A linear axis from low to high with round ticks. */
export const linearAxis = (
  title: string,
  [low, high]: readonly [number, number],
  wanted = 7,
): Axis => {
  const span = high - low || 1
  const raw = span / wanted
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10) * power
  const ticks: { value: number; label: string }[] = []
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + span * 1e-9; k++) {
    ticks.push({ value: k * step, label: tickLabel(k * step) })
  }
  return { title, low, high: low + span, to: (v) => v, ticks }
}

/**
 * A logarithmic axis; 1, 2 and 5 per decade while few decades, else decades; the rest bare lines.
 */
export const logAxis = (title: string, [low, high]: readonly [number, number]): Axis => {
  const [from, to] = [Math.log10(low), Math.log10(high)]
  const decades = to - from
  const named =
    decades < 0.8
      ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]
      : decades < 1.5
        ? [1, 2, 3, 5, 7]
        : decades < 4
          ? [1, 2, 5]
          : [1]
  const ticks: { value: number; label: string }[] = []
  for (let d = Math.floor(from); d <= Math.ceil(to); d++) {
    for (const m of [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]) {
      const value = m * 10 ** d
      if (value < low * (1 - 1e-9) || value > high * (1 + 1e-9)) continue
      if (m === 1.5 && decades >= 0.8) continue
      ticks.push({ value, label: named.includes(m) ? tickLabel(value) : '' })
    }
  }
  return { title, low: from, high: to, to: (v) => Math.log10(Math.max(v, 1e-300)), ticks }
}
