// `tenfold claim`: a person's word, signed by that person's own key, on its way to the log.
import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { receiveClaim } from '../../gateway/attestation/claim.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { selftestType, signRecord } from '../../gateway/selftest/report.ts'
import { MqttBroker } from '../../gateway/sources/mqtt/broker.ts'
import { refused, type TestIo, testIo } from './io.ts'

const unitDid = signerOfSeed(new Uint8Array(32).fill(5)).did

const profiles = [...loadProfiles().profiles.values()]

let io: TestIo
let broker: MqttBroker
let pages: Server
let records: LogRecord[]
let known: {
  unit: string
  machine: string
  simulated: boolean
  key: string | undefined
  lifecycle: string
  owner?: string
  counters: Record<string, number>
}[]

beforeEach(async () => {
  io = await testIo()
  records = []
  known = [
    {
      ...{ unit: 'drill-1', machine: 'cordless_drill', simulated: true, key: unitDid },
      ...{ lifecycle: 'in_use', counters: { starts: 70, run_time: 9000 } },
    },
  ]
  broker = new MqttBroker({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock(),
    payloadBytes: 65_536,
    machines: new Set(['cordless_drill']),
    connections: 3,
    epoch: 'test0000',
    note: () => {},
  })
  await broker.start((record, done) => {
    records.push(record)
    done()
  })
  pages = createServer((request, response) => {
    const entries = [
      { seq: 1, type: 'first_used', timeUs: 2, hash: 'cd'.repeat(32), leaf: 1 },
      { seq: 0, type: 'made', timeUs: 1, hash: 'ab'.repeat(32), leaf: 0 },
    ]
    const answer = request.url?.endsWith('/passport')
      ? { unit: 'drill-1', key: known[0]?.key, custody: 'controller_flash', entries }
      : { nowUs: 1, units: known }
    const isProfiles = request.url?.endsWith('/profiles') === true
    response.end(JSON.stringify(isProfiles ? profiles : answer))
  })
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await broker.stop()
  pages.closeAllConnections()
  await new Promise((resolve) => pages.close(resolve))
  await io.remove()
})

const where = () => [
  ...['--pages', `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`],
  ...['--broker', `mqtt://127.0.0.1:${broker.port}`],
]

const shift = (from: string, to: string): string[] => [
  ...['shift', 'drill-1', '--key', 'me.pem', '--from', from, '--to', to],
]

