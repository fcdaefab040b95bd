// Whom an OPC UA application believes, in the form the library asks for: exactly the certificates
// that a person has approved, within their dates. A stranger's is kept aside and refused. Nothing
// is ever accepted because an issuer vouches for it, nor by itself.
import { X509Certificate } from 'node:crypto'
import { type StatusCode, StatusCodes } from 'node-opcua'
import {
  type CertificateFacts,
  type CertificateFolder,
  expiryWarning,
  factsOf,
} from './certificates.ts'

export interface TrustParts {
  folder: CertificateFolder
  nowMs(): number
  /** A stranger's certificate was kept aside, or one that is believed ends soon. */
  onStranger(facts: CertificateFacts): void
  onWarning(line: string): void
}

type Answer = (error: Error | null, status?: StatusCode) => void

export class TrustStore {
  /** Kept by the library. */
  referenceCounter = 0
  readonly #parts: TrustParts

  constructor(parts: TrustParts) {
    this.#parts = parts
  }

  async initialize(): Promise<void> {
    this.#parts.folder.prepare()
  }

  async dispose(): Promise<void> {}

  /** Asked by the library of each peer; older parts of it ask with a callback. */
  async checkCertificate(certificate: Buffer | Buffer[], answer?: Answer): Promise<StatusCode> {
    const status = StatusCodes[this.#check(certificate)]
    answer?.(null, status)
    return status
  }

  async verifyCertificate(certificate: Buffer | Buffer[]): Promise<string> {
    return this.#verdict(first(certificate))
  }

  async getTrustStatus(certificate: Buffer): Promise<StatusCode> {
    return StatusCodes[this.#verdict(certificate)]
  }

  /** Only a person approves: see `tenfold trust`. */
  async trustCertificate(): Promise<void> {}
  async rejectCertificate(): Promise<void> {}
  async addIssuer(): Promise<void> {}
  async addRevocationList(): Promise<void> {}

  #check(given: Buffer | Buffer[]): Verdict {
    const { folder, nowMs, onStranger, onWarning } = this.#parts
    const der = first(given)
    const verdict = this.#verdict(der)
    if (verdict === 'BadCertificateUntrusted' && folder.offer(raw(der))) onStranger(factsOf(der))
    if (verdict === 'Good') {
      const warning = expiryWarning(factsOf(der), nowMs())
      if (warning !== undefined) onWarning(warning)
    }
    return verdict
  }

  #verdict(der: Buffer): Verdict {
    const { folder, nowMs } = this.#parts
    try {
      const { publicKey } = new X509Certificate(der)
      const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0
      // OPC 10000-7: at least 2048 bits under each of the policies that are allowed here.
      if (publicKey.asymmetricKeyType !== 'rsa' || bits < 2048) return 'BadCertificateInvalid'
      if (!folder.isTrusted(raw(der))) return 'BadCertificateUntrusted'
      const { fromMs, untilMs } = factsOf(der)
      return nowMs() < fromMs || nowMs() > untilMs ? 'BadCertificateTimeInvalid' : 'Good'
    } catch {
      return 'BadCertificateInvalid'
    }
  }
}

type Verdict =
  | 'Good'
  | 'BadCertificateUntrusted'
  | 'BadCertificateTimeInvalid'
  | 'BadCertificateInvalid'

const first = (given: Buffer | Buffer[]): Buffer =>
  Array.isArray(given) ? (given[0] ?? Buffer.alloc(0)) : given

/** One certificate's own bytes, without the rest of a chain. */
const raw = (der: Buffer): Buffer => Buffer.from(new X509Certificate(der).raw)
