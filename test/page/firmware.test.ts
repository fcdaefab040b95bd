// A unit's firmware on the pages: the requests that are refused, each with its code; and the form
// in a real browser, which shows what a release is before anything is sent. The gateway's own
// updates are behind it; the board is a few lines of a test.
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { UnitFirmware } from '../../gateway/core/update.ts'
import { hashPassword, parseCredentials } from '../../gateway/credentials.ts'
import type { Web, WebOptions } from '../../gateway/web/server.ts'
import {
  FakeUnit,
  fileOf,
  module,
  release,
  stand,
  stranger,
  type Wish,
} from '../commands/fake-unit.ts'
import { chromiumInstalled, startChromium } from '../servers/chromium.ts'
import { noUpdates, startFakeGateway } from './fake-gateway.ts'

let unit: FakeUnit
let updates: ReturnType<typeof stand>['updates']
let web: Web

/** In front of a board of the very machine that the page shows as drill-1. */
const begin = (): void => {
  unit = new FakeUnit()
  updates = stand(unit).updates
}
const firmware = (of: string): UnitFirmware =>
  of === 'drill-1' ? updates.firmware(of) : noUpdates.firmware(of)

const actions: WebOptions['actions'] = {
  command: async () => ({ id: '0', accepted: true }),
  reload: async () => ({ changes: [], applied: false }),
  requeue: async () => ({ requeued: 0, more: false }),
  update: (of, file) => updates.start(of, file),
  check: (of, file) => updates.check(of, file),
  firmware,
}

beforeAll(async () => {
  web = await startFakeGateway({ firmware, actions })
})
beforeEach(begin)
afterAll(() => web.stop())

const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(new URL('/api/units/drill-1/update', web.url), {
    ...{ method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) },
    headers: { 'content-type': 'application/json', ...headers },
  })
const inBase64 = (file: Uint8Array): string => Buffer.from(file).toString('base64')

describe('a request is refused', () => {
  test.each<[string, number, Wish, ((unit: FakeUnit) => void)?]>([
    ['update_foreign', 422, { board: 'stm32f405' }],
    ['update_foreign', 422, { machine: 'nutrunner' }],
    ['update_profile', 422, { profile: 'dd'.repeat(32) }],
    ['update_unsigned', 422, { signer: 'nobody' }],
    ['update_signature', 422, { signer: stranger }],
    ['update_old', 422, { version: 4 }],
    ['image_wrong', 422, { text: '{}' }],
    ['update_no_key', 409, {}, (one) => (one.pinned = undefined)],
    ['update_trial', 409, {}, (one) => (one.trial = 1)],
    ['update_unsupported', 409, {}, (one) => (one.instead.state = { code: 1 })],
  ])('%s, %i: %j', async (...[code, status, wish, change]) => {
    change?.(unit)
    const answer = await post({ release: inBase64(fileOf(wish)) })
    expect([answer.status, await answer.json()]).toMatchObject([status, { code }])
    expect(unit.told.filter((one) => one !== 'state')).toEqual([])
    expect(updates.firmware('drill-1').job).toBeNull()
  })

  const body = { release: inBase64(fileOf()), check: true }
  test.each<[string, number, unknown, Record<string, string>?]>([
    ['action_refused', 403, body, { origin: 'http://elsewhere.test' }],
    ['action_refused', 403, body, { 'content-type': 'text/plain' }],
    ['site_refused', 403, body, { 'sec-fetch-site': 'cross-site' }],
    ['body_malformed', 400, { release: '{}', check: true }],
    ['body_malformed', 400, { check: true }],
    ['body_malformed', 400, 'no JSON'],
    ['release_too_long', 413, { release: 'A'.repeat(2 ** 21), check: true }],
  ])('%s, %i', async (...[code, status, sent, headers]) => {
    const answer = await post(sent, headers)
    expect([answer.status, await answer.json()]).toMatchObject([status, { code }])
    expect(unit.told).toEqual([])
  })

  test('update_busy, 409, while one is under way', async () => {
    let go = (): void => {}
    unit.waits.begin = new Promise((resolve) => {
      go = resolve
    })
    expect((await post({ release: inBase64(fileOf()) })).status).toBe(202)
    const answer = await post({ release: inBase64(fileOf()) })
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'update_busy' }])
    go()
  })

  test('password_wrong, 401, where the pages ask for a name and none is given', async () => {
    const hash = await hashPassword('open sesame', new Uint8Array(16).fill(3))
    const credentials = parseCredentials('users.json', JSON.stringify({ ann: hash }))
    const guarded = await startFakeGateway({ credentials: () => credentials, actions, firmware })
    try {
      const path = new URL('/api/units/drill-1/update', guarded.url)
      const send = (headers: Record<string, string>): Promise<Response> =>
        fetch(path, {
          ...{ method: 'POST', body: JSON.stringify(body) },
          headers: { 'content-type': 'application/json', ...headers },
        })
      const nobody = await send({})
      expect([nobody.status, await nobody.json()]).toMatchObject([401, { code: 'password_wrong' }])
      expect(unit.told).toEqual([])
      const ann = Buffer.from('ann:open sesame').toString('base64')
      expect((await send({ authorization: `Basic ${ann}` })).status).toBe(200)
    } finally {
      await guarded.stop()
    }
  })
})

