// The OPC UA source against a real server process: what comes, in what security, and what happens
// when the server is killed, frozen, or asks for what was missed. One server serves most of the
// file.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { CertificateFolder, factsOf } from '../../gateway/opcua/certificates.ts'
import { makeOwnCertificate } from '../../gateway/opcua/own-certificate.ts'
import { createCheck } from '../../gateway/pipeline/check.ts'
import {
  countingProfile,
  Desk,
  freePort,
  introduce,
  Server,
  settingsFor,
  temporary,
  until,
} from './stand.ts'

const counting = 5
const place = temporary()
let server: Server
let desk: Desk

/** Every whole number between the first and the last, once. */
const expectUnbroken = (values: readonly number[]): void => {
  expect(values).toEqual(values.map((_, i) => (values[0] as number) + i))
}

const withBad = (): number => desk.heard.filter(({ q }) => q?.['count0'] === 'bad').length

beforeAll(async () => {
  mkdirSync(join(place.path, 'desk'))
  server = new Server({
    port: await freePort(),
    folder: join(place.path, 'server'),
    counting,
    everyMs: 100,
    history: true,
    policies: ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'],
    modes: ['Sign', 'SignAndEncrypt'],
    itemsMax: 3,
  })
  await server.start()
  desk = new Desk(join(place.path, 'desk'))
}, 60_000)

afterAll(async () => {
  await desk.stop()
  await server.kill()
  place.remove()
})

describe('an OPC UA server as a source', { timeout: 60_000 }, () => {
  test('is not believed before a person has approved its certificate', async () => {
    await desk.start([settingsFor(server)], counting)
    await until('the refusal', () => desk.noted('opcua_certificate_untrusted'))
    expect(desk.heard).toEqual([])
    expect(desk.certificates.list('pending')).toHaveLength(1)
  })

  test('is read when both sides have approved, three items a call as it asks', async () => {
    await introduce(server, desk)
    await until('values', () => desk.values('count4').length > 20)
    for (let i = 0; i < counting; i++) expectUnbroken(desk.values(`count${i}`))
    expect(desk.noted('SignAndEncrypt, Basic256Sha256')).toBe(true)
    expect(new Set(desk.records.map(({ topic }) => topic))).toEqual(
      new Set(['tenfold/v1/press/press-1/hello', 'tenfold/v1/press/press-1/report']),
    )
  })

  test('fills from its history what came while the gateway was down, nothing twice', async () => {
    await desk.stop()
    const left = desk.values('count0').at(-1) as number
    while ((await server.count()) < left + 20) await server.count()
    await desk.start([settingsFor(server)], counting)
    await until('newer values', () => (desk.values('count0').at(-1) ?? 0) > left + 40)
    for (let i = 0; i < counting; i++) expectUnbroken(desk.values(`count${i}`))
    expect(withBad()).toBe(0)
  })

  test('that is frozen is noticed, marked bad, and read again when it goes on', async () => {
    desk.notes.splice(0)
    server.signal('SIGSTOP')
    await until('the silence to be noticed', () => desk.noted('opcua_deaf'))
    await until('the gap', () => withBad() > 0)
    server.signal('SIGCONT')
    const before = desk.values('count0').length
    await until('values after it', () => desk.values('count0').length > before + 10)
    expectUnbroken(desk.values('count0'))
  })

  test('whose values the log cannot take is asked again for them', async () => {
    desk.notes.splice(0)
    desk.refuse = 'the disk is full'
    await until('the refusal', () => desk.noted('opcua_not_durable'))
    desk.refuse = undefined
    const before = desk.values('count0').length
    await until('values after it', () => desk.values('count0').length > before + 30)
    expectUnbroken(desk.values('count0'))
  })

  test('one of whose reports the log does not take sends it and the later ones again', async () => {
    desk.notes.splice(0)
    const before = desk.values('count0').length
    desk.refuseOne = true
    await until('the refusal', () => desk.noted('opcua_not_durable'))
    await until('values after it', () => desk.values('count0').length > before + 30)
    for (let i = 0; i < counting; i++) expectUnbroken(desk.values(`count${i}`))
  })

  test('that is killed comes back with a gap that says so', async () => {
    const gaps = withBad()
    const link = () => desk.links()[0]
    await until('the link', () => link()?.isConnected === true)
    expect(link()).toMatchObject({ peer: 'press', isTrouble: false })
    expect(link()?.heardUs).toBeGreaterThan(link()?.sinceUs ?? Number.NaN)
    const first = link()?.sinceUs ?? Number.NaN
    await server.kill()
    await until('the gap', () => withBad() > gaps)
    await until('the reason', () => link()?.said.includes('opcua_unreachable') === true)
    expect(link()).toMatchObject({ isConnected: false, isTrouble: true })
    const last = desk.values('count0').length
    await server.start()
    await until('values after it', () => desk.values('count0').length > last + 10)
    await until('the link', () => link()?.isConnected === true)
    expect(link()?.said).toContain('connected to opc.tcp')
    expect(link()?.sinceUs).toBeGreaterThan(first)
    const gap = desk.heard.findLast(({ q }) => q?.['count0'] === 'bad')
    const after = desk.values('count0').slice(last)
    expectUnbroken(after)
    expect(gap?.time).toBeLessThan(desk.heard.at(-1)?.time as number)
  })

  test("takes this gateway's renewed certificate without a restart, once approved", async () => {
    const { applicationUri } = factsOf(desk.certificates.own() as Buffer)
    desk.notes.splice(0)
    const fromMs = Date.now() - 60_000
    await makeOwnCertificate(desk.certificates, {
      ...{ applicationUri: applicationUri as string, name: 'renewed', fromMs, days: 10 },
    })
    await until('the refusal', () => desk.noted('opcua_own_certificate_refused'))
    expect(desk.noted('ends on')).toBe(true)
    for (const { thumbprint } of server.certificates.list('pending')) {
      server.certificates.approve(thumbprint)
    }
    const before = desk.values('count0').length
    await until('values', () => desk.values('count0').length > before + 5)
  })
})

