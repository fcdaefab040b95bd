// The OPC UA server as others see it: a machine of OPC UA for Machinery for each unit, seen by a
// client of the library over real sockets. One server in the sink's thread serves the file.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  AttributeIds,
  type ClientSession,
  type DataValue,
  SecurityPolicy,
  Variant,
} from 'node-opcua'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { OutgoingBatch, Sink } from '../../gateway/core/delivery.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { quality } from '../../gateway/core/quality.ts'
import type { UnitLife, UnitSummary } from '../../gateway/core/queries.ts'
import { hashPassword } from '../../gateway/credentials.ts'
import { CertificateFolder, factsOf } from '../../gateway/opcua/certificates.ts'
import { makeGatewayCertificate, OwnCertificate } from '../../gateway/opcua/own-certificate.ts'
import { itemStateOf, operationModeOf } from '../../gateway/opcua/server/state.ts'
import { create } from '../../gateway/sinks/opcua/index.ts'
import { drill } from '../pipeline/feed.ts'
import { freePort, temporary, until } from './stand.ts'
import { approveAll, nodeOf, type Visit, visit } from './visitor.ts'

const { profile } = drill
const machine = prepareMachine(profile)
const signals = Object.keys(profile.signals)
const place = temporary()
const server = new CertificateFolder(join(place.path, 'pki'))
const other = new CertificateFolder(join(place.path, 'other'))
const notes: string[] = []
let port = 0
let sink: Sink

const summary = (lastTimeUs: number): UnitSummary => ({
  ...{ unit: 'drill-1', machine: 'cordless_drill', simulated: false, lifecycle: 'in_use' },
  ...{ key: undefined, custody: 'gateway', boot: 1, lastTimeUs, owner: undefined },
  counters: { run_time: 7_200_000, starts: 12 },
  values: { trigger: { value: 5, quality: 'good' } },
  ...{ readings: 1, missing: 0, duplicates: 0, quarantined: 0 },
})

const due = (task: string, of: string, left: number) => ({
  ...{ task, description: '', part: undefined, by: 'counter' as const, of, unit: 'ms' },
  ...{
    every: 360_000_000,
    left,
    state: 'ok' as const,
    doneUs: undefined,
    sinceUs: undefined,
    partUs: undefined,
  },
})
const life: UnitLife = {
  ...{
    unit: 'drill-1',
    steps: [],
    failures: [],
    parts: [],
    shifts: [],
    uptime: undefined,
    wear: undefined,
  },
  maintenance: [due('grease_gearbox', 'run_time', 1234)],
}

const open = async (credentials?: string): Promise<Sink> => {
  const made = create(
    { host: '127.0.0.1', port, modes: ['Sign', 'SignAndEncrypt'], credentials },
    {
      ...{ clock: systemClock(), profiles: [profile], folder: place.path },
      note: (line) => notes.push(line),
      units: () => [summary(Date.now() * 1000 - 3_000_000)],
      life: () => life,
      command: () => Promise.reject(new Error('no such unit')),
    },
  )
  await made.open()
  return made
}

const reading = (timeUs: number, values: Record<string, number>, bad: string[] = []) => ({
  ...{ machine, unit: 'drill-1', simulated: false, offset: 1, boot: 1, sequence: 1, timeUs },
  ...{ timeSource: 'source' as const, counters: [] },
  values: signals.map((name) => values[name]),
  quality: Uint8Array.from(signals, (name) => {
    if (bad.includes(name)) return quality.bad_open
    return values[name] === undefined ? quality.absent : quality.good
  }),
})

const show = (...readings: OutgoingBatch['readings'][number][]) =>
  sink.write({ readings, events: [] })

/** Does something in a session of a client whose certificate is `other`. */
const within = <T>(
  what: (session: ClientSession) => Promise<T>,
  more: Pick<Visit, 'user' | 'policy'> = {},
): Promise<T> => visit({ port, folder: other, ...more }, what)

const node = (session: ClientSession, path: string): Promise<string> =>
  nodeOf(session, `drill-1${path}`)

const value = (path: string): Promise<DataValue> =>
  within(async (session) =>
    session.read({ nodeId: await node(session, path), attributeId: AttributeIds.Value }),
  )

