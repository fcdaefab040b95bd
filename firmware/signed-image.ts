// What lies in a slot of a board: 256 bytes of head, then the image linked for that slot. Written
// and read here, checked on the board by runtime/boot/slot.h. Pure; keys stay outside: `sign` is
// passed in. The signature covers the head, and the head has the image's digest.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { ToolError } from './tool-error.ts'

/** Bytes of a head, and how many of them are signed. */
export const headBytes = 256
const signedBytes = 192
const mark = 0x4d494654
const format = 1

export interface ImageHead {
  /** Grows with every release; a board takes no older one by update. */
  version: number
  slot: 0 | 1
  board: string
  machine: string
  /** SHA-256, 32 bytes each: of the image behind the head, of the manifest, of the machine file. */
  image: Uint8Array
  manifest: Uint8Array
  profile: Uint8Array
  /** Bytes of the image behind the head. */
  bytes: number
}

/** Ed25519 over a message, 64 bytes. */
export type Sign = (message: Uint8Array) => Uint8Array

const places = { board: [20, 28], machine: [48, 32] } as const
const digests = { image: 80, manifest: 112, profile: 144 } as const

/** Head and image as one, signed. @param image as linked, with 256 bytes of room for the head */
export const signImage = (
  image: Uint8Array,
  head: Omit<ImageHead, 'image' | 'bytes'>,
  sign: Sign,
): Uint8Array => {
  const signed = headImage(image, head)
  signed.set(sign(signed.slice(0, signedBytes)), signedBytes)
  return signed
}

/** The same without a signature: a board starts it only where it was flashed in the hand. */
export const headImage = (
  image: Uint8Array,
  head: Omit<ImageHead, 'image' | 'bytes'>,
): Uint8Array => {
  const body = image.subarray(headBytes)
  const headed = image.slice()
  headed.fill(0, 0, headBytes)
  const view = new DataView(headed.buffer)
  const words = [mark, format, body.length, head.version, head.slot]
  words.forEach((word, i) => {
    view.setUint32(4 * i, word, true)
  })
  for (const [name, [at, room]] of Object.entries(places)) {
    const text = Buffer.from(head[name as keyof typeof places])
    if (text.length > room) throw new RangeError(`${name} is longer than ${room} bytes`)
    headed.set(text, at)
  }
  headed.set(sha256(body), digests.image)
  headed.set(head.manifest, digests.manifest)
  headed.set(head.profile, digests.profile)
  return headed
}

/**
 * Reads a signed image and checks it as the board will: form, digest, signature.
 * Throws ToolError(image_wrong).
 */
export const readSigned = (file: Uint8Array, publicKey: Uint8Array): ImageHead => {
  const head = readHead(file)
  if (!isSignedBy(file, publicKey)) throw wrong('its signature is not by the key given')
  return head
}

/** Reads a signed image; everything but its signature is checked. Throws ToolError(image_wrong). */
export const readHead = (file: Uint8Array): ImageHead => {
  if (file.length <= headBytes) throw wrong('it is shorter than a head')
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const [found, version, bytes, release, slot] = [0, 4, 8, 12, 16].map((at) =>
    view.getUint32(at, true),
  )
  if (found !== mark || version !== format) throw wrong('it has no head of a signed image')
  if (bytes !== file.length - headBytes) throw wrong('its length is not the one in its head')
  if (slot !== 0 && slot !== 1) throw wrong(`there is no slot ${slot}`)
  const text = ([at, room]: readonly [number, number]): string =>
    Buffer.from(file.subarray(at, at + room))
      .toString('utf8')
      .replace(/\0+$/, '')
  const digest = (at: number): Uint8Array => file.slice(at, at + 32)
  if (Buffer.compare(sha256(file.subarray(headBytes)), digest(digests.image)) !== 0) {
    throw wrong('the image behind the head is another one')
  }
  return {
    version: release ?? 0,
    slot,
    board: text(places.board),
    machine: text(places.machine),
    image: digest(digests.image),
    manifest: digest(digests.manifest),
    profile: digest(digests.profile),
    bytes,
  }
}

/** Head and image out of a slot, which may be longer. */
export const signedIn = (slot: Uint8Array): Uint8Array => {
  const bytes = new DataView(slot.buffer, slot.byteOffset, slot.length).getUint32(8, true)
  return slot.subarray(0, headBytes + bytes)
}

/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, 4) up to its 32 bytes. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** Whether nobody has signed the head. */
export const isUnsigned = (file: Uint8Array): boolean =>
  file.subarray(signedBytes, headBytes).every((byte) => byte === 0)

/** Whether the head is signed by this key (32 bytes). */
export const isSignedBy = (file: Uint8Array, publicKey: Uint8Array): boolean => {
  const der = Buffer.concat([spkiPrefix, publicKey])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  const signature = file.subarray(signedBytes, headBytes)
  return verify(null, file.subarray(0, signedBytes), key, signature)
}

const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest()

const wrong = (what: string): ToolError =>
  new ToolError('image_wrong', {
    message: `this is no signed image: ${what}`,
    remedy: 'Take the file that "tenfold build --sign" wrote, whole and unchanged.',
  })
