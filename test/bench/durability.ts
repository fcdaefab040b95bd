// Figures of the durability part, printed: fits of a million units, fits from a table, rainflow.
// Run: npx node test/bench/durability.ts [--grid]   (--grid also chooses the C-MAPSS options again)
import { readFileSync } from 'node:fs'
import { fitLives, lifeAt } from '../../gateway/durability/fit.ts'
import { livesFrom } from '../../gateway/durability/lives.ts'
import { Rainflow, RainflowRecord } from '../../gateway/durability/rainflow.ts'
import { chooseOptions, DEFAULT_OPTIONS, type Run } from '../../gateway/durability/rul.ts'
import {
  emptyTable,
  fitTable,
  livesOfTable,
  USUAL_GRID,
  withUnits,
} from '../../gateway/durability/table.ts'
import { sharedData } from '../data.ts'
import { simulate, uniforms } from '../durability/textbook.ts'

const median = (values: number[]): number =>
  [...values].sort((p, q) => p - q)[values.length >> 1] ?? 0

/**
 * Median processor time in ms, so that other work on the machine does not count; wall time beside.
 */
const time = (repeat: number, f: () => void): { cpuMs: number; wallMs: number } => {
  const runs = Array.from({ length: repeat }, () => {
    const [from, cpu] = [performance.now(), process.cpuUsage()]
    f()
    const used = process.cpuUsage(cpu)
    return { cpuMs: (used.user + used.system) / 1000, wallMs: performance.now() - from }
  })
  return { cpuMs: median(runs.map((r) => r.cpuMs)), wallMs: median(runs.map((r) => r.wallMs)) }
}

const tell = (what: string, figure: string, [goal, met]: [goal: string, met: boolean]): void =>
  console.log(`${met ? 'met   ' : 'MISSED'}  ${what}: ${figure} (goal ${goal})`)

const ms = ({ cpuMs, wallMs }: { cpuMs: number; wallMs: number }): string =>
  `${cpuMs.toFixed(2)} ms of processor time, ${wallMs.toFixed(2)} ms by the clock`

const fits = (): void => {
  const { age, failed } = simulate(1_000_000, { eta: 1000, beta: 1.8, until: 330 })
  const share = 1 - failed.reduce((a, b) => a + b, 0) / failed.length
  const million = time(5, () => fitLives(livesFrom({ age, failed }), 'weibull'))
  const title = `Weibull, 1 M units, ${(share * 100).toFixed(1)} % censored`
  tell(title, ms(million), ['1 s', million.cpuMs < 1000])
  const table = withUnits(emptyTable('bench'), { hours: age, mode: failed })
  const exact = lifeAt(fitLives(livesFrom({ age, failed }), 'weibull'), 0.1)
  const many = (f: () => void) => {
    const t = time(5, () => {
      for (let i = 0; i < 50; i++) f()
    })
    return { cpuMs: t.cpuMs / 50, wallMs: t.wallMs / 50 }
  }
  const from = many(() => fitLives(livesOfTable(table), 'weibull'))
  tell(`Weibull from a ${USUAL_GRID.buckets}-bucket table`, ms(from), ['5 ms', from.cpuMs < 5])
  const bounds = many(() => fitTable(table))
  tell('the same with likelihood-ratio bounds', ms(bounds), ['5 ms', bounds.cpuMs < 5])
  const error = Math.abs(fitTable(table).b10 / exact - 1)
  tell('B10 from the table against the exact fit', `${(100 * error).toFixed(4)} %`, [
    '0.05 %',
    error < 5e-4,
  ])
}

const rainflows = (): void => {
  const next = uniforms(7)
  // Every value a turning point: up, down, up ...
  const points = Float64Array.from({ length: 5_000_000 }, (_, i) =>
    i % 2 ? 0.5 + 0.5 * next() : 0.5 * next(),
  )
  const rate = (f: () => void) => points.length / 1e3 / time(5, f).cpuMs
  const goal = '5 M/s of processor time'
  let cycles = 0
  const plain = rate(() => new Rainflow((c) => (cycles += c.count)).push(points))
  tell('streaming rainflow', `${plain.toFixed(0)} M turning points/s`, [goal, plain > 5])
  const record = rate(() => new RainflowRecord(0, 1).push(points))
  tell('board record', `${record.toFixed(0)} M turning points/s`, [goal, record > 5])
  const { bytes } = RainflowRecord
  tell('state of the board record', `${bytes} bytes`, ['2048 bytes', bytes <= 2048])
}

const grid = (): void => {
  const folder = sharedData('cmapss')
  if (!folder) return
  const by = new Map<string, number[][]>()
  for (const line of readFileSync(`${folder}/train_FD001.txt`, 'utf8').trim().split('\n')) {
    const [unit = '', ...rest] = line.trim().split(/\s+/)
    const own = by.get(unit) ?? []
    by.set(unit, own)
    own.push(rest.map(Number))
  }
  const runs: Run[] = [...by.values()].map((rows) => ({
    signals: Array.from({ length: 21 }, (_, s) =>
      Float64Array.from(rows, (r) => r[4 + s] as number),
    ),
  }))
  const candidates = [12, 20, 30].flatMap((window) =>
    [4, 6, 9].flatMap((width) =>
      [1e-4, 1e-3, 1e-2].map((ridge) => ({ ...DEFAULT_OPTIONS, window, width, ridge })),
    ),
  )
  const { best, scores } = chooseOptions(runs, candidates, uniforms(1))
  for (const s of scores) console.log(`${JSON.stringify(s.options)}  RMSE ${s.rmse.toFixed(2)}`)
  console.log(`best on the training engines: ${JSON.stringify(best)}`)
}

fits()
rainflows()
if (process.argv.includes('--grid')) grid()
