// The doors of the broker: a plain port, and one with TLS. Cuts off packets that announce too much
// before they fill memory, bounds the connections, and takes up renewed certificates while running.
// What a client says behind the door is the broker's matter.
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, TLSSocket, type Server as TlsServer } from 'node:tls'
import { bare, type Revoked } from '../../certificates/clients.ts'
import { Renewal } from '../../certificates/renewal.ts'
import { OperatingError } from '../../core/errors.ts'
import { Frames, type TakeRun } from './frames.ts'

export interface Door {
  host: string
  port: number
}

/** What a TLS server shows, and whom it trusts to sign clients' certificates; PEM. */
export interface TlsMaterial {
  certificate: string
  key: string
  authority: string
  revoked?: Revoked
}

export interface TlsDoor extends Door {
  clients: 'password' | 'certificate' | 'either'
  /** Read at the start and every ten seconds: what has changed is used for new connections. */
  material(): Promise<TlsMaterial>
}

export interface ListenersOptions {
  plain: Door
  tls?: TlsDoor | undefined
  packetBytesMax: number
  connections: number
  /** How long a client may take for its TLS handshake. */
  connectMs: number
  /** Milliseconds since 1970. */
  nowMs(): number
  note(line: string): void
  /** A connection has come. `named`: it has to say who it is. Returns who may take its reports. */
  accept(socket: Socket, named: boolean): TakeRun
}

export class Listeners {
  readonly #options: ListenersOptions
  #servers: Server[] = []
  #tls: TlsServer | undefined
  #renewal: Renewal<TlsMaterial> | undefined
  #connections: number
  /** Open connections that have shown a certificate. */
  readonly #certified = new Set<TLSSocket>()

  constructor(options: ListenersOptions) {
    this.#options = options
    this.#connections = options.connections
  }

