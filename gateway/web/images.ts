// The images that the page offers for download, with the steps for each board: the stock images of
// the project, the same that `tenfold flash` takes. Read once, when first asked for. Builds
// nothing.
import { loadBoard } from '../../firmware/boards.ts'
import { imagesIn, type ReadyImage, stockFolder } from '../../firmware/flash/images.ts'
import type { ImageFace } from '../core/queries.ts'
import type { Reply } from './reply.ts'

export interface Images {
  list(): readonly ImageFace[]
  /** The file of that name, such as `cordless-drill-rp2040-pico.uf2`; undefined: there is none. */
  file(name: string): Reply | undefined
}

/** @param folder of images with their manifests */
export const openImages = (folder = stockFolder): Images => {
  let read: readonly ReadyImage[] | undefined
  const all = (): readonly ReadyImage[] => {
    read ??= imagesIn(folder).filter(({ manifest }) => manifest.purpose === 'machine')
    return read
  }
  return {
    list: () => all().map(face),
    file: (name) => {
      const dot = name.lastIndexOf('.')
      const image = all().find((each) => each.name === name.slice(0, dot))
      const body = image && content(image, name.slice(dot + 1))
      if (body === undefined) return undefined
      const headers = { 'Content-Disposition': `attachment; filename="${name}"` }
      return { status: 200, type: 'application/octet-stream', body: Buffer.from(body), headers }
    },
  }
}

const content = ({ files, manifest }: ReadyImage, ending: string): Uint8Array | undefined =>
  ending === 'json' ? Buffer.from(JSON.stringify(manifest, null, 2)) : files.get(ending)

const face = ({ name, manifest, files }: ReadyImage): ImageFace => {
  const { title, flashing } = loadBoard(manifest.board)
  const { release, sizes } = manifest
  return {
    name,
    machine: manifest.machine,
    board: manifest.board,
    title,
    bytes: sizes.flash + (release?.bootloaderBytes ?? 0),
    digest: manifest.digests.image,
    takesUpdates: release !== undefined,
    forms: [...files.keys()],
    steps: flashing[0]?.steps ?? [],
    unproven: manifest.unproven,
  }
}
