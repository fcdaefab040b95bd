// The OPC UA server itself: endpoints with the security that is set, users, the companion nodesets,
// and a machine for each unit that it hears of. It shows and never takes: there is no node to be
// written and no method to be called.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as opcua from 'node-opcua'
import { opcUaNamespace } from '../../../hardware-profiles/names.ts'
import type { Clock } from '../../core/clock.ts'
import { OperatingError } from '../../core/errors.ts'
import { checkPassword, parseCredentials } from '../../credentials.ts'
import { CertificateFolder, expiryWarning, factsOf } from '../certificates.ts'
import { libraryNames } from '../library.ts'
import { applicationUri, makeGatewayCertificate, OwnCertificate } from '../own-certificate.ts'
import { TrustStore } from '../trust-store.ts'
import { Face } from './face.ts'
import type { ShownEvent, ShownReading, ShowPlan, Standing } from './plan.ts'

const policies = {
  secure: [
    opcua.SecurityPolicy.Basic256Sha256,
    opcua.SecurityPolicy.Aes128_Sha256_RsaOaep,
    opcua.SecurityPolicy.Aes256_Sha256_RsaPss,
  ],
  none: [opcua.SecurityPolicy.None],
}
/** Connections at once; a stranger must not use up the gateway. */
const connectionsMax = 50
const judgeMs = 1000
const certificateMs = 2000

export interface ShowParts {
  plan: ShowPlan
  clock: Clock
  note(line: string): void
}

export class Show {
  readonly #parts: ShowParts
  readonly #faces = new Map<string, Face>()
  readonly #stops: (() => Promise<void> | void)[] = []
  #namespace: opcua.Namespace | undefined

  constructor(parts: ShowParts) {
    this.#parts = parts
  }

  /** Listens; returns the port. Throws an OperatingError where it cannot. */
  async start(): Promise<number> {
    const { plan, clock } = this.#parts
    const folder = new CertificateFolder(join(plan.folder, 'pki'))
    const nowMs = (): number => clock.nowUs() / 1000
    if (folder.own() === undefined) await makeGatewayCertificate(folder, 'server', nowMs())
    const server = new opcua.OPCUAServer(this.#options(folder))
    this.#stops.push(() => server.shutdown(0))
    try {
      await server.initialize()
      const { addressSpace } = server.engine
      if (addressSpace === null) throw new Error('the server has no address space')
      this.#namespace = addressSpace.registerNamespace(opcUaNamespace)
      await server.start()
    } catch (cause) {
      throw cannotListen(plan, cause as Error)
    }
    this.#watch(server, folder)
    return server.endpoints[0]?.port ?? plan.port
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop()
  }

  stand(standings: readonly Standing[]): void {
    for (const standing of standings) this.#face(standing)?.stand(standing)
  }

  show(readings: readonly ShownReading[], events: readonly ShownEvent[]): void {
    for (const reading of readings) this.#face(reading)?.read(reading)
    for (const event of events) this.#faces.get(event.unit)?.tell(event)
  }

  #face({ unit, machine }: { unit: string; machine: string }): Face | undefined {
    const known = this.#faces.get(unit)
    if (known !== undefined) return known
    const profile = this.#parts.plan.profiles.find((one) => one.machine === machine)
    const namespace = this.#namespace
    if (profile === undefined || namespace === undefined) return undefined
    const face = new Face({ namespace, profile, unit, nowUs: () => this.#parts.clock.nowUs() })
    this.#faces.set(unit, face)
    return face
  }

  #options(folder: CertificateFolder): opcua.OPCUAServerOptions {
    const { plan, note, clock } = this.#parts
    const store = new TrustStore({
      folder,
      nowMs: () => clock.nowUs() / 1000,
      onStranger: ({ thumbprint, subject }) =>
        note(`waits for approval: certificate ${thumbprint} (${subject}); see "tenfold trust"`),
      onWarning: note,
    })
    const isOpen = plan.modes.includes('None')
    if (isOpen) note('WITHOUT SECURITY: anybody who can reach it can read every unit')
    const { nodesets } = opcua
    return {
      ...{ host: plan.host, hostname: plan.host, port: plan.port },
      nodeset_filename: [nodesets.standard, nodesets.di, nodesets.ia, nodesets.machinery],
      securityModes: plan.modes.map((mode) => opcua.MessageSecurityMode[mode]),
      securityPolicies: isOpen ? [...policies.secure, ...policies.none] : policies.secure,
      certificateFile: folder.ownCertificate,
      privateKeyFile: folder.ownKey,
      maxConnectionsPerEndpoint: connectionsMax,
      serverInfo: {
        applicationUri: applicationUri('server'),
        productUri: 'urn:tenfold:gateway',
        applicationName: { text: 'Tenfold gateway' },
      },
      buildInfo: { productName: 'Tenfold gateway', manufacturerName: 'Tenfold' },
      allowAnonymous: plan.credentials === undefined,
      [libraryNames.users]: usersOf(plan.credentials),
      [libraryNames.serverStore]: store,
      // Certificates of users are not offered: they are no way to log in here.
      [libraryNames.userStore]: store,
    } as unknown as opcua.OPCUAServerOptions
  }

  /** A silent unit, and a certificate that was renewed, show without anything coming. */
  #watch(server: opcua.OPCUAServer, folder: CertificateFolder): void {
    const { clock, note } = this.#parts
    const own = new OwnCertificate(folder)
    let warned = ''
    const warn = (): void => {
      const warning = expiryWarning(factsOf(own.getCertificate()), clock.nowUs() / 1000) ?? ''
      if (warning !== '' && warning !== warned) {
        note(`own ${warning}; make a new one with "tenfold trust --renew server"`)
      }
      warned = warning
    }
    warn()
    const judging = setInterval(() => {
      for (const face of this.#faces.values()) face.judge()
    }, judgeMs)
    const looking = setInterval(() => {
      warn()
      if (!own.refresh()) return
      opcua.invalidateServerCertificateCache(server)
      note('shows its renewed certificate to new connections')
    }, certificateMs)
    this.#stops.push(() => {
      clearInterval(judging)
      clearInterval(looking)
    })
  }
}

/** Who may log in, and as what: everybody is an observer, as nothing can be changed here. */
const usersOf = (path: string | undefined) => {
  const credentials = path === undefined ? {} : parseCredentials(path, readFileSync(path, 'utf8'))
  return {
    isValidUserAsync: (
      name: string,
      password: string,
      answer: (error: Error | null, isValid?: boolean) => void,
    ): void => {
      checkPassword(credentials, name, password).then(
        (isValid) => answer(null, isValid),
        (error: Error) => answer(error),
      )
    },
    getUserRoles: (name: string) =>
      opcua.makeRoles(name === 'anonymous' ? 'Anonymous' : 'AuthenticatedUser;Observer'),
  }
}

const cannotListen = ({ host, port }: ShowPlan, cause: Error): OperatingError =>
  new OperatingError('opcua_server', {
    message: `the OPC UA server cannot run at ${host}:${port}: ${cause.message}`,
    remedy: 'Check that the port is free and "sinks.opcua" in the settings.',
    cause,
  })
