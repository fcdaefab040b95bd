// Who may log in to the OPC UA server, and what each role may do (OPC 10000-18, role-based
// security). Everybody only reads, but that an operator may call the methods of a unit. Nobody logs
// in by a certificate: an approved application is no person.
import { readFileSync } from 'node:fs'
import * as opcua from 'node-opcua'
import { checkPassword, parseCredentials } from '../../credentials.ts'
import { libraryNames } from '../library.ts'
import type { Role, ShowPlan } from './plan.ts'

const { PermissionFlag: may, WellKnownRoles: known } = opcua
const reads = may.Browse | may.Read | may.ReadRolePermissions | may.ReceiveEvents

export interface Users {
  /** Options of the library's server that have to do with users. */
  readonly options: object
  /** What each role may do with a node of a unit. */
  readonly ofUnits: opcua.RolePermissionTypeOptions[]
  /** What each role may do with a node of the server or of a companion specification. */
  readonly ofOthers: opcua.RolePermissionTypeOptions[]
  /** Offers no other way to log in than the one that is asked for. */
  prune(server: opcua.OPCUAServer): void
}

/** Throws an OperatingError where the file of names is none. */
export const usersOf = ({ credentials: path, roles }: ShowPlan): Users => {
  const names = path === undefined ? {} : parseCredentials(path, readFileSync(path, 'utf8'))
  const roleOf = (name: string): Role =>
    (Object.hasOwn(roles, name) ? roles[name] : undefined) ?? 'observer'
  const readers = [path === undefined ? known.Anonymous : [], known.Observer].flat()
  const permissions = (operator: number): opcua.RolePermissionTypeOptions[] => [
    ...readers.map((role) => ({ roleId: opcua.resolveNodeId(role), permissions: reads })),
    { roleId: opcua.resolveNodeId(known.Operator), permissions: operator },
  ]
  return {
    options: {
      allowAnonymous: path === undefined,
      [libraryNames.users]: {
        isValidUserAsync: (
          name: string,
          password: string,
          answer: (error: Error | null, isValid?: boolean) => void,
        ): void => {
          checkPassword(names, name, password).then(
            (isValid) => answer(null, isValid),
            (error: Error) => answer(error),
          )
        },
        getUserRoles: (name: string) =>
          opcua.makeRoles(
            `AuthenticatedUser;${roleOf(name) === 'operator' ? 'Operator' : 'Observer'}`,
          ),
      },
      [libraryNames.userStore]: nobody,
      unresolvedPermissionPolicy: 'deny',
    },
    ofUnits: permissions(reads | may.Call),
    ofOthers: permissions(reads),
    prune: (server) => {
      const only = path === undefined ? opcua.UserTokenType.Anonymous : opcua.UserTokenType.UserName
      for (const endpoint of server.endpoints.flatMap((one) => one.endpointDescriptions())) {
        endpoint.userIdentityTokens =
          endpoint.userIdentityTokens?.filter(({ tokenType }) => tokenType === only) ?? null
      }
    },
  }
}

type Answer = (error: Error | null, status?: opcua.StatusCode) => void

/** Certificates of users, in the form the library asks for: believes none, and keeps none. */
const nobody = {
  referenceCounter: 0,
  initialize: async (): Promise<void> => {},
  dispose: async (): Promise<void> => {},
  checkCertificate: async (_: unknown, answer?: Answer): Promise<opcua.StatusCode> => {
    const status = opcua.StatusCodes.BadCertificateUntrusted
    answer?.(null, status)
    return status
  },
}
