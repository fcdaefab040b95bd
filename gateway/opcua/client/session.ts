// One secure channel and session to a server, with every way of the library to heal itself turned
// off: what is broken is thrown away and built anew (link.ts), which is the one way that is tested.
// The mode and policy are the ones that are set; there is no other to fall back to.
import * as opcua from 'node-opcua'
import { libraryNames } from '../library.ts'
import type { OwnCertificate } from '../own-certificate.ts'
import type { TrustStore } from '../trust-store.ts'
import { parseAddress } from './address.ts'
import type { NodePlan, ServerPlan, UserPlan } from './plan.ts'

export interface SessionParts {
  plan: ServerPlan
  own: OwnCertificate
  store: TrustStore
  applicationUri: string
}

/** How many things the server takes in one call (OPC 10000-5, 6.3.11); 0 in it means no limit. */
export interface OperationLimits {
  read: number
  browsePaths: number
  monitoredItems: number
  historyRead: number
}

export interface OpenSession {
  readonly session: opcua.ClientSession
  /** Called once when the channel or the session has ended by itself. */
  onLost(listener: (reason: string) => void): void
  /** Ends both; does not wait for a server that does not answer. */
  close(): void
}

/** Longest wait for one answer, milliseconds. */
const answerMs = 4000
const sessionMs = 30_000

export const openSession = async (parts: SessionParts): Promise<OpenSession> => {
  const { plan, own, store, applicationUri } = parts
  const client = opcua.OPCUAClient.create({
    applicationName: 'Tenfold gateway',
    applicationUri,
    clientName: `tenfold ${plan.name}`,
    securityMode: opcua.MessageSecurityMode[plan.mode],
    securityPolicy: opcua.SecurityPolicy[plan.policy],
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 200 },
    keepSessionAlive: false,
    requestedSessionTimeout: sessionMs,
    transportTimeout: answerMs,
    defaultTransactionTimeout: answerMs,
    certificateKeyPairProvider: own,
    [libraryNames.clientStore]: store,
  })
  // It keeps sockets of its own until it is told to let go, also where connecting has failed.
  const close = (): void => {
    client.disconnect().catch(() => {})
  }
  try {
    await client.connect(plan.url)
    const session = await client.createSession(identityOf(plan.user))
    return { session, onLost: (listener) => watch(client, session, listener), close }
  } catch (error) {
    close()
    throw error
  }
}

const watch = (
  client: opcua.OPCUAClient,
  session: opcua.ClientSession,
  listener: (reason: string) => void,
): void => {
  let told = false
  const lost = (reason: string): void => {
    if (!told) listener(reason)
    told = true
  }
  client.on('connection_lost', () => lost('the connection was lost'))
  client.on('close', () => lost('the connection was closed'))
  client.on('abort', () => lost('the connection was aborted'))
  session.on('session_closed', () => lost('the server closed the session'))
}

const identityOf = (user: UserPlan): opcua.UserIdentityInfo => {
  if (user.kind === 'password') {
    return {
      type: opcua.UserTokenType.UserName,
      userName: user.name,
      password: user.password,
    }
  }
  if (user.kind === 'certificate') {
    return {
      type: opcua.UserTokenType.Certificate,
      certificateData: opcua.crypto_utils.convertPEMtoDER(user.certificatePem),
      privateKey: user.keyPem,
    }
  }
  return { type: opcua.UserTokenType.Anonymous }
}

const usualLimit = 1000

/** What the server says it takes at once; a server that says nothing gets small calls. */
export const readLimits = async (session: opcua.ClientSession): Promise<OperationLimits> => {
  const asked = [
    opcua.VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    opcua.VariableIds
      .Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
    opcua.VariableIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    opcua.VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
  ]
  const values = await session.read(
    asked.map((id) => ({ nodeId: opcua.resolveNodeId(id), attributeId: opcua.AttributeIds.Value })),
  )
  const [read, browsePaths, monitoredItems, historyRead] = values.map(({ value }) => {
    const limit = Number(value?.value ?? 0)
    return Number.isInteger(limit) && limit > 0 ? Math.min(limit, usualLimit) : usualLimit
  }) as [number, number, number, number]
  return { read, browsePaths, monitoredItems, historyRead }
}

/** Splits a list to calls that the server takes. */
export const inChunks = <T>(list: readonly T[], size: number): T[][] => {
  const chunks: T[][] = []
  for (let i = 0; i < list.length; i += size) chunks.push(list.slice(i, i + size))
  return chunks
}

export type Resolved = { nodeId: opcua.NodeId } | { missing: string }

/**
 * Node ids of the plan's nodes, in order; namespaces by URI, as this run of the server has them.
 */
export const resolveNodes = async (
  session: opcua.ClientSession,
  nodes: readonly { node: NodePlan; namespace: string }[],
  limits: OperationLimits,
): Promise<Resolved[]> => {
  const uris = await session.readNamespaceArray()
  const found: (Resolved | opcua.BrowsePath)[] = nodes.map(({ node, namespace }) => {
    try {
      return locate(node.address, namespace, uris)
    } catch (error) {
      return { missing: (error as Error).message }
    }
  })
  const paths = found.flatMap((item, i) => (item instanceof opcua.BrowsePath ? [{ i, item }] : []))
  for (const chunk of inChunks(paths, limits.browsePaths)) {
    const results = await session.translateBrowsePath(chunk.map(({ item }) => item))
    chunk.forEach(({ i }, at) => {
      const { statusCode, targets } = results[at] as opcua.BrowsePathResult
      const target = targets?.[0]?.targetId
      found[i] = target ? { nodeId: target } : { missing: `no such path (${statusCode.name})` }
    })
  }
  return found as Resolved[]
}

const locate = (
  address: string,
  namespace: string,
  uris: readonly string[],
): Resolved | opcua.BrowsePath => {
  const indexOf = (uri: string): number => {
    const index = uri === '' ? 0 : uris.indexOf(uri)
    if (index < 0) throw new RangeError(`the server has no namespace ${uri}`)
    return index
  }
  const parsed = parseAddress(address, namespace)
  if (parsed.kind === 'id') {
    const index = parsed.uri === undefined ? (parsed.index ?? 0) : indexOf(parsed.uri)
    return { nodeId: opcua.resolveNodeId(`ns=${index};${parsed.id}`) }
  }
  return new opcua.BrowsePath({
    startingNode: opcua.resolveNodeId(opcua.ObjectIds.ObjectsFolder),
    relativePath: {
      elements: parsed.steps.map(({ uri, name }) => ({
        referenceTypeId: opcua.resolveNodeId(opcua.ReferenceTypeIds.HierarchicalReferences),
        isInverse: false,
        includeSubtypes: true,
        targetName: { namespaceIndex: indexOf(uri), name },
      })),
    },
  })
}
