// The charts of durability: probability plot with bounds, mean cumulative function, histogram of
// ages. Results in, SVG text out; every chart says what it shows, of how many units, in which unit.
import { lifeBounds } from './bounds.ts'
import type { Family } from './family.ts'
import { type Fit, lifeAt } from './fit.ts'
import { countLives, type Lives } from './lives.ts'
import type { MeanCumulative, PowerLaw } from './repairable.ts'
import { percent, show } from './report.ts'
import { plotPoints } from './survival.ts'
import {
  type Axis,
  band,
  bar,
  chart,
  dot,
  FRAME,
  INK,
  label,
  legend,
  linearAxis,
  logAxis,
  path,
  placer,
} from './svg.ts'

type Points = [number, number][]

const FRACTIONS = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.632, 0.8,
  0.9, 0.95, 0.99, 0.999, 0.9999,
]

/** Axis on which a fitted distribution is a straight line. */
const probabilityAxis = (family: Family, [low, high]: readonly [number, number]): Axis => ({
  title: 'failed',
  low: family.quantile(low),
  high: family.quantile(high),
  to: (p) => family.quantile(Math.min(1 - 1e-12, Math.max(1e-12, p))),
  ticks: FRACTIONS.filter((p) => p >= low - 1e-9 && p <= high + 1e-9).map((value) => ({
    value,
    label: value === 0.632 ? '63 %' : percent(value),
  })),
})

const axisTitle = (unit: string, what = 'age'): string => (unit ? `${what} (${unit})` : what)

/** Parameters of a fit in one line. */
export const fitLine = (fit: Fit, unit = ''): string => {
  const u = unit && ` ${unit}`
  const { location, scale, threshold } = fit
  switch (fit.model) {
    case 'lognormal':
      return `lognormal: median ${show(Math.exp(location))}${u}, sigma ${show(scale)}`
    case 'exponential':
      return `exponential: mean life ${show(Math.exp(location))}${u}`
    default:
      return `Weibull: eta ${show(Math.exp(location))}${u}, beta ${show(1 / scale)}${
        fit.model === 'weibull3' ? `, from ${show(threshold)}${u}` : ''
      }`
  }
}

const niceBelow = (v: number): number => {
  const d = 10 ** Math.floor(Math.log10(v))
  return ([5, 2, 1].find((m) => m * d <= v) ?? 1) * d
}
const niceAbove = (v: number): number => {
  const d = 10 ** Math.floor(Math.log10(v))
  return ([1, 2, 5, 10].find((m) => m * d >= v * 0.999) ?? 10) * d
}

/**
 * Probability plot: failures at adjusted ranks, the fitted line with its bounds, and B10 read off.
 * Ages in `unit`. On the axes of the fitted family the model is a straight line.
 */
