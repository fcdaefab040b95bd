// Finds images that are ready to be flashed: the stock images of firmware/images, or a file with
// its manifest beside it. An image whose bytes do not fit its manifest is refused. Builds nothing.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { loadBoard } from '../boards.ts'
import { slotOf } from '../compile.ts'
import type { Manifest } from '../manifest.ts'
import { readSigned, signedIn } from '../signed-image.ts'
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
  if (createHash('sha256').update(raw).digest('hex') !== manifest.digests.image) {
    throw damaged(path, 'its bytes are not those that its manifest names')
  }
  return { name, manifest, files: new Map([...files, ['bin', raw]]) }
}

/** A signed release: its UF2 holds an image in slot A that is signed together with the manifest. */
const readRelease = (
  name: string,
  files: ReadonlyMap<string, Uint8Array>,
  path: string,
): ReadyImage => {
  const manifest = parseManifest(path)
  const uf2 = files.get('uf2')
  if (uf2 === undefined) throw damaged(path, 'there is no .uf2 beside its manifest')
  const slot = slotOf(loadBoard(manifest.board), 0)
  try {
    const { image } = fromUf2(uf2)
    const key = Uint8Array.from(Buffer.from(manifest.release?.key ?? '', 'hex'))
    const head = readSigned(signedIn(image.subarray(slot.at, slot.at + slot.bytes)), key)
    const digest = createHash('sha256')
      .update(contentOf(path) ?? '')
      .digest()
    if (Buffer.compare(digest, head.manifest) !== 0) throw new Error('its manifest was changed')
  } catch (error) {
    throw damaged(path, (error as Error).message)
  }
  return { name, manifest, files: new Map([['uf2', uf2]]) }
}

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
