// A pairing code on the page, in a real browser: asked for by a button, shown with a QR code that
// is the gateway's own, gone when it is no longer good; and only for who may act at the pages.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { hashPassword, parseCredentials } from '../../gateway/credentials.ts'
import { PairingDesk, pairingBytes } from '../../gateway/pairing/desk.ts'
import { qrRows } from '../../gateway/pairing/qr.ts'
import type { Web, WebOptions } from '../../gateway/web/server.ts'
import { readToken } from '../../gateway/web/token.ts'
import { chromiumInstalled, startChromium } from '../servers/chromium.ts'
import { noUpdates, startFakeGateway } from './fake-gateway.ts'

const kept = new Map<string, string>()
let count = 0
const desk = new PairingDesk({
  map: {
    get: (key) => kept.get(key),
    entries: () => kept.entries(),
    set: async (key, value) => void kept.set(key, value),
    delete: async (key) => void kept.delete(key),
    close: async () => {},
  },
  clock: { nowUs: () => 0, monotonicMs: () => 0 },
  random: (bytes) => Uint8Array.from({ length: bytes }, () => (count++ * 37) % 256),
  note: () => {},
})
const plain: WebOptions['actions'] = {
  command: async () => ({ id: '0', accepted: true }),
  ...noUpdates,
  requeue: async () => ({ requeued: 0, more: false }),
  reload: async () => ({ changes: [], applied: false }),
}
const actions = { ...plain, pair: () => desk.offer() }
const ask = (web: Web, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(new URL('/api/pairing', web.url), {
    ...{ method: 'POST', body: '{}' },
    headers: { 'content-type': 'application/json', ...headers },
  })

test('a code needs the name and password of the pages; a token for reading gives none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-page-pairing-'))
  const hash = await hashPassword('open sesame', new Uint8Array(16).fill(3))
  const credentials = parseCredentials('users.json', JSON.stringify({ ann: hash }))
  let asked = 0
  const web = await startFakeGateway({
    credentials: () => credentials,
    actions: {
      ...plain,
      pair: () => {
        asked += 1
        return desk.offer()
      },
    },
    token: { folder, random: (bytes) => new Uint8Array(bytes).fill(7) },
  })
  try {
    expect((await ask(web)).status).toBe(401)
    const token = readToken(folder)
    expect(token).toBeDefined()
    expect((await ask(web, { authorization: `Bearer ${token}` })).status).toBe(401)
    expect(asked).toBe(0)
    const ann = Buffer.from('ann:open sesame').toString('base64')
    expect((await ask(web, { authorization: `Basic ${ann}` })).status).toBe(200)
    expect((await ask(web, { origin: 'http://elsewhere.test' })).status).not.toBe(200)
    expect(asked).toBe(1)
  } finally {
    await web.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

describe.skipIf(!chromiumInstalled())('the button', () => {
  let browser: Browser
  let page: Page
  let web: Web
  let wrong: string[]
  beforeAll(async () => {
    browser = await startChromium()
  }, 120_000)
  afterAll(() => browser?.close())
  afterEach(async () => {
    await page.close()
    await web.stop()
    expect(wrong).toEqual([])
  })
  const open = async (
    with_: WebOptions['actions'],
    viewport?: { width: number; height: number },
  ) => {
    web = await startFakeGateway({ actions: with_ })
    wrong = []
    page = await browser.newPage(viewport && { viewport })
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) wrong.push(message.text())
    })
    page.on('pageerror', (error) => wrong.push(error.message))
    await page.clock.install()
    await page.goto(web.url)
    await page.waitForSelector('#pairing button')
  }
  /** The modules that are drawn, as rows of `1` (dark) and `0`. */
  const drawn = async (): Promise<string[]> => {
    const [box, path] = await page.$eval('.qr', (one) => [
      one.getAttribute('viewBox') ?? '',
      one.querySelector('path')?.getAttribute('d') ?? '',
    ])
    const size = Number(box?.split(' ')[2])
    const dark = new Set([...(path ?? '').matchAll(/M(\d+ \d+)h1v1h-1z/g)].map(([, at]) => at))
    const along = [...Array(size).keys()]
    return along.map((y) => along.map((x) => (dark.has(`${x} ${y}`) ? '1' : '0')).join(''))
  }

  test('shows a code that lets one unit in, and the QR code of it', async () => {
    await open(actions, { width: 320, height: 640 })
    expect(await page.$('.qr')).toBeNull()
    await page.click('#pairing button')
    const shown = await page.waitForSelector('#pairing-code')
    const code = (await shown.textContent()) ?? ''
    expect(code).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/)
    expect(await drawn()).toEqual(qrRows(`tenfold-pair:${code}`))
    expect(await page.textContent('#pairing')).toContain('Good for 10 more minutes')
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect(wide).toBeLessThanOrEqual(0)
    // Another makes it void.
    await page.click('text=Another code')
    await page.waitForFunction(
      (old) => document.querySelector('#pairing-code')?.textContent !== old,
      code,
    )
    const second = (await page.textContent('#pairing-code')) ?? ''
    const signer = signerOfSeed(new Uint8Array(32).fill(1))
    const secret = 'S'.repeat(43)
    const password = (by: string): string => {
      const signed = signer.sign(pairingBytes({ unit: 'drill-9', code: by, secret }))
      const signature = Buffer.from(signed).toString('base64url')
      return `pair.${by}.${secret}.${signer.did}.${signature}`
    }
    expect(await desk.check('drill-9', password(code))).toBe(false)
    expect(await desk.check('drill-9', password(second))).toBe(true)
  }, 60_000)

  test('takes the code away when it is no longer good', async () => {
    await open(actions)
    await page.click('#pairing button')
    await page.waitForSelector('#pairing-code')
    await page.clock.fastForward(9 * 60_000)
    await page.waitForSelector('text=Good for 1 more minutes')
    await page.clock.fastForward(60_000)
    await page.waitForSelector('#pairing-code', { state: 'detached' })
    expect(await page.textContent('#pairing button')).toContain('Show a code')
  }, 60_000)

  test('says what to do where units are not paired', async () => {
    await open(plain)
    await page.click('#pairing button')
    await page.waitForSelector('#pairing [role=alert]')
    const said = await page.textContent('#pairing [role=alert]')
    expect(said).toMatch(/not paired here.*units\.enrol/)
    wrong = wrong.filter((line) => !line.includes('409'))
  }, 60_000)
})
