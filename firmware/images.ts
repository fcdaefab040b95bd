// The stock images: for every machine and every board that it is wired to, the image and its
// manifest, as files of firmware/images. They are derived: anybody with the compiler gets the same
// bytes, so that a maker without one can flash them. Writes nothing itself.
import type { Profile } from '../hardware-profiles/profile.ts'
import { boardNames, loadBoard } from './boards.ts'
import { compilerVersion } from './c-compiler.ts'
import { hasSlots } from './compile.ts'
import { buildImage, type Image, type ImageRequest, type Purpose } from './image.ts'
import type { Machines } from './profiles.ts'
import { buildStock, type Stock } from './release.ts'

/** Folder of the stock images, from the project's root. */
export const imagesFolder = 'firmware/images'

/** `cordless-drill-rp2040-pico`, with `-exercise` or `-rig` for a test build. */
export const imageName = (machine: string, board: string, purpose: Purpose): string =>
  [machine.replaceAll('_', '-'), board, ...(purpose === 'machine' ? [] : [purpose])]
    .join('-')
    .replace('_', '-')

/** Files of an image by their ending; the manifest is JSON. */
const imageFiles = (image: Image): Map<string, string | Uint8Array> =>
  new Map<string, string | Uint8Array>([
    ['elf', image.elf],
    ['bin', image.bin],
    ...(image.uf2 === undefined ? [] : ([['uf2', image.uf2]] as const)),
    ...(image.hex === undefined ? [] : ([['hex', image.hex]] as const)),
    ['json', `${JSON.stringify(image.manifest, null, 2)}\n`],
  ])

/** The same of an image behind a bootloader. */
const stockFiles = ({ elf, files, text }: Stock): Map<string, string | Uint8Array> =>
  new Map<string, string | Uint8Array>([['elf', elf], ...files, ['json', text]])

/**
 * Of a machine for a board, as the project's own images are: with a bootloader where the board
 * takes updates. Test builds have none. Throws as `buildImage` does.
 */
export const buildFiles = async (request: ImageRequest) => {
  if (request.purpose !== 'machine' || !hasSlots(request.board)) {
    const image = await buildImage(request)
    return { manifest: image.manifest, files: imageFiles(image) }
  }
  const stock = await buildStock(request)
  return { manifest: stock.manifest, files: stockFiles(stock) }
}

export interface ImagesRequest {
  machines: Pick<Machines, 'profiles' | 'loops'>
  /** As the gateway computes it. */
  profileDigest: (profile: Profile) => string
  /** Where the compiler is looked for, as the environment's PATH. */
  path?: string | undefined
}

/**
 * Path from the project's root -> content: what a maker flashes (UF2 or HEX), and the manifest.
 * The test build of the same is there, too, for tests without a compiler. undefined where the
 * compiler is not installed.
 */
export const deriveImages = async ({
  machines: { profiles, loops },
  profileDigest,
  path,
}: ImagesRequest): Promise<Map<string, string | Uint8Array> | undefined> => {
  if (compilerVersion(path) === undefined) return undefined
  const files = new Map<string, string | Uint8Array>()
  for (const profile of profiles.values()) {
    for (const name of boardNames()) {
      if (profile.boards?.[name] === undefined) continue
      const board = loadBoard(name)
      for (const purpose of ['machine', 'exercise'] as const) {
        const request = { profile, loops, board, purpose, path }
        const digest = profileDigest(profile)
        const built = await buildFiles({ ...request, profileDigest: digest })
        const stem = `${imagesFolder}/${imageName(profile.machine, name, purpose)}`
        for (const [ending, content] of built.files) {
          if (['uf2', 'hex', 'json'].includes(ending)) files.set(`${stem}.${ending}`, content)
        }
      }
    }
  }
  return files
}
