// Samples to reports of ours: those of one unit with one source time share a report, in the order
// of time. A report carries the source's time, so that sent again it overwrites itself in a
// database. Two values of one signal with one time go into two reports: nothing is lost here.
import { topicOf } from '../../../hardware-profiles/names.ts'
import type { ReportRecord } from './plan.ts'
import type { Sample } from './sample.ts'

/**
 * A unit's hello: it has neither boots nor an uptime here, so that both are 0 for its whole life.
 */
export const helloOf = ({ unit, machine }: { unit: string; machine: string }): ReportRecord => ({
  topic: topicOf({ machine, unit, kind: 'hello' }),
  payload: JSON.stringify({ boot: 0, t: 0 }),
})

interface Report {
  time: number
  v?: Record<string, number | string | boolean>
  c?: Record<string, number | string | boolean>
  q?: Record<string, string>
}

/** Names in one report at most: far below the longest payload. */
export const namesMax = 500

export const reportsOf = (
  { unit, machine }: { unit: string; machine: string },
  samples: readonly Sample[],
): ReportRecord[] => {
  const topic = topicOf({ machine, unit, kind: 'report' })
  const open = new Map<number, { report: Report; names: Set<string> }>()
  const done: Report[] = []
  for (const sample of samples) {
    const { timeUs, node, alone } = sample
    const fresh = (): { report: Report; names: Set<string> } => ({
      report: { time: timeUs },
      names: new Set(),
    })
    if (alone === true) {
      const { report } = fresh()
      put(report, sample)
      done.push(report)
      continue
    }
    let entry = open.get(timeUs)
    if (entry === undefined || entry.names.has(node.name) || entry.names.size >= namesMax) {
      if (entry !== undefined) done.push(entry.report)
      entry = fresh()
      open.set(timeUs, entry)
    }
    entry.names.add(node.name)
    put(entry.report, sample)
  }
  for (const { report } of open.values()) done.push(report)
  done.sort((a, b) => a.time - b.time)
  return done.map((report) => ({ topic, payload: JSON.stringify(report) }))
}

const put = (report: Report, { node, value, quality }: Sample): void => {
  if (value !== undefined) {
    if (node.type === 'counter') {
      report.c ??= {}
      report.c[node.name] = value
    } else {
      report.v ??= {}
      report.v[node.name] = value
    }
  }
  if (quality !== undefined) {
    report.q ??= {}
    report.q[node.name] = quality
  }
}
