// The pages over TLS: https and nothing else at that port, a certificate that is exchanged under
// open connections, and a real browser.
import { randomBytes, X509Certificate } from 'node:crypto'
import { Agent, request as requestHttps } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, issueLeaf, type Pair } from '../../gateway/certificates/authority.ts'
import { request } from '../../gateway/cli/request.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Web } from '../../gateway/web/server.ts'
import { chromiumInstalled, startChromium } from '../servers/chromium.ts'
import { startFakeGateway } from './fake-gateway.ts'

const patienceMs = 90_000
const dayMs = 86_400_000

let authority: Pair
let good: Pair
let pair: Pair
let web: Web
const notes: string[] = []

const issue = (name: string, days: number, nowMs = systemClock().nowUs() / 1000) => ({
  ...{ name, nowMs, days, serial: randomBytes(16) },
})
const leaf = (days = 90, nowMs?: number): Promise<Pair> =>
  issueLeaf(authority, {
    ...{ ...issue('pages', days, nowMs), for: 'server', hosts: ['127.0.0.1', 'localhost'] },
  })

beforeAll(async () => {
  authority = await createAuthority(issue('authority', 3650))
  good = await leaf()
  pair = good
  web = await startFakeGateway({ tls: async () => pair, note: (line) => notes.push(line) })
}, patienceMs)
afterAll(() => web?.stop())

const trust = () => ({ ca: authority.certificate })
const shown = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connectTls(web.port, '127.0.0.1', trust(), () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })

test('are https, checked by whom they are signed, and never http', async () => {
  expect(web.url).toBe(`https://127.0.0.1:${web.port}/`)
  const url = new URL('api/units', web.url)
  expect((await request(url, { trust: trust() })).status).toBe(200)
  await expect(request(url)).rejects.toThrow('unable to')
  const other = await createAuthority(issue('other', 10))
  await expect(request(url, { trust: { ca: other.certificate } })).rejects.toThrow()
  // Its authority vouches for a name, not for whoever has a certificate of it.
  const named = { trust: trust(), headers: { host: 'elsewhere.example' } }
  await expect(request(url, named)).rejects.toThrow('altnames')
  const plain = new URL(url.href.replace('https:', 'http:'))
  await expect(request(plain)).rejects.toThrow()
  const pinned = { ca: good.certificate, pinned: true }
  const stranger = { trust: pinned, headers: { host: 'elsewhere.example' } }
  const refused = await request(url, stranger)
  expect([refused.status, refused.text]).toEqual([421, expect.stringContaining(web.url)])
})

test('pinned to their certificate they are known under any name, and no other is', async () => {
  const url = new URL('ready', web.url)
  const pinned = (certificate: string) => ({ trust: { ca: certificate, pinned: true } })
  expect((await request(url, pinned(good.certificate))).status).toBe(200)
  await expect(request(url, pinned((await leaf()).certificate))).rejects.toThrow()
})

test('ask no browser to remember https, nor anything else', async () => {
  const headers = await new Promise<object>((resolve, reject) => {
    const sent = requestHttps(web.url, { ...trust(), agent: false }, (response) => {
      response.resume()
      resolve(response.headers)
    })
    sent.on('error', reject).end()
  })
  expect(Object.keys(headers)).toContain('content-security-policy')
  for (const name of ['strict-transport-security', 'set-cookie']) {
    expect(Object.keys(headers)).not.toContain(name)
  }
})

test('show a renewed certificate to who comes next, while a live view stays open', async () => {
  let [chunks, ended] = [0, false]
  const agent = new Agent({ maxSockets: 1 })
  const sent = requestHttps(
    `${web.url}api/live?unit=drill-1`,
    { ...trust(), agent },
    (response) => {
      response.on('data', () => chunks++)
      response.on('close', () => {
        ended = true
      })
    },
  )
  sent.on('error', () => {})
  sent.end()
  const more = async (): Promise<void> => {
    const before = chunks
    while (chunks < before + 3) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(ended).toBe(false)
  }
  await more()
  const before = await shown()
  for (const [wrong, why] of [
    [{ ...(await leaf()), key: good.key }, /http.tls: the key is not that of the certificate/],
    [await leaf(30, systemClock().nowUs() / 1000 - 60 * dayMs), /http.tls: .* has expired/],
  ] as const) {
    pair = wrong
    await expect(web.renew()).rejects.toThrow(why)
    expect(await shown()).toBe(before)
  }
  pair = await leaf(20)
  await web.renew()
  expect(await shown()).not.toBe(before)
  expect(notes.join()).toMatch(/pages: the certificate expires in \d+ days/)
  await more()
  sent.destroy()
  agent.destroy()
}, 60_000)

test('a look that began before a change does not put back what was there', async () => {
  const old = pair
  const held = Promise.withResolvers<Pair>()
  const slow = web.renew(() => held.promise)
  const next = await leaf()
  const changed = web.renew(async () => next)
  held.resolve(old)
  await Promise.all([slow, changed])
  const { serialNumber } = new X509Certificate(next.certificate)
  expect(await shown()).toBe(serialNumber)
  await web.renew()
  expect(await shown()).toBe(serialNumber)
})

test('do not start with the key of another certificate', async () => {
  const wrong = { ...(await leaf()), key: good.key }
  await expect(startFakeGateway({ tls: async () => wrong })).rejects.toMatchObject({
    code: 'certificate_wrong',
    remedy: expect.stringContaining('http.tls.key'),
  })
})

test.skipIf(!chromiumInstalled())(
  'work in a browser',
  async () => {
    const browser = await startChromium()
    try {
      const page = await browser.newPage({ ignoreHTTPSErrors: true })
      const wrong: string[] = []
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) wrong.push(message.text())
      })
      page.on('pageerror', (error) => wrong.push(error.message))
      await page.goto(`${web.url}#/unit/drill-1`)
      const legend = '.legend .value'
      await page.waitForSelector(legend, { timeout: 60_000 })
      const values = () => page.$$eval(legend, (all) => all.map((one) => one.textContent).join())
      const before = await values()
      await expect.poll(values, { timeout: 60_000 }).not.toBe(before)
      expect(wrong).toEqual([])
    } finally {
      await browser.close()
    }
  },
  120_000,
)
