// The view of delivery in a real browser: how the sources' peers fare and what is written to the
// disk, as the gateway tells it, also while that changes, on a phone and in the dark.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SourceLink } from '../../gateway/core/link.ts'
import type { Written } from '../../gateway/core/queries.ts'
import type { Web } from '../../gateway/web/server.ts'
import { chromiumInstalled, startChromium } from '../servers/chromium.ts'
import { startFakeGateway } from './fake-gateway.ts'

describe.skipIf(!chromiumInstalled())('the view of delivery', () => {
  let web: Web
  let browser: Browser
  let links: SourceLink[]
  let written: Written
  const now = { sinceUs: Date.now() * 1000 - 3600e6, heardUs: Date.now() * 1000 - 5e6 }

  beforeAll(async () => {
    links = [
      {
        ...{ source: 'opcua', peer: 'hall', isConnected: true, isTrouble: false, ...now },
        said: 'connected to opc.tcp://hall:4840',
      },
      {
        ...{ source: 'mqtt-client', peer: 'mqtt://broker:1883', isConnected: false },
        ...{ isTrouble: true, sinceUs: now.sinceUs, heardUs: undefined },
        said: 'no connection (broker_unreachable): connect ECONNREFUSED; trying again',
      },
    ]
    const bytes = { totalBytes: 12e6, logBytes: 5e6, storeBytes: 6e6 }
    written = { sinceUs: now.sinceUs, nowUs: now.sinceUs + 3600e6, ...bytes }
    web = await startFakeGateway({ links: () => links, written: async () => written })
    browser = await startChromium()
  })
  afterAll(async () => {
    await browser.close()
    await web.stop()
  })

  const open = async (options: Parameters<Browser['newPage']>[0] = {}) => {
    const page = await browser.newPage(options)
    const wrong: string[] = []
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) wrong.push(message.text())
    })
    page.on('pageerror', (error) => wrong.push(error.message))
    await page.goto(`${web.url}#/delivery`)
    await page.waitForSelector('[aria-labelledby=links-title] .quiet, .links tbody tr')
    await page.waitForSelector('.written tbody tr')
    const rows = async (table: string): Promise<string[]> =>
      page.$$eval(`.${table} tbody tr`, (all) =>
        all.map((row) => (row.textContent ?? '').replaceAll(/\s+/g, ' ').trim()),
      )
    return { page, wrong, rows }
  }

  test('fits a phone in the dark without scrolling sideways', async () => {
    const { page } = await open({ viewport: { width: 320, height: 640 }, colorScheme: 'dark' })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect(wide).toBeLessThanOrEqual(0)
    await page.close()
  })

  test('shows each peer: its state, since when, last heard, and what it said', async () => {
    const { page, wrong, rows } = await open()
    const [hall, broker] = await rows('links')
    expect(hall).toMatch(/^opcua hall connected .*\d s ago/)
    expect(hall).not.toContain('opc.tcp')
    expect(broker).toMatch(/mqtt:\/\/broker:1883 not connected .* nothing yet .*ECONNREFUSED/)
    links = links.map((link) => ({ ...link, isConnected: true, isTrouble: false }))
    const said = async () => (await rows('links')).join()
    await expect.poll(said, { timeout: 30_000 }).not.toContain('not connected')
    links = []
    await page.waitForSelector('text=No source reads from a peer outside')
    expect(wrong).toEqual([])
    await page.close()
  })

  test('shows bytes written by part, of a day once a minute is measured', async () => {
    links = []
    const { page, wrong, rows } = await open()
    expect(await rows('written')).toEqual([
      'Log 120 MB 5 MB',
      'Store and sinks 144 MB 6 MB',
      'The whole process 288 MB 12 MB',
    ])
    expect(wrong).toEqual([])
    await page.close()
    const { storeBytes: _, ...uncounted } = written
    written = { ...uncounted, storeBytes: undefined, nowUs: now.sinceUs + 30e6 }
    const young = await open()
    expect(await young.rows('written')).toEqual([
      'Log not known yet 5 MB',
      'Store and sinks not known yet not counted here',
      'The whole process not known yet 12 MB',
    ])
    await young.page.close()
  })
})
