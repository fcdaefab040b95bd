// What an image is, in a file beside it: digests, sizes, stack, longest step, limits, and what no
// emulator has shown. Whoever flashes or reviews it reads this. Pure; nothing of the machine that
// built it shows in it but the compiler's version.
import { createHash } from 'node:crypto'
import type { LoopSpec, Profile, SafetySpec } from '../hardware-profiles/profile.ts'
import type { Board } from './boards.ts'
import type { Built } from './compile.ts'
import type { Purpose } from './image.ts'
import { measureStep, stepMargin } from './image-config.ts'
import type { LoopKind } from './loop-kind.ts'
import { wasm2cVersion } from './wasm2c.ts'

export interface Manifest {
  format: 1
  machine: string
  board: string
  purpose: Purpose
  loop: { kind: string; rateHz: number }
  /** SHA-256, hex: of the profile, of the loop's and the kernel's wasm (what the twin runs), of the
   * raw image. */
  digests: { profile: string; module: string; kernel?: string; image: string }
  /** Bytes: in flash; in RAM as state and stack; as code, where it runs from RAM; as black box. */
  sizes: { flash: number; ram: number; codeInRam: number; blackBox: number }
  /** Bytes: the deepest it can get, and what is reserved. */
  stack: { bound: number; reserved: number }
  /**
   * Cycles of the longest step measured of the very loop (`sources`, a digest of what it is made
   * of); absent where none was, and `unproven` says so.
   */
  worstStep?: { cycles: number; sampling: number; margin: number; how: string; sources: string }
  /**
   * Of an image with a bootloader: its version (a stock image 0, older than any release), digests
   * of the slots' images and the bootloader; of a signed release also its key and slot B.
   */
  release?: {
    version: number
    key?: string
    slots: { a: string; b?: string }
    bootloader: string
    bootloaderBytes: number
  }
  compiler: { gcc: string; wasm2c: string }
  /** The loop's constants, in SI units: what the image keeps to. */
  limits: Readonly<Record<string, number>>
  /** What the safety kernel trips on, as in the profile. */
  safety?: SafetySpec
  /** Where the unit's key lies, and whether who holds the board can read it out. */
  key?: { custody: string; extractable: boolean }
  emulator: string
  unproven: readonly string[]
}

const testInputs =
  'a test build: readings come over the link and its outputs follow them; never with a motor'

const unmeasured = (machine: string, board: string): string =>
  `that a step fits into its time: the longest of this loop was not measured on this board, and ` +
  `the rate is unchecked. ${measureStep(machine, board)}`

/** Everything that is missing of a finished product, on every board. */
const missing = [
  'the safety kernel claims no safety integrity level; nobody but its makers has reviewed it',
]

export const manifestOf = (
  parts: Pick<Built, 'files' | 'sections' | 'stackBytes' | 'symbols'> & {
    profile: Profile
    profileDigest: string
    board: Board
    purpose: Purpose
    loop: LoopKind
    spec: LoopSpec
    /** SHA-256 of the loop kind's sources, hex. */
    sources: string
    module: string
    kernel: string | undefined
    gcc: string
  },
): Manifest => {
  const { profile, board, loop, spec, purpose, sections, symbols, files } = parts
  const codeInRam = (symbols.get('link_code_end') ?? 0) - (symbols.get('link_copy_to') ?? 0)
  const copied = sections.get('.copied') ?? 0
  const kept = board.worstStep[loop.kind]
  const worst = kept?.sources === parts.sources ? kept : undefined
  const blackBox = (sections.get('.noinit') ?? 0) + (sections.get('.kept') ?? 0)
  const ram = copied - codeInRam + (sections.get('.zero') ?? 0) + board.stackBytes
  return {
    format: 1,
    machine: profile.machine,
    board: board.board,
    purpose,
    loop: { kind: loop.kind, rateHz: spec.rateHz },
    digests: {
      profile: parts.profileDigest,
      module: parts.module,
      ...(parts.kernel !== undefined && { kernel: parts.kernel }),
      image: createHash('sha256').update(files.bin).digest('hex'),
    },
    sizes: { flash: files.bin.length, ram, codeInRam, blackBox },
    stack: { bound: parts.stackBytes, reserved: board.stackBytes },
    ...(worst !== undefined && { worstStep: { ...worst, margin: stepMargin } }),
    compiler: { gcc: parts.gcc, wasm2c: wasm2cVersion() },
    limits: spec.constants,
    ...(profile.safety !== undefined && { safety: profile.safety }),
    ...(board.key !== undefined && { key: board.key }),
    emulator: board.emulator.name,
    unproven: [
      ...(purpose === 'test_inputs' ? [testInputs] : []),
      ...(worst === undefined ? [unmeasured(profile.machine, board.board)] : []),
      ...board.unproven,
      ...missing,
    ],
  }
}
