// What the benchmarks of the whole gateway share: a gateway in a process of its own with a real
// InfluxDB, load from another process, its books and what it holds of memory. Linux only: it reads
// /proc.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Books } from '../../gateway/core/delivery.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { type Influxd, startInfluxd } from '../servers/influxd.ts'

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

/** The value that a share `p` of all are not above. */
export const percentile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN
}

export interface Load {
  perSecond: number
  acknowledged: number
}

const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.split('\n')[0] ?? '')
    })
  })

/** A script of this folder in a process of its own; what it says first. */
export const run = (
  script: string,
  args: string[],
): { child: ChildProcess; said: Promise<string> } => {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // A part that has what it wants ends without waiting for its load.
  process.on('exit', () => child.kill('SIGKILL'))
  return { child, said: firstLine(child) }
}

/** Options of load.ts, by name. */
export const load = async (port: number, options: Record<string, number> = {}): Promise<Load> => {
  const more = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  return JSON.parse(await run('load.ts', ['--port', String(port), ...more]).said) as Load
}

export interface Stage {
  readonly influx: Influxd
  readonly gateway: GatewayProcess
  books(): Promise<(Books & { lagUs: number })[]>
  /** Resident memory of the gateway now, MiB. */
  residentMb(): number
  remove(): Promise<void>
}

/** Undefined, with one printed line, where InfluxDB is not installed. */
export const startStage = async (
  fill?: (data: string) => Promise<void>,
): Promise<Stage | undefined> => {
  const influx = await startInfluxd()
  if (influx === undefined) return undefined
  const data = mkdtempSync(join(tmpdir(), 'tenfold-bench-'))
  await fill?.(data)
  const set = { 'sinks.influx1.url': influx.url, 'sinks.influx1.database': 'tenfold' }
  const gateway = await startGatewayProcess({ data, set })
  return {
    influx,
    gateway,
    books: async () => (await fetch(new URL('/api/books', gateway.pageUrl))).json() as never,
    residentMb: () => residentMb(gateway),
    async remove() {
      await gateway.kill()
      await influx.remove()
      rmSync(data, { recursive: true, force: true })
    },
  }
}

export const residentMb = ({ child }: GatewayProcess): number => {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}
