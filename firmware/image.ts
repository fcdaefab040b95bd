// Profile + loop + board -> an image that a microcontroller starts, and its manifest. The loop's
// wasm, the very module the twin runs, becomes C and is compiled with the runtime and the board's
// drivers. Byte-identical wherever it is built; it writes only into a folder of its own.
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoopSpec, Profile } from '../hardware-profiles/profile.ts'
import type { Board } from './boards.ts'
import { BuildError, buildLoop } from './build.ts'
import { commonFlags, compilerVersion, runTool, type Workplace } from './c-compiler.ts'
import { checkImage } from './image-check.ts'
import { configHeader } from './image-config.ts'
import type { LoopKind } from './loop-kind.ts'
import { type Manifest, manifestOf } from './manifest.ts'
import { toUf2 } from './uf2.ts'
import type { Finding } from './wasm-check.ts'
import { translate } from './wasm2c.ts'

/** `machine` drives pins; `exercise` is the test build: it talks over UART and drives nothing. */
export type Purpose = 'machine' | 'exercise'

export interface ImageRequest {
  profile: Profile
  /** SHA-256 of the profile as the gateway computes it, for the manifest. */
  profileDigest: string
  loops: ReadonlyMap<string, LoopKind>
  board: Board
  purpose: Purpose
  /** Where built loops are kept. */
  cacheFolder?: string
  /** Where the compiler is looked for, as the environment's PATH. */
  path?: string | undefined
  /** Folder of loop kinds, where it is not the project's. */
  loopsFolder?: string
  /**
   * For comparisons only: C that takes the loop's place. Its file, and the constants it includes
   * as `constants.h`.
   */
  byHand?: { file: string; constants: string }
}

export interface Image {
  /** Without symbols. */
  elf: Uint8Array
  /** Raw bytes from the start of the flash. */
  bin: Uint8Array
  uf2?: Uint8Array
  hex?: Uint8Array
  /** Address of each symbol of the unstripped image, for tests. */
  symbols: ReadonlyMap<string, number>
  manifest: Manifest
}

/**
 * Builds. Throws BuildError with every finding in loop, profile or image, ToolError where the
 * compiler is missing.
 */
