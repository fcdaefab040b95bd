// A real OPC UA server in a process of its own, to be killed, frozen and restarted by the tests.
// Its values are whole numbers that count up, so that a lost one shows. Forked by fleet.ts, which
// tells it by one message what to offer.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  DataType,
  MessageSecurityMode,
  type Namespace,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  type UAVariable,
  Variant,
  VariantArrayType,
} from 'node-opcua'
import { CertificateFolder } from '../../gateway/opcua/certificates.ts'
import { libraryNames, silenceLibrary } from '../../gateway/opcua/library.ts'
import { makeOwnCertificate } from '../../gateway/opcua/own-certificate.ts'
import { TrustStore } from '../../gateway/opcua/trust-store.ts'

export interface ServerOrder {
  port: number
  folder: string
  /** Variables Count0 ... that count up. */
  counting: number
  everyMs: number
  history: boolean
  policies: ('None' | 'Basic256Sha256' | 'Aes128_Sha256_RsaOaep' | 'Aes256_Sha256_RsaPss')[]
  modes: ('None' | 'Sign' | 'SignAndEncrypt')[]
  /** Dates of its certificate, where it has none yet. */
  certificate?: { fromMs: number; days: number }
  /** Most monitored items in one call. */
  itemsMax?: number
}

export const serverUri = 'urn:test:press'
const name = 'urn:test:press:values'

const values = (namespace: Namespace, order: ServerOrder): UAVariable[] => {
  const press = namespace.addObject({ organizedBy: 'ObjectsFolder', browseName: 'Press' })
  return Array.from({ length: order.counting }, (_, i) =>
    namespace.addVariable({
      componentOf: press,
      browseName: `Count${i}`,
      nodeId: `s=Count${i}`,
      dataType: DataType.Double,
      minimumSamplingInterval: Math.min(order.everyMs, 50),
    }),
  )
}

/** Variables whose values and status codes are chosen to be difficult. */
const oddities = (namespace: Namespace): Record<string, UAVariable> => {
  const folder = namespace.addObject({ organizedBy: 'ObjectsFolder', browseName: 'Odd' })
  const add = (browseName: string, dataType: DataType): UAVariable =>
    namespace.addVariable({ componentOf: folder, browseName, nodeId: `s=${browseName}`, dataType })
  const odd = {
    Text: add('Text', DataType.String),
    Nan: add('Nan', DataType.Double),
    Poor: add('Poor', DataType.Double),
    Doubtful: add('Doubtful', DataType.Double),
    Big: add('Big', DataType.UInt64),
    Many: namespace.addVariable({
      componentOf: folder,
      browseName: 'Many',
      nodeId: 's=Many',
      dataType: DataType.Double,
      valueRank: 1,
    }),
  }
  odd.Text.setValueFromSource({ dataType: DataType.String, value: '12.5' })
  odd.Nan.setValueFromSource({ dataType: DataType.Double, value: Number.NaN })
  odd.Poor.setValueFromSource({ dataType: DataType.Double, value: 1 }, StatusCodes.BadSensorFailure)
  odd.Doubtful.setValueFromSource({ dataType: DataType.Double, value: 7 }, StatusCodes.Uncertain)
  odd.Big.setValueFromSource({
    dataType: DataType.UInt64,
    arrayType: VariantArrayType.Scalar,
    value: [1, 5],
  })
  odd.Many.setValueFromSource(
    new Variant({
      dataType: DataType.Double,
      arrayType: VariantArrayType.Array,
      value: new Float64Array([1, 2]),
    }),
  )
  return odd
}

const serve = async (order: ServerOrder): Promise<void> => {
  silenceLibrary()
  const folder = new CertificateFolder(join(order.folder, 'pki'))
  if (folder.own() === undefined) {
    const { fromMs, days } = order.certificate ?? { fromMs: Date.now() - 60_000, days: 365 }
    await makeOwnCertificate(folder, { applicationUri: serverUri, name: 'Press', fromMs, days })
  }
  const store = new TrustStore({
    folder,
    nowMs: () => Date.now(),
    onStranger: () => {},
    onWarning: () => {},
  })
  const server = new OPCUAServer({
    port: order.port,
    hostname: '127.0.0.1',
    serverInfo: { applicationUri: serverUri },
    securityModes: order.modes.map((mode) => MessageSecurityMode[mode]),
    securityPolicies: order.policies.map((policy) => SecurityPolicy[policy]),
    allowAnonymous: true,
    userManager: {
      isValidUser: (user: string, password: string) => user === 'maker' && password === 'drill',
    },
    certificateFile: folder.ownCertificate,
    privateKeyFile: folder.ownKey,
    serverCapabilities: {
      operationLimits: { maxMonitoredItemsPerCall: order.itemsMax ?? 0 },
    },
    ...{ [libraryNames.serverStore]: store, [libraryNames.userStore]: store },
  } as unknown as ConstructorParameters<typeof OPCUAServer>[0])
  await server.initialize()
  const { addressSpace } = server.engine
  assert(addressSpace)
  const namespace = addressSpace.registerNamespace(name)
  const variables = values(namespace, order)
  oddities(namespace)
  if (order.history) {
    for (const variable of variables) {
      addressSpace.installHistoricalDataNode(variable, { maxOnlineValues: 10_000 })
    }
  }
  await server.start()
  let count = 0
  const step = (): void => {
    count += 1
    const at = new Date()
    for (const variable of variables) {
      variable.setValueFromSource({ dataType: DataType.Double, value: count }, StatusCodes.Good, at)
    }
  }
  // The library samples in an immediate after its timer: where a busy machine lets both timers run
  // late together, a step in its own would pass over a value before it is sampled.
  setInterval(() => setImmediate(step), order.everyMs)
  process.on('message', (message: { ask: 'count' }) => {
    if (message.ask === 'count') process.send?.({ count })
  })
  process.send?.({ ready: server.endpoints[0]?.port })
}

process.once('message', (order: ServerOrder) => {
  serve(order).catch((error: Error) => process.send?.({ failed: error.stack }))
})
process.once('disconnect', () => process.exit(0))
