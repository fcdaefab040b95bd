// Pairing: a code is good once, for minutes, for the unit that proves its key; a real gateway lets
// a twin in by it and knows it after a restart.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Signer, signerOfSeed } from '../../gateway/attestation/identity.ts'
import { run as command } from '../../gateway/cli/command.ts'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import type { DurableMap } from '../../gateway/log/durable-map.ts'
import { PairingDesk, type PairingOffer, pairingBytes } from '../../gateway/pairing/desk.ts'
import { qrLines } from '../../gateway/pairing/qr.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { root } from '../tree.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const memoryMap = (): DurableMap => {
  const map = new Map<string, string>()
  return {
    get: (key) => map.get(key),
    entries: () => map.entries(),
    set: async (key, value) => void map.set(key, value),
    delete: async (key) => void map.delete(key),
    close: async () => {},
  }
}

const stand = () => {
  const clock = { ms: 0, nowUs: () => 1_800_000_000_000_000, monotonicMs: () => clock.ms }
  const notes: string[] = []
  let count = 0
  const random = (bytes: number) => Uint8Array.from({ length: bytes }, () => (count++ * 37) % 256)
  const desk = new PairingDesk({
    map: memoryMap(),
    clock,
    random,
    note: (line) => notes.push(line),
  })
  return { desk, clock, notes }
}

const [mine, other] = [1, 2].map((seed) => signerOfSeed(new Uint8Array(32).fill(seed)))
if (mine === undefined || other === undefined) throw new Error('no keys')
const secret = 'S'.repeat(43)
interface Claimed {
  unit?: string
  by?: Signer
  shown?: string
}
const claim = (code: string, { unit = 'drill-1', by = mine, shown }: Claimed = {}): string => {
  const signature = Buffer.from(by.sign(pairingBytes({ unit, code, secret }))).toString('base64url')
  return `pair.${code}.${secret}.${shown ?? by.did}.${signature}`
}

describe('a pairing code', () => {
  test('lets one unit in, whose secret is its password from then on', async () => {
    const { desk } = stand()
    const { code, uri } = desk.offer()
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/)
    expect(uri).toBe(`tenfold-pair:${code}`)
    expect(await desk.check('drill-1', secret)).toBe(false)
    expect(await desk.check('drill-1', claim(code))).toBe(true)
    expect(await desk.check('drill-1', secret)).toBe(true)
    expect(await desk.check('drill-2', secret)).toBe(false)
    expect(desk.enrolled('drill-1')).toMatchObject({ key: mine.did })
    expect(JSON.stringify(desk.enrolled('drill-1'))).not.toContain(secret)
  })

  test('is good once', async () => {
    const { desk, notes } = stand()
    const { code } = desk.offer()
    expect(await desk.check('drill-1', claim(code))).toBe(true)
    expect(await desk.check('drill-1', claim(code))).toBe(false)
    expect(notes.join()).toContain('code_wrong')
  })

  test('is good for ten minutes, and void when there is another', async () => {
    const { desk, clock } = stand()
    const first = desk.offer()
    const second = desk.offer()
    expect(await desk.check('drill-1', claim(first.code))).toBe(false)
    clock.ms = 600_000
    expect(await desk.check('drill-1', claim(second.code))).toBe(false)
    const third = desk.offer()
    clock.ms += 599_999
    expect(await desk.check('drill-1', claim(third.code))).toBe(true)
  })

  test('is void after ten wrong ones', async () => {
    const { desk, notes } = stand()
    const { code } = desk.offer()
    for (let n = 0; n < 10; n += 1) {
      expect(await desk.check('drill-1', claim(`0000-000${n}`))).toBe(false)
    }
    expect(notes.join()).toContain('code_guessed')
    expect(await desk.check('drill-1', claim(code))).toBe(false)
  })

  test('is spent by a unit that cannot prove its key', async () => {
    const { desk, notes } = stand()
    expect(await desk.check('drill-1', claim(desk.offer().code, { shown: other.did }))).toBe(false)
    const forOther = claim(desk.offer().code, { unit: 'drill-2' })
    expect(await desk.check('drill-1', forOther)).toBe(false)
    expect(await desk.check('drill-1', `pair.${desk.offer().code}.${secret}.did:key:zX.x`)).toBe(
      false,
    )
    expect(await desk.check('drill-1', `pair.${desk.offer().code}`)).toBe(false)
    expect(notes.filter((line) => line.includes('key_unproven'))).toHaveLength(4)
  })

  test('does not give a unit that is enrolled to another key', async () => {
    const { desk, notes } = stand()
    await desk.check('drill-1', claim(desk.offer().code))
    expect(await desk.check('drill-1', claim(desk.offer().code, { by: other }))).toBe(false)
    expect(notes.join()).toContain('key_other')
    expect(await desk.check('drill-1', claim(desk.offer().code))).toBe(true)
  })

  test('may be written as people write', async () => {
    const { desk } = stand()
    const { code } = desk.offer()
    const typed = code.toLowerCase().replace('-', '').replaceAll('0', 'o').replaceAll('1', 'l')
    expect(await desk.check('drill-1', claim(typed))).toBe(true)
  })

  test('is a QR code that a terminal can show', () => {
    expect(qrLines('tenfold-pair:0000-0000').length).toBeGreaterThan(10)
  })
})

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'tenfold-pairing-'))
  stops.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const twin = (gateway: GatewayProcess, place: string, more: string[] = []) => {
  const url = `mqtt://127.0.0.1:${gateway.mqttPort}`
  const file = join(root, 'gateway', 'cli', 'tenfold.ts')
  const args = ['twin', '--unit', 'drill-1', '--broker', url, '--folder', place, ...more]
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const gone = new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? -1)))
  const stop = async () => {
    child.kill('SIGTERM')
    return await gone
  }
  stops.push(stop)
  return { gone, stop, text: () => text }
}

