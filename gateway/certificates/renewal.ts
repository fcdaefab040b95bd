// The certificate that a server shows, kept as its files are: looked at every ten seconds and when
// asked, used for new connections only. What cannot be used is refused and the former one stays;
// an end that is near is said once a day. It does not know which server, nor who its clients are.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { OperatingError } from '../core/errors.ts'
import type { Pair } from './authority.ts'

export interface RenewalOptions<M extends Pair> {
  /** Who speaks in a note, such as mqtt. */
  name: string
  /** Setting that names the files, such as mqtt.tls. */
  section: string
  /** What the files hold now. */
  material(): Promise<M>
  /** Milliseconds since 1970. */
  nowMs(): number
  note(line: string): void
}

/** Takes the material into use; throws where TLS does not take it. */
type Use<M> = (material: M, before: M) => void

const lookEveryMs = 10_000
/** Days before the end of a certificate from which on it is said. */
export const warnDays = 30
const dayMs = 86_400_000

export class Renewal<M extends Pair> {
  readonly #options: RenewalOptions<M>
  #read: () => Promise<M>
  #inUse: M | undefined
  #use: Use<M> = () => {}
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  /** Day and state of the last warning: an end is said also on a day that had a warning. */
  #warned = ''

  constructor(options: RenewalOptions<M>) {
    this.#options = options
    this.#read = options.material
  }

  /**
   * What the server starts with. Throws certificate_wrong where key and certificate do not fit; one
   * that has expired is said, and shown: a server that does not start helps nobody.
   */
  async first(): Promise<M> {
    const material = await this.#read()
    checkPair(material, { section: this.#options.section })
    this.#warn(material)
    this.#inUse = material
    return material
  }

  /** Looks from now on. */
  follow(use: Use<M>): void {
    this.#use = use
    this.#timer = setInterval(() => {
      this.renew().catch((error: Error) => {
        const { name, note } = this.#options
        note(`${name}: the certificate stays as it was: ${error.message}`)
      })
    }, lookEveryMs)
    this.#timer.unref()
  }

  /**
   * Looks now. Throws where what is there now cannot be used; the former one is in use then.
   * @param read where it comes from from now on
   */
  renew(read?: () => Promise<M>): Promise<void> {
    // One after the other: a look that began before must not put back what came since.
    const now = this.#last.then(() => this.#renew(read ?? this.#read))
    this.#last = now.catch(() => {})
    return now
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #renew(read: () => Promise<M>): Promise<void> {
    const material = await read()
    const before = this.#inUse
    if (before !== undefined && !isSame(before, material)) {
      const { section, nowMs } = this.#options
      checkPair(material, { section, nowMs: nowMs() })
      this.#use(material, before)
      this.#inUse = material
    }
    this.#read = read
    this.#warn(material)
  }

  #warn({ certificate }: M): void {
    const { name, nowMs, note } = this.#options
    const { validTo } = new X509Certificate(certificate)
    const days = Math.floor((Date.parse(validTo) - nowMs()) / dayMs)
    const state = days < 0 ? 'has expired' : `expires in ${days} days`
    const warning = `${Math.floor(nowMs() / dayMs)} ${days < 0}`
    if (days >= warnDays || this.#warned === warning) return
    this.#warned = warning
    note(`${name}: the certificate ${state} (${validTo}); replace its file, no restart is needed`)
  }
}

/** Whether a certificate (PEM or DER) and a key (PEM) can be used; throws certificate_wrong. */
export const checkPair = (
  { certificate, key }: { certificate: string | Buffer; key: string | Buffer },
  { section, nowMs }: { section: string; nowMs?: number },
): void => {
  const wrong = (what: string, cause?: unknown) =>
    new OperatingError('certificate_wrong', {
      message: `${section}: ${what}`,
      remedy: `Check that ${section}.certificate and ${section}.key belong together, both in PEM.`,
      cause,
    })
  const parse = <T>(what: string, read: () => T): T => {
    try {
      return read()
    } catch (cause) {
      throw wrong(`the ${what} cannot be read: ${(cause as Error).message}`, cause)
    }
  }
  const own = parse('certificate', () => new X509Certificate(certificate))
  const secret = parse('key', () => createPrivateKey(key))
  if (!own.checkPrivateKey(secret)) throw wrong('the key is not that of the certificate')
  if (nowMs !== undefined && Date.parse(own.validTo) < nowMs) {
    throw wrong(`the certificate has expired (${own.validTo})`)
  }
}

/** Plain data of strings, but for what is derived from them. */
const isSame = <M>(a: M, b: M): boolean => JSON.stringify(a) === JSON.stringify(b)
