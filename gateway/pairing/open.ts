// Opens the pairings of a gateway, kept in its data folder, and joins them with the credentials
// file to what the broker asks: is this unit's password right?
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { type Credentials, checkPassword } from '../credentials.ts'
import { openDurableMap } from '../log/durable-map.ts'
import { PairingDesk } from './desk.ts'

export interface Pairing {
  readonly desk: PairingDesk
  close(): Promise<void>
}

export interface PairingPlace {
  config: { data: string }
  clock: Clock
  random(bytes: number): Uint8Array
  note(line: string): void
}

export const openPairing = async (place: PairingPlace): Promise<Pairing> => {
  const { config, clock, random, note } = place
  const map = await openDurableMap({ folder: join(config.data, 'pairings'), clock, random })
  const desk = new PairingDesk({ map, clock, random, note: (line) => note(`pairing: ${line}`) })
  return { desk, close: () => map.close() }
}

/** Who may log in: names of the file, then units that were paired; nothing where neither is. */
export const authentication = (
  names: () => Credentials | undefined,
  pairing: Pairing | undefined,
) => {
  if (names() === undefined && pairing === undefined) return {}
  return {
    authenticate: async (user: string, password: string): Promise<boolean> => {
      const credentials = names()
      const inFile = credentials !== undefined && Object.hasOwn(credentials, user)
      if (pairing === undefined || inFile) return checkPassword(credentials ?? {}, user, password)
      return pairing.desk.check(user, password)
    },
  }
}
