// The button that challenges a unit, in a real browser: what came of it is said in the gateway's
// words, an error with what to do, and there is none where there is no key to show.
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { CommandRequest } from '../../gateway/commands/open.ts'
import type { ChallengeOutcome } from '../../gateway/core/challenge.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { hashPassword, parseCredentials } from '../../gateway/credentials.ts'
import type { Web, WebOptions } from '../../gateway/web/server.ts'
import { chromiumInstalled, startChromium } from '../servers/chromium.ts'
import { noUpdates, startFakeGateway } from './fake-gateway.ts'

let outcome: () => Promise<ChallengeOutcome>
let asked: [unit: string, request: CommandRequest][]
const actions: WebOptions['actions'] = {
  command: (unit, request) => {
    asked.push([unit, request])
    return outcome()
  },
  ...noUpdates,
  requeue: async () => ({ requeued: 0, more: false }),
  reload: async () => ({ changes: [], applied: false }),
}
const verdictOf = (verdict: ChallengeOutcome['verdict']): ChallengeOutcome => ({
  ...{ verdict, key: 'did:key:zX' },
  said: `drill-1 said ${verdict}`,
})

let web: Web
beforeAll(async () => {
  web = await startFakeGateway({ actions })
})
afterAll(() => web.stop())
afterEach(() => {
  asked = []
})
asked = []

test('a challenge needs the name and password of the pages, as any other action', async () => {
  const hash = await hashPassword('open sesame', new Uint8Array(16).fill(3))
  const credentials = parseCredentials('users.json', JSON.stringify({ ann: hash }))
  const guarded = await startFakeGateway({ credentials: () => credentials, actions })
  outcome = async () => verdictOf('genuine')
  const send = (headers: Record<string, string>): Promise<Response> =>
    fetch(new URL('/api/units/drill-1/command', guarded.url), {
      ...{ method: 'POST', body: '{"kind":"challenge"}' },
      headers: { 'content-type': 'application/json', ...headers },
    })
  try {
    expect((await send({})).status).toBe(401)
    expect(asked).toEqual([])
    const ann = Buffer.from('ann:open sesame').toString('base64')
    const answer = await send({ authorization: `Basic ${ann}` })
    expect([answer.status, await answer.json()]).toMatchObject([200, { verdict: 'genuine' }])
    expect(asked).toEqual([['drill-1', { kind: 'challenge' }]])
  } finally {
    await guarded.stop()
  }
})

describe.skipIf(!chromiumInstalled())('the button', () => {
  let browser: Browser
  let page: Page
  let wrong: string[]
  beforeAll(async () => {
    browser = await startChromium()
  }, 120_000)
  afterAll(() => browser?.close())
  afterEach(async () => {
    await page.close()
    expect(wrong).toEqual([])
  })
  const open = async (of: string): Promise<void> => {
    wrong = []
    page = await browser.newPage()
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) wrong.push(message.text())
    })
    page.on('pageerror', (error) => wrong.push(error.message))
    await page.goto(`${web.url}#/unit/${of}`)
    await page.waitForSelector('#passport dl')
  }
  const button = '#challenge button'
  const said = async (): Promise<string> =>
    ((await page.textContent('#challenge [role=status]')) ?? '').replaceAll(/\s+/g, ' ').trim()

  test('says what came of it, in the words of the gateway', async () => {
    await open('drill-1')
    expect(await said()).toMatch(/sign a number that was never there/)
    for (const verdict of ['genuine', 'other_key', 'no_answer', 'refused'] as const) {
      const held = Promise.withResolvers<void>()
      outcome = async () => {
        await held.promise
        return verdictOf(verdict)
      }
      await page.click(button)
      await page.waitForSelector('text=Waiting for its answer…')
      expect(await page.isDisabled(button)).toBe(true)
      held.resolve()
      await page.waitForSelector(
        `#challenge .badge.${verdict === 'genuine' ? 'signed' : 'warning'}`,
      )
      expect(await said()).toBe(`${verdict.replace('_', ' ')} drill-1 said ${verdict}`)
      expect(await page.isDisabled(button)).toBe(false)
    }
    expect(asked).toEqual(Array(4).fill(['drill-1', { kind: 'challenge' }]))
  }, 60_000)

  test('says why the unit was not asked, and what to do', async () => {
    outcome = async () => {
      throw new OperatingError('unit_silent', { message: 'It is away.', remedy: 'Switch it on.' })
    }
    await open('drill-1')
    await page.click(button)
    await page.waitForSelector('#challenge [role=alert]')
    expect(await page.textContent('#challenge [role=alert]')).toContain('It is away. Switch it on.')
    wrong = wrong.filter((line) => !line.includes('409'))
  }, 60_000)

  test('is not there for a unit that the gateway signs for', async () => {
    await open('tool-3')
    expect(await page.$('#challenge')).toBeNull()
  }, 60_000)
})
