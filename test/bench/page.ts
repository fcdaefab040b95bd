// How long a person waits: from typing `npm start`'s command to its address, the first time and
// again, and from opening a unit's page to its first data on the screen. The real demo, a real
// browser; median of five. Needs Debian's chromium for the page, and says so where it is absent.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromiumInstalled, startChromium } from '../servers/chromium.ts'
import { root } from '../tree.ts'
import { machineLine, median } from './machine.ts'

const unit = 'twin-drill-1'
const rounds = 5

interface Demo {
  url: string
  /** Until the address is printed, and until the twin speaks. */
  addressMs: number
  twinMs: number
  stop(): Promise<void>
}

const startDemo = (cwd: string): Promise<Demo> => {
  const before = performance.now()
  const command = join(root, 'gateway', 'cli', 'tenfold.ts')
  const set = ['--set', 'http.port=0', '--set', 'mqtt.port=0']
  const child = spawn(process.execPath, [command, 'demo', ...set], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  let text = ''
  let addressMs = 0
  return new Promise((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const url = /^pages +(\S+)$/m.exec(text)?.[1]
      if (url !== undefined && addressMs === 0) addressMs = performance.now() - before
      if (url === undefined || !/^twin /m.test(text)) return
      const stop = async (): Promise<void> => {
        child.kill('SIGTERM')
        await gone
      }
      resolve({ url, addressMs, twinMs: performance.now() - before, stop })
    })
  })
}

const firstDataMs = async (url: string): Promise<number> => {
  const browser = await startChromium()
  const page = await browser.newPage()
  await page.goto(`${url}#/unit/${unit}`)
  await page.waitForFunction(() => performance.getEntriesByName('first-data').length > 0)
  const result = await page.evaluate(() => performance.getEntriesByName('first-data')[0]?.startTime)
  await browser.close()
  return result ?? Number.NaN
}

console.log(machineLine())
rmSync(join(root, 'node_modules', '.cache', 'tenfold'), { recursive: true, force: true })
rmSync(join(root, 'node_modules', '.cache', 'node'), { recursive: true, force: true })
const cwd = mkdtempSync(join(tmpdir(), 'tenfold-demo-'))
const starts: Demo[] = []
for (let start = 0; start <= rounds; start += 1) {
  const demo = await startDemo(cwd)
  starts.push(demo)
  if (start < rounds) await demo.stop()
}
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
const [first, ...again] = starts
console.log(
  `first start, nothing cached: address after ${seconds(first?.addressMs ?? 0)}, ` +
    `twin at work after ${seconds(first?.twinMs ?? 0)} (goal 10 s)`,
)
console.log(
  `start after that: address after ${seconds(median(again.map((d) => d.addressMs)))}, ` +
    `twin at work after ${seconds(median(again.map((d) => d.twinMs)))} (goal 3 s)`,
)
const running = starts.at(-1)
try {
  if (running !== undefined && chromiumInstalled()) {
    const times: number[] = []
    for (let round = 0; round < rounds; round += 1) times.push(await firstDataMs(running.url))
    console.log(`page: first data after ${Math.round(median(times))} ms (goal 1000 ms)`)
  }
} finally {
  await running?.stop()
  rmSync(cwd, { recursive: true, force: true })
}
