// A challenge that a person asks for, end to end: a real gateway, the twin as a process of its own,
// and impostors under its id; `tenfold command` says what came of it, and so do the unit's events.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Challenges as UnitChallenges } from '../../firmware/twin/challenges.ts'
import { concatBytes, utf8 } from '../../gateway/attestation/bytes.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { run } from '../../gateway/cli/command.ts'
import { Challenges, type KnownUnitKey } from '../../gateway/commands/challenges.ts'
import type { StoredEvent, UnitSummary } from '../../gateway/core/queries.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { connect, topicOfDrill, until } from '../mqtt/stand.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { root } from '../tree.ts'

const own = signerOfSeed(new Uint8Array(32).fill(5))
const stranger = signerOfSeed(new Uint8Array(32).fill(6))
const now = { boot: 3, uptimeUs: 1_000_000 }
const nonce = 'ab'.repeat(32)
const usual = { kind: 'challenge', id: 'a1', boot: 3, number: 1, before_t: 2_000_000, nonce }
const bytesOf = (command: unknown): Uint8Array =>
  new TextEncoder().encode(typeof command === 'string' ? command : JSON.stringify(command))
const signing = (by = own) => new UnitChallenges((message) => by.sign(message))

describe('a unit', () => {
  test('signs purpose, nonce, boot and uptime', () => {
    const said = signing().take(bytesOf(usual), now)
    expect(said).toMatchObject({ accepted: true, id: 'a1', boot: 3, t: 1_000_000 })
    const place = Buffer.from('0300000040420f0000000000', 'hex')
    const message = concatBytes(utf8('tenfold challenge 1\0'), Buffer.from(nonce, 'hex'), place)
    expect(said?.signature).toBe(Buffer.from(own.sign(message)).toString('hex'))
  })

  test.each([
    ['stale', { ...usual, boot: 2 }],
    ['stale', { ...usual, before_t: 999_999 }],
    ['malformed', { ...usual, nonce: nonce.slice(1) }],
    ['malformed', { ...usual, nonce: 'AB'.repeat(32) }],
    ['malformed', { ...usual, nonce: undefined }],
    ['malformed', { ...usual, number: undefined }],
  ])('refuses as %s, and signs nothing', (reason, command) => {
    const signed: unknown[] = []
    const unit = new UnitChallenges((message) => {
      signed.push(message)
      return own.sign(message)
    })
    expect(unit.take(bytesOf(command), now)).toMatchObject({ accepted: false, reason })
    expect(signed).toEqual([])
  })

  test('signs for a number once, and without a key says so', () => {
    const unit = signing()
    expect(unit.take(bytesOf(usual), now)?.accepted).toBe(true)
    expect(unit.take(bytesOf(usual), now)).toMatchObject({ accepted: false, reason: 'stale' })
    expect(unit.take(bytesOf({ ...usual, number: 2 }), now)?.accepted).toBe(true)
    const keyless = new UnitChallenges(undefined).take(bytesOf(usual), now)
    expect(keyless).toMatchObject({ accepted: false, reason: 'failed' })
  })

  test('whatever comes, what it signs begins with the purpose', () => {
    const command = fc.record({
      kind: fc.constantFrom('challenge', 'setpoint'),
      id: fc.oneof(fc.string(), fc.integer()),
      boot: fc.constantFrom(3, 4, -1, 'x'),
      number: fc.integer(),
      before_t: fc.integer({ min: 0, max: 3_000_000 }),
      nonce: fc.oneof(fc.stringMatching(/^[0-9a-f]{64}$/), fc.string()),
    })
    fc.assert(
      fc.property(
        fc.oneof(
          command.map((one) => JSON.stringify(one)),
          fc.string(),
        ),
        (text) => {
          const unit = new UnitChallenges((message) => {
            expect(Buffer.from(message.slice(0, 20)).toString()).toBe('tenfold challenge 1\0')
            expect(message).toHaveLength(20 + 32 + 12)
            return own.sign(message)
          })
          unit.take(bytesOf(text), now)
        },
      ),
    )
  })
})

describe('the verdict', () => {
  type Ask = ConstructorParameters<typeof Challenges>[0]['desk']['ask']
  const ask = async (
    answer: Awaited<ReturnType<Ask>>['answer'],
    more: Partial<KnownUnitKey> = {},
  ) => {
    const told: unknown[] = []
    const made = new Challenges({
      desk: { ask: async () => ({ heard: { boot: 3, t: 500 }, answer }) },
      random: () => Uint8Array.from(Buffer.from(nonce, 'hex')),
      known: async () => ({
        ...{ machine: 'cordless_drill', key: own.did, custody: 'controller_flash' as const },
        ...more,
      }),
      tell: (_, __, verdict) => told.push(verdict),
    })
    return { ...(await made.challenge('drill-1')), told }
  }
  const refusal = (reason: string) => ({ id: 'a', accepted: false, reason, boot: 3, t: 9 })

  test('no answer in time is told, and logged as unanswered', async () => {
    const { verdict, said, told } = await ask(undefined)
    expect([verdict, told]).toEqual(['no_answer', [{ proven: false, why: 'unanswered' }]])
    expect(said).toContain('no answer in time')
  })

  test.each(['unknown', 'failed', 'malformed'])('a refusal as %s counts', async (reason) => {
    const { verdict, told } = await ask(refusal(reason))
    expect([verdict, told]).toEqual(['refused', [{ proven: false, why: 'refused' }]])
  })

  test.each(['stale', 'busy'])('a refusal as %s says nothing of the key', async (reason) => {
    const { verdict, told } = await ask(refusal(reason))
    expect([verdict, told]).toEqual(['refused', []])
  })

  const answer = (by: typeof own, place = now) => {
    const command = bytesOf({ ...usual, boot: place.boot })
    const said = signing(by).take(command, place)
    return { id: 'a', accepted: true, boot: place.boot, t: place.uptimeUs, ...said, reason: '' }
  }
  test.each([
    ['genuine', answer(own), { proven: true, t: 1_000_000 }],
    ['other_key', answer(stranger), { proven: false, why: 'signature' }],
    ['other_key', { ...answer(own), t: 1_000_001 }, { proven: false, why: 'signature' }],
    ['other_key', { ...answer(own), signature: '' }, { proven: false, why: 'signature' }],
    ['other_key', { ...answer(own), signature: 'zz' }, { proven: false, why: 'signature' }],
    ['other_start', answer(own, { boot: 4, uptimeUs: 900 }), { proven: false, why: 'boot' }],
    ['other_start', answer(own, { boot: 3, uptimeUs: 499 }), { proven: false, why: 'uptime' }],
  ])('%s', async (verdict, given, told) => {
    expect(await ask(given)).toMatchObject({ verdict, key: own.did, told: [told] })
  })

  test('a unit whose key nobody knows, or whose key the gateway has, is not asked', async () => {
    const code = 'challenge_keyless'
    await expect(ask(undefined, { key: undefined })).rejects.toMatchObject({ code })
    await expect(ask(undefined, { custody: 'gateway' })).rejects.toMatchObject({ code })
  })
})

