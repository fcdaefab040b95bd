// The real thing end to end: the demo with its twin, in processes of their own, looked at in a real
// browser; then what the doctor says of it, well and not well.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Finding } from '../../gateway/diagnosis.ts'
import { connectUnit } from '../../gateway/mqtt/client.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { chromiumInstalled, startChromium } from '../servers/chromium.ts'
import { freePort } from '../servers/gateway.ts'
import { root } from '../tree.ts'
import { profileOf } from './fake-gateway.ts'

const drill = profileOf('cordless-drill')
const unit = 'drill-e2e'
const command = join(root, 'gateway', 'cli', 'tenfold.ts')

const books = '[aria-labelledby=books-title] tbody tr'

describe.skipIf(!chromiumInstalled())('the demo', () => {
  let folder: string
  let settings: string[]
  let demo: ChildProcess
  let ended: Promise<number | null>
  let printed = ''
  let url: string
  let browser: Browser | undefined
  let page: Page
  const wrong: string[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenfold-demo-'))
    const set = { data: join(folder, 'data'), 'http.port': await freePort(), 'mqtt.port': 0 }
    set['mqtt.port'] = await freePort()
    settings = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    const form = ['--log', 'json']
    demo = spawn(process.execPath, [command, 'demo', '--unit', unit, ...form, ...settings], {
      cwd: folder,
    })
    ended = new Promise((resolve) => demo.on('close', resolve))
    for (const stream of [demo.stdout, demo.stderr]) {
      stream?.on('data', (chunk) => {
        printed += chunk
      })
    }
    const opened = () => /Open (\S+) /.exec(printed)?.[1] ?? ''
    await vi.waitUntil(() => opened() !== '' || demo.exitCode !== null, { timeout: 60_000 })
    expect(opened(), printed).not.toBe('')
    url = opened()
    browser = await startChromium()
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) wrong.push(message.text())
    })
    page.on('pageerror', (error) => wrong.push(error.message))
  }, 90_000)

  afterAll(async () => {
    if (demo.exitCode === null) demo.kill('SIGTERM')
    await ended
    await browser?.close()
    await rm(folder, { recursive: true })
  }, 60_000)

  /** Runs a command against the demo. @returns exit code and all that it printed */
  const tenfold = async (...args: string[]): Promise<{ code: number | null; text: string }> => {
    const child = spawn(process.execPath, [command, ...args, ...settings], { cwd: folder })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        text += chunk
      })
    }
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { code, text }
  }

  const doctor = async (about: string): Promise<{ code: number | null; findings: Finding[] }> => {
    const { code, text } = await tenfold('doctor', about, '--json')
    try {
      return { code, findings: JSON.parse(text) as Finding[] }
    } catch {
      throw new Error(`the doctor said: ${text}`)
    }
  }

  test('shows its unit, simulated', async () => {
    await page.goto(url)
    await page.waitForSelector(`.unit-card:has-text("${unit}")`, { timeout: 30_000 })
    expect(await page.textContent('.unit-card')).toContain('Simulated')
  })

  test('draws its charts, and they move', async () => {
    await page.goto('about:blank')
    await page.goto(`${url}#/unit/${unit}`)
    await page.waitForFunction(() => performance.getEntriesByName('first-data').length > 0)
    const first = await page.evaluate(
      () => performance.getEntriesByName('first-data')[0]?.startTime,
    )
    console.log(`first data after ${Math.round(first ?? Number.NaN)} ms (goal: under 1000 ms)`)
    const charts = new Set(Object.values(drill.signals).flatMap(({ chart }) => chart ?? []))
    expect(await page.locator('.plot canvas').count()).toBe(charts.size)
    const snapshot = () =>
      page.$$eval('.legend .value', (all) => all.map((v) => v.textContent).join())
    const before = await snapshot()
    await expect.poll(snapshot, { timeout: 20_000 }).not.toBe(before)
    const ink = await page.$$eval('.plot canvas', (canvases) =>
      canvases.map((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement
        const data = (canvas as HTMLCanvasElement)
          .getContext('2d')
          ?.getImageData(0, 0, width, height)
        return data?.data.filter((value, i) => i % 4 === 3 && value > 0).length ?? 0
      }),
    )
    for (const pixels of ink) expect(pixels).toBeGreaterThan(500)
    expect(await page.textContent('.notice')).toContain('not valid for claims')
  })

  test('counts, and its life has begun', async () => {
    const starts = () => page.textContent('.totals.wide dd')
    await expect.poll(starts, { timeout: 30_000 }).toMatch(/[1-9]/)
    await expect.poll(() => page.textContent('#events'), { timeout: 30_000 }).toContain('signed')
  })

  test('has a passport under a signed checkpoint', async () => {
    const entries = () => page.locator('#passport .entries li').count()
    await expect.poll(entries, { timeout: 30_000 }).toBeGreaterThan(0)
    await expect
      .poll(() => page.locator('#passport details').count(), { timeout: 30_000 })
      .toBeGreaterThan(0)
    const answer = await fetch(`${url}api/units/${unit}/passport/file`)
    const passport = (await answer.json()) as { format: string; unit: string }
    const { key } = (await (await fetch(`${url}api/units/${unit}/passport`)).json()) as {
      key: string
    }
    expect([passport.format, passport.unit]).toEqual(['tenfold-passport@v1', key])
  })

  test('has a register, whose founder holds all, and books that add up', async () => {
    await page.goto(`${url}#/register`)
    await page.waitForSelector('.holders li')
    expect(await page.textContent('.held')).toContain('100')
    await page.goto(`${url}#/delivery`)
    await page.waitForSelector(books)
    const rows = await page.$$eval(books, (all) => all.map((row) => row.textContent ?? ''))
    for (const row of rows) expect(row).toContain('yes')
  })

  test('the doctor finds nothing wrong with its unit, and says what he looked at', async () => {
    const { code, findings } = await doctor(unit)
    expect(findings.filter(({ verdict }) => verdict === 'bad')).toEqual([])
    expect(code).toBe(0)
    const stations = new Set(findings.map(({ station }) => station))
    for (const station of ['folder', 'gateway', 'broker', 'unit', 'readings', 'sinks'] as const) {
      expect(stations).toContain(station)
    }
  })

  test('what is wrong by hand is on the page and with the doctor, with what to check', async () => {
    const broker = /^mqtt +(\S+)$/m.exec(printed)?.[1] ?? ''
    const hand = await connectUnit({ url: broker, clientId: 'by-hand' })
    try {
      const topic = topicOf({ machine: drill.machine, unit, kind: 'report' })
      await hand.publish(topic, '{"v":{"moter_current":1}}')
    } finally {
      await hand.stop()
    }
    await page.goto(`${url}#/delivery`)
    await page.waitForSelector('.quarantine li', { timeout: 30_000 })
    expect(await page.textContent('.quarantine')).toContain('compare names and spelling')
    const { findings } = await doctor(unit)
    expect(findings.find(({ station }) => station === 'quarantine')).toMatchObject({
      text: expect.stringMatching(/signal_unknown.*moter_current/),
      remedy: expect.stringContaining('compare names and spelling'),
    })
  })

  test('takes the word of a buyer into its chain, and earns nothing by it', async () => {
    expect((await tenfold('claim', 'key', '--out', 'buyer.pem')).code).toBe(0)
    const { code, text } = await tenfold('claim', 'accept', unit, '--key', 'buyer.pem')
    expect(code, text).toBe(0)
    expect(text).toContain('count for nothing')
    await page.goto(`${url}#/unit/${unit}`)
    await page.waitForSelector('#passport .entries li:has-text("Accepted")', { timeout: 30_000 })
    const register = await (await fetch(`${url}api/register`)).json()
    expect(register).toMatchObject({ units: [{ unit, minted: '0' }] })
  })

  test('the doctor does not know a mistyped unit, and names the one that is meant', async () => {
    const { code, findings } = await doctor('drill-e2f')
    expect(code).toBe(1)
    expect(findings.find(({ verdict }) => verdict === 'bad')).toMatchObject({
      station: 'unit',
      text: expect.stringContaining(`did you mean "${unit}"?`),
    })
  })

  test('what it notes is one JSON object a line, where it was asked for so', async () => {
    const port = Number(/^mqtt +\S+:(\d+)$/m.exec(printed)?.[1])
    // Announces a packet of 256 MB.
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]))
    const noted = (): string | undefined => /^\{"time".*a packet of over.*$/m.exec(printed)?.[0]
    await vi.waitUntil(() => noted() !== undefined, { timeout: 30_000 })
    socket.destroy()
    expect(JSON.parse(noted() ?? '')).toMatchObject({ part: 'mqtt' })
    const refused = await tenfold('demo', '--log', 'yaml')
    expect([refused.code, refused.text]).toEqual([2, expect.stringContaining('--log yaml')])
  })

  test('nothing was blocked or went wrong in the page', () => {
    expect(wrong).toEqual([])
  })

  test('stops cleanly, and then the doctor says that no gateway runs', async () => {
    demo.kill('SIGINT')
    expect(await ended).toBe(0)
    const { code, findings } = await doctor(unit)
    expect(code).toBe(1)
    expect(findings.find(({ verdict }) => verdict === 'bad')).toMatchObject({ station: 'gateway' })
  })
})
