// C in one folder -> a linked and checked image in the formats of its board: what every kind of
// image has in common (machine, test build, bootloader). Knows neither loops nor profiles.
import { copyFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Board } from './boards.ts'
import { commonFlags, runTool, type Workplace } from './c-compiler.ts'
import { BuildError, type Finding } from './finding.ts'
import { checkImage, type ImageCheck } from './image-check.ts'
import { ToolError } from './tool-error.ts'
import { toUf2 } from './uf2.ts'

export interface Built {
  files: { elf: Uint8Array; bin: Uint8Array; uf2?: Uint8Array; hex?: Uint8Array }
  symbols: ReadonlyMap<string, number>
  /** Bytes by section of the image. */
  sections: ReadonlyMap<string, number>
  /** The deepest the stack can get, and what is reserved for it. */
  stackBytes: number
  reservedBytes: number
  /** Its disassembly. */
  listing: string
}

export interface CompileRequest {
  /** Folder that holds all sources side by side, and gets what is made. */
  folder: string
  board: Board
  /** The one translation unit, in that folder. */
  source: string
  /** `-D` and the like, beside the flags of every image. */
  flags?: readonly string[]
  /** Linked for this slot of the flash, behind room for its signed head. */
  slot?: 0 | 1
  /** What the C of a wasm module was written as, for errors. */
  origin?: {
    /** Of a symbol of the image. */
    named: (symbol: string) => { name: string; place: string } | undefined
    /** By the name in C's library. */
    rounding: Readonly<Record<string, string>>
  }
  /** For profiles only: the ELF keeps symbols and line numbers. The code is the same. */
  lines?: boolean | undefined
  /** Where the compiler is looked for, as the environment's PATH. */
  path?: string | undefined
}

/** Whether the board takes updates: its flash has room for a bootloader and two slots. */
export const hasSlots = ({ flash: { parts = {} } }: Board): boolean =>
  ['boot', 'slot_a', 'slot_b', 'update'].every((name) => parts[name] !== undefined)

/** Where a slot lies in the flash, offset and bytes. Throws ToolError on a board without slots. */
export const slotOf = (board: Board, slot: 0 | 1): { at: number; bytes: number } => {
  const part = board.flash.parts?.[slot === 0 ? 'slot_a' : 'slot_b']
  if (part !== undefined) return part
  throw new ToolError('no_slots', {
    message: `${board.board} has no slots for updates in its flash`,
    remedy: 'Build without --sign for this board.',
  })
}

/** The runtime and a board's own sources, into one folder, so that every name is relative. */
export const gatherSources = (folder: string, board: Board): void => {
  cpSync(join(import.meta.dirname, 'runtime'), folder, { recursive: true })
  for (const file of readdirSync(board.folder)) {
    if (/\.(h|S|ld)$/.test(file)) copyFileSync(join(board.folder, file), join(folder, file))
  }
}

/** Compiles, links and checks. Throws BuildError with every finding, ToolError without compiler. */
export const compileImage = (request: CompileRequest): Built => {
  const { folder, board, source, slot, path } = request
  const at: Workplace = { folder, path }
  const base = slot === undefined ? 0 : slotOf(board, slot).at
  const flags = [
    ...board.flags,
    '-O2',
    ...commonFlags,
    '-I.',
    '-Ilibc',
    `-DCLOCK_HZ=${board.clockHz}`,
    ...(request.lines === true ? ['-g'] : []),
    ...(slot === undefined ? [] : [`-DRUNNING_SLOT=${slot}`]),
  ]
  runTool('gcc', [...flags, ...(request.flags ?? []), '-c', source, '-o', 'image.o'], at)
  const objects = ['image.o']
  if (board.boot !== undefined || slot !== undefined) {
    const { boot } = slot === undefined ? board : {}
    const block = boot === undefined ? emptyHead : assembleBoot(at, boot, board.flags)
    writeFileSync(join(folder, 'boot.S'), `.section .head, "a"\n.byte ${block.join(', ')}\n`)
    runTool('gcc', [...board.flags, '-c', 'boot.S', '-o', 'boot.o'], at)
    objects.push('boot.o')
  }
  const link = ['-nostdlib', '-Wl,--gc-sections', '-Wl,--build-id=none', '-Wl,--fatal-warnings']
  const linkWith = (reserved: number): void => {
    const places = [`STACK_BYTES=${reserved}`, `FLASH_BASE=${base}`]
    const given = places.map((place) => `-Wl,--defsym=${place}`)
    const from = [...given, '-T', 'link.ld', ...objects, '-lgcc', '-o', 'image.elf']
    linkOrExplain(request.origin?.rounding, () =>
      runTool('gcc', [...board.flags, ...link, ...from], at),
    )
  }
  linkWith(board.stackBytes)
  const listing = runTool('objdump', ['-d', '--no-show-raw-insn', 'image.elf'], at)
  const usage = readFileSync(join(folder, 'image.su'), 'utf8')
  const checked = checkImage(listing, usage, board.exceptionBytes)
  const { stackBytes, findings } = checked
  const found = [...findings, ...stackFits(request, checked)]
  if (found.length > 0) throw new BuildError(found)
  const reservedBytes = Math.min(reservedFor(stackBytes), board.stackBytes)
  if (reservedBytes < board.stackBytes) linkWith(reservedBytes)
  const symbols = readSymbols(runTool('nm', ['image.elf'], at))
  const sections = readSections(runTool('size', ['-A', '-d', 'image.elf'], at))
  const files = filesOf(at, request, base)
  return { files, symbols, sections, stackBytes, reservedBytes, listing }
}

