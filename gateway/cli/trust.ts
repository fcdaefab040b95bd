// `tenfold trust`: the OPC UA certificates of a gateway: its own, those of others that wait for a
// person's word, and those that are believed. A running gateway sees every change here by itself.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Config } from '../config.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import {
  type CertificateFacts,
  CertificateFolder,
  expiryWarning,
  factsOf,
} from '../opcua/certificates.ts'
import type { Io } from './io.ts'

export const summary = 'lists and approves certificates of OPC UA servers and clients'
export const usage = `usage: tenfold trust
       tenfold trust <thumbprint>
       tenfold trust --forget <thumbprint>
       tenfold trust --renew client|server

  <thumbprint>          approves the one that waits; the first 16 of its 40 hex digits do. Compare
                        them with what the other side shows, on the spot or by telephone.
  --forget THUMBPRINT   believes it no more; a connection that is open stays until it ends
  --renew SIDE          makes a new certificate of this gateway; the others have to approve it
${configUsage}`

const sides = ['client', 'server'] as const
type Side = (typeof sides)[number]

/** Runs the command: 0 when it is done. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...configOptions, forget: { type: 'string' }, renew: { type: 'string' } },
  })
  const { config } = readConfig(io, values).loaded
  const nowMs = systemClock().nowUs() / 1000
  const [thumbprint, ...more] = positionals
  const asked = [thumbprint, values.forget, values.renew].filter((one) => one !== undefined)
  if (asked.length > 1 || more.length > 0) {
    throw new OperatingError('usage', {
      message: 'trust does one thing at a time',
      remedy: 'See "tenfold help trust".',
    })
  }
  if (thumbprint !== undefined) approve(config, thumbprint, io)
  else if (values.forget !== undefined) forget(config, values.forget, io)
  else if (values.renew !== undefined) await renew(config, { side: values.renew, nowMs }, io)
  else for (const side of sides) list(config, { side, nowMs }, io)
  return 0
}

const folderOf = ({ data }: Config, side: Side): CertificateFolder =>
  new CertificateFolder(join(data, side === 'client' ? 'sources' : 'sinks', 'opcua', 'pki'))

const list = (config: Config, { side, nowMs }: { side: Side; nowMs: number }, io: Io): void => {
  const folder = folderOf(config, side)
  const own = folder.own()
  io.out(`OPC UA ${side}: ${own === undefined ? 'has not run yet' : folder.path}`)
  if (own !== undefined) print('own', factsOf(own), { nowMs, io })
  for (const standing of ['pending', 'trusted'] as const) {
    for (const facts of folder.list(standing)) print(standing, facts, { nowMs, io })
  }
}

const print = (
  standing: string,
  facts: CertificateFacts,
  { nowMs, io }: { nowMs: number; io: Io },
): void => {
  const until = new Date(facts.untilMs).toISOString().slice(0, 10)
  const warning = expiryWarning(facts, nowMs) === undefined ? '' : '  ENDS SOON OR HAS ENDED'
  io.out(`  ${standing.padEnd(7)}  ${facts.thumbprint}  until ${until}${warning}`)
  io.out(`           ${facts.subject}  ${facts.applicationUri ?? 'no application URI'}`)
}

const prefixMin = 16

/** The one certificate of this standing whose thumbprint begins so. */
const find = (
  config: Config,
  given: string,
  standings: readonly ('pending' | 'trusted')[],
): { folder: CertificateFolder; facts: CertificateFacts } => {
  const prefix = given.replaceAll(/[:\s]/g, '').toLowerCase()
  const found = sides.flatMap((side) => {
    const folder = folderOf(config, side)
    return standings
      .flatMap((standing) => folder.list(standing))
      .filter(({ thumbprint }) => prefix.length >= prefixMin && thumbprint.startsWith(prefix))
      .map((facts) => ({ folder, facts }))
  })
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const what = found.length > 1 ? 'more than one certificate has' : 'no such certificate has'
  throw new OperatingError('opcua_thumbprint', {
    message: `${what} the thumbprint "${given.slice(0, 60)}"`,
    remedy: 'Give at least 16 of its hex digits; "tenfold trust" lists them.',
  })
}

const approve = (config: Config, given: string, io: Io): void => {
  const { folder, facts } = find(config, given, ['pending'])
  folder.approve(facts.thumbprint)
  io.out(`approved: ${facts.thumbprint}  ${facts.subject}`)
}

const forget = (config: Config, given: string, io: Io): void => {
  const { folder, facts } = find(config, given, ['pending', 'trusted'])
  folder.remove(facts.thumbprint)
  io.out(`forgotten: ${facts.thumbprint}  ${facts.subject}`)
}

const renew = async (
  config: Config,
  { side, nowMs }: { side: string; nowMs: number },
  io: Io,
): Promise<void> => {
  if (side !== 'client' && side !== 'server') {
    throw new OperatingError('usage', {
      message: `--renew ${side}: there is a client's certificate and a server's`,
      remedy: 'See "tenfold help trust".',
    })
  }
  // Loads the OPC UA library: only when it is needed.
  const { makeGatewayCertificate } = await import('../opcua/own-certificate.ts')
  const folder = folderOf(config, side)
  await makeGatewayCertificate(folder, side, nowMs)
  const { thumbprint } = factsOf(folder.own() as Buffer)
  io.out(`new certificate of the OPC UA ${side}: ${thumbprint}; approve it at the other side`)
}
