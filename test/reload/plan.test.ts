// What a reload would do, from two sets of settings.
import { describe, expect, test } from 'vitest'
import { type Config, loadConfig } from '../../gateway/config.ts'
import type { NamedFiles } from '../../gateway/reload/files.ts'
import { lineOf, planOf } from '../../gateway/reload/plan.ts'

const configOf = (settings: object): Config =>
  loadConfig({
    ...{ file: '/x/tenfold.json', text: JSON.stringify(settings), env: {} },
    readFile: () => '{}',
  }).config

const settings = (config: object, mqttNames?: Record<string, string>, files: NamedFiles = {}) => ({
  ...{ config: configOf(config), mqttNames, httpNames: undefined, files },
})
const lines = (from: object, to: object): readonly string[] =>
  planOf(settings(from), settings(to)).changes.map(lineOf)

describe('what is taken up while the gateway runs', () => {
  test('is nothing where nothing differs, however it is written', () => {
    const plan = planOf(settings({}), settings({ http: { port: 8080 }, units: { enrol: 'hello' } }))
    expect(plan).toEqual({ changes: [], restart: [] })
  })

  test('sources, each by itself', () => {
    const ports = (path: string) => ({ sources: { serial: { ports: [{ path }] } } })
    expect(lines({}, ports('/dev/a'))).toEqual(['sources.serial: start'])
    expect(lines(ports('/dev/a'), ports('/dev/b'))).toEqual(['sources.serial: restart'])
    expect(lines(ports('/dev/a'), {})).toEqual(['sources.serial: stop'])
  })

  test('sinks and what the delivery decides, together', () => {
    const to = { sinks: { influx1: {} }, store: { retentionDays: 7 }, units: { enrol: 'closed' } }
    expect(lines({}, to)).toEqual([
      'sinks, units, store: delivery restarts; what is acknowledged waits in the log',
    ])
    expect(lines({}, { alerts: { silentMinutes: 5 } })).toEqual(['alerts: taken up'])
  })

  test('names whose password is new, other or gone; never a hash', () => {
    const from = settings({}, { ann: 'a', bob: 'b', cid: 'c' })
    const { changes } = planOf(from, settings({}, { ann: 'a', bob: 'x', dan: 'd' }))
    expect(changes.map(lineOf)).toEqual(['mqtt.credentials: bob, cid, dan: taken up'])
  })
})

describe('the contents of files that settings name', () => {
  const given = {
    mqtt: { tls: { certificate: 'a.pem', key: 'a.key' } },
    sources: { 'mqtt-client': { password: { file: 'word' } }, nats: { name: 'a' } },
    sinks: { influx2: { org: 'a', token: { file: 'token' } } },
    ledger: { rules: 'rules.json' },
  }
  const digest = (value: string) => (key: string) => [key, { path: `/x/${key}`, digest: value }]
  const keys = (...changed: string[]): NamedFiles => ({
    ...Object.fromEntries(
      [
        ...['mqtt.tls.certificate', 'mqtt.tls.key', 'sources.mqtt-client.password'],
        ...['sources.nats.key', 'sinks.influx2.token', 'ledger.rules'],
      ].map(digest('old-digest')),
    ),
    ...Object.fromEntries(changed.map(digest('new-digest'))),
  })
  const planned = (...changed: string[]) =>
    planOf(settings(given, {}, keys()), settings(given, {}, keys(...changed)))

  test('are settings, too: what reads the file takes it up', () => {
    const of = (...changed: string[]) => planned(...changed).changes.map(lineOf)
    expect(of()).toEqual([])
    expect(of('sources.mqtt-client.password')).toEqual([
      'sources.mqtt-client: restart (new contents: sources.mqtt-client.password)',
    ])
    expect(of('mqtt.tls.certificate', 'mqtt.tls.key')).toEqual([
      'mqtt.tls: new connections see it, open ones stay (new contents: mqtt.tls.certificate, mqtt.tls.key)',
    ])
    expect(of('sinks.influx2.token', 'ledger.rules')).toEqual([
      expect.stringMatching(/^sinks, ledger: .* contents: sinks.influx2.token, ledger.rules\)$/),
    ])
    expect(JSON.stringify(of('ledger.rules', 'mqtt.tls.key'))).not.toContain('digest')
  })

  test('of the fleet need a restart, as its settings do', () => {
    expect(planned('sources.nats.key').restart).toEqual(['sources.nats'])
  })

  test('limits and certificate files of the broker are live, its addresses are not', () => {
    const other = { mqtt: { ...given.mqtt, limits: { slowSeconds: 9 } } }
    const tls = (more: object) => ({ mqtt: { tls: { ...given.mqtt.tls, ...more } } })
    expect(lines({ mqtt: given.mqtt }, other)).toEqual([
      'mqtt.limits: taken up; nobody is disconnected',
    ])
    const plan = (more: object) => planOf(settings({ mqtt: given.mqtt }), settings(tls(more)))
    expect(plan({ authority: 'b.pem' })).toEqual({
      changes: [{ kind: 'tls', of: 'mqtt' }],
      restart: [],
    })
    expect(plan({ port: 8884 }).restart).toEqual(['mqtt.tls'])
    expect(plan({ clients: 'certificate' }).restart).toEqual(['mqtt.tls'])
  })
})

describe('what needs a restart', () => {
  test.each([
    [{ http: { port: 1 } }, ['http.port']],
    [{ mqtt: { port: 1, homeAssistant: true } }, ['mqtt.port', 'mqtt.homeAssistant']],
    [{ mqtt: { tls: {} } }, ['mqtt.tls']],
    [{ log: { commitDelayMs: 5 } }, ['log']],
    [{ data: 'elsewhere' }, ['data']],
    [{ mqtt: { credentials: 'names.json' } }, ['mqtt.credentials']],
    [{ units: { enrol: 'pairing' } }, ['units.enrol']],
  ])('%j', (to, names) => {
    expect(planOf(settings({}), settings(to)).restart).toEqual(names)
  })

  test('every setting is either taken up or needs one', () => {
    const config = configOf({})
    const other = Object.keys(config).map((name) => ({ ...config, [name]: { changed: true } }))
    for (const to of other as unknown as Config[]) {
      const from = settings({})
      const { changes, restart } = planOf(from, { ...from, config: to })
      expect(changes.length + restart.length, JSON.stringify(to)).toBeGreaterThan(0)
    }
  })
})
