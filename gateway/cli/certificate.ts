// `tenfold certificate`: the client certificates of units that speak MQTT over TLS, by the
// gateway's own authority: lists them, issues one, revokes them. A running gateway sees it within
// ten seconds.
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { unitIdPattern } from '../../hardware-profiles/names.ts'
import { issueClient, listClients, revokeClient } from '../certificates/clients.ts'
import { type OwnCertificatesOptions, ownAuthority } from '../certificates/files.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { Io } from './io.ts'

export const summary = 'issues, lists and revokes client certificates of units (MQTT over TLS)'
export const usage = `usage: tenfold certificate
       tenfold certificate <unit> [--out FOLDER]
       tenfold certificate --revoke <unit or serial number>

  <unit>         issues one: <unit>.pem, <unit>.key and authority.pem, for the unit; its private
                 key is kept nowhere else
  --out FOLDER   where to write them (this folder)
  --revoke WHAT  all of a unit, or one by its serial number (8 digits do); who is connected by it
                 is disconnected within ten seconds
${configUsage}

The authority is the gateway's own, in keys/tls of its data folder. With mqtt.tls.authority it is
yours: issue and revoke there, and give the list of revoked ones as mqtt.tls.revoked.`

/** Runs the command: 0 when it is done. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...configOptions, revoke: { type: 'string' }, out: { type: 'string' } },
  })
  const { data } = readConfig(io, values).loaded.config
  const [unit, ...more] = positionals
  if (more.length > 0 || (unit !== undefined && values.revoke !== undefined)) {
    throw new OperatingError('usage', {
      message: 'certificate does one thing at a time',
      remedy: 'See "tenfold help certificate".',
    })
  }
  const folder = join(data, 'keys', 'tls')
  const own = { folder, clock: systemClock(), random: (bytes: number) => randomBytes(bytes) }
  if (unit !== undefined) return issue(own, { unit, out: resolve(io.cwd, values.out ?? '.') }, io)
  if (values.revoke !== undefined) {
    for (const one of await revokeClient(own, values.revoke)) {
      io.out(`revoked: ${one.serial}  ${one.unit}`)
    }
    return 0
  }
  const all = await listClients(own)
  if (all.length === 0) io.out(`no client certificate was issued by the authority in ${folder}`)
  for (const { unit: name, serial, untilMs, revokedMs } of all) {
    const state = revokedMs === undefined ? `until ${day(untilMs)}` : `revoked ${day(revokedMs)}`
    io.out(`${name.padEnd(24)}  ${state.padEnd(20)}  ${serial}`)
  }
  return 0
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

const issue = async (
  own: OwnCertificatesOptions,
  { unit, out }: { unit: string; out: string },
  io: Io,
): Promise<number> => {
  if (!new RegExp(unitIdPattern).test(unit)) {
    throw new OperatingError('unit_id', {
      message: `"${unit.slice(0, 80)}" is no id of a unit`,
      remedy: 'Small letters, digits and hyphens, 63 at most, such as drill-17.',
    })
  }
  const paths = { certificate: join(out, `${unit}.pem`), key: join(out, `${unit}.key`) }
  for (const path of Object.values(paths)) {
    if (!existsSync(path)) continue
    throw new OperatingError('file_there', {
      message: `${path} is there already`,
      remedy: 'Move it away, or give another folder with --out.',
    })
  }
  const isNew = !existsSync(join(own.folder, 'authority.pem'))
  const { certificate } = await ownAuthority(own)
  const pair = await issueClient(own, unit)
  writeFileSync(paths.key, pair.key, { mode: 0o600, flag: 'wx' })
  writeFileSync(paths.certificate, pair.certificate, { flag: 'wx' })
  writeFileSync(join(out, 'authority.pem'), certificate)
  io.out(`certificate  ${paths.certificate}`)
  io.out(`private key  ${paths.key}  (kept nowhere else)`)
  io.out(`authority    ${join(out, 'authority.pem')}`)
  // Most likely the wrong folder: a gateway that speaks TLS has made its own at its first start.
  if (isNew) io.err(`note: ${own.folder} had no authority yet, and one was made; see --data`)
  return 0
}
