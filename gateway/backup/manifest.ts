// What a backup says of itself, as its last file: without it, or with another digest than one in
// it, a backup is not whole. Plain data; nothing here reads a folder.

import { OperatingError } from '../core/errors.ts'
import { schemaVersion } from '../sinks/store/schema.ts'
import { damaged } from './tar.ts'

export const manifestName = 'manifest.json'
const format = 1

export interface Manifest {
  format: number
  /** Version of the store's tables. */
  store: number
  madeUs: number
  /** did:key of the gateway; null before its first start has ended. */
  gateway: string | null
  /** Newest signed checkpoint of its log of entries; null before the first. */
  checkpoint: string | null
  files: readonly { name: string; bytes: number; sha256: string }[]
}

export const writeManifest = (manifest: Omit<Manifest, 'format'>): Buffer =>
  Buffer.from(`${JSON.stringify({ format, ...manifest }, null, 1)}\n`)

/** Throws backup_damaged, or backup_newer where this program does not know the form. */
export const readManifest = (text: string): Manifest => {
  let value: Partial<Manifest>
  try {
    value = JSON.parse(text) as Partial<Manifest>
  } catch {
    throw damaged('its list of files is not JSON')
  }
  if (typeof value.format !== 'number' || typeof value.store !== 'number') {
    throw damaged('its list of files has no format')
  }
  if (value.format > format || value.store > schemaVersion) {
    throw new OperatingError('backup_newer', {
      message:
        `the backup has format ${value.format}, store ${value.store}; ` +
        `this program knows ${format}, ${schemaVersion}`,
      remedy: 'Restore it with the program that made it, or a newer one.',
    })
  }
  if (!Array.isArray(value.files)) throw damaged('its list of files is missing')
  return value as Manifest
}