describe('claim', () => {
  test('key makes a private file, once', async () => {
    expect(await io.tenfold('claim', 'key', '--out', 'me.pem')).toBe(0)
    expect(io.lines[1]).toMatch(/^did:key:z6Mk/)
    expect(statSync(join(io.cwd, 'me.pem')).mode & 0o077).toBe(0)
    expect(await io.tenfold('claim', 'key', '--out', 'me.pem')).toBe(1)
    expect(io.errors.join('\n')).toContain('never replaced')
  })

  test('accept is signed by its author, about the newest entry, and reaches the log', async () => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    const me = io.lines[1]
    const args = ['accept', 'drill-1', '--key', 'me.pem', '--worker', `${unitDid}=3`]
    expect(await io.tenfold('claim', ...args, ...where())).toBe(0)
    expect(records.map(({ topic }) => topic)).toEqual(['tenfold/v1/cordless_drill/drill-1/claim'])
    const { claim, disclosures } = receiveClaim(records[0]?.payload ?? new Uint8Array())
    expect(claim).toMatchObject({ kind: 'acceptance', unit: unitDid, author: me })
    expect(Buffer.from(claim.head ?? []).toString('hex')).toBe('cd'.repeat(32))
    expect(disclosures).toMatchObject([{ name: 'worker', value: `${unitDid} 3` }])
    expect(io.lines.join('\n')).toContain('The unit is simulated')
  })

  test('accept without a worker says that it releases no share', async () => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    const args = ['accept', 'drill-1', '--key', 'me.pem', ...where()]
    expect(await io.tenfold('claim', ...args)).toBe(0)
    expect(io.errors.join('\n')).toContain('No --worker is named')
    const [before] = [io.errors.length]
    expect(await io.tenfold('claim', ...args, '--worker', unitDid)).toBe(0)
    expect(io.errors.length).toBe(before)
  })

  test('warns where somebody else has accepted the unit, unless the config names the key', async () => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    const me = io.lines[1] ?? ''
    known = known.map((unit) => ({ ...unit, owner: unitDid }))
    const args = ['store', 'drill-1', '--key', 'me.pem', ...where()]
    expect(await io.tenfold('claim', ...args)).toBe(0)
    expect(io.errors.join('\n')).toContain('claim_unauthorised')
    const before = io.errors.length
    const named = ['--set', `units.authorities=["${me}"]`]
    expect(await io.tenfold('claim', ...args, ...named)).toBe(0)
    known = known.map((unit) => ({ ...unit, owner: me }))
    expect(await io.tenfold('claim', ...args)).toBe(0)
    expect(io.errors.length).toBe(before)
  })

  test('shift books a time, with the pieces that its author counted', async () => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    const time = ['--from', '2026-05-04T06:00+02:00', '--to', '2026-05-04T14:00+02:00']
    const pieces = ['--made', '200', '--good', '190', '--ideal-s', '60.5']
    const args = ['shift', 'drill-1', '--key', 'me.pem', ...time, ...pieces]
    expect(await io.tenfold('claim', ...args, ...where())).toBe(0)
    const { claim, disclosures } = receiveClaim(records[0]?.payload ?? new Uint8Array())
    expect(claim.kind).toBe('shift')
    const details = Object.fromEntries(disclosures.map(({ name, value }) => [name, value]))
    expect(details).toEqual({
      ...{ from_us: '1777867200000000', to_us: '1777896000000000' },
      ...{ made: '200', good: '190', ideal_s: '60.5' },
    })
    expect(io.lines.join('\n')).toContain('tenfold life drill-1')
  })

  test('service names the parts', async () => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    const args = ['service', 'drill-1', '--key', 'me.pem', '--part', 'motor', '--part', 'chuck']
    expect(await io.tenfold('claim', ...args, ...where())).toBe(0)
    const { claim, disclosures } = receiveClaim(records[0]?.payload ?? new Uint8Array())
    expect(claim.kind).toBe('service')
    const parts = disclosures.filter(({ name }) => name === 'part')
    expect(parts.map(({ value }) => value).sort()).toEqual(['chuck', 'motor'])
  })

  test('service tells serials, tasks, the reason and the counters of the moment', async () => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    const work = ['--part-out', 'gearbox:G-1', '--part-in', 'gearbox:G-2']
    const more = ['--task', 'grease_gearbox', '--reason', 'it howled', '--failed', 'gearbox']
    const args = ['service', 'drill-1', '--key', 'me.pem', ...work, ...more]
    expect(await io.tenfold('claim', ...args, ...where())).toBe(0)
    const { disclosures } = receiveClaim(records[0]?.payload ?? new Uint8Array())
    expect(disclosures.map(({ name, value }) => `${name} ${value}`).sort()).toEqual([
      'counter run_time=9000',
      'counter starts=70',
      'part gearbox',
      'part_failed gearbox',
      'part_in gearbox:G-2',
      'part_out gearbox:G-1',
      'reason it howled',
      'task grease_gearbox',
    ])
  })

  test.each([
    ['repair', 'repair'],
    ['refurbish', 'refurbishment'],
    ['transfer', 'transfer'],
    ['store', 'storage'],
    ['use', 'use'],
    ['retire', 'retirement'],
  ])('%s becomes a claim of kind %s', async (act, kind) => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    expect(await io.tenfold('claim', act, 'drill-1', '--key', 'me.pem', ...where())).toBe(0)
    expect(receiveClaim(records[0]?.payload ?? new Uint8Array()).claim.kind).toBe(kind)
  })

  test('what cannot follow the state of the unit is refused before it is signed', async () => {
    known = known.map((unit) => ({ ...unit, lifecycle: 'retired' }))
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    expect(await io.tenfold('claim', 'store', 'drill-1', '--key', 'me.pem', ...where())).toBe(1)
    expect(io.errors.join('\n')).toContain('stored cannot follow retired')
    expect(records).toEqual([])
  })

  test.each([
    [['accept'], 'the id of one unit'],
    [['refuse', 'drill-1'], 'the id of one unit'],
    [['accept', 'drill-1'], '--key is missing'],
    [['accept', 'drill-1', '--key', 'no.pem'], 'no key at'],
    [['accept', 'Drill!', '--key', 'me.pem'], "cannot be a unit's id"],
    [['accept', 'drill-2', '--key', 'me.pem'], 'knows no unit drill-2'],
    [['service', 'drill-1', '--key', 'me.pem'], '--part is missing'],
    [['accept', 'drill-1', '--key', 'me.pem', '--worker', 'ben'], 'does not have the form'],
    [['accept', 'drill-1', '--key', 'me.pem', '--user', 'x'], '--password-env'],
    [['key'], '--out is missing'],
    [['service', 'drill-1', '--key', 'me.pem', '--part', 'gearbax'], 'no part "gearbax"'],
    [['service', 'drill-1', '--key', 'me.pem', '--task', 'polish'], 'no task "polish"'],
    [['service', 'drill-1', '--key', 'me.pem', '--part-in', 'gearbox'], 'part:SERIAL'],
    [['store', 'drill-1', '--key', 'me.pem', '--part', 'motor'], 'belong to "service"'],
    [['shift', 'drill-1', '--key', 'me.pem'], '--from is missing'],
    [['shift', 'drill-1', '--key', 'me.pem', '--from', '2026-05-04T06:00'], 'with its zone'],
    [shift('2026-05-04T06:00Z', '2026-05-04T05:00Z'), 'not after --from'],
    [shift('2026-05-04T06:00Z', '2026-05-05T07:00Z'), 'at most 24 hours'],
    [[...shift('2026-05-04T06:00Z', '2026-05-04T07:00Z'), '--made', 'x'], 'no number'],
    [
      [...shift('2026-05-04T06:00Z', '2026-05-04T07:00Z'), '--made', '1', '--good', '2'],
      '--good is above',
    ],
  ])('%j is refused', async (args, said) => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    expect(await io.tenfold('claim', ...args, ...where())).toBe(refused(io))
    expect(io.errors.join('\n')).toContain(said)
    expect(records).toEqual([])
  })

  test('a self-test comes with the digest and outcome of its report, if it is of this unit', async () => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    const signer = signerOfSeed(new Uint8Array(32).fill(9))
    const about = {
      machine: 'cordless_drill',
      board: 'rp2040-pico',
      profile: '',
      firmware: '',
      boot: 1,
    }
    const reportOf = (unit: string): string => {
      const record = {
        version: 1 as const,
        ...{ kind: 'selftest', author: signer.did, unit: { ...about, unit } },
        ...{ time: '2026-05-04T06:00:00.000Z', passed: true, injected: [{ passed: true }] },
      }
      const path = join(io.cwd, `${unit}.cose`)
      writeFileSync(path, signRecord(record, selftestType, signer))
      return path
    }
    const claim = (report: string) =>
      io.tenfold('claim', 'selftest', 'drill-1', '--key', 'me.pem', '--report', report, ...where())
    const mine = reportOf('drill-1')
    expect(await claim(mine)).toBe(0)
    const taken = receiveClaim(records[0]?.payload ?? new Uint8Array())
    expect(taken.claim.kind).toBe('test')
    const digest = createHash('sha256').update(readFileSync(mine)).digest('hex')
    expect(taken.disclosures).toMatchObject([
      { name: 'report', value: digest },
      { name: 'reason', value: 'self-test passed 1 injected faults at 2026-05-04T06:00:00.000Z' },
    ])
    expect(await claim(reportOf('drill-2'))).toBe(1)
    expect(io.errors.join('\n')).toContain('report_foreign')
    const changed = readFileSync(mine)
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
    writeFileSync(mine, changed)
    expect(await claim(mine)).toBe(1)
    expect(io.errors.join('\n')).toContain('bad_signature')
    expect(records).toHaveLength(1)
  })

  test('a unit without a key of its own cannot be claimed about', async () => {
    known = known.map((unit) => ({ ...unit, key: undefined }))
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    expect(await io.tenfold('claim', 'accept', 'drill-1', '--key', 'me.pem', ...where())).toBe(1)
    expect(io.errors.join('\n')).toContain('has no key of its own')
  })

  test('no gateway there is said as such', async () => {
    await io.tenfold('claim', 'key', '--out', 'me.pem')
    const pages = ['--pages', 'http://127.0.0.1:1/']
    expect(await io.tenfold('claim', 'accept', 'drill-1', '--key', 'me.pem', ...pages)).toBe(1)
    expect(io.errors.join('\n')).toContain('no gateway answers')
  })
})