describe.skipIf(!chromiumInstalled())('the form', () => {
  let browser: Browser
  let page: Page
  let wrong: string[]
  beforeAll(async () => {
    browser = await startChromium()
  })
  afterAll(() => browser?.close())
  afterEach(async () => {
    await page.close()
    expect(wrong).toEqual([])
  })

  const open = async (of: string, options: Parameters<Browser['newPage']>[0] = {}) => {
    wrong = []
    page = await browser.newPage(options)
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) wrong.push(message.text())
    })
    page.on('pageerror', (error) => wrong.push(error.message))
    await page.goto(`${web.url}#/unit/${of}`)
    await page.waitForSelector('#events li')
  }
  const choose = (file: Uint8Array, name = 'drill.signed'): Promise<void> =>
    page.setInputFiles('#firmware input[type=file]', {
      ...{ name, mimeType: 'application/octet-stream', buffer: Buffer.from(file) },
    })
  const said = async (selector: string): Promise<string> =>
    ((await page.textContent(selector)) ?? '').replaceAll(/\s+/g, ' ').trim()
  const button = '#firmware button'

  test('shows what a release is and what will happen, and sends it only when told to', async () => {
    await open('drill-1')
    expect(await said('#firmware')).toContain('rp2040-pico, runs cccccccccccc…cccccc')
    await choose(fileOf())
    await page.waitForSelector(button)
    expect(await said('#release')).toMatch(/drill\.signed.*Version ?7 \(runs 5\)/)
    expect(await said('#release')).toMatch(/Cordless drill on rp2040-pico/)
    const titles = await page.$$eval('#release code', (all) =>
      all.map((one) => one.getAttribute('title')),
    )
    expect(titles.slice(0, 3)).toEqual([release.did, 'aa'.repeat(32), module])
    expect(titles[3]).toMatch(/^[0-9a-f]{64}$/)
    expect(await said('#firmware .steps')).toContain('1000 bytes go to the slot')
    expect(unit.told).toEqual(['state'])

    const held = new Map(
      (['chunk', 'confirm'] as const).map((kind) => {
        let go = (): void => {}
        unit.waits[kind] = new Promise((resolve) => {
          go = resolve
        })
        return [kind, go]
      }),
    )
    // By the keyboard alone.
    await page.focus('#firmware input[type=file]')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe(
      'Update to version 7',
    )
    await page.keyboard.press('Enter')
    await page.waitForSelector('#update progress')
    expect(await said('#update')).toBe('Sending version 7: 0 %')
    expect(await page.$('#firmware input')).toBeNull()
    held.get('chunk')?.()
    await page.waitForSelector('text=Version 7 runs on trial.')
    held.get('confirm')?.()
    await page.waitForSelector('text=Version 7 was tried and is kept.')
    await page.waitForSelector('#firmware input')
    expect(unit.told.slice(-3)).toEqual(['restart', 'state', 'confirm'])
  })

  test.each<[string, Wish, RegExp]>([
    [
      'for another board',
      { board: 'stm32f405' },
      /for a cordless_drill on stm32f405.*Build it for/,
    ],
    ['unsigned', { signer: 'nobody' }, /nobody has signed.*tenfold build --sign/],
    ['by another key', { signer: stranger }, /not signed by the key that drill-1 trusts.*Sign it/],
    ['older', { version: 4 }, /version 4 is older.*flashed with the board in hand/],
    ['no release', { text: '{}' }, /no signed release.*Take the file \.signed/],
  ])('refuses one that is %s, with what to do, and offers nothing', async (_, wish, words) => {
    await open('drill-1')
    await choose(fileOf(wish))
    await page.waitForSelector('#firmware [role=alert]')
    expect(await said('#firmware [role=alert]')).toMatch(words)
    expect(await page.$(button)).toBeNull()
    expect(unit.told.filter((one) => one !== 'state')).toEqual([])
    wrong = wrong.filter((line) => !line.includes('422'))
    // Another file may be chosen, and is judged by itself.
    await choose(fileOf())
    await page.waitForSelector(button)
    expect(await page.$('#firmware [role=alert]')).toBeNull()
  })

  test('reads no file that is longer than a release can be', async () => {
    await open('drill-1')
    await choose(new Uint8Array(1_500_001))
    await page.waitForSelector('#firmware [role=alert]')
    expect(await said('#firmware [role=alert]')).toMatch(/longer than a release.*\.signed/)
    expect(unit.told).toEqual([])
  })

  test('says why an update failed, and what to do', async () => {
    unit.next.version = 6
    await open('drill-1')
    await choose(fileOf())
    await page.click(button)
    await page.waitForSelector('#update [role=alert]')
    expect(await said('#update')).toMatch(
      /version 7 has failed.*runs its former image.*at the bench/,
    )
  })

  test('is not there where no board is heard', async () => {
    await open('drill-7')
    expect(await page.$('#firmware')).toBeNull()
  })

  test.each(['light', 'dark'] as const)(
    'fits a phone, %s, and can be read',
    async (colorScheme) => {
      await open('drill-1', { viewport: { width: 320, height: 640 }, colorScheme })
      await choose(fileOf())
      await page.waitForSelector(button)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect(wide).toBeLessThanOrEqual(0)
      const [ink, ground] = await page.$eval(button, (one) => {
        const { color, backgroundColor } = getComputedStyle(one)
        return [color, backgroundColor]
      })
      expect(ink).not.toBe(ground)
      if (process.env['TENFOLD_SHOTS']) {
        const card = await page.$('#firmware')
        await card?.screenshot({ path: `${process.env['TENFOLD_SHOTS']}/${colorScheme}.png` })
      }
    },
  )
})
