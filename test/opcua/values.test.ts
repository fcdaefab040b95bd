// What the OPC UA source makes of addresses, values, gaps and settings, without a server: the rows
// of its table of refusals that need none, and fuzz of all that a server can send.
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { DataType, DataValue, StatusCode, StatusCodes, Variant, VariantArrayType } from 'node-opcua'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from '../../gateway/cli/trust.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { CertificateFolder, expiryWarning, factsOf } from '../../gateway/opcua/certificates.ts'
import { parseAddress } from '../../gateway/opcua/client/address.ts'
import { explain } from '../../gateway/opcua/client/errors.ts'
import { Feed } from '../../gateway/opcua/client/feed.ts'
import type { NodePlan, ReportRecord, ServerPlan } from '../../gateway/opcua/client/plan.ts'
import { reportsOf } from '../../gateway/opcua/client/report.ts'
import { timeOf, toSample } from '../../gateway/opcua/client/sample.ts'
import { queueSizeFor } from '../../gateway/opcua/client/subscription.ts'
import { makeGatewayCertificate } from '../../gateway/opcua/own-certificate.ts'
import { TrustStore } from '../../gateway/opcua/trust-store.ts'
import { createCheck } from '../../gateway/pipeline/check.ts'
import { planOf } from '../../gateway/sources/opcua/plan.ts'
import type { OpcUaSettings } from '../../gateway/sources/opcua/settings.ts'
import { countingProfile, Desk, type Heard, temporary } from './stand.ts'

const node = (name: string, type: NodePlan['type'] = 'number'): NodePlan => ({
  ...{ name, type, address: `s=${name}`, scale: 1, offset: 0 },
})
const nowUs = 1_800_000_000_000_000
const at = (us: number, value: number, status = StatusCodes.Good): DataValue =>
  new DataValue({
    value: new Variant({ dataType: DataType.Double, value }),
    statusCode: status,
    sourceTimestamp: new Date(us / 1000),
  })

