// What of a running gateway takes up other settings, and how: joins the steps of a reload to its
// parts. It decides nothing; what changes is plan.ts, and in which order reload.ts.
import { readFileSync } from 'node:fs'
import type { Config } from '../config.ts'
import type { Clock } from '../core/clock.ts'
import { parseCredentials } from '../credentials.ts'
import type { Operations } from '../operations/index.ts'
import type { DeliveryOptions } from '../pipeline/client.ts'
import type { MqttBroker } from '../sources/mqtt/broker.ts'
import { type BrokerParts, limitsOf, materialOf } from '../sources/mqtt/index.ts'
import type { Sources } from '../sources.ts'
import { pagesMaterial } from '../web/door.ts'
import type { Web } from '../web/server.ts'
import type { ReplaceableDelivery } from './delivery.ts'
import { checkFiles, filesOf } from './files.ts'
import type { Settings } from './plan.ts'
import { Reloader } from './reload.ts'

/** The settings in use, with the files that they name read. */
export type InUse = { -readonly [K in keyof Settings]: Settings[K] }

/** Throws where a file of credentials is none. */
export const settingsOf = (config: Config): InUse => ({
  config,
  files: filesOf(config),
  mqttNames: credentialsIn(config.mqtt.credentials),
  httpNames: credentialsIn(config.http.credentials),
})

export interface Reloadable {
  /** Its names are read at each login: they are exchanged in place. */
  names: InUse
  /** The settings as they are now. */
  reread(): Config
  clock: Clock
  sources: Sources
  broker: MqttBroker
  brokerParts: BrokerParts
  /** Asked when they are there. */
  pages(): Pick<Web, 'renew'>
  operations: Operations
  delivery: ReplaceableDelivery
  deliveryOptions(config: Config): DeliveryOptions
}

export const openReloader = (running: Reloadable): Reloader => {
  const { names, sources, broker, brokerParts, operations, delivery, clock } = running
  return new Reloader({
    settings: { ...names },
    read: () => settingsOf(running.reread()),
    check: (from, to) => checkFiles(from.files, to.files, clock.nowUs() / 1000),
    parts: {
      source: (name, settings) => sources.replace(name, settings),
      delivery: ({ config }) => delivery.replace(running.deliveryOptions(config)),
      alerts: ({ config }) => operations.alert(config.alerts),
      limits: ({ config }) => broker.limit(limitsOf(config.mqtt)),
      tls: async (of, { config }) => {
        if (of === 'mqtt') return broker.renew(materialOf(config.mqtt, brokerParts))
        await running.pages().renew(pagesMaterial(config.http, brokerParts))
      },
      credentials: ({ mqttNames, httpNames }) => {
        const [before, after] = [names.mqttNames ?? {}, mqttNames ?? {}]
        Object.assign(names, { mqttNames, httpNames })
        const changed = Object.keys(before).filter((name) => before[name] !== after[name])
        broker.dismiss(new Set(changed))
      },
    },
  })
}

const credentialsIn = (path: string | undefined) =>
  path === undefined ? undefined : parseCredentials(path, readFileSync(path, 'utf8'))
