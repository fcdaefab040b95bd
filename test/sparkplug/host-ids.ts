// Which statement of the specification about host applications is held by which check. No text of
// the specification is repeated here.
import { expect } from 'vitest'
import { type HostLife, stateOf } from './host-world.ts'

export type HostCheck = (life: HostLife) => void

const isNow = (ms: number | undefined): void => {
  expect(Math.abs((ms ?? 0) - Date.now())).toBeLessThan(600_000)
}

/** What it says while it is there, and its last word. */
const births = ({ states }: HostLife) => states.filter((one) => stateOf(one)?.online === true)
const deaths = ({ states }: HostLife) => states.filter((one) => stateOf(one)?.online === false)

const everyBirth =
  (check: (one: HostLife['states'][number]) => void): HostCheck =>
  (life) => {
    expect(births(life).length).toBeGreaterThanOrEqual(3)
    births(life).forEach(check)
  }
/** The will of each connection, and the death that it says itself. */
const everyDeath =
  (check: (one: NonNullable<Will>) => void): HostCheck =>
  (life) => {
    expect(life.connects.length).toBe(2)
    expect(deaths(life).length).toBe(1)
    for (const { will } of life.connects) check(will as NonNullable<Will>)
    for (const death of deaths(life)) check(death as NonNullable<Will>)
  }
type Will = HostLife['connects'][number]['will']

const topic = 'spBv1.0/STATE/scada'
const onTopic = (one: { topic?: string }): void => expect(one.topic).toBe(topic)
const qos1 = (one: { qos?: number }): void => expect(one.qos).toBe(1)
const retained = (one: { retain?: boolean }): void => expect(one.retain).toBe(true)
const says = (online: boolean) => (one: { payload?: Buffer }) => {
  expect(Object.keys(JSON.parse(String(one.payload))).sort()).toEqual(['online', 'timestamp'])
  expect(stateOf(one)?.online).toBe(online)
  isNow(stateOf(one)?.timestamp)
}

/** Every birth carries the timestamp of the will of its connection, and each connection another. */
const sameTimestamp: HostCheck = (life) => {
  const stamps = life.connects.map(({ will }) => stateOf(will ?? {})?.timestamp)
  expect(new Set(stamps).size).toBe(stamps.length)
  for (const birth of births(life)) {
    const connect = life.connects.findLast(({ at }) => at < birth.at)
    expect(stateOf(birth)?.timestamp).toBe(stateOf(connect?.will ?? {})?.timestamp)
  }
}
/** CONNECT, SUBSCRIBE to both, and only then the first word. */
const subscribedFirst: HostCheck = ({ tap, connects }) => {
  for (const { at } of connects) {
    // What the broker has kept for it may come with the SUBACK, and is acknowledged at once.
    const [next, then] = tap.sent.slice(at + 1).filter(({ cmd }) => cmd !== 'puback')
    expect(next?.subscriptions?.map((one) => one.topic)).toEqual([topic, 'spBv1.0/#'])
    expect([then?.cmd, then?.topic]).toEqual(['publish', topic])
  }
}
const clean: HostCheck = ({ connects }) =>
  expect(connects.map((one) => one.clean)).toEqual([true, true])
const ended: HostCheck = (life) => {
  const last = life.tap.sent
    .slice(life.ending)
    .filter(({ cmd }) => cmd !== 'puback')
    .slice(-2)
  expect(last.map(({ cmd }) => cmd)).toEqual(['publish', 'disconnect'])
  says(false)(last[0] ?? {})
}
const everyCommand =
  (check: (one: HostLife['commands'][number]) => void): HostCheck =>
  ({ commands }) => {
    expect(commands.length).toBeGreaterThan(0)
    commands.forEach(check)
  }
const asksForBirth = everyCommand(({ payloadRead: { items } }) => {
  expect(items).toEqual([
    expect.objectContaining({ name: 'Node Control/Rebirth', datatype: 11, value: true }),
  ])
})
const onCommandTopic = everyCommand((one) => expect(one.topic).toBe('spBv1.0/line/NCMD/press'))
const bad = { motor_current: 'bad', brake: 'bad', state: 'bad' }
const unitDied: HostCheck = ({ unitDeath: { time, q, saidMs } }) => {
  expect(q).toEqual(bad)
  expect(time).toBe(saidMs * 1000)
}
const nodeDied: HostCheck = ({ nodeDeath: { time, q, saidMs } }) => {
  expect(q).toEqual({ motor_current: 'bad', unit: bad })
  // By our clock, whatever its will says.
  expect(time).toBeGreaterThanOrEqual(saidMs * 1000)
}

const app = 'operational-behavior-host-application'
const flow = 'message-flow-phid-sparkplug'
const death = 'operational-behavior-edge-node-termination-host-action'