/** An eighth more than the deepest way through the very image takes. */
const reservedFor = (stackBytes: number): number => Math.ceil((stackBytes * 9) / 8 / 64) * 64

/** The chip's ROM runs the second stage only if its CRC-32 is right (datasheet 2.8.1.3.1). */
const assembleBoot = (at: Workplace, source: string, flags: readonly string[]): Uint8Array => {
  const { folder } = at
  runTool('gcc', [...flags, '-c', source, '-o', 'boot-bare.o'], at)
  runTool('objcopy', ['-O', 'binary', '-j', '.boot2', 'boot-bare.o', 'boot-bare.bin'], at)
  const code = readFileSync(join(folder, 'boot-bare.bin'))
  const block = new Uint8Array(256)
  if (code.length > 252) throw new Error(`${source}: ${code.length} bytes, room for 252`)
  block.set(code)
  new DataView(block.buffer).setUint32(252, crc32(block.subarray(0, 252)), true)
  return block
}

/** Where a slot's signed head will be. */
const emptyHead = new Uint8Array(256)

/** Polynomial 04C11DB7, not reflected, starting with all ones, no final inversion. */
export const crc32 = (data: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte << 24
    for (let i = 0; i < 8; i += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  }
  return crc >>> 0
}

const linkOrExplain = (
  places: Readonly<Record<string, string>> = {},
  link: () => unknown,
): void => {
  try {
    link()
  } catch (error) {
    const text = (error as Error).message
    const names = new Set([...text.matchAll(/undefined reference to `([^']+)'/g)].map((m) => m[1]))
    if (names.size === 0) throw error
    throw new BuildError(
      [...names].map((name = '') => ({
        place: places[name] ?? 'image',
        what: `the loop needs ${name}, and this core has no instruction for it`,
        remedy: 'Rounding, roots and copies of memory are not on the boards; compute it otherwise.',
      })),
    )
  }
}

const readSymbols = (text: string): Map<string, number> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [address = '', , name] = line.split(' ')
      return name === undefined ? [] : [[name, Number.parseInt(address, 16)] as const]
    }),
  )

const readSections = (text: string): Map<string, number> =>
  new Map(
    [...text.matchAll(/^(\.\S+)\s+(\d+)\s+\d+$/gm)].map((m) => [m[1] ?? '', Number(m[2])] as const),
  )

/** Named by the loop's function that takes the most of it, where one is on the deepest way. */
const stackFits = (
  { board, origin }: CompileRequest,
  { stackBytes, deepest }: ImageCheck,
): Finding[] => {
  if (stackBytes <= board.stackBytes) return []
  const frames = deepest.map((frame) => ({ ...frame, from: origin?.named(frame.name) }))
  const way = frames.map(({ name, bytes, from }) => `${from?.name ?? name} ${bytes}`).join(', ')
  const [largest] = frames.filter(({ from }) => from).sort((a, b) => b.bytes - a.bytes)
  const what =
    `the stack can get ${stackBytes} bytes deep, ${board.stackBytes} are reserved; ` +
    `deepest, in bytes: ${way}`
  const remedy =
    'Call less deeply in the loop and keep fewer local variables alive over a call; or raise ' +
    `stackBytes in firmware/boards/${board.board}/board.json.`
  return [{ place: largest?.from?.place ?? 'image', what, remedy }]
}

const filesOf = (at: Workplace, { board, lines }: CompileRequest, base: number): Built['files'] => {
  const { folder } = at
  runTool('objcopy', ['-O', 'binary', 'image.elf', 'image.bin'], at)
  runTool('strip', ['-s', 'image.elf', '-o', 'stripped.elf'], at)
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)))
  const bin = read('image.bin')
  const files: Built['files'] = { elf: read(lines === true ? 'image.elf' : 'stripped.elf'), bin }
  if (board.formats.includes('uf2') && board.uf2Family !== undefined) {
    files.uf2 = toUf2(bin, board.flashAddress + base, board.uf2Family)
  }
  if (board.formats.includes('hex')) {
    runTool('objcopy', ['-O', 'ihex', 'image.elf', 'image.hex'], at)
    files.hex = read('image.hex')
  }
  return files
}
