// Who may say and hear what of Sparkplug at the embedded broker, where clients say who they are.
import { afterEach, expect, test } from 'vitest'
import {
  mayHear,
  type Role,
  type Roles,
  refuseSparkplug,
} from '../../gateway/sources/mqtt/sparkplug.ts'
import { client, edge, host, hostSettings, Stops, startServer, until } from './stand.ts'

const stops = new Stops()
afterEach(() => stops.all())

const gate = { group: 'hall', node: 'gate' }
const roles: Roles = new Map<string, Role>([
  ['gate-login', gate],
  ['scada-login', { host: 'scada' }],
])
const code = (topic: string, unit: string | undefined) =>
  refuseSparkplug(topic, { unit, roles })?.code

test('a node speaks as itself only', () => {
  expect(code('spBv1.0/hall/NBIRTH/gate', 'gate-login')).toBeUndefined()
  expect(code('spBv1.0/hall/DDATA/gate/drill-1', 'gate-login')).toBeUndefined()
  for (const topic of ['hall/NBIRTH/other', 'yard/NBIRTH/gate', 'hall/NCMD/gate', 'STATE/scada']) {
    expect(code(`spBv1.0/${topic}`, 'gate-login')).toBe('unit_other')
  }
  expect(code('spBv1.0/hall/XDATA/gate', 'gate-login')).toBe('topic_reserved')
})

test('a host says its state and commands, and nobody else anything', () => {
  expect(code('spBv1.0/STATE/scada', 'scada-login')).toBeUndefined()
  expect(code('spBv1.0/hall/NCMD/gate', 'scada-login')).toBeUndefined()
  expect(code('spBv1.0/STATE/other', 'scada-login')).toBe('unit_other')
  expect(code('spBv1.0/hall/NDATA/gate', 'scada-login')).toBe('unit_other')
  expect(code('spBv1.0/hall/NDATA/gate', 'drill-1')).toBe('unit_other')
  expect(code('spBv1.0/hall/NDATA/gate', undefined)).toBeUndefined()
})

test('what each may hear', () => {
  expect(mayHear('spBv1.0/#', { host: 'scada' })).toBe(true)
  expect(mayHear('$sparkplug/certificates/#', { host: 'scada' })).toBe(true)
  expect(mayHear('#', { host: 'scada' })).toBe(false)
  expect(mayHear('tenfold/v1/#', { host: 'scada' })).toBe(false)
  expect(mayHear('spBv1.0/hall/NCMD/gate', gate)).toBe(true)
  expect(mayHear('spBv1.0/STATE/scada', gate)).toBe(true)
  for (const other of ['spBv1.0/#', 'spBv1.0/hall/NCMD/other', 'spBv1.0/hall/NDATA/gate']) {
    expect(mayHear(other, gate)).toBe(false)
  }
})

test('both of ours log in and work; a stranger is cut off', async () => {
  const authenticate = async () => true
  const { port, notes } = await startServer(stops, roles, { authenticate })
  const login = { username: 'scada-login', password: { env: 'X' } }
  const heard = await host(hostSettings(port, login), stops)
  await until(() => heard.notes.some((line) => line.endsWith('connected')))
  const config = { username: 'gate-login', password: 'x', primaryHost: 'scada' }
  await edge(port, { stops, config }).open()
  const stranger = await client(port, stops, { username: 'drill-1', password: 'x' })
  stranger.publish('spBv1.0/hall/NDATA/gate', 'x')
  await until(() => !stranger.connected)
  expect(notes.join()).toContain('unit_other')
  const forger = await client(port, stops, { username: 'scada-login', password: 'x' })
  forger.publish('$sparkplug/certificates/spBv1.0/hall/NBIRTH/gate', 'x', { retain: true })
  await until(() => !forger.connected)
  expect(notes.join()).toContain('topic_reserved')
})