export const hostChecks: readonly (readonly [ids: string, check: HostCheck])[] = [
  ['conformance-primary-host intro-sparkplug-host-state', everyBirth(says(true))],
  ['components-ph-state', everyDeath(says(false))],
  ['host-topic-phid-birth-message', subscribedFirst],
  [`host-topic-phid-birth-qos ${app}-connect-birth-qos`, everyBirth(qos1)],
  [`host-topic-phid-birth-retain ${app}-connect-birth-retained`, everyBirth(retained)],
  [`host-topic-phid-birth-topic ${app}-connect-birth-topic`, everyBirth(onTopic)],
  ['host-topic-phid-birth-sub-required host-topic-phid-birth-required', subscribedFirst],
  [`host-topic-phid-birth-payload ${app}-connect-birth-payload`, everyBirth(says(true))],
  ['host-topic-phid-birth-payload-timestamp', sameTimestamp],
  [`host-topic-phid-death-qos ${app}-connect-will-qos ${app}-death-qos`, everyDeath(qos1)],
  ['host-topic-phid-death-retain', everyDeath(retained)],
  [`${app}-connect-will-retained ${app}-death-retained`, everyDeath(retained)],
  ['host-topic-phid-death-topic', everyDeath(onTopic)],
  [`${app}-connect-will-topic ${app}-death-topic`, everyDeath(onTopic)],
  [`host-topic-phid-death-required ${app}-connect-will`, everyDeath(onTopic)],
  ['host-topic-phid-death-payload', everyDeath(says(false))],
  [`${app}-connect-will-payload ${app}-death-payload`, everyDeath(says(false))],
  ['host-topic-phid-death-payload-timestamp-connect', sameTimestamp],
  ['host-topic-phid-death-payload-timestamp-disconnect-clean', ended],
  [`${app}-termination ${app}-disconnect-intentional`, ended],
  [`${flow}-clean-session-311`, clean],
  [`${flow}-subscription ${flow}-state-publish`, subscribedFirst],
  [`${flow}-state-publish-payload`, everyBirth(says(true))],
  [`${flow}-state-publish-payload-timestamp`, sameTimestamp],
  [
    'message-flow-hid-sparkplug-state-message-delivered',
    ({ revived: [before, after], states }) => {
      expect(after).toBe(before + 1)
      expect(stateOf(states[before] ?? {})?.online).toBe(true)
    },
  ],
  [`${app}-connect-birth`, subscribedFirst],
  [
    'operational-behavior-primary-application-state-with-multiple-servers-state',
    ({ connects, states }) => {
      const after = connects.map(({ at }) => states.find((one) => one.at > at)?.at)
      expect(new Set(after).size).toBe(connects.length)
    },
  ],
  [`${app}-multi-server-timestamp`, sameTimestamp],
  [`${death}-ndeath-node-offline ${death}-ndeath-node-tags-stale`, nodeDied],
  [`${death}-ndeath-devices-offline ${death}-ndeath-devices-tags-stale`, nodeDied],
  [`${death}-ddeath-devices-offline ${death}-ddeath-devices-tags-stale`, unitDied],
  [
    'operational-behavior-host-reordering-param operational-behavior-host-reordering-start',
    ({ asked: [, missed] }) => expect(missed).toBe(1),
  ],
  ['operational-behavior-host-reordering-rebirth', ({ asked: [, n] }) => expect(n).toBe(1)],
  ['operational-behavior-host-reordering-success', ({ asked: [n] }) => expect(n).toBe(0)],
  ['topics-ncmd-topic operational-behavior-data-commands-ncmd-verb', onCommandTopic],
  ['operational-behavior-data-commands-ncmd-rebirth-verb', onCommandTopic],
  [
    'topics-ncmd-mqtt',
    everyCommand(({ qos, retain }) => expect([qos, retain]).toEqual([0, false])),
  ],
  ['payloads-ncmd-qos', everyCommand(({ qos }) => expect(qos).toBe(0))],
  ['payloads-ncmd-retain', everyCommand(({ retain }) => expect(retain).toBe(false))],
  [
    'topics-ncmd-timestamp payloads-ncmd-timestamp',
    everyCommand(({ payloadRead: { timestamp } }) => isNow(timestamp)),
  ],
  ['payloads-ncmd-seq', everyCommand((one) => expect(one.payloadRead.seq).toBeUndefined())],
  ['topics-ncmd-payload operational-behavior-data-commands-ncmd-rebirth-name', asksForBirth],
  ['operational-behavior-data-commands-ncmd-rebirth-value', asksForBirth],
  ['operational-behavior-data-commands-ncmd-metric-name', asksForBirth],
  ['operational-behavior-data-commands-ncmd-metric-value', asksForBirth],
  [
    'payloads-name-cmd-requirement',
    everyCommand(({ payloadRead: { items } }) => isNow(items[0]?.timestamp)),
  ],
  ['payloads-state-will-message', everyDeath(onTopic)],
  ['payloads-state-will-message-qos', everyDeath(qos1)],
  ['payloads-state-will-message-retain', everyDeath(retained)],
  ['payloads-state-will-message-payload', everyDeath(says(false))],
  ['payloads-state-subscribe payloads-state-birth', subscribedFirst],
  ['payloads-state-birth-payload', sameTimestamp],
]
