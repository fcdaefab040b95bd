// A word that opens the pages for reading to who may read the data folder, and so could read all of
// it there: for `tenfold doctor`, beside a gateway whose pages ask for a password. New at every
// start, gone when the gateway stops; it permits no action.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const fileOf = (data: string): string => join(data, 'doctor.token')

export interface Token {
  readonly text: string
  close(): void
}

/** Makes it, readable by the user of the gateway only. @param random secure random bytes */
export const openToken = (data: string, random: (bytes: number) => Uint8Array): Token => {
  const text = Buffer.from(random(32)).toString('base64url')
  const file = fileOf(data)
  // The mode is set before anything is in it, also of a file that a kill has left behind.
  writeFileSync(file, '', { mode: 0o600 })
  chmodSync(file, 0o600)
  writeFileSync(file, text)
  return { text, close: () => rmSync(file, { force: true }) }
}

/** undefined where there is none, or none that this user may read. */
export const readToken = (data: string): string | undefined => {
  try {
    return readFileSync(fileOf(data), 'utf8')
  } catch {
    return undefined
  }
}