describe('values that are difficult', { timeout: 60_000 }, () => {
  test('keep their quality, or travel alone and are refused by the pipeline', async () => {
    await desk.stop()
    const odd = new Desk(desk.folder)
    const nodes = {
      text: 's=Text',
      nan: 's=Nan',
      poor: 's=Poor',
      doubtful: '/Odd/Doubtful',
      many: 's=Many',
      big: 's=Big',
      count0: '/Nowhere/Count0',
      count1: { node: 's=Count1', scale: 2, offset: 1 },
    }
    const { units } = settingsFor(server)
    const unit = { ...(units[0] as (typeof units)[number]), unit: 'odd-1', nodes }
    await odd.start([settingsFor(server, { name: 'odd', units: [unit] })], counting)
    await until('all of them', () => odd.heard.length >= 6 && odd.values('count1').length > 0)
    await odd.stop()
    const said = (name: string) => odd.heard.filter(({ v, q, c }) => name in { ...v, ...q, ...c })
    expect(said('nan')[0]?.q).toMatchObject({ nan: 'bad:not_a_number' })
    expect(said('poor')[0]?.q).toMatchObject({ poor: 'bad:implausible' })
    expect(said('doubtful')[0]).toMatchObject({ v: { doubtful: 7 }, q: { doubtful: 'uncertain' } })
    expect(said('big')[0]?.c).toMatchObject({ big: 2 ** 32 + 5 })
    expect(odd.values('count1').every((value) => value % 2 === 1)).toBe(true)
    expect(said('count0')[0]?.q).toMatchObject({ count0: 'bad' })
    expect(odd.noted('opcua_node_missing')).toBe(true)
    const check = createCheck(prepareMachine(countingProfile(counting)))
    for (const name of ['text', 'many']) {
      const { v, c, q } = said(name)[0] ?? {}
      expect(Object.keys({ ...v, ...c, ...q })).toEqual([name])
      const report = { boot: undefined, seq: undefined, t: undefined, time: undefined, v, c, q }
      expect(check(report)).toMatchObject({ reason: 'type_wrong' })
    }
  })
})

describe('security', { timeout: 60_000 }, () => {
  /** Notes of an attempt with these settings until one has this text. */
  const attempt = async (more: Parameters<typeof settingsFor>[1], text: string): Promise<Desk> => {
    const one = new Desk(desk.folder)
    await one.start([settingsFor(server, { name: 'attempt', ...more })], counting)
    await until(text, () => one.noted(text))
    await one.stop()
    return one
  }

  test.each(['Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const)(
    '%s signs, and values come',
    async (policy) => {
      await attempt({ security: { mode: 'Sign', policy } }, `Sign, ${policy}`)
    },
  )

  test('a user with a password is let in, with a wrong one refused', async () => {
    const right = { name: 'maker', password: { env: 'drill' } }
    await attempt({ user: right }, 'connected to')
    const wrong = { name: 'maker', password: { env: 'saw' } }
    const refused = await attempt({ user: wrong }, 'opcua_login_refused')
    expect(refused.heard).toEqual([])
  })

  test('a user with a certificate is let in once it is approved', async () => {
    const anna = new CertificateFolder(join(place.path, 'anna'))
    await makeOwnCertificate(anna, {
      ...{ applicationUri: 'urn:test:anna', name: 'Anna', fromMs: Date.now() - 60_000, days: 9 },
    })
    server.certificates.offer(anna.own() as Buffer)
    const { thumbprint } = factsOf(anna.own() as Buffer)
    server.certificates.approve(thumbprint)
    const key = { env: readFileSync(anna.ownKey, 'utf8') }
    await attempt({ user: { certificate: anna.ownCertificate, key } }, 'connected to')
  })

  test('is never less than what is set: a server without it gets no session', async () => {
    await server.kill()
    const weaker = { ...server.order, policies: ['None' as const], modes: ['None' as const] }
    server = new Server(weaker)
    await server.start()
    const refused = await attempt({}, 'opcua_security_not_offered')
    expect(refused.heard).toEqual([])
    const open = await attempt({ security: { mode: 'None' } }, 'connected to')
    expect(open.noted('WITHOUT SECURITY')).toBe(true)
  })

  test('a certificate that has ended is refused though approved, a new one asked for', async () => {
    await server.kill()
    const folder = join(place.path, 'expired')
    const certificate = { fromMs: Date.now() - 20 * 86_400_000, days: 10 }
    const { order } = server
    server = new Server({
      ...{ ...order, folder, certificate },
      policies: ['Basic256Sha256'],
      modes: ['SignAndEncrypt'],
    })
    await server.start()
    desk = new Desk(desk.folder)
    await desk.start([settingsFor(server, { name: 'expired' })], counting)
    await introduce(server, desk)
    await until('the refusal', () => desk.noted('opcua_certificate_expired'))
    await server.kill()
    await makeOwnCertificate(server.certificates, {
      ...{ applicationUri: 'urn:test:press', name: 'Press' },
      ...{ fromMs: Date.now() - 60_000, days: 300 },
    })
    await server.start()
    await introduce(server, desk)
    await until('values', () => desk.values('count0').length > 3)
  })
})