beforeAll(async () => {
  mkdirSync(place.path, { recursive: true })
  port = await freePort()
  await makeGatewayCertificate(other, 'client', Date.now())
  sink = await open()
  server.offer(other.own() as Buffer)
  other.offer(server.own() as Buffer)
  approveAll(server, other)
}, 60_000)

afterAll(async () => {
  await sink.stop()
  place.remove()
})

describe('a unit in OPC UA', { timeout: 60_000 }, () => {
  test('is found among the machines, with its building blocks, before anything comes', async () => {
    await within(async (session) => {
      const uris = await session.readNamespaceArray()
      const machinery = uris.indexOf('http://opcfoundation.org/UA/Machinery/')
      const machines = await session.browse(`ns=${machinery};i=1001`)
      expect(machines.references?.map(({ browseName }) => browseName.name)).toContain('drill-1')
      const blocks = await session.browse(await node(session, '/MachineryBuildingBlocks'))
      expect(blocks.references?.map(({ browseName }) => browseName.name)).toEqual(
        expect.arrayContaining([
          ...['Identification', 'MachineryItemState', 'MachineryOperationMode'],
          ...['OperationCounters', 'LifetimeCounters', 'Notifications'],
        ]),
      )
    })
    expect((await value('/Identification-SerialNumber')).value.value).toBe('drill-1')
    expect((await value('/Signals/trigger')).value.value).toBe(5)
  })

  test('shows its totals as operation and lifetime counters', async () => {
    expect((await value('/OperationCounters-OperationDuration')).value.value).toBe(7_200_000)
    expect((await value('/OperationCounters-OperationCycleCounter')).value.value).toEqual([0, 12])
    expect((await value('/LifetimeCounters/grease_gearbox')).value.value).toBe(1234)
    expect((await value('/LifetimeCounters/grease_gearbox-StartValue')).value.value).toBe(36e7)
  })

  test('shows values with their time, unit and quality; an older one changes nothing', async () => {
    const nowUs = Date.now() * 1000
    await show(reading(nowUs, { trigger: 40, motor_current: 9 }, ['motor_current']))
    await show(reading(nowUs - 60_000_000, { trigger: 1 }))
    const trigger = await value('/Signals/trigger')
    expect(trigger.value.value).toBe(40)
    expect(trigger.sourceTimestamp?.getTime()).toBe(Math.floor(nowUs / 1000))
    expect((await value('/Signals/motor_current')).statusCode.name).toBe('BadSensorFailure')
    const unit = (await value('/Signals/motor_current-EngineeringUnits')).value.value
    expect(unit).toMatchObject({ unitId: 0x414d50, displayName: { text: 'A' } })
  })

  test('is Executing and Processing while its profile says that it is in use', async () => {
    const run = profile.signals['state']?.values?.indexOf('run') as number
    await show(reading(Date.now() * 1000, { state: run, fault: 0 }))
    expect((await value('/MachineryItemState-CurrentState')).value.value.text).toBe('Executing')
    const mode = await value('/MachineryOperationMode-CurrentState')
    expect(mode.value.value.text).toBe('Processing')
  })

  test('tells its events as notifications', async () => {
    const rule = profile.events.find(({ type }) => type === 'stalled')
    if (rule === undefined) throw new Error('the drill has no such event')
    const heard = await within(async (session) => {
      const subscription = await session.createSubscription2({
        ...{ publishingEnabled: true, requestedPublishingInterval: 50 },
      })
      const { constructEventFilter } = await import('node-opcua')
      const item = await subscription.monitor(
        { nodeId: await node(session, '/Notifications'), attributeId: AttributeIds.EventNotifier },
        { queueSize: 10, filter: constructEventFilter(['Message', 'Severity', 'SourceName']) },
        0,
      )
      const fields = new Promise<Variant[]>((resolve) => item.on('changed', resolve as never))
      await sink.write({
        readings: [],
        events: [
          {
            ...{ machine, unit: 'drill-1', simulated: false, type: 'stalled', severity: 'warning' },
            ...{ timeUs: Date.now() * 1000, cause: '', offset: 2, counters: [], rule },
          },
        ],
      })
      return (await fields).map(({ value: field }) => field?.text ?? field)
    })
    expect(heard).toEqual([`stalled: ${rule.description}`, 500, 'drill-1'])
  })

  test('cannot be written to by anybody', async () => {
    const status = await within(async (session) =>
      session.write({
        ...{ nodeId: await node(session, '/Signals/trigger'), attributeId: AttributeIds.Value },
        value: { value: new Variant({ dataType: 'Double', value: 99 }) },
      }),
    )
    expect(status.name).toBe('BadUserAccessDenied')
  })
})

