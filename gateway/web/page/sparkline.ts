// A line without axes, to see at a glance whether a unit is at work. SVG, drawn from at most some
// hundred samples.
import { svg, type TemplateResult } from 'lit-html'

export interface Spark {
  timesS: number[]
  values: (number | null)[]
}

const width = 240
const height = 44

/** @param spanS how much time the line shows, seconds, up to the newest sample */
export const sparkline = ({ timesS, values }: Spark, spanS: number): TemplateResult => {
  const toS = timesS.at(-1) ?? 0
  const present = values.filter((value) => value !== null)
  const low = Math.min(...present)
  const high = Math.max(...present)
  const scale = high > low ? (height - 6) / (high - low) : 0
  let path = ''
  let pen = 'M'
  timesS.forEach((timeS, row) => {
    const value = values[row] ?? null
    const x = width * (1 - (toS - timeS) / spanS)
    if (value === null || x < 0) {
      pen = 'M'
      return
    }
    path += `${pen}${x.toFixed(1)} ${(height - 3 - (value - low) * scale).toFixed(1)}`
    pen = 'L'
  })
  return svg`<svg class="spark" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none"
    aria-hidden="true"><path d=${path === '' ? 'M0 0' : path} /></svg>`
}