export const probabilityPlot = (
  lives: Lives,
  fit: Fit,
  { unit = '', confidence = 0.9, leftOut = 0 } = {},
): string => {
  const inspected = countLives(lives).interval > 0
  const none = { age: new Float64Array(0), fraction: new Float64Array(0) }
  const points = inspected ? none : plotPoints(lives)
  const fractions = Array.from(points.fraction)
  const low = niceProbability(Math.min(0.05, (fractions[0] ?? 0.1) * 0.6))
  const high = Math.max(
    0.5,
    Math.min(0.999, niceProbability((fractions.at(-1) ?? 0.9) * 1.08, true)),
  )
  const first = Math.min(points.age[0] ?? Number.POSITIVE_INFINITY, lifeAt(fit, low))
  const last = Math.max(points.age.at(-1) ?? 1, lifeAt(fit, high))
  const x = logAxis(axisTitle(unit), [niceBelow(Math.max(first, last / 1e5)), niceAbove(last)])
  const y = probabilityAxis(fit.family, [low, high])
  const at = placer(FRAME, x, y)
  const curve: Points = []
  const lower: Points = []
  const upper: Points = []
  for (let i = 0; i <= 80; i++) {
    const p = fit.family.cdf(y.low + ((y.high - y.low) * i) / 80)
    const life = lifeBounds(fit, p, confidence)
    curve.push([at.x(life.value), at.y(p)])
    lower.push([at.x(life.upper), at.y(p)])
    upper.push([at.x(life.lower), at.y(p)])
  }
  const b10 = lifeBounds(fit, 0.1, confidence)
  const guide: Points = [
    [FRAME.left, at.y(0.1)],
    [at.x(b10.value), at.y(0.1)],
    [at.x(b10.value), FRAME.height - FRAME.bottom],
  ]
  const size = fractions.length > 150 ? 2.2 : 3.6
  const dots = fractions
    .map((f, i) => dot([at.x(points.age[i] as number), at.y(f)], INK.main, size))
    .join('')
  const shown = low < 0.1 && high > 0.1
  const inside = [
    band(lower, upper),
    path(curve),
    shown ? path(guide, { colour: INK.second, width: 1.4, dash: '5 4' }) : '',
    dots,
  ].join('')
  const u = unit && ` ${unit}`
  const outside = legend(FRAME, [
    {
      text: `failures (${show(fit.failures)} of ${show(fit.units)} units)`,
      colour: INK.main,
      mark: 'dot',
    },
    { text: fitLine(fit, unit), colour: INK.main, mark: 'line' },
    { text: `${percent(confidence)} bounds`, colour: INK.band, mark: 'band' },
    {
      text: `B10 ${show(b10.value)}${u} (${show(b10.lower)} to ${show(b10.upper)})`,
      colour: INK.second,
      mark: 'dash',
    },
  ])
  const running = fit.units - fit.failures
  const counts = `${show(fit.failures)} failed, ${show(running)} still running`
  const how = inspected ? 'inspected, so without points' : 'adjusted ranks'
  const note = `${counts}; ${how}, maximum likelihood${without(leftOut)}`
  return chart({ title: 'Probability of failure', note }, [x, y], { inside, outside })
}

/** Every result says how many rows it is without. */
const without = (leftOut: number): string => (leftOut > 0 ? `; ${leftOut} rows left out` : '')

const niceProbability = (p: number, up = false): number => {
  if (up) return FRACTIONS.find((f) => f >= p) ?? 0.999
  return FRACTIONS.findLast((f) => f <= p) ?? 0.0001
}

/** Turns (age, value) rows into the corners of a step line. */
const steps = (
  ages: ArrayLike<number>,
  values: ArrayLike<number>,
  place: (a: number, v: number) => [number, number],
): Points => {
  const out: Points = []
  for (let i = 0; i < ages.length; i++) {
    const before = i > 0 ? (values[i - 1] as number) : 0
    out.push(place(ages[i] as number, before), place(ages[i] as number, values[i] as number))
  }
  return out
}

/** Mean cumulative function with bounds, and the power law if given. Ages in `unit`. */
export const mcfPlot = (
  curve: MeanCumulative,
  {
    unit = '',
    confidence = 0.9,
    machines,
    law,
    end,
    leftOut = 0,
  }: {
    unit?: string
    confidence?: number
    machines: number
    law?: PowerLaw
    end: number
    leftOut?: number
  },
): string => {
  const x = linearAxis(axisTitle(unit), [0, end])
  const top = Math.min(Math.max(...curve.upper), 2.5 * Math.max(...curve.mean))
  const y = linearAxis('failures per machine', [0, top * 1.06])
  const at = placer(FRAME, x, y)
  const place = (a: number, v: number): [number, number] => [at.x(a), at.y(v)]
  const line = (values: Float64Array): Points => {
    const points = steps(curve.age, values, place)
    return [
      [at.x(0), at.y(0)],
      [at.x(curve.age[0] ?? 0), at.y(0)],
      ...points,
      [at.x(end), at.y(values.at(-1) ?? 0)],
    ]
  }
  const model: Points = law
    ? Array.from({ length: 81 }, (_, i) =>
        place((end * i) / 80, law.lambda * ((end * i) / 80) ** law.beta),
      )
    : []
  const inside = [
    band(line(curve.lower), line(curve.upper)),
    path(line(curve.mean)),
    law ? path(model, { colour: INK.second, width: 1.6, dash: '5 4' }) : '',
  ].join('')
  const events = curve.events.reduce((a, b) => a + b, 0)
  const keys = [
    { text: 'mean cumulative failures', colour: INK.main, mark: 'line' as const },
    { text: `${percent(confidence)} bounds`, colour: INK.band, mark: 'band' as const },
    ...(law
      ? [{ text: `power law: beta ${show(law.beta)}`, colour: INK.second, mark: 'dash' as const }]
      : []),
  ]
  const note = `${show(events)} failures of ${show(machines)} machines${without(leftOut)}`
  return chart({ title: 'Failures per machine', note }, [x, y], {
    inside,
    outside: legend(FRAME, keys),
  })
}

