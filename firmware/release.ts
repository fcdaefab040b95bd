// What a board that takes updates is flashed with, and its manifest with all digests. A release:
// the image linked for each slot, both signed, and the key pinned. A stock image: slot A only,
// nobody's signature, no key. Keys stay outside: `sign` is passed in.
import { createHash } from 'node:crypto'
import { buildBootloader } from './bootloader.ts'
import { slotOf } from './compile.ts'
import { BuildError, inBoard } from './finding.ts'
import { flashParts, partsToFiles } from './flash-image.ts'
import { buildImage, type Image, type ImageRequest } from './image.ts'
import type { Manifest } from './manifest.ts'
import { headBytes, headImage, type Sign, signImage } from './signed-image.ts'

export type StockRequest = Omit<ImageRequest, 'purpose' | 'slot' | 'byHand'>

export interface ReleaseRequest extends StockRequest {
  /** Whole number that grows with every release: a board takes no older one by update. */
  version: number
  /** Signs with the release key; its public half is pinned on the board. */
  sign: Sign
  publicKey: Uint8Array
}

export interface Release {
  /** Head and image for each slot: what an update sends. */
  a: Uint8Array
  b: Uint8Array
  /** Bootloader, pinned key, image in slot A, fresh update state: by ending. */
  files: ReadonlyMap<string, Uint8Array>
  manifest: Manifest
  /** The manifest's text, whose SHA-256 is signed in both heads. */
  text: string
}

/** An image for slot A behind a bootloader, by nobody in particular. */
export interface Stock extends Pick<Release, 'files' | 'manifest' | 'text'> {
  /** Of the image alone. */
  elf: Uint8Array
}

/** Older than every release. */
const stockVersion = 0

/** Builds and signs. Throws as `buildImage` does, and ToolError where the board has no slots. */
export const buildRelease = async (request: ReleaseRequest): Promise<Release> => {
  const { board, version, sign, publicKey } = request
  const [a, b] = [await inSlot(request, 0), await inSlot(request, 1)]
  const bootloader = buildBootloader(request).files.bin
  const manifest = manifestOf(a, bootloader, {
    version,
    key: Buffer.from(publicKey).toString('hex'),
    slots: { a: digestOf(a), b: digestOf(b) },
  })
  const text = textOf(manifest)
  const head = headOf(request, version, text)
  const image = signImage(a.bin, { ...head, slot: 0 }, sign)
  return {
    a: image,
    b: signImage(b.bin, { ...head, slot: 1 }, sign),
    files: partsToFiles(board, flashParts(board, { bootloader, image, publicKey })),
    manifest,
    text,
  }
}

/**
 * What anybody may flash: it starts because it was flashed in the hand, and takes releases only
 * after a key was pinned. Throws as `buildRelease` does.
 */
export const buildStock = async (request: StockRequest): Promise<Stock> => {
  const { board } = request
  const a = await inSlot(request, 0)
  const bootloader = buildBootloader(request).files.bin
  const slots = { a: digestOf(a) }
  const manifest = manifestOf(a, bootloader, { version: stockVersion, slots })
  const text = textOf(manifest)
  const image = headImage(a.bin, { ...headOf(request, stockVersion, text), slot: 0 })
  const files = partsToFiles(board, flashParts(board, { bootloader, image }))
  return { files, manifest, text, elf: a.elf }
}

/** Linked for a slot; must fit both, because updates change places. */
const inSlot = async (request: StockRequest, slot: 0 | 1): Promise<Image> => {
  const { board } = request
  const most = Math.min(slotOf(board, 0).bytes, slotOf(board, 1).bytes)
  const image = await buildImage({ ...request, purpose: 'machine', slot })
  if (image.bin.length <= most) return image
  const what = `a slot has ${most} bytes, and the image with its head has ${image.bin.length}`
  const remedy = 'Give both slots more room, or take a board with more flash.'
  const place = `/flash/parts/slot_${slot === 0 ? 'a' : 'b'}`
  throw new BuildError([inBoard(board.board, place, { what, remedy })])
}

const digestOf = ({ bin }: Image): string => sha256(bin.subarray(headBytes)).toString('hex')

const manifestOf = (
  { manifest }: Image,
  bootloader: Uint8Array,
  release: Pick<NonNullable<Manifest['release']>, 'version' | 'key' | 'slots'>,
): Manifest => ({
  ...manifest,
  digests: { ...manifest.digests, image: release.slots.a },
  release: {
    ...release,
    bootloader: sha256(bootloader).toString('hex'),
    bootloaderBytes: bootloader.length,
  },
})

const textOf = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`

const headOf = (
  { board, profile, profileDigest }: StockRequest,
  version: number,
  text: string,
) => ({
  ...{ version, board: board.board, machine: profile.machine },
  manifest: sha256(text),
  profile: Uint8Array.from(Buffer.from(profileDigest, 'hex')),
})

const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest()
