// All or nothing: what was changed before a part failed is changed back, in reverse; and a delivery
// that does not start leaves the former one at work.
import { expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import type { Delivery, DeliveryOptions } from '../../gateway/pipeline/client.ts'
import { startReplaceable } from '../../gateway/reload/delivery.ts'
import type { Settings } from '../../gateway/reload/plan.ts'
import { type Parts, Reloader } from '../../gateway/reload/reload.ts'

const settings = (config: object, mqttNames?: Record<string, string>): Settings => ({
  config: loadConfig({
    ...{ file: '/x/tenfold.json', text: JSON.stringify(config), env: {} },
    readFile: () => '{}',
  }).config,
  ...{ mqttNames, httpNames: undefined, files: {} },
})

/** Notes each call; fails where it is told to. */
const recording = (failing: string) => {
  const calls: string[] = []
  const call = (line: string): void => {
    calls.push(line)
    if (line === failing) throw new Error(`${line} failed`)
  }
  const parts: Parts = {
    source: async (name, given) => call(`source ${name} ${given === undefined ? 'off' : 'on'}`),
    delivery: async ({ config }) => call(`delivery ${config.store.retentionDays}`),
    alerts: ({ config }) => call(`alerts ${config.alerts.silentMinutes}`),
    limits: ({ config }) => call(`limits ${config.mqtt.limits.slowSeconds}`),
    tls: async (of, { config }) => call(`tls ${of} ${config.mqtt.tls?.names}`),
    credentials: ({ mqttNames }) => call(`names ${Object.keys(mqttNames ?? {})}`),
  }
  return { calls, parts }
}

const mqtt = (name: string, slowSeconds: number) => ({
  mqtt: { tls: { names: [name] }, limits: { slowSeconds } },
})
const check = async (): Promise<void> => {}
const from = settings(mqtt('a', 1), { ann: 'a' })
const to = settings(
  {
    ...mqtt('b', 2),
    sources: { serial: { ports: [{ path: '/dev/a' }] } },
    ...{ store: { retentionDays: 7 }, alerts: { silentMinutes: 5 } },
  },
  { bob: 'b' },
)
const steps = ['names bob', 'limits 2', 'tls mqtt b', 'source serial on', 'delivery 7', 'alerts 5']
const back = ['names ann', 'limits 1', 'tls mqtt a', 'source serial off', 'delivery 365']

test.each([0, 1, 2, 3, 4, 5])('a failure at step %i takes back the steps before it', async (at) => {
  const { calls, parts } = recording(steps[at] as string)
  const reloader = new Reloader({ settings: from, read: () => to, check, parts })
  await expect(reloader.reload(false)).rejects.toThrow('failed')
  expect(calls).toEqual([...steps.slice(0, at + 1), ...back.slice(0, at).reverse()])
})

test('a file that cannot be used is found before the first step, also by a dry run', async () => {
  const { calls, parts } = recording('')
  const wrong = async (): Promise<void> => Promise.reject(new Error('no key'))
  const reloader = new Reloader({ settings: from, read: () => to, check: wrong, parts })
  for (const isDry of [true, false]) await expect(reloader.reload(isDry)).rejects.toThrow('no key')
  expect(calls).toEqual([])
})

test('two at once are one after the other, the second finds nothing left', async () => {
  const { calls, parts } = recording('')
  const reloader = new Reloader({ settings: from, read: () => to, check, parts })
  const both = await Promise.all([reloader.reload(false), reloader.reload(false)])
  expect(both.map(({ applied }) => applied)).toEqual([true, false])
  expect(calls).toEqual(steps)
})

const bare = { live: () => {}, command: () => {}, fault: (error: Error) => faults.push(error) }
let faults: Error[] = []
const options = (dataDir: string): DeliveryOptions => ({ dataDir }) as unknown as DeliveryOptions

/** Deliveries that say where they are; one whose folder is "broken" does not start. */
const starting = () => {
  const log: string[] = []
  faults = []
  const start = async ({ dataDir }: DeliveryOptions): Promise<Delivery> => {
    log.push(`start ${dataDir}`)
    if (dataDir === 'broken') throw new Error('broken')
    const say = async (): Promise<unknown> => dataDir
    return {
      queries: { units: say },
      health: say,
      listen: (on: boolean) => log.push(`${dataDir} listens ${on}`),
      stop: async () => void log.push(`stop ${dataDir}`),
    } as unknown as Delivery
  }
  return { log, start }
}

test('questions during a change are answered by the new delivery, and pages go on hearing', async () => {
  const { log, start } = starting()
  const delivery = await startReplaceable(options('old'), bare, start)
  delivery.listen(true)
  const replaced = delivery.replace(options('new'))
  const [units, health] = await Promise.all([delivery.queries.units(), delivery.health()])
  await replaced
  expect([units, health]).toEqual(['new', 'new'])
  await delivery.stop()
  const heard = ['old listens true', 'stop old', 'start new', 'new listens true']
  expect(log).toEqual(['start old', ...heard, 'stop new'])
})

test('one that does not start leaves the former settings at work', async () => {
  const { log, start } = starting()
  const delivery = await startReplaceable(options('old'), bare, start)
  await expect(delivery.replace(options('broken'))).rejects.toThrow('broken')
  expect(await delivery.queries.units()).toBe('old')
  expect(log).toEqual(['start old', 'stop old', 'start broken', 'start old', 'old listens false'])
  expect(faults).toEqual([])
})