describe('who may read', { timeout: 60_000 }, () => {
  test.each([SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss])(
    'an approved client with %s',
    async (policy) => {
      expect(await within(async (session) => session.readNamespaceArray(), { policy })).toContain(
        'urn:tenfold:v1:units',
      )
    },
  )

  test('a client whose certificate nobody approved gets nothing and waits', async () => {
    for (const { thumbprint } of server.list('trusted')) server.remove(thumbprint)
    await expect(value('/Signals/trigger')).rejects.toThrow()
    await until('the certificate to wait', () => server.list('pending').length === 1)
    expect(notes.some((line) => line.includes('waits for approval'))).toBe(true)
    for (const { thumbprint } of server.list('pending')) server.approve(thumbprint)
    expect((await value('/Signals/trigger')).statusCode.isGood()).toBe(true)
  })

  test('after a restart only users with a password, at the same node ids', async () => {
    await sink.stop()
    const file = join(place.path, 'users.json')
    const entry = await hashPassword('tall tree', new Uint8Array(16).fill(1))
    writeFileSync(file, JSON.stringify({ anna: entry }))
    sink = await open(file)
    const read = async (session: ClientSession) =>
      session.read({ nodeId: await node(session, '/Signals/trigger'), attributeId: 13 })
    await expect(within(read)).rejects.toThrow()
    await expect(within(read, { user: { name: 'anna', password: 'small tree' } })).rejects.toThrow()
    const seen = await within(read, { user: { name: 'anna', password: 'tall tree' } })
    expect(seen.value.value).toBe(5)
  })

  test('a renewed certificate is shown without a restart', async () => {
    await makeGatewayCertificate(server, 'server', Date.now())
    await until('the new certificate', () => notes.some((line) => line.includes('renewed')))
    const user = { name: 'anna', password: 'tall tree' }
    await expect(within(async () => {}, { user })).rejects.toThrow()
    expect(other.list('pending')).toHaveLength(1)
  })

  test('an end that comes near is told while it runs', async () => {
    const { fromMs, untilMs } = factsOf(new OwnCertificate(server).getCertificate())
    expect(notes.join()).not.toContain('make a new one')
    const leftMs = 20.5 * 86_400_000
    await makeGatewayCertificate(server, 'server', Date.now() + leftMs - (untilMs - fromMs))
    await until('the warning', () =>
      notes.some((line) => line.includes(', in 20 days; make a new')),
    )
    expect(notes.filter((line) => line.includes('make a new one'))).toHaveLength(1)
  })

  test('a port that is taken is an error with a remedy', async () => {
    await expect(open()).rejects.toMatchObject({ code: 'opcua_server' })
  })
})

describe('item state and operation mode', () => {
  const doing = (lifecycle: string, state: string, silentUs: number | undefined = 0) => ({
    ...{ lifecycle, silentUs },
    wordOf: (signal: string) => (signal === 'state' ? state : 'none'),
  })

  test.each([
    [{ ...doing('in_use', 'run'), silentUs: undefined }, 'NotAvailable', 'None'],
    [doing('in_use', 'run', 3_600_000_000), 'NotAvailable', 'None'],
    [doing('in_use', 'run'), 'Executing', 'Processing'],
    [doing('in_use', 'idle'), 'NotExecuting', 'None'],
    [doing('in_repair', 'run'), 'OutOfService', 'Maintenance'],
    [doing('retired', 'idle'), 'OutOfService', 'None'],
    [doing('made', 'idle'), 'NotExecuting', 'Setup'],
    [{ ...doing('in_use', 'idle'), wordOf: () => 'sensor' }, 'OutOfService', 'None'],
  ])('%#: %o', (what, state, mode) => {
    expect(itemStateOf(profile, what)).toBe(state)
    expect(operationModeOf(what.lifecycle, itemStateOf(profile, what))).toBe(mode)
  })
})
