// Finds the drives that boards show over USB, and says which board each is, by the file that its
// loader puts there: INFO_UF2.TXT (github.com/microsoft/uf2) or DETAILS.TXT (DAPLink). It writes
// nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Drive {
  folder: string
  method: 'uf2' | 'daplink'
  /** What the board calls itself, such as `RPI-RP2` or `9900`. */
  id: string
  /** Times that a DAPLink has remounted its drive; it counts every image. */
  remounts?: number
}

/** All folders that are the drive of a board; others are passed over. */
export const findDrives = (folders: readonly string[]): Drive[] =>
  folders.flatMap((folder) => {
    const drive = driveAt(folder)
    return drive === undefined ? [] : [drive]
  })

/** What a board's loader puts onto its drive. */
export const driveFiles = ['INFO_UF2.TXT', 'DETAILS.TXT'] as const

export const driveAt = (folder: string): Drive | undefined => {
  const uf2 = valueIn(textOf(folder, driveFiles[0]), 'Board-ID')
  if (uf2 !== undefined) return { folder, method: 'uf2', id: uf2 }
  const details = textOf(folder, driveFiles[1])
  const unique = valueIn(details, 'Unique ID')
  if (unique === undefined) return undefined
  const remounts = Number(valueIn(details, 'Remount count'))
  // The first four digits are the board's id, the next four its family.
  const drive: Drive = { folder, method: 'daplink', id: unique.slice(0, 4) }
  return Number.isInteger(remounts) ? { ...drive, remounts } : drive
}

/** What a DAPLink says of an image that it did not take, or undefined where it says nothing. */
export const failureOn = (folder: string): string | undefined => {
  const text = textOf(folder, 'FAIL.TXT')
  return text === '' ? undefined : text.trim().replaceAll(/\s+/g, ' ')
}

/** Empty where there is no such file, or the drive is just going. */
const textOf = (folder: string, name: string): string => {
  try {
    return readFileSync(join(folder, name), 'latin1').slice(0, 4096)
  } catch {
    return ''
  }
}

const valueIn = (text: string, key: string): string | undefined => {
  const line = text.split(/\r?\n/).find((each) => each.startsWith(`${key}:`))
  const value = line?.slice(key.length + 1).trim()
  return value === '' ? undefined : value
}
