// What is said of the certificates that the gateway shows or has issued: until when each holds, by
// `tenfold doctor` and by alerts. Pure; of whom a peer trusts it knows nothing.
import { X509Certificate } from 'node:crypto'
import { warnDays } from './certificates/renewal.ts'
import type { Finding } from './diagnosis.ts'

export interface ShownCertificate {
  /** Such as http.tls. */
  readonly setting: string
  /** PEM or DER, or only its end; or why it cannot be read. */
  readonly content: Buffer | { readonly untilMs: number } | { readonly problem: string }
  /** What to do before it ends, where that is not to replace its file. */
  readonly remedy?: string
}

/** Whole days that a certificate still holds, below 0 where it has ended, and its date. */
export interface CertificateEnd {
  readonly days: number
  readonly date: string
}

const dayUs = 86_400_000_000

const stations: Readonly<Record<string, Finding['station']>> = {
  http: 'gateway',
  mqtt: 'broker',
  sinks: 'sinks',
}

export const replaceIt = 'Replace its file; a running gateway takes it up without a restart.'
const unreadable = 'Check that its file is there, is PEM, and who may read it.'

export const certificateFinding = (shown: ShownCertificate, nowUs: number): Finding => {
  const { setting, remedy = replaceIt } = shown
  const station = stations[/^\w+/.exec(setting)?.[0] ?? ''] ?? 'sources'
  const end = endOf(shown, nowUs)
  if ('problem' in end) {
    const text = `${setting}: the certificate cannot be read: ${end.problem}`
    return { station, verdict: 'bad', text, remedy: unreadable }
  }
  const { days, date } = end
  if (days >= warnDays) {
    return { station, verdict: 'good', text: `${setting}: its certificate holds until ${date}` }
  }
  return days < 0
    ? { station, verdict: 'bad', text: `${setting}: its certificate ended on ${date}`, remedy }
    : {
        ...{ station, verdict: 'note', remedy },
        text: `${setting}: its certificate ends in ${days} days, on ${date}`,
      }
}

export const endOf = (
  { content }: Pick<ShownCertificate, 'content'>,
  nowUs: number,
): CertificateEnd | { readonly problem: string } => {
  const untilMs = Buffer.isBuffer(content) ? validTo(content) : content
  if (typeof untilMs !== 'number' && 'problem' in untilMs) return untilMs
  const endMs = typeof untilMs === 'number' ? untilMs : untilMs.untilMs
  const days = Math.floor((endMs * 1000 - nowUs) / dayUs)
  return { days, date: new Date(endMs).toISOString().slice(0, 10) }
}

const validTo = (content: Buffer): number | { problem: string } => {
  try {
    return Date.parse(new X509Certificate(content).validTo)
  } catch (error) {
    return { problem: (error as Error).message }
  }
}
