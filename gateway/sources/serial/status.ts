// How the ports fare, as a file in the source's folder: written by the running gateway, read by
// `tenfold doctor` beside it. Knows neither ports nor frames.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LineStatus } from './line-parts.ts'
import type { PortStatus } from './port.ts'

export const statusFile = 'ports.json'

export interface SerialHealth {
  /** When it was written, microseconds since 1970. */
  atUs: number
  ports: readonly (PortStatus & { line: LineStatus | undefined })[]
}

/** undefined where there is none, or none that can be read. @param folder the source's own */
export const readSerialHealth = (folder: string): SerialHealth | undefined => {
  try {
    return JSON.parse(readFileSync(join(folder, statusFile), 'utf8')) as SerialHealth
  } catch {
    return undefined
  }
}