describe('an address', () => {
  test('is a node id with its namespace by URI, or a path of steps', () => {
    expect(parseAddress('nsu=urn:a%3Bb;s=X;Y', 'urn:c')).toEqual({
      ...{ kind: 'id', uri: 'urn:a;b', index: undefined, id: 's=X;Y' },
    })
    expect(parseAddress('i=2258', '')).toMatchObject({ uri: undefined, id: 'i=2258' })
    expect(parseAddress('/A/{urn:b}C', 'urn:a')).toEqual({
      kind: 'path',
      steps: [
        { uri: 'urn:a', name: 'A' },
        { uri: 'urn:b', name: 'C' },
      ],
    })
  })

  test.each(['', 'Count', 'i=-1', 'i=4294967296', 'ns=70000;s=A', 'g=1', '/', '/A//B', '/A{b}'])(
    '%j is refused with its reason',
    (text) => expect(() => parseAddress(text, '')).toThrow(RangeError),
  )

  test('of any text is parsed or refused, nothing else', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^(\/|nsu=|ns=)[a-z{}/;=%]*$/))
    fc.assert(
      fc.property(text, fc.string(), (address, uri) => {
        try {
          parseAddress(address, uri)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })
})

const codes = Object.values(StatusCodes).filter((code) => typeof code === 'object')
const anyValue = fc.oneof(
  fc.double().map((value) => ({ dataType: DataType.Double, value })),
  fc.boolean().map((value) => ({ dataType: DataType.Boolean, value })),
  fc.string().map((value) => ({ dataType: DataType.String, value })),
  fc.integer().map((value) => ({ dataType: DataType.Int32, value })),
  fc.tuple(fc.nat(), fc.nat()).map((value) => ({
    ...{ dataType: DataType.UInt64, arrayType: VariantArrayType.Scalar, value },
  })),
  fc.date({ noInvalidDate: true }).map((value) => ({ dataType: DataType.DateTime, value })),
  fc.constant({ dataType: DataType.Null, value: null }),
  fc.array(fc.double()).map((value) => ({
    ...{ dataType: DataType.Double, arrayType: VariantArrayType.Array, value },
  })),
)

describe('a value', () => {
  test('of any type, status and time becomes a report of ours that the pipeline can judge', () => {
    const machine = prepareMachine(countingProfile(1))
    const check = createCheck(machine)
    const any = fc.record({
      value: anyValue,
      status: fc.constantFrom(...codes),
      time: fc.option(fc.date({ noInvalidDate: true }), { nil: null }),
      type: fc.constantFrom('number', 'integer', 'boolean', 'enum', 'counter' as const),
    })
    fc.assert(
      fc.property(any, ({ value, status, time, type }) => {
        const data = new DataValue({
          ...{ value: new Variant(value as object), statusCode: status, sourceTimestamp: time },
        })
        const timeUs = timeOf(data, nowUs) ?? nowUs
        expect(Number.isSafeInteger(timeUs) && timeUs > 9e14 && timeUs <= nowUs).toBe(true)
        const name = type === 'counter' ? 'big' : 'count0'
        const sample = toSample(data, node(name, type as NodePlan['type']), timeUs)
        if (sample === undefined) return
        const [record] = reportsOf({ unit: 'u', machine: 'press' }, [sample])
        const { v, c, q } = JSON.parse((record as ReportRecord).payload) as Heard
        const report = { boot: undefined, seq: undefined, t: undefined, time: timeUs, v, c, q }
        const judged = check(report)
        if ('reason' in judged) expect(['type_wrong']).toContain(judged.reason)
        if (status.value >>> 31 === 1) expect(v).toBeUndefined()
      }),
      { numRuns: Number(process.env['TENFOLD_FUZZ'] ?? 100) },
    )
  })

  test('keeps the microseconds of its source', () => {
    const value = at(nowUs - 5_000_000, 1)
    value.sourcePicoseconds = 123_000_000
    expect(timeOf(value, nowUs)).toBe(nowUs - 5_000_000 + 123)
  })

  test('with a time that cannot be takes that of its server, else none', () => {
    const value = at(1_000_000, 1)
    expect(timeOf(value, nowUs)).toBeUndefined()
    value.serverTimestamp = new Date(nowUs / 1000 - 1000)
    expect(timeOf(value, nowUs)).toBe(nowUs - 1_000_000)
  })

  test('beyond what a double holds stays text and is refused, never rounded', () => {
    const value = new DataValue({
      value: new Variant({
        ...{ dataType: DataType.UInt64, arrayType: VariantArrayType.Scalar },
        value: [2 ** 22, 1],
      }),
    })
    expect(toSample(value, node('big', 'counter'), nowUs)).toMatchObject({
      ...{ value: String(2n ** 54n + 1n), alone: true },
    })
  })

  test('twice at one time gives two reports: none replaces the other', () => {
    const twice = [1, 2].map((value) => ({ node: node('count0'), timeUs: nowUs, value }))
    expect(reportsOf({ unit: 'u', machine: 'press' }, twice)).toHaveLength(2)
  })
})

describe('a feed', () => {
  const plan = (): ServerPlan => ({
    ...{ name: 's', url: 'opc.tcp://x', mode: 'None', policy: 'None', publishMs: 100 },
    ...{ user: { kind: 'anonymous' }, deafMs: 2000, history: true },
    units: [
      { unit: 'u', machine: 'press', namespace: '', samplingMs: 10, nodes: [node('count0')] },
    ],
  })
  const feed = (): { feed: Feed; heard: Heard[] } => {
    const heard: Heard[] = []
    const emit = async (records: ReportRecord[]): Promise<void> => {
      for (const { payload } of records) heard.push(JSON.parse(payload) as Heard)
    }
    return { heard, feed: new Feed({ plan: plan(), state: undefined, nowUs: () => nowUs, emit }) }
  }
  const t = (n: number): number => nowUs - 60_000_000 + n * 1000

  test('marks a queue that ran over as bad between the two values', async () => {
    const { feed: one, heard } = feed()
    one.begin()
    await one.release(new Set())
    await one.live([{ handle: 1, value: at(t(1), 1) }])
    const ranOver = at(t(9), 9)
    ranOver.statusCode = StatusCode.makeStatusCode(StatusCodes.Good, 'Overflow | InfoTypeDataValue')
    await one.live([{ handle: 1, value: ranOver }])
    expect(one.overflows).toBe(1)
    expect(heard).toEqual([
      { time: t(1), v: { count0: 1 } },
      { time: t(1) + 1, q: { count0: 'bad' } },
      { time: t(9), v: { count0: 9 } },
    ])
  })

  test('says a value that is only said again at the time of its saying', async () => {
    const { feed: one, heard } = feed()
    one.begin()
    await one.release(new Set())
    await one.live([{ handle: 1, value: at(t(1), 1) }])
    one.heard(t(500))
    await one.lost()
    one.begin()
    one.heard(t(900))
    await one.release(new Set())
    await one.live([{ handle: 1, value: at(t(1), 1) }])
    expect(heard.map(({ time, v, q }) => [time, v?.['count0'] ?? q?.['count0']])).toEqual([
      [t(1), 1],
      [t(500) + 1, 'bad'],
      [t(900), 1],
    ])
  })

  test('that is lost again before a live value came marks a gap after what history has filled', async () => {
    const { feed: one, heard } = feed()
    const value = (n: number) => ({ handle: 1, value: at(t(n), n) })
    one.begin()
    await one.release(new Set())
    await one.live([value(1)])
    await one.lost()
    one.begin()
    await one.history([value(2), value(3)])
    await one.release(new Set([1]))
    await one.lost()
    expect(heard.map(({ time, v, q }) => [time, v?.['count0'] ?? q?.['count0']])).toEqual([
      [t(1), 1],
      [t(1) + 1, 'bad'],
      [t(2), 2],
      [t(3), 3],
      [t(3) + 1, 'bad'],
    ])
  })

  test('joins history and live values without hole or double, however they overlap', async () => {
    const overlap = fc.record({
      left: fc.integer({ min: 1, max: 20 }),
      kept: fc.integer({ min: 0, max: 20 }),
      liveFrom: fc.integer({ min: 0, max: 20 }),
      early: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(overlap, async ({ left, kept, liveFrom, early }) => {
        const { feed: one, heard } = feed()
        const value = (n: number) => ({ handle: 1, value: at(t(n), n) })
        const range = (from: number, to: number) =>
          [...Array(Math.max(0, to - from + 1)).keys()].map((i) => value(from + i))
        one.begin()
        await one.release(new Set())
        await one.live(range(1, left))
        await one.lost()
        one.begin()
        const first = left + Math.min(liveFrom, kept + 1)
        const live = range(first, left + kept + 10)
        if (early) await one.live(live)
        await one.history(range(left, left + kept))
        await one.release(new Set([1]))
        if (!early) await one.live(live)
        const values = heard.flatMap(({ v }) => v?.['count0'] ?? [])
        const all = range(1, left + kept + 10).map((_, i) => i + 1)
        // Without news in the gap the server says the last value again: it still holds.
        const isSaidAgain = kept === 0 && first === left
        expect(values).toEqual(isSaidAgain ? all.toSpliced(left, 0, left) : all)
      }),
    )
  })
})

describe('settings', () => {
  const folder = temporary()
  afterAll(() => folder.remove())
  const context = {
    ...{ profiles: [countingProfile(1)], folder: folder.path },
    secret: () => 'hidden',
  }
  const settings = (more: object, unit: object = {}): OpcUaSettings => ({
    servers: [
      {
        ...{ name: 'a', url: 'opc.tcp://a:4840' },
        units: [{ unit: 'u', machine: 'press', nodes: { count0: 's=A' }, ...unit }],
        ...more,
      },
    ],
  })

  test('are secure where they say nothing, and sample as the profile reports', () => {
    const [plan] = planOf(settings({}), context).servers
    expect(plan).toMatchObject({ mode: 'SignAndEncrypt', policy: 'Basic256Sha256', deafMs: 3000 })
    expect(plan?.units[0]?.samplingMs).toBe(50)
  })

  test.each([
    [settings({}, { machine: 'pres' }), 'no profile has the machine "pres"'],
    [settings({}, { nodes: { count9: 's=A' } }), 'has no signal "count9"'],
    [settings({}, { nodes: { count0: 'A' } }), 'neither nsu='],
    [settings({}, { nodes: { big: { node: 's=A', scale: 2 } } }), 'cannot be scaled'],
    [
      settings({ security: { mode: 'None' }, user: { name: 'm', password: { env: 'P' } } }),
      'without encryption',
    ],
    [settings({ publishMs: 5000 }), 'below twice publishMs'],
    [{ servers: [...settings({}).servers, ...settings({}).servers] }, 'stands twice'],
  ])('that are wrong stop the start and say all (%#)', (wrong, text) => {
    expect(() => planOf(wrong, context)).toThrow(
      expect.objectContaining({ code: 'opcua_settings', message: expect.stringContaining(text) }),
    )
  })

  test('opcua_thread: a thread that cannot begin is said, and the start fails', async () => {
    const file = join(folder.path, 'a-file')
    writeFileSync(file, '')
    const desk = new Desk(join(file, 'opcua'))
    await expect(desk.start(settings({}).servers, 1)).rejects.toMatchObject({
      code: 'opcua_thread',
    })
    expect(desk.notes).toEqual([expect.stringContaining('opcua_thread')])
    await desk.stop()
  })

  test("a user's certificate that is not there stops the start", () => {
    const user = { certificate: join(folder.path, 'none.pem'), key: { env: 'K' } }
    expect(() => planOf(settings({ user }), context)).toThrow(
      expect.objectContaining({ code: 'opcua_user_certificate' }),
    )
  })

  test('a queue holds what a silence that is borne can bring', () => {
    expect(queueSizeFor({ samplingMs: 100, publishMs: 250, bearMs: 3000 })).toBe(34)
  })
})

describe('trust', () => {
  const dayMs = 86_400_000

  test('lists, approves by thumbprint, forgets and renews', async () => {
    const data = temporary()
    const folder = new CertificateFolder(join(data.path, 'sources', 'opcua', 'pki'))
    const other = new CertificateFolder(join(data.path, 'other'))
    await makeGatewayCertificate(folder, 'client', Date.now())
    await makeGatewayCertificate(other, 'server', Date.now())
    const stranger = other.own() as Buffer
    folder.offer(stranger)
    const { thumbprint } = factsOf(stranger)
    const lines: string[] = []
    const io = {
      ...{ out: (line: string) => lines.push(line), err: () => {}, env: {}, cwd: data.path },
      signal: new AbortController().signal,
    }
    const trust = (...args: string[]) => run(['--data', data.path, ...args], io as never)
    await trust()
    expect(lines.join('\n')).toContain(`pending  ${thumbprint}`)
    await expect(trust(thumbprint.slice(0, 8))).rejects.toMatchObject({ code: 'opcua_thumbprint' })
    expect(folder.isTrusted(stranger)).toBe(false)
    await trust(thumbprint.slice(0, 16).toUpperCase())
    expect(folder.isTrusted(stranger)).toBe(true)
    await trust('--forget', thumbprint)
    expect(folder.isTrusted(stranger)).toBe(false)
    const before = factsOf(folder.own() as Buffer).thumbprint
    await trust('--renew', 'client')
    expect(factsOf(folder.own() as Buffer).thumbprint).not.toBe(before)
    data.remove()
  })

  test('a weak or foreign certificate is invalid, one that ends soon is warned about', async () => {
    const data = temporary()
    const folder = new CertificateFolder(data.path)
    mkdirSync(data.path, { recursive: true })
    const parts = { folder, onStranger: () => {}, onWarning: () => {} }
    const store = new TrustStore({ ...parts, nowMs: () => 0 })
    const { publicKey } = generateKeyPairSync('ed25519')
    const junk = publicKey.export({ type: 'spki', format: 'der' })
    expect(await store.checkCertificate(junk)).toBe(StatusCodes.BadCertificateInvalid)
    const reason = new Error(
      'server Certificate verification failed with err BadCertificateInvalid',
    )
    expect(explain(reason, 'opc.tcp://a').code).toBe('opcua_certificate_invalid')
    expect(explain(new Error('connect ECONNREFUSED'), 'a').code).toBe('opcua_unreachable')
    const unknown = explain(new Error('something else'), 'opc.tcp://a')
    expect(unknown).toMatchObject({ code: 'opcua_failed', message: 'opc.tcp://a: something else' })
    const facts = { thumbprint: 'aa', subject: 's', applicationUri: 'u', fromMs: 0, untilMs: 0 }
    expect(expiryWarning({ ...facts, untilMs: 31 * dayMs }, 0)).toBeUndefined()
    expect(expiryWarning({ ...facts, untilMs: 9 * dayMs }, 0)).toContain('in 9 days')
    expect(expiryWarning(facts, dayMs)).toContain('has ended')
    data.remove()
  })
})