  get port(): number {
    return portOf(this.#servers[0])
  }

  get tlsPort(): number {
    return portOf(this.#tls)
  }

  async start(): Promise<void> {
    const { plain, tls } = this.#options
    const server = createServer((socket) => this.#accept(socket, false))
    this.#add(server)
    await listen(server, plain, 'mqtt')
    if (tls === undefined) return
    const { nowMs, note } = this.#options
    const named = { name: 'mqtt', section: 'mqtt.tls', material: tls.material }
    const renewal = new Renewal<TlsMaterial>({ ...named, nowMs, note })
    this.#tls = await this.#startTls(tls, await renewal.first())
    this.#renewal = renewal
    renewal.follow((material, before) => this.#use(tls, material, before))
  }

  /**
   * Takes up certificates and a list of revoked ones that have changed. Open connections stay, but
   * for those whose own certificate is revoked now. Throws where they cannot be used.
   * @param material where they come from from now on
   */
  async renew(material?: TlsDoor['material']): Promise<void> {
    await this.#renewal?.renew(material)
  }

  /** Most connections from now on; those that are open stay. */
  bound(connections: number): void {
    this.#connections = connections
    for (const server of this.#servers) server.maxConnections = connections
  }

  /** Resolves when every connection has ended. */
  async stop(): Promise<void> {
    this.#renewal?.stop()
    const servers = this.#servers.filter(({ listening }) => listening)
    await Promise.all(
      servers.map((server) => new Promise<void>((done) => server.close(() => done()))),
    )
  }

  async #startTls(tls: TlsDoor, material: TlsMaterial): Promise<TlsServer> {
    let server: TlsServer
    try {
      const options = { ...contextOf(material, tls), handshakeTimeout: this.#options.connectMs }
      server = createTlsServer(options, (socket) => this.#acceptTls(socket))
    } catch (cause) {
      throw new OperatingError('certificate_wrong', {
        message: `MQTT over TLS: ${(cause as Error).message}`,
        remedy:
          'Check that mqtt.tls.certificate and mqtt.tls.key are PEM files and belong together.',
        cause,
      })
    }
    server.on('tlsClientError', (error, socket) => {
      const from = socket.remoteAddress ?? 'somebody'
      const why = isRevocation(socket.authorizationError)
        ? '(certificate_revoked)'
        : `(tls_refused): ${error.message}`
      this.#options.note(`mqtt: ${from} turned away ${why}`)
      // After a handshake that took too long Node leaves it open.
      socket.destroy()
    })
    this.#add(server)
    await listen(server, tls, 'mqtt.tls')
    return server
  }

  #use(tls: TlsDoor, material: TlsMaterial, before: TlsMaterial): void {
    this.#tls?.setSecureContext(contextOf(material, tls))
    const isSameList = before.revoked?.list === material.revoked?.list
    const what = isSameList ? 'a renewed certificate' : 'a new list of revoked certificates'
    this.#options.note(`mqtt: ${what} is in use`)
    for (const socket of this.#certified) {
      if (!isRevoked(socket, material)) continue
      this.#options.note(`mqtt: ${certifiedName(socket)} disconnected (certificate_revoked)`)
      socket.destroy()
    }
  }

  #add(server: Server): void {
    server.maxConnections = this.#connections
    server.on('drop', (lost) => {
      const from = `${lost?.remoteAddress} turned away`
      this.#options.note(`mqtt: ${from}: ${this.#connections} connections are the limit`)
    })
    this.#servers.push(server)
  }

  #acceptTls(socket: TLSSocket): void {
    if (isRevocation(socket.authorizationError)) {
      const { note } = this.#options
      note(`mqtt: ${commonName(socket)} turned away (certificate_revoked)`)
      socket.destroy()
      return
    }
    if (socket.authorized) {
      this.#certified.add(socket)
      socket.once('close', () => this.#certified.delete(socket))
    }
    this.#accept(socket, true)
  }

  #accept(socket: Socket, named: boolean): void {
    const { packetBytesMax, note, accept } = this.#options
    socket.setNoDelay(true)
    // A peer that has gone without a word is found out, also where it asks for no keep-alive.
    socket.setKeepAlive(true, 60_000)
    const frames = new Frames(packetBytesMax, accept(socket, named))
    const read = socket.read.bind(socket)
    // The broker pulls its bytes with read(); looking at them there costs no second stream.
    socket.read = (size?: number) => {
      const chunk = read(size) as Buffer | null
      const passed = chunk === null ? null : frames.pass(chunk)
      if (typeof passed !== 'string') return passed
      const why =
        passed === 'oversize'
          ? `: a packet of over ${packetBytesMax} bytes`
          : ` (packet_malformed): a length of five bytes, or a packet id of 0`
      note(`mqtt: ${socket.remoteAddress} disconnected${why}`)
      socket.destroy()
      return null
    }
  }
}

/** Common name of the certificate that a client has shown and that is trusted. */
export const certifiedName = (socket: unknown): string | undefined => {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  return commonName(socket)
}

const commonName = (socket: TLSSocket): string | undefined => {
  const { CN } = socket.getPeerCertificate().subject ?? {}
  return typeof CN === 'string' ? CN : undefined
}

const isRevoked = (socket: TLSSocket, { revoked }: TlsMaterial): boolean => {
  const { serialNumber } = socket.getPeerX509Certificate() ?? {}
  return serialNumber !== undefined && revoked?.serials.has(bare(serialNumber)) === true
}

/** OpenSSL's word, which Node keeps at the socket. */
const isRevocation = (error: unknown): boolean => error === 'CERT_REVOKED'

const contextOf = (
  { certificate, key, authority, revoked }: TlsMaterial,
  { clients }: TlsDoor,
) => ({
  cert: certificate,
  key,
  ca: authority,
  ...(revoked === undefined ? {} : { crl: revoked.list }),
  minVersion: 'TLSv1.2' as const,
  requestCert: clients !== 'password',
  rejectUnauthorized: clients === 'certificate',
})

const portOf = (server: Server | undefined): number => {
  const address = server?.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const listen = (server: Server, { host, port }: Door, section: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'EADDRINUSE'
          ? new OperatingError('port_busy', {
              message: `port ${port} on ${host}, for MQTT, is taken by another program`,
              remedy: `Stop that program, or give the setting ${section}.port another number.`,
              cause,
            })
          : new OperatingError('address_wrong', {
              message: `MQTT cannot be served at ${host}, port ${port}: ${cause.message}`,
              remedy: `Check the settings ${section}.host and .port, and who may open that port.`,
              cause,
            }),
      )
    })
    server.listen(port, host, () => resolve())
  })
