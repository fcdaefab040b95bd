// Which statement of the specification about edge nodes is held by which check.
import { expect } from 'vitest'
import { type Checks, parts } from './edge-checks.ts'
import { itemOf } from './wire.ts'

const p = parts

export const edgeChecks: Checks = [
  ['topics-nbirth-topic message-flow-edge-node-birth-publish-nbirth-topic', p.onTopic('NBIRTH')],
  ['topics-ndata-topic', p.onTopic('NDATA')],
  ['topics-dbirth-topic message-flow-device-birth-publish-dbirth-topic', p.onTopic('DBIRTH')],
  ['message-flow-device-birth-publish-dbirth-match-edge-node-topic', p.onTopic('DBIRTH')],
  ['topics-ddata-topic', p.onTopic('DDATA')],
  ['topics-ddeath-topic', p.onTopic('DDEATH')],
  ['topics-ndeath-topic', p.onTopic('NDEATH')],
  ['topics-nbirth-mqtt', p.plainMqtt('NBIRTH')],
  ['topics-ndata-mqtt', p.plainMqtt('NDATA')],
  ['topics-dbirth-mqtt', p.plainMqtt('DBIRTH')],
  ['topics-ddata-mqtt', p.plainMqtt('DDATA')],
  ['topics-ddeath-mqtt', p.plainMqtt('DDEATH')],
  ['payloads-nbirth-qos message-flow-edge-node-birth-publish-nbirth-qos', p.qos0('NBIRTH')],
  ['payloads-nbirth-retain', p.notRetained('NBIRTH')],
  ['message-flow-edge-node-birth-publish-nbirth-retained', p.notRetained('NBIRTH')],
  ['payloads-dbirth-qos message-flow-device-birth-publish-dbirth-qos', p.qos0('DBIRTH')],
  ['payloads-dbirth-retain', p.notRetained('DBIRTH')],
  ['message-flow-device-birth-publish-dbirth-retained', p.notRetained('DBIRTH')],
  ['payloads-ndata-qos', p.qos0('NDATA')],
  ['payloads-ndata-retain', p.notRetained('NDATA')],
  ['payloads-ddata-qos', p.qos0('DDATA')],
  ['payloads-ddata-retain', p.notRetained('DDATA')],
  ['topics-nbirth-timestamp payloads-nbirth-timestamp', p.stamped('NBIRTH')],
  ['topics-ndata-timestamp payloads-ndata-timestamp', p.stamped('NDATA')],
  ['topics-dbirth-timestamp payloads-dbirth-timestamp', p.stamped('DBIRTH')],
  ['topics-ddata-timestamp payloads-ddata-timestamp', p.stamped('DDATA')],
  ['payloads-ddeath-timestamp', p.stamped('DDEATH')],
  ['payloads-timestamp-in-UTC', p.stamped('DDATA')],
  ['payloads-metric-timestamp-in-UTC', p.each(p.kindsOfData, (_, item) => p.isNow(item.timestamp))],
  ['topics-nbirth-seq-num', p.inSequence('NBIRTH')],
  ['payloads-nbirth-seq payloads-sequence-num-req-nbirth', p.numbered('NBIRTH')],
  ['message-flow-edge-node-birth-publish-nbirth-payload-seq', p.numbered('NBIRTH')],
  ['topics-ndata-seq-num payloads-ndata-seq-inc', p.inSequence('NDATA')],
  ['topics-dbirth-seq payloads-dbirth-seq-inc', p.inSequence('DBIRTH')],
  ['message-flow-device-birth-publish-dbirth-payload-seq', p.inSequence('DBIRTH')],
  ['topics-ddata-seq-num payloads-ddata-seq-inc', p.inSequence('DDATA')],
  ['topics-ddeath-seq-num payloads-ddeath-seq-inc', p.inSequence('DDEATH')],
  ['payloads-sequence-num-incrementing', p.inSequence('DDATA')],
  ['payloads-ndata-seq', p.numbered('NDATA')],
  ['payloads-dbirth-seq', p.numbered('DBIRTH')],
  ['payloads-ddata-seq', p.numbered('DDATA')],
  ['payloads-ddeath-seq payloads-ddeath-seq-number', p.numbered('DDEATH')],
  [
    'payloads-sequence-num-always-included',
    ({ sent }) =>
      sent.forEach(({ kind, seq }) => {
        expect(seq === undefined).toBe(kind === 'NDEATH')
      }),
  ],
  ['topics-nbirth-metrics', p.completeBirth('NBIRTH')],
  ['topics-dbirth-metrics', p.completeBirth('DBIRTH')],
  ['operational-behavior-data-publish-nbirth-values', p.completeBirth('NBIRTH')],
  ['operational-behavior-data-publish-dbirth-values', p.completeBirth('DBIRTH')],
  ['topics-nbirth-metric-reqs topics-ndata-payload', p.declared('NBIRTH', 'NDATA')],
  ['operational-behavior-data-publish-nbirth', p.declared('NBIRTH', 'NDATA')],
  ['topics-dbirth-metric-reqs', p.declared('DBIRTH', 'DDATA')],
  ['operational-behavior-data-publish-dbirth', p.declared('DBIRTH', 'DDATA')],
  ['operational-behavior-data-publish-nbirth-change', p.byException('NDATA')],
  ['operational-behavior-data-publish-dbirth-change topics-ddata-payload', p.byException('DDATA')],
  ['principles-rbe-recommended', p.byException('DDATA')],
  ['operational-behavior-data-publish-nbirth-order', p.chronological(['NBIRTH', 'NDATA'])],
  ['operational-behavior-data-publish-dbirth-order', p.chronological(['DBIRTH', 'DDATA'])],
  [
    'payloads-name-requirement payloads-alias-birth-requirement',
    p.each(p.kindsOfBirth, (_, { name, alias }) => {
      expect(name).toBeTypeOf('string')
      const isBare = name === 'bdSeq' || name === 'Node Control/Rebirth'
      expect(alias === undefined).toBe(isBare)
    }),
  ],
  ['payloads-alias-uniqueness', p.aliasesUnique],
  [
    'payloads-alias-data-cmd-requirement',
    p.each(p.kindsOfData, (_, { name, alias }) => {
      expect([name, typeof alias]).toEqual([undefined, 'number'])
    }),
  ],
  [
    'payloads-name-birth-data-requirement',
    p.each([...p.kindsOfBirth, ...p.kindsOfData], (_, { timestamp }) => p.isNow(timestamp)),
  ],
  [
    'payloads-metric-datatype-value-type payloads-metric-datatype-req',
    p.each(p.kindsOfBirth, (_, { datatype }) => expect(Number.isInteger(datatype)).toBe(true)),
  ],
  ['payloads-metric-datatype-value', p.completeBirth('DBIRTH')],
  [
    'payloads-metric-datatype-not-req',
    p.each(p.kindsOfData, (_, { datatype }) => expect(datatype).toBeUndefined()),
  ],
  ['payloads-propertyset-keys-array-size payloads-propertyset-values-array-size', p.properties],
  ['payloads-metric-propertyvalue-type-type', p.properties],
  ['payloads-metric-propertyvalue-type-value payloads-metric-propertyvalue-type-req', p.properties],
  ['payloads-propertyset-quality-value-type', p.quality],
  ['payloads-propertyset-quality-value-value', p.quality],
  ['payloads-dbirth-order', p.rebirthDone],
  ['payloads-ndata-order', p.afterBirths('NDATA')],
  ['payloads-ddata-order', p.afterBirths('DDATA')],
  ['message-flow-device-birth-publish-nbirth-wait', p.afterBirths('DBIRTH')],
  [
    'message-flow-edge-node-birth-publish-nbirth-payload',
    p.every('NBIRTH', ({ items }) => expect(items.length).toBe(3)),
  ],
  [
    'message-flow-device-birth-publish-dbirth-payload',
    p.every('DBIRTH', ({ items }) => expect(items.length).toBe(11)),
  ],
  [
    'topics-nbirth-bdseq-included payloads-nbirth-bdseq',
    p.every('NBIRTH', (birth) => expect(itemOf(birth, 'bdSeq')?.datatype).toBe(4)),
  ],
  ['topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat', p.birthOfWill],
  ['message-flow-edge-node-birth-publish-nbirth-payload-bdSeq', p.birthOfWill],
  ['payloads-ndeath-bdseq operational-behavior-data-commands-rebirth-action-3', p.birthOfWill],
  [
    'topics-nbirth-bdseq-increment',
    // Over connections and over the restart.
    (world) => expect(p.bdSeqs(world)).toEqual(p.bdSeqs(world).map((_, i) => i)),
  ],
  [
    'message-flow-edge-node-birth-publish-will-message-payload-bdSeq',
    (world) => {
      world.wills.forEach((will, i) => {
        expect(itemOf(will, 'bdSeq')).toMatchObject({ datatype: 4, value: i })
      })
    },
  ],
  [
    'topics-nbirth-rebirth-metric payloads-nbirth-rebirth-req',
    p.rebirthItem((item) => expect(item).toMatchObject({ datatype: 11, value: false })),
  ],
  [
    'operational-behavior-data-commands-rebirth-name',
    p.rebirthItem((item) => expect(item).toBeDefined()),
  ],
  [
    'operational-behavior-data-commands-rebirth-name-aliases',
    p.rebirthItem((item) => expect(item).not.toHaveProperty('alias')),
  ],
  [
    'operational-behavior-data-commands-rebirth-datatype',
    p.rebirthItem((item) => expect(item?.datatype).toBe(11)),
  ],
  [
    'operational-behavior-data-commands-rebirth-value',
    p.rebirthItem((item) => expect(item?.value).toBe(false)),
  ],
  ['operational-behavior-data-commands-rebirth-action-1', p.rebirthDone],
  ['operational-behavior-data-commands-rebirth-action-2', p.rebirthDone],
  [
    'topics-ndeath-payload',
    p.every('NDEATH', ({ items }) => expect(items.map(({ name }) => name)).toEqual(['bdSeq'])),
  ],
  ['topics-ndeath-seq payloads-ndeath-seq', p.everyWill(({ seq }) => expect(seq).toBeUndefined())],
  ['payloads-ndeath-will-message', p.everyWill(({ kind }) => expect(kind).toBe('NDEATH'))],
  [
    'message-flow-edge-node-birth-publish-will-message',
    p.everyWill(({ bytes }) => expect(bytes.length).toBeGreaterThan(0)),
  ],
  [
    'message-flow-edge-node-birth-publish-will-message-topic',
    p.everyWill(({ topic }) => expect(topic).toBe('spBv1.0/hall/NDEATH/gate')),
  ],
  [
    'message-flow-edge-node-birth-publish-will-message-payload',
    p.everyWill(({ items }) => expect(items.length).toBe(1)),
  ],
  [
    'payloads-ndeath-will-message-qos message-flow-edge-node-birth-publish-will-message-qos',
    p.everyWill(({ qos }) => expect(qos).toBe(1)),
  ],
  ['payloads-ndeath-will-message-retain', p.everyWill(({ retain }) => expect(retain).toBe(false))],
  [
    'message-flow-edge-node-birth-publish-will-message-will-retained',
    p.everyWill(({ retain }) => expect(retain).toBe(false)),
  ],
  ['payloads-ndeath-will-message-publisher', p.farewell],
  ['payloads-ndeath-will-message-publisher-disconnect-mqtt311', p.farewell],
  ['operational-behavior-edge-node-intentional-disconnect-ndeath', p.farewell],
  ['operational-behavior-edge-node-intentional-disconnect-packet', p.farewell],
  [
    'principles-persistence-clean-session-311',
    ({ connects }) => expect(connects.filter(({ clean }) => clean !== true)).toEqual([]),
  ],
  ['message-flow-edge-node-birth-publish-phid-wait', p.waited],
  ['message-flow-edge-node-birth-publish-phid-wait-id', p.waited],
  ['message-flow-edge-node-birth-publish-phid-wait-online', p.waited],
  ['operational-behavior-edge-node-birth-sequence-wait', p.waited],
  [
    'message-flow-edge-node-birth-publish-phid-wait-timestamp',
    ({ afterStale: [before, after] }) => expect(after).toBe(before),
  ],
  [
    'operational-behavior-edge-node-termination-host-offline-timestamp',
    ({ afterStale: [before, after] }) => expect(after).toBe(before),
  ],
  ['message-flow-edge-node-birth-publish-phid-offline', p.goneAndBack],
  ['operational-behavior-edge-node-termination-host-offline', p.goneAndBack],
  [
    'operational-behavior-edge-node-termination-host-offline-reconnect',
    ({ walked }) => expect(walked).toEqual([1, 1]),
  ],
  [
    'operational-behavior-primary-application-state-with-multiple-servers-walk',
    ({ walked }) => expect(walked).toEqual([1, 1]),
  ],
  [
    'operational-behavior-primary-application-state-with-multiple-servers-single-server',
    ({ walked }) => expect(walked).toEqual([1, 1]),
  ],
  ['operational-behavior-device-ddeath', p.onTopic('DDEATH')],
  [
    'message-flow-edge-node-ncmd-subscribe',
    ({ tap }) => {
      const [first] = tap.sent.filter(({ cmd }) => cmd === 'subscribe')
      expect(first?.subscriptions?.map(({ topic }) => topic)).toContain('spBv1.0/hall/NCMD/gate')
    },
  ],
  [
    'message-flow-edge-node-birth-publish-connect',
    ({ tap, sent }) => {
      expect(tap.sent[0]?.cmd).toBe('connect')
      expect(sent[0]?.at).toBeGreaterThan(0)
    },
  ],
  ['principles-birth-certificates-order', p.waited],
  ['intro-group-id-string intro-group-id-chars', p.ids(1)],
  ['topic-structure-namespace-valid-group-id', p.ids(1)],
  ['intro-edge-node-id-string intro-edge-node-id-chars', p.ids(3)],
  ['topic-structure-namespace-valid-edge-node-id', p.ids(3)],
  ['intro-device-id-string intro-device-id-chars', p.ids(4)],
  ['topic-structure-namespace-valid-device-id', p.ids(4)],
  [
    'topic-structure topic-structure-namespace-a',
    ({ sent }) => expect(sent.filter(({ topic }) => !topic.startsWith('spBv1.0/'))).toEqual([]),
  ],
  ['topic-structure-namespace-device-id-associated-message-types', p.onTopic('DDATA')],
  ['topic-structure-namespace-device-id-non-associated-message-types', p.onTopic('NDATA')],
  [
    'topic-structure-namespace-unique-device-id',
    (world) => {
      const births = p.of(world, 'DBIRTH').filter(({ at }) => at < world.asked)
      expect(new Set(births.map(({ topic }) => topic)).size).toBe(births.length)
    },
  ],
  [
    'case-sensitivity-metric-names',
    p.every('DBIRTH', ({ items }) => {
      expect(new Set(items.map(({ name }) => name?.toLowerCase())).size).toBe(items.length)
    }),
  ],
]