const readingsOf = async ({ pageUrl }: GatewayProcess): Promise<number> => {
  const reply = await fetch(new URL('/api/units', pageUrl))
  return ((await reply.json()) as { units: UnitSummary[] }).units[0]?.readings ?? 0
}

const until = async (check: () => Promise<boolean>): Promise<void> => {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('a gateway pairs a twin, knows it after a restart, and logs what it says of commands', async () => {
  const [data, place] = [folder(), folder()]
  const set = { 'units.enrol': 'pairing' }
  const before = await startGatewayProcess({ data, set })
  stops.push(() => before.kill())
  expect(await twin(before, place).gone).not.toBe(0)
  const post = (path: string, body: object, headers = {}) =>
    fetch(new URL(path, before.pageUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  // Another site's page cannot ask, neither as a form nor in the background.
  const text = { 'content-type': 'text/plain' }
  expect((await post('/api/pairing', {}, text)).status).toBe(403)
  expect((await post('/api/pairing', {}, { origin: 'http://evil.example' })).status).toBe(403)
  expect((await post('/api/units', {})).status).toBe(405)
  const { code } = (await (await post('/api/pairing', {})).json()) as PairingOffer
  const first = twin(before, place, ['--pair', code])
  await until(async () => (await readingsOf(before)) > 0)
  expect(first.text()).toContain('paired drill-1')
  const lines: string[] = []
  const io = {
    out: (line: string) => lines.push(line),
    err: () => {},
    env: {},
    cwd: place,
    signal: new AbortController().signal,
  }
  const args = ['drill-1', 'setpoint', 'clutch_setting=12', '--gateway', before.pageUrl]
  await expect(command(args, io)).rejects.toMatchObject({ code: 'setpoint_refused' })
  await first.stop()
  await before.kill()

  const after = await startGatewayProcess({ data, set })
  stops.push(() => after.kill())
  const had = await readingsOf(after)
  twin(after, place)
  await until(async () => (await readingsOf(after)) > had)
})
