// What `tenfold doctor` says of the certificates that the gateway shows: until when each holds.
// Pure; of whom a peer trusts it knows nothing.
import { X509Certificate } from 'node:crypto'
import { warnDays } from './certificates/renewal.ts'
import type { Finding } from './diagnosis.ts'

export interface ShownCertificate {
  /** Such as http.tls. */
  readonly setting: string
  /** PEM or DER; or why it cannot be read. */
  readonly content: Buffer | { readonly problem: string }
}

const dayUs = 86_400_000_000

const stations: Readonly<Record<string, Finding['station']>> = {
  http: 'gateway',
  mqtt: 'broker',
  sinks: 'sinks',
}

export const certificateFinding = (
  { setting, content }: ShownCertificate,
  nowUs: number,
): Finding => {
  const station = stations[setting.split('.')[0] ?? ''] ?? 'sources'
  const untilMs = Buffer.isBuffer(content) ? endOf(content) : content
  if (typeof untilMs !== 'number') {
    const text = `${setting}: the certificate cannot be read: ${untilMs.problem}`
    const remedy = 'Check that its file is there, is PEM, and who may read it.'
    return { station, verdict: 'bad', text, remedy }
  }
  const days = Math.floor((untilMs * 1000 - nowUs) / dayUs)
  const date = new Date(untilMs).toISOString().slice(0, 10)
  if (days >= warnDays) {
    return { station, verdict: 'good', text: `${setting}: its certificate holds until ${date}` }
  }
  const remedy = 'Replace its file; a running gateway takes it up without a restart.'
  return days < 0
    ? { station, verdict: 'bad', text: `${setting}: its certificate ended on ${date}`, remedy }
    : {
        ...{ station, verdict: 'note', remedy },
        text: `${setting}: its certificate ends in ${days} days, on ${date}`,
      }
}

const endOf = (content: Buffer): number | { problem: string } => {
  try {
    return Date.parse(new X509Certificate(content).validTo)
  } catch (error) {
    return { problem: (error as Error).message }
  }
}