describe('through a gateway', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-challenge-'))
  let gateway: GatewayProcess
  let io: TestIo
  beforeAll(async () => {
    gateway = await startGatewayProcess({ data: folder })
    io = await testIo()
  }, 120_000)
  afterAll(async () => {
    await gateway?.stop()
    await io?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const get = async <T>(path: string): Promise<T> =>
    (await fetch(new URL(path, gateway.pageUrl))).json() as Promise<T>
  const summary = async (unit: string): Promise<UnitSummary | undefined> =>
    (await get<{ units: UnitSummary[] }>('api/units')).units.find((one) => one.unit === unit)
  const eventually = async (check: () => Promise<boolean>): Promise<void> => {
    while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const has = (unit: string, wanted: RegExp) => async (): Promise<boolean> => {
    const events = await get<StoredEvent[]>(`api/units/${unit}/events?limit=50`)
    return events.some(({ type, cause }) => wanted.test(`${type} ${cause}`))
  }
  const challenge = async (unit: string): Promise<[code: number, said: string]> => {
    io.lines.length = 0
    const code = await run([unit, 'challenge', '--gateway', gateway.pageUrl], io)
    return [code, io.lines.join('\n')]
  }

  test('the twin shows that it is genuine', async () => {
    const broker = `mqtt://127.0.0.1:${gateway.mqttPort}`
    const command = join(root, 'gateway', 'cli', 'tenfold.ts')
    const at = ['--broker', broker, '--unit', 'twin-1', '--folder', join(folder, 'twin-1')]
    const twin = spawn(process.execPath, [command, 'twin', ...at], { stdio: 'ignore' })
    try {
      await eventually(async () => ((await summary('twin-1'))?.readings ?? 0) > 2)
      const { key, proof } = (await summary('twin-1')) ?? {}
      expect(proof).toBeUndefined()
      expect(await challenge('twin-1')).toEqual([0, expect.stringContaining('is genuine')])
      expect(io.lines.join()).toContain(key)
      await eventually(has('twin-1', /^key_proven did:key:/))
      await eventually(has('twin-1', /^command_accepted challenge$/))
      expect(await summary('twin-1')).toMatchObject({ proof: { proven: true, why: null } })
    } finally {
      twin.kill('SIGKILL')
    }
    // It is away: nothing was sent, and nothing is said of its key.
    const gone = challenge('twin-1').then(
      ([, said]) => said,
      (error: { code: string }) => error.code,
    )
    expect(await gone).toBe('unit_silent')
  }, 180_000)

  test('a board that states its key but has another one is found out', async () => {
    const unit = 'drill-1'
    const client = await connect(`mqtt://127.0.0.1:${gateway.mqttPort}`, { clientId: unit })
    const got: Buffer[] = []
    const impostor = signing(stranger)
    client.on('message', (_, payload) => {
      got.push(payload)
      const said = impostor.take(payload, { boot: 3, uptimeUs: 2_000_000 })
      client.publish(topicOfDrill('answer'), JSON.stringify(said), { qos: 1 })
    })
    await client.subscribeAsync(topicOfDrill('command'), { qos: 1 })
    const hello = { boot: 3, t: 0, key: own.did, custody: 'controller_flash' }
    await client.publishAsync(topicOfDrill('hello'), JSON.stringify(hello), { qos: 1 })
    await eventually(async () => (await summary(unit)) !== undefined)
    let seq = 0
    const reports = setInterval(() => {
      const report = { boot: 3, seq: ++seq, t: 1_000_000 + seq, v: { motor_current: 1 } }
      client.publish(topicOfDrill('report'), JSON.stringify(report), { qos: 1 })
    }, 50)
    try {
      expect(await challenge(unit)).toEqual([10, expect.stringContaining('another key')])
      await eventually(has(unit, new RegExp(`^key_unproven signature: ${own.did}$`)))
      expect(await challenge(unit)).toEqual([10, expect.stringContaining('another key')])
    } finally {
      clearInterval(reports)
    }
    await until(() => got.length === 2)
    const [first, second] = got.map((one) => JSON.parse(one.toString()))
    expect(first).toMatchObject({
      kind: 'challenge',
      boot: 3,
      nonce: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(second.nonce).not.toBe(first.nonce)
    expect(second.number).toBeGreaterThan(first.number)
    expect(first.before_t).toBeGreaterThan(1_000_000)
  }, 120_000)
})
