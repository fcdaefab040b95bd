// Finds images that are ready to be flashed: the stock images of firmware/images, or a file with
// its manifest beside it. An image whose bytes do not fit its manifest is refused. Builds nothing.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { loadBoard } from '../boards.ts'
import { slotOf } from '../compile.ts'
import { pinnedIn } from '../flash-image.ts'
import type { Manifest } from '../manifest.ts'
import { isUnsigned, readHead, readSigned, signedIn } from '../signed-image.ts'
import { ToolError } from '../tool-error.ts'
import { fromUf2 } from '../uf2.ts'
import { fromHex } from './hex.ts'
import type { Payload } from './write.ts'

export interface ReadyImage extends Payload {
  manifest: Manifest
}

/** Where the project keeps its stock images. */
export const stockFolder = join(import.meta.dirname, '..', 'images')

/** All images of a folder that have a manifest, by name. */
export const imagesIn = (folder: string): ReadyImage[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => readImage(join(folder, file)))

/**
 * One image with all its forms. @param path of its manifest, or of any of its forms
 * Throws ToolError where manifest or image is missing, damaged, or not of one another.
 */
export const readImage = (path: string): ReadyImage => {
  if (!existsSync(path)) throw damaged(path, 'there is no such file')
  const name = basename(path, extname(path))
  const beside = (ending: string): string => join(dirname(path), `${name}.${ending}`)
  const manifest = parseManifest(beside('json'))
  const files = new Map<string, Uint8Array>()
  for (const ending of ['uf2', 'hex', 'bin']) {
    const content = contentOf(beside(ending))
    if (content !== undefined) files.set(ending, content)
  }
  if (manifest.release !== undefined) return readRelease(name, files, beside('json'))
  const raw = rawOf(files, manifest, path)
  if (sha256(raw) !== manifest.digests.image) {
    throw damaged(path, 'its bytes are not those that its manifest names')
  }
  return { name, manifest, files: new Map([...files, ['bin', raw]]) }
}

/** With a bootloader: all that its file puts onto a board is what the manifest names. */
const readRelease = (
  name: string,
  files: ReadonlyMap<string, Uint8Array>,
  path: string,
): ReadyImage => {
  const manifest = parseManifest(path)
  const [uf2, hex, bin] = ['uf2', 'hex', 'bin'].map((ending) => files.get(ending))
  const flashes: Uint8Array[] = []
  try {
    if (uf2 !== undefined) flashes.push(fromUf2(uf2).image)
    else if (hex !== undefined) flashes.push(fromHex(hex).image)
    if (uf2 === undefined && bin !== undefined) flashes.push(bin)
    for (const flash of flashes) checkFlash(flash, manifest, sha256(contentOf(path) ?? ''))
  } catch (error) {
    throw damaged(path, (error as Error).message)
  }
  const [flash] = flashes
  if (flash === undefined) throw damaged(path, 'there is no .uf2, .hex or .bin beside its manifest')
  if (uf2 !== undefined) return { name, manifest, files: new Map([['uf2', uf2]]) }
  return { name, manifest, files: new Map([...files, ['bin', bin ?? flash]]) }
}

/** Throws what is wrong. @param text SHA-256 of the manifest as it is written */
const checkFlash = (flash: Uint8Array, manifest: Manifest, text: string): void => {
  const { key = '', bootloader, bootloaderBytes = 0 } = manifest.release ?? {}
  const board = loadBoard(manifest.board)
  const slot = slotOf(board, 0)
  const image = signedIn(flash.subarray(slot.at, slot.at + slot.bytes))
  const head = key === '' ? readHead(image) : readSigned(image, Buffer.from(key, 'hex'))
  if (hex(head.manifest) !== text) throw new Error('its manifest was changed')
  if (key === '' && !isUnsigned(image)) throw new Error('its manifest does not name who signed it')
  if (hex(pinnedIn(board, flash) ?? []) !== key) throw new Error('it pins another key')
  if (sha256(flash.subarray(0, bootloaderBytes)) !== bootloader) {
    throw new Error('its bootloader is another one')
  }
}

const hex = (bytes: Uint8Array | readonly number[]): string => Buffer.from(bytes).toString('hex')

const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex')

/**
 * The raw bytes in any of the forms; UF2 pads the last block, and the manifest knows the length.
 */
const rawOf = (
  files: ReadonlyMap<string, Uint8Array>,
  { sizes }: Manifest,
  path: string,
): Uint8Array => {
  const [bin, uf2, hex] = [files.get('bin'), files.get('uf2'), files.get('hex')]
  try {
    if (bin !== undefined) return bin
    if (uf2 !== undefined) return fromUf2(uf2).image.subarray(0, sizes.flash)
    if (hex !== undefined) return fromHex(hex).image
  } catch (error) {
    throw damaged(path, (error as Error).message)
  }
  throw damaged(path, 'there is no .uf2, .hex or .bin beside its manifest')
}

const parseManifest = (path: string): Manifest => {
  const content = contentOf(path)
  if (content === undefined) throw damaged(path, 'the manifest, a .json beside it, is missing')
  try {
    const manifest = JSON.parse(Buffer.from(content).toString()) as Manifest
    if (manifest.format === 1 && typeof manifest.digests.image === 'string') return manifest
  } catch (error) {
    throw damaged(path, `the manifest is damaged: ${(error as Error).message}`)
  }
  throw damaged(path, 'the manifest is of another version')
}

const contentOf = (path: string): Uint8Array | undefined => {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const damaged = (path: string, what: string): ToolError =>
  new ToolError('image_damaged', {
    message: `${path}: ${what}`,
    remedy: 'Build it again: npx tenfold build, and flash what that writes.',
  })
