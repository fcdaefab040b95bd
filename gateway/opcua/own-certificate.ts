// The certificate that this gateway shows to OPC UA peers: made at the first start, renewed when a
// person asks for it (a peer has to approve it again, so it never changes by itself). Whoever uses
// it reads it through `OwnCertificate`, which sees a new one without a restart.
import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { crypto_utils as crypto } from 'node-opcua'
import type { CertificateFolder } from './certificates.ts'

export interface MakeOptions {
  applicationUri: string
  /** Common name, such as "Tenfold gateway". */
  name: string
  fromMs: number
  days: number
}

/** How long an own certificate holds, days. */
const ownDays = 3 * 365
const dayMs = 86_400_000

/** URI of this gateway's applications, as their certificates carry it (OPC 10000-6, 6.2.2). */
export const applicationUri = (side: 'client' | 'server'): string =>
  `urn:${hostname().toLowerCase()}:tenfold:gateway:${side}`

/** Makes a new RSA key of 2048 bits and a certificate signed by it, and puts both in place. */
export const makeOwnCertificate = async (
  folder: CertificateFolder,
  { applicationUri: uri, name, fromMs, days }: MakeOptions,
): Promise<void> => {
  const privateKey = await crypto.generatePrivateKey(2048)
  const { cert } = await crypto.createSelfSignedCertificate({
    privateKey,
    notBefore: new Date(fromMs),
    notAfter: new Date(fromMs + days * dayMs),
    subject: `/CN=${name}/O=Tenfold`,
    dns: [hostname(), 'localhost'],
    applicationUri: uri,
    purpose: crypto.CertificatePurpose.ForApplication,
  })
  const { privPem } = await crypto.privateKeyToPEM(privateKey)
  folder.replaceOwn(cert, privPem)
}

/** Makes the certificate that one side of a gateway shows. */
export const makeGatewayCertificate = (
  folder: CertificateFolder,
  side: 'client' | 'server',
  nowMs: number,
): Promise<void> =>
  makeOwnCertificate(folder, {
    applicationUri: applicationUri(side),
    name: `Tenfold gateway ${side}`,
    // A peer whose clock is a little behind must not find it in the future.
    fromMs: nowMs - 3_600_000,
    days: ownDays,
  })

type PrivateKey = ReturnType<typeof crypto.makePrivateKeyFromPem>

/** Own certificate and key, as the library asks for them; `refresh` takes what has changed. */
export class OwnCertificate {
  // The library would look for files of its own.
  readonly certificateFile = '<in-memory>'
  readonly privateKeyFile = '<in-memory>'
  readonly #folder: CertificateFolder
  #read: { mtimeMs: number; chain: Buffer[]; key: PrivateKey }

  constructor(folder: CertificateFolder) {
    this.#folder = folder
    this.#read = readOwn(folder)
  }

  /** True where the files have changed since they were read. */
  refresh(): boolean {
    if (changedMs(this.#folder) === this.#read.mtimeMs) return false
    this.#read = readOwn(this.#folder)
    return true
  }

  getCertificate(): Buffer {
    return this.#read.chain[0] as Buffer
  }

  getCertificateChain(): Buffer[] {
    return this.#read.chain
  }

  getPrivateKey(): PrivateKey {
    return this.#read.key
  }
}

const changedMs = (folder: CertificateFolder): number => statSync(folder.ownCertificate).mtimeMs

const readOwn = (folder: CertificateFolder) => ({
  mtimeMs: changedMs(folder),
  chain: [folder.own() as Buffer],
  key: crypto.makePrivateKeyFromPem(readFileSync(folder.ownKey, 'utf8')),
})
