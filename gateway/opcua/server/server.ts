// The OPC UA server itself: endpoints with the security that is set, users, the companion nodesets,
// and a machine for each unit that it hears of. It shows; what an operator asks of a unit goes to
// the gateway's desk and nowhere else, and there is no node to be written.
import { join } from 'node:path'
import * as opcua from 'node-opcua'
import { opcUaNamespace } from '../../../hardware-profiles/names.ts'
import type { Clock } from '../../core/clock.ts'
import type { SetpointRequest } from '../../core/command.ts'
import { OperatingError } from '../../core/errors.ts'
import { CertificateFolder, expiryWarning, factsOf } from '../certificates.ts'
import { libraryNames } from '../library.ts'
import { applicationUri, makeGatewayCertificate, OwnCertificate } from '../own-certificate.ts'
import { TrustStore } from '../trust-store.ts'
import { closeToWriting, Face } from './face.ts'
import type { ShownEvent, ShownReading, ShowPlan, Standing, Told } from './plan.ts'
import { noting } from './refusals.ts'
import { type Users, usersOf } from './users.ts'

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
  /** Asks the gateway to command a unit. */
  ask(unit: string, request: SetpointRequest): Promise<Told>
}

export class Show {
  readonly #parts: ShowParts
  readonly #faces = new Map<string, Face>()
  readonly #stops: (() => Promise<void> | void)[] = []
  /** What was obeyed last, by unit: a renewal is not said again. */
  readonly #given = new Map<string, string>()
  #namespace: opcua.Namespace | undefined
  #users: Users | undefined

  constructor(parts: ShowParts) {
    this.#parts = parts
  }

  /** Listens; returns the port. Throws an OperatingError where it cannot. */
  async start(): Promise<number> {
    const { plan, clock } = this.#parts
    const folder = new CertificateFolder(join(plan.folder, 'pki'))
    const nowMs = (): number => clock.nowUs() / 1000
    if (folder.own() === undefined) await makeGatewayCertificate(folder, 'server', nowMs())
    const users = usersOf(plan)
    this.#users = users
    const server = new opcua.OPCUAServer(this.#options(folder, users))
    this.#stops.push(() => server.shutdown(0))
    try {
      await server.initialize()
      this.#namespace = this.#guard(server, users)
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

  /** Read-only for everybody, before anything listens. */
  #guard(server: opcua.OPCUAServer, users: Users): opcua.Namespace {
    const { engine } = server
    const { addressSpace, addressSpaceAccessor } = engine
    if (addressSpace === null || addressSpaceAccessor === null) {
      throw new Error('the server has no address space')
    }
    const units = addressSpace.registerNamespace(opcUaNamespace)
    for (const namespace of addressSpace.getNamespaceArray()) {
      namespace.setDefaultRolePermissions(namespace === units ? users.ofUnits : users.ofOthers)
      // The nodesets have some that a server may let be written.
      for (const node of namespace.nodeIterator()) closeToWriting(node)
    }
    engine.addressSpaceAccessor = noting(addressSpaceAccessor, this.#parts.note)
    users.prune(server)
    return units
  }

  async #give(unit: string, request: SetpointRequest, user: string): Promise<Told> {
    const { ask, note } = this.#parts
    const told = await ask(unit, request)
    const { values, holdsMs } = request
    const asked = Object.entries(values).map(([name, value]) => `${name} = ${value}`)
    const said = `${user} gives "${unit}" ${asked.join(', ')}`
    if ('code' in told) note(`${said}: ${told.message} (${told.code})`)
    else if (!told.accepted) note(`${said}: the unit refuses: ${told.reason} (command_refused)`)
    else if (this.#given.get(unit) !== said) note(`${said}, for ${holdsMs} ms at a time`)
    if ('id' in told && told.accepted) this.#given.set(unit, said)
    else this.#given.delete(unit)
    return told
  }

  #face({ unit, machine }: { unit: string; machine: string }): Face | undefined {
    const known = this.#faces.get(unit)
    if (known !== undefined) return known
    const profile = this.#parts.plan.profiles.find((one) => one.machine === machine)
    const namespace = this.#namespace
    if (profile === undefined || namespace === undefined) return undefined
    const face = new Face({
      ...{ namespace, profile, unit, permissions: this.#users?.ofUnits ?? [] },
      nowUs: () => this.#parts.clock.nowUs(),
      give: (request, user) => this.#give(unit, request, user),
    })
    this.#faces.set(unit, face)
    return face
  }

  #options(folder: CertificateFolder, users: Users): opcua.OPCUAServerOptions {
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
      [libraryNames.serverStore]: store,
      ...users.options,
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

const cannotListen = ({ host, port }: ShowPlan, cause: Error): OperatingError =>
  new OperatingError('opcua_server', {
    message: `the OPC UA server cannot run at ${host}:${port}: ${cause.message}`,
    remedy: 'Check that the port is free and "sinks.opcua" in the settings.',
    cause,
  })
