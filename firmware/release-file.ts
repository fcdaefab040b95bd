// The one file of a signed release: head and image of slot A, head and image of slot B, then the
// manifest that both heads have the digest of. Whoever sends an update needs no other file. Pure.
import { createHash } from 'node:crypto'
import type { Manifest } from './manifest.ts'
import { type ImageHead, isSignedBy, readHead, signedIn } from './signed-image.ts'
import { ToolError } from './tool-error.ts'

export interface ReleaseFile {
  /** Head and image for each slot. */
  a: Uint8Array
  b: Uint8Array
  /** What both heads agree on. */
  head: Pick<ImageHead, 'version' | 'board' | 'machine' | 'profile'>
  manifest: Manifest
}

export const writeRelease = ({ a, b, text }: { a: Uint8Array; b: Uint8Array; text: string }) =>
  new Uint8Array(Buffer.concat([a, b, Buffer.from(text)]))

/** Everything but the signatures is checked. Throws ToolError(image_wrong). */
export const readRelease = (file: Uint8Array): ReleaseFile => {
  const a = part(file, 0)
  const b = part(file, a.length)
  const [one, other] = [readHead(a), readHead(b)]
  const text = file.subarray(a.length + b.length)
  const digest = createHash('sha256').update(text).digest()
  const isSame = (key: 'version' | 'board' | 'machine'): boolean => one[key] === other[key]
  if (one.slot !== 0 || other.slot !== 1) throw wrong('its images are not for slot A and slot B')
  if (!isSame('version') || !isSame('board') || !isSame('machine')) {
    throw wrong('its two images are not of one release')
  }
  for (const head of [one, other]) {
    if (Buffer.compare(digest, head.manifest) !== 0) throw wrong('its manifest was changed')
  }
  const { version, board, machine, profile } = one
  const manifest = manifestIn(Buffer.from(text).toString())
  return { a, b, head: { version, board, machine, profile }, manifest }
}

/** Whether both images are signed by this key. */
export const isReleaseBy = ({ a, b }: ReleaseFile, publicKey: Uint8Array): boolean =>
  isSignedBy(a, publicKey) && isSignedBy(b, publicKey)

/** Of what it says only the digests are looked at here; anybody may have written it. */
const manifestIn = (text: string): Manifest => {
  let found: Partial<Manifest> | null | undefined
  try {
    found = JSON.parse(text) as Partial<Manifest> | null
  } catch {
    // The same as another form.
  }
  const { profile, module } = found?.digests ?? {}
  const { key = '' } = found?.release ?? {}
  if ([profile, module, key].every((word) => typeof word === 'string')) return found as Manifest
  throw wrong('its manifest cannot be read')
}

const part = (file: Uint8Array, at: number): Uint8Array => {
  const rest = file.subarray(at)
  if (rest.length < 12) throw wrong('it ends too early')
  return signedIn(rest)
}

const wrong = (what: string): ToolError =>
  new ToolError('image_wrong', {
    message: `this is no signed release: ${what}`,
    remedy: 'Take the file .signed that "tenfold build --sign" wrote, whole and unchanged.',
  })