/** Number of bars by Sturges, at least 8 and at most 32. */
const barsFor = (n: number): number => Math.min(32, Math.max(8, Math.ceil(Math.log2(n || 1) + 3)))

/** Stacked histogram of ages: failed below, still running on top. Ages in `unit`. */
export const ageHistogram = (lives: Lives, { unit = '', leftOut = 0 } = {}): string => {
  const { lower, upper, weight } = lives
  const seen = lower.map((v, i) =>
    upper[i] === Number.POSITIVE_INFINITY ? v : (upper[i] as number),
  )
  const end = niceEnd(seen.reduce((m, v) => Math.max(m, v), 0))
  const count = barsFor(lower.length)
  const rows = { failed: new Float64Array(count), running: new Float64Array(count) }
  seen.forEach((age, i) => {
    const row = upper[i] === Number.POSITIVE_INFINITY ? rows.running : rows.failed
    const k = Math.min(count - 1, Math.floor((age / end) * count))
    row[k] = (row[k] as number) + (weight?.[i] ?? 1)
  })
  const top = Math.max(...rows.failed.map((f, k) => f + (rows.running[k] as number)))
  const x = linearAxis(axisTitle(unit, 'age at failure or last sight'), [0, end])
  // Room for the key above the bars.
  const y = linearAxis('units', [0, top * 1.22])
  const at = placer(FRAME, x, y)
  const inside = Array.from({ length: count }, (_, k) => {
    const left = at.x((end * k) / count) + 1
    const w = at.x((end * (k + 1)) / count) - left - 1
    const failed = rows.failed[k] as number
    const all = failed + (rows.running[k] as number)
    const [base, middle, high] = [at.y(0), at.y(failed), at.y(all)]
    const dead = bar({ x: left, y: middle, w, h: base - middle }, INK.second)
    return dead + bar({ x: left, y: high, w, h: middle - high }, '#a9c6d8')
  }).join('')
  const sum = (row: Float64Array) => show(row.reduce((a, b) => a + b, 0))
  const outside = legend(
    FRAME,
    [
      { text: `failed (${sum(rows.failed)})`, colour: INK.second, mark: 'bar' },
      { text: `still running (${sum(rows.running)})`, colour: '#a9c6d8', mark: 'bar' },
    ],
    'top-right',
  )
  const note = `${show(countLives(lives).units)} units${without(leftOut)}`
  return chart({ title: 'Ages of the units', note }, [x, y], { inside, outside })
}

const niceEnd = (v: number): number => {
  const step = 10 ** Math.floor(Math.log10(v)) / 2
  return Math.ceil(v / step) * step
}

/** A band histogram of the board (current, torque, ...), with band edges on the axis. */
export const bandPlot = (
  histogram: { low: number; high: number; weight: Float64Array },
  {
    title,
    quantity,
    weightName = 'seconds',
  }: { title: string; quantity: string; weightName?: string },
): string => {
  const { low, high, weight } = histogram
  const x = linearAxis(quantity, [low, high])
  const y = linearAxis(weightName, [0, Math.max(...weight, 1e-9) * 1.08])
  const at = placer(FRAME, x, y)
  const edge = (k: number) => at.x(low + ((high - low) * k) / weight.length)
  const inside = Array.from(weight, (w, k) => {
    const top = at.y(w)
    return bar(
      { x: edge(k) + 0.5, y: top, w: edge(k + 1) - edge(k) - 1, h: at.y(0) - top },
      INK.main,
    )
  }).join('')
  const total = weight.reduce((a, b) => a + b, 0)
  return chart({ title, note: `${show(total)} ${weightName} in ${weight.length} bands` }, [x, y], {
    inside,
  })
}

/** A line of text as a chart's stand-in, when there is nothing to draw. */
export const emptyPlot = (title: string, reason: string): string => {
  const axis = linearAxis('', [0, 1])
  const bare: Axis = { ...axis, ticks: [] }
  const middle: [number, number] = [FRAME.width / 2, FRAME.height / 2]
  return chart({ title }, [bare, bare], {
    inside: '',
    outside: label(middle, reason, { anchor: 'middle', colour: INK.faint }),
  })
}
