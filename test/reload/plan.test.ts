// What a reload would do, from two sets of settings.
import { describe, expect, test } from 'vitest'
import { type Config, loadConfig } from '../../gateway/config.ts'
import { lineOf, planOf } from '../../gateway/reload/plan.ts'

const configOf = (settings: object): Config =>
  loadConfig({
    ...{ file: '/x/tenfold.json', text: JSON.stringify(settings), env: {} },
    readFile: () => '{}',
  }).config

const settings = (config: object, mqttNames?: Record<string, string>) => ({
  ...{ config: configOf(config), mqttNames, httpNames: undefined },
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

describe('what needs a restart', () => {
  test.each([
    [{ http: { port: 1 } }, ['http.port']],
    [{ mqtt: { port: 1, limits: { slowSeconds: 9 } } }, ['mqtt.port', 'mqtt.limits']],
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
      const from = { config, mqttNames: undefined, httpNames: undefined }
      const { changes, restart } = planOf(from, { ...from, config: to })
      expect(changes.length + restart.length, JSON.stringify(to)).toBeGreaterThan(0)
    }
  })
})
