// Which boards are joined to this machine and ready to take an image, by every way that our boards
// know; and whether one of them is the board that is meant. Writes nothing.
import type { Board, FlashMethod } from '../boards.ts'
import { ToolError } from '../tool-error.ts'
import { type Drive, findDrives } from './drives.ts'
import type { Outside } from './outside.ts'

export type Method = FlashMethod['method']

/** One board, ready to be flashed. */
export interface Target {
  board: Board
  method: Method
  /** Where it is: a folder, or what the program that talks to it calls it. */
  place: string
  /** What it calls itself. */
  id: string
  drive?: Drive
}

/** Something that is ready to be flashed and that no board of ours calls itself. */
export interface Stranger {
  place: string
  id: string
}

export interface Found {
  targets: readonly Target[]
  strangers: readonly Stranger[]
}

export interface Wanted {
  boards: readonly Board[]
  /** Only by this way; without it by drives and by the chip's loader, not by a debug probe. */
  method?: Method | undefined
  /** Only this folder. */
  drive?: string | undefined
}

export const findTargets = async (wanted: Wanted, outside: Outside): Promise<Found> => {
  const drives = findDrives(wanted.drive === undefined ? outside.mounts() : [wanted.drive])
  const targets: Target[] = []
  const strangers: Stranger[] = []
  for (const drive of drives) {
    if (wanted.method !== undefined && wanted.method !== drive.method) continue
    const { folder: place, method, id } = drive
    const board = wanted.boards.find((each) => waysOf(each, method)?.ids.includes(id))
    if (board === undefined) strangers.push({ place, id })
    else targets.push({ board, method, place, id, drive })
  }
  if (wanted.drive !== undefined) return { targets, strangers }
  const loaders = wanted.method === undefined || wanted.method === 'dfu' ? wanted.boards : []
  for (const board of loaders) targets.push(...(await findLoaders(board, wanted, outside)))
  if (wanted.method === 'openocd') targets.push(...probes(wanted.boards))
  return { targets, strangers }
}

export const waysOf = <M extends Method>(
  board: Board,
  method: M,
): Extract<FlashMethod, { method: M }> | undefined =>
  board.flashing.find((way) => way.method === method) as
    | Extract<FlashMethod, { method: M }>
    | undefined

/** The chip's loader on USB. Where the way was not asked for by name, a missing tool is silent. */
const findLoaders = async (board: Board, wanted: Wanted, outside: Outside): Promise<Target[]> => {
  const way = waysOf(board, 'dfu')
  if (way === undefined) return []
  const listed = await outside.run('dfu-util', ['-l']).catch((error: unknown) => {
    if (wanted.method === 'dfu' || !(error instanceof ToolError)) throw error
    return { code: 0, text: '' }
  })
  return parseLoaders(listed.text)
    .filter(({ id, layout }) => way.ids.includes(id) && layout === way.layout)
    .map(({ id, serial }) => ({ board, method: 'dfu', place: `serial ${serial}`, id }))
}

interface Loader {
  id: string
  serial: string
  layout: string
}

/**
 * Chips in the list of `dfu-util -l` (0.11), each once: the setting that is its internal flash,
 * with the sectors as its name says (AN3156 and UM0424: `@name/address/sectors`).
 */
export const parseLoaders = (text: string): Loader[] =>
  [...text.matchAll(loaderLine)].map(([, id = '', layout = '', serial = '']) => ({
    id,
    layout: layout.trim(),
    serial,
  }))

const loaderLine = new RegExp(
  [
    /^Found DFU: \[([0-9a-f]{4}:[0-9a-f]{4})\].*/,
    /name="@Internal Flash\s*\/0x[0-9a-fA-F]+\/([^"]+)".*serial="([^"]*)"/,
  ]
    .map(({ source }) => source)
    .join(''),
  'gm',
)

/** A probe says which chip it holds only when it is asked: that is part of flashing. */
const probes = (boards: readonly Board[]): Target[] =>
  boards.flatMap((board) => {
    const way = waysOf(board, 'openocd')
    if (way === undefined) return []
    return [{ board, method: 'openocd', place: way.config[0] ?? '', id: way.ids[0] ?? '' } as const]
  })
