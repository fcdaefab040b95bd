// A client of the gateway's OPC UA server, over real sockets and of the same library: with the
// certificate, the user and the security that a test gives it, and for as long as the test's
// function runs.
import {
  type ClientSession,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua'
import { type CertificateFolder, factsOf } from '../../gateway/opcua/certificates.ts'
import { libraryNames, silenceLibrary } from '../../gateway/opcua/library.ts'
import { OwnCertificate } from '../../gateway/opcua/own-certificate.ts'
import { TrustStore } from '../../gateway/opcua/trust-store.ts'

export interface Visit {
  port: number
  /** Its own certificate, and whom it believes. */
  folder: CertificateFolder
  user?: { name: string; password: string } | undefined
  /** Instead of a name and a password. */
  identity?: UserIdentityInfo
  policy?: SecurityPolicy
  mode?: keyof typeof MessageSecurityMode
}

export const visit = async <T>(
  how: Visit,
  what: (session: ClientSession) => Promise<T>,
): Promise<T> => {
  const { port, folder, user, policy = SecurityPolicy.Basic256Sha256, mode } = how
  const trusting = { folder, nowMs: () => Date.now(), onWarning: () => {} }
  silenceLibrary()
  const own = new OwnCertificate(folder)
  const client = OPCUAClient.create({
    applicationUri: factsOf(own.getCertificate()).applicationUri ?? '',
    securityMode: MessageSecurityMode[mode ?? 'SignAndEncrypt'],
    securityPolicy: policy,
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0 },
    certificateKeyPairProvider: own,
    [libraryNames.clientStore]: new TrustStore({ ...trusting, onStranger: () => {} }),
  })
  const named = user && {
    ...{ type: UserTokenType.UserName as const, userName: user.name, password: user.password },
  }
  try {
    await client.connect(`opc.tcp://127.0.0.1:${port}`)
    const identity = how.identity ?? named ?? { type: UserTokenType.Anonymous as const }
    return await what(await client.createSession(identity))
  } finally {
    await client.disconnect()
  }
}

/** Node id of a part of a unit, as the server numbers its namespaces now. */
export const nodeOf = async (session: ClientSession, path: string): Promise<string> => {
  const uris = await session.readNamespaceArray()
  return `ns=${uris.indexOf('urn:tenfold:v1:units')};s=${path}`
}

/** Each side approves whoever waits there. */
export const approveAll = (...folders: CertificateFolder[]): void => {
  for (const folder of folders) {
    for (const { thumbprint } of folder.list('pending')) folder.approve(thumbprint)
  }
}
