// The ids of the testable statements of the Sparkplug specification 3.0.0 (chapters 1 to 10) that
// the tests of servers are named by, and those that no test is named by, each with the reason. The
// rest stand in edge-ids.ts and host-ids.ts.

/** Testable statements in the specification's source, counted there. */
export const statements = 299

export const serverIds = [
  'conformance-mqtt-qos0',
  'conformance-mqtt-qos1',
  'conformance-mqtt-will-messages',
  'conformance-mqtt-retained',
  'conformance-mqtt-aware-basic',
  'conformance-mqtt-aware-store',
  'conformance-mqtt-aware-nbirth-mqtt-topic',
  'conformance-mqtt-aware-nbirth-mqtt-retain',
  'conformance-mqtt-aware-dbirth-mqtt-topic',
  'conformance-mqtt-aware-dbirth-mqtt-retain',
] as const

/** Proven with Mosquitto: the embedded broker speaks 3.1.1. */
export const mqtt5Ids = [
  'principles-persistence-clean-session-50',
  'message-flow-phid-sparkplug-clean-session-50',
  'payloads-ndeath-will-message-publisher-disconnect-mqtt50',
] as const

/** Why no test is named by these. */
export const notCovered: readonly { why: string; prefix?: string; ids: string }[] = [
  {
    why: 'The server may replace the timestamp of an NDEATH; ours leaves it as it is.',
    ids: 'conformance-mqtt-aware-ndeath-timestamp',
  },
  {
    why: 'Uniqueness over a whole infrastructure: who sets the names must keep it.',
    ids:
      'intro-edge-node-id-uniqueness topic-structure-namespace-unique-edge-node-descriptor ' +
      'payloads-nbirth-edge-node-descriptor operational-behavior-host-application-host-id ' +
      'case-sensitivity-sparkplug-ids',
  },
  {
    why: 'A permission, and nothing that could fail.',
    ids: 'topic-structure-namespace-duplicate-device-id-across-edge-node',
  },
  {
    why: 'Our host sends no command but the request for a birth.',
    ids:
      'topics-dcmd-topic topics-dcmd-mqtt topics-dcmd-timestamp topics-dcmd-payload ' +
      'payloads-dcmd-timestamp payloads-dcmd-seq payloads-dcmd-qos payloads-dcmd-retain ' +
      'operational-behavior-data-commands-dcmd-verb ' +
      'operational-behavior-data-commands-dcmd-metric-name ' +
      'operational-behavior-data-commands-dcmd-metric-value',
  },
  {
    why: 'Our units take no command over Sparkplug: nothing there can be written.',
    ids: 'message-flow-device-dcmd-subscribe',
  },
  {
    why: 'Our host always leaves with a DISCONNECT.',
    ids: 'host-topic-phid-death-payload-timestamp-disconnect-with-no-disconnect-packet',
  },
  {
    why: 'Our host connects to one server; not built.',
    ids: 'operational-behavior-primary-application-state-with-multiple-servers-state-subs',
  },
  {
    why: 'Our edge node sends no data set; as a host we refuse them, tested in host.test.ts.',
    prefix: 'payloads-dataset-',
    ids:
      'column-size column-num-headers types-def types-num types-type types-value ' +
      'parameter-type-req',
  },
  {
    why: 'Our edge node sends no template; as a host we refuse them, tested in host.test.ts.',
    ids: 'topics-nbirth-templates',
  },
  {
    why: 'Our edge node sends no template; as a host we refuse them, tested in host.test.ts.',
    prefix: 'payloads-template-',
    ids:
      'dataset-value definition-nbirth-only definition-is-definition definition-ref ' +
      'definition-members definition-nbirth definition-parameters ' +
      'definition-parameters-default instance-is-definition instance-ref instance-members ' +
      'instance-members-birth instance-members-data instance-parameters version ' +
      'ref-definition ref-instance is-definition is-definition-definition ' +
      'is-definition-instance parameter-name-required parameter-name-type ' +
      'parameter-value-type parameter-type-value parameter-type-req parameter-value',
  },
]
