// The server of the pages before anything is asked: http, or https with a certificate that follows
// its files while it runs. It knows no request; nothing here falls back from https to http.
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Pair } from '../certificates/authority.ts'
import { type OwnCertificatesOptions, serverPair } from '../certificates/files.ts'
import { Renewal } from '../certificates/renewal.ts'
import type { Clock } from '../core/clock.ts'

/** What the pages show now, PEM. */
export type PagesMaterial = () => Promise<Pair>

export interface DoorOptions {
  /** Absent: http. */
  tls?: PagesMaterial | undefined
  clock: Clock
  /** Told of a certificate that ends soon, or that cannot be used. */
  note?(line: string): void
}

export interface Door {
  readonly server: Server
  readonly scheme: 'http' | 'https'
  /**
   * Looks for a renewed certificate now; it does so by itself every ten seconds. Open connections
   * stay. Throws where it cannot be used. @param tls where it comes from from now on
   */
  renew(tls?: PagesMaterial): Promise<void>
  stop(): void
}

const common: ServerOptions = { maxHeaderSize: 16 * 1024 }

/** Not yet listening. Throws an OperatingError, certificate_wrong. */
export const openDoor = async ({ tls, clock, note = () => {} }: DoorOptions): Promise<Door> => {
  if (tls === undefined) {
    const none = { renew: async () => {}, stop: () => {} }
    return { server: createServer(common), scheme: 'http', ...none }
  }
  const renewal = new Renewal<Pair>({
    ...{ name: 'pages', section: 'http.tls', material: tls, note },
    nowMs: () => clock.nowUs() / 1000,
  })
  const context = ({ certificate, key }: Pair) => ({
    ...{ cert: certificate, key, minVersion: 'TLSv1.2' as const },
  })
  const first = context(await renewal.first())
  const server = createTlsServer({ ...common, ...first, handshakeTimeout: 10_000 })
  renewal.follow((material) => server.setSecureContext(context(material)))
  return {
    server,
    scheme: 'https',
    renew: (from) => renewal.renew(from),
    stop: () => renewal.stop(),
  }
}

export interface PagesSettings {
  readonly host: string
  readonly names: readonly string[]
  readonly tls?: { certificate?: string; key?: string } | undefined
}

/** Where the pages' certificate comes from by their settings; undefined where they have no TLS. */
export const pagesMaterial = (
  { host, names, tls }: PagesSettings,
  own: { keysFolder: string; context: Pick<OwnCertificatesOptions, 'clock' | 'random'> },
): PagesMaterial | undefined => {
  if (tls === undefined) return undefined
  const { clock } = own.context
  const random = (bytes: number): Uint8Array => own.context.random(bytes)
  return () =>
    serverPair({ folder: own.keysFolder, clock, random }, { host, names, ...tls }, 'pages')
}
