// A unit's side of pairing: it makes its secret itself, keeps it before it shows it, and proves
// that it belongs with its key. What a board does in its flash, for units that run here.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pairingBytes } from './desk.ts'

export interface PairingUnit {
  /** Where the unit keeps its secret. */
  folder: string
  unit: string
  did: string
  sign(message: Uint8Array): Uint8Array
  random(bytes: number): Uint8Array
}

const fileOf = (folder: string): string => join(folder, 'broker.secret')

/** Its password from the pairing on; undefined before the first. */
export const pairedSecret = (folder: string): string | undefined =>
  existsSync(fileOf(folder)) ? readFileSync(fileOf(folder), 'utf8') : undefined

/** The password of the one login that redeems the code. The secret stays over a failed one. */
export const pairingPassword = (code: string, from: PairingUnit): string => {
  const { folder, unit, did, sign, random } = from
  const secret = pairedSecret(folder) ?? Buffer.from(random(32)).toString('base64url')
  writeFileSync(fileOf(folder), secret, { mode: 0o600, flush: true })
  const signature = Buffer.from(sign(pairingBytes({ unit, code, secret }))).toString('base64url')
  return `pair.${code}.${secret}.${did}.${signature}`
}
