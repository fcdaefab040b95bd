// A release of a machine's firmware for a board that takes signed updates: the image linked for
// each slot, both signed, the bootloader, one manifest with all digests, and what is flashed with
// the board in hand. The key stays outside: `sign` is passed in.
import { createHash } from 'node:crypto'
import { buildBootloader } from './bootloader.ts'
import { flashParts, partsToUf2 } from './flash-image.ts'
import { buildImage, type ImageRequest } from './image.ts'
import type { Manifest } from './manifest.ts'
import { headBytes, type Sign, signImage } from './signed-image.ts'

export interface ReleaseRequest extends Omit<ImageRequest, 'purpose' | 'slot' | 'byHand'> {
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
  /** Bootloader, pinned key, image in slot A, fresh update state. */
  uf2: Uint8Array
  manifest: Manifest
  /** The manifest's text, whose SHA-256 is signed in both heads. */
  text: string
}

/** Builds and signs. Throws as `buildImage` does, and ToolError where the board has no slots. */
export const buildRelease = async (request: ReleaseRequest): Promise<Release> => {
  const { profile, profileDigest, board, version, sign, publicKey } = request
  const build = (slot: 0 | 1) => buildImage({ ...request, purpose: 'machine', slot })
  const [a, b] = [await build(0), await build(1)]
  const bootloader = buildBootloader(request).files.bin
  const digest = (image: Uint8Array): string => sha256(image.subarray(headBytes)).toString('hex')
  const manifest: Manifest = {
    ...a.manifest,
    digests: { ...a.manifest.digests, image: digest(a.bin) },
    release: {
      version,
      key: Buffer.from(publicKey).toString('hex'),
      slots: { a: digest(a.bin), b: digest(b.bin) },
      bootloader: sha256(bootloader).toString('hex'),
      bootloaderBytes: bootloader.length,
    },
  }
  const text = `${JSON.stringify(manifest, null, 2)}\n`
  const head = {
    ...{ version, board: board.board, machine: profile.machine },
    manifest: sha256(text),
    profile: Uint8Array.from(Buffer.from(profileDigest, 'hex')),
  }
  const signed = signImage(a.bin, { ...head, slot: 0 }, sign)
  const parts = flashParts(board, { bootloader, signed, publicKey })
  return {
    a: signed,
    b: signImage(b.bin, { ...head, slot: 1 }, sign),
    uf2: partsToUf2(board, parts),
    manifest,
    text,
  }
}

const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest()