export const buildImage = async (request: ImageRequest): Promise<Image> => {
  const { profile, board, cacheFolder, loopsFolder } = request
  const { loop, spec } = theLoop(profile, request.loops)
  const config = configHeader({ profile, board, loop, spec, purpose: request.purpose })
  if (config.findings.length > 0) throw new BuildError(config.findings)
  const { wasm, digest } = await buildLoop({
    ...{ loop, spec },
    ...(cacheFolder !== undefined && { cacheFolder }),
    ...(loopsFolder !== undefined && { loopsFolder }),
  })
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-image-'))
  try {
    gather(folder, request)
    translate(wasm, folder)
    writeFileSync(join(folder, 'config.h'), config.text(digest))
    const built = compileAll(folder, request)
    const gcc = compilerVersion(request.path) ?? 'unknown'
    const manifest = manifestOf({ ...request, loop, spec, gcc, module: digest, ...built })
    return { ...built.files, symbols: built.symbols, manifest }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The one loop of a machine. */
const theLoop = (
  profile: Profile,
  loops: ReadonlyMap<string, LoopKind>,
): { loop: LoopKind; spec: LoopSpec } => {
  const [spec, second] = Object.values(profile.loops)
  const loop = spec && loops.get(spec.kind)
  if (spec === undefined || loop === undefined || second !== undefined) {
    const what = 'an image holds exactly one loop'
    const place = `${profile.machine}: /loops`
    throw new BuildError([{ place, what, remedy: 'Give the machine one loop.' }])
  }
  return { loop, spec }
}

/** All sources side by side, so that every name is relative. */
const gather = (folder: string, { board, byHand }: ImageRequest): void => {
  cpSync(join(import.meta.dirname, 'runtime'), folder, { recursive: true })
  for (const file of readdirSync(board.folder)) {
    if (/\.(h|S|ld)$/.test(file)) copyFileSync(join(board.folder, file), join(folder, file))
  }
  if (byHand !== undefined) {
    copyFileSync(byHand.file, join(folder, 'by-hand.h'))
    writeFileSync(join(folder, 'constants.h'), byHand.constants)
  }
}

export interface Built {
  files: { elf: Uint8Array; bin: Uint8Array; uf2?: Uint8Array; hex?: Uint8Array }
  symbols: ReadonlyMap<string, number>
  /** Bytes by section of the image. */
  sections: ReadonlyMap<string, number>
  stackBytes: number
}

const compileAll = (folder: string, request: ImageRequest): Built => {
  const { board, purpose, byHand, path } = request
  const at: Workplace = { folder, path }
  const flags = [...board.flags, '-O2', ...commonFlags, '-Ilibc', `-DCLOCK_HZ=${board.clockHz}`]
  if (purpose === 'exercise') flags.push('-DEXERCISE')
  if (byHand !== undefined) flags.push('-DLOOP_BY_HAND="by-hand.h"')
  runTool('gcc', [...flags, '-c', 'image.c', '-o', 'image.o'], at)
  const objects = ['image.o']
  if (board.boot !== undefined) {
    assembleBoot(at, board.boot, board.flags)
    objects.push('boot.o')
  }
  const link = ['-nostdlib', '-Wl,--gc-sections', '-Wl,--build-id=none', '-Wl,--fatal-warnings']
  const stack = `-Wl,--defsym=STACK_BYTES=${board.stackBytes}`
  linkOrExplain(() =>
    runTool(
      'gcc',
      [...board.flags, ...link, stack, '-T', 'link.ld', ...objects, '-lgcc', '-o', 'image.elf'],
      at,
    ),
  )
  const listing = runTool('objdump', ['-d', '--no-show-raw-insn', 'image.elf'], at)
  const usage = readFileSync(join(folder, 'image.su'), 'utf8')
  const { stackBytes, findings } = checkImage(listing, usage, board.exceptionBytes)
  const symbols = readSymbols(runTool('nm', ['image.elf'], at))
  const sections = readSections(runTool('size', ['-A', '-d', 'image.elf'], at))
  const found = [...findings, ...stackFits(board, stackBytes)]
  if (found.length > 0) throw new BuildError(found)
  return { files: filesOf(at, board), symbols, sections, stackBytes }
}

/** The chip's ROM runs the second stage only if its CRC-32 is right (datasheet 2.8.1.3.1). */
const assembleBoot = (at: Workplace, source: string, flags: readonly string[]): void => {
  const { folder } = at
  runTool('gcc', [...flags, '-c', source, '-o', 'boot-bare.o'], at)
  runTool('objcopy', ['-O', 'binary', '-j', '.boot2', 'boot-bare.o', 'boot-bare.bin'], at)
  const code = readFileSync(join(folder, 'boot-bare.bin'))
  const block = new Uint8Array(256)
  if (code.length > 252) throw new Error(`${source}: ${code.length} bytes, room for 252`)
  block.set(code)
  new DataView(block.buffer).setUint32(252, crc32(block.subarray(0, 252)), true)
  const bytes = `.section .boot2, "a"\n.byte ${block.join(', ')}\n`
  writeFileSync(join(folder, 'boot.S'), bytes)
  runTool('gcc', [...flags, '-c', 'boot.S', '-o', 'boot.o'], at)
}

/** Polynomial 04C11DB7, not reflected, starting with all ones, no final inversion. */
export const crc32 = (data: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte << 24
    for (let i = 0; i < 8; i += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  }
  return crc >>> 0
}

const linkOrExplain = (link: () => unknown): void => {
  try {
    link()
  } catch (error) {
    const text = (error as Error).message
    const names = new Set([...text.matchAll(/undefined reference to `([^']+)'/g)].map((m) => m[1]))
    if (names.size === 0) throw error
    throw new BuildError(
      [...names].map((name) => ({
        place: 'image',
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

const stackFits = (board: Board, stackBytes: number): Finding[] => {
  if (stackBytes <= board.stackBytes) return []
  const what = `the stack can get ${stackBytes} bytes deep, ${board.stackBytes} are reserved`
  const remedy = `Call less deeply in the loop, or raise stackBytes of ${board.board}.`
  return [{ place: 'image', what, remedy }]
}

const filesOf = (at: Workplace, board: Board): Built['files'] => {
  const { folder } = at
  runTool('objcopy', ['-O', 'binary', 'image.elf', 'image.bin'], at)
  runTool('strip', ['-s', 'image.elf', '-o', 'stripped.elf'], at)
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)))
  const bin = read('image.bin')
  const files: Built['files'] = { elf: read('stripped.elf'), bin }
  if (board.formats.includes('uf2') && board.uf2Family !== undefined) {
    files.uf2 = toUf2(bin, board.flashAddress, board.uf2Family)
  }
  if (board.formats.includes('hex')) {
    runTool('objcopy', ['-O', 'ihex', 'image.elf', 'image.hex'], at)
    files.hex = read('image.hex')
  }
  return files
}
