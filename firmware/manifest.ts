// What an image is, in a file beside it: digests, sizes, stack, longest step, limits, and what no
// emulator has shown. Whoever flashes or reviews it reads this. Pure; nothing of the machine that
// built it shows in it but the compiler's version.
import { createHash } from 'node:crypto'
import type { LoopSpec, Profile, SafetySpec } from '../hardware-profiles/profile.ts'
import type { Board } from './boards.ts'
import type { Built } from './compile.ts'
import type { Purpose } from './image.ts'
import type { LoopKind } from './loop-kind.ts'
import type { WorstStep } from './step-rate.ts'
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
  /** The longest step of this very image; absent where nothing bounds it: `unproven` says so. */
  worstStep?: WorstStep
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

const unchecked = 'that a step fits into its time: the longest is not known, the rate is unchecked'

/** Everything that is missing of a finished product, on every board. */
const missing = [
  'the safety kernel claims no safety integrity level; nobody but its makers has reviewed it',
]

export const manifestOf = (
  parts: Pick<Built, 'files' | 'reservedBytes' | 'sections' | 'stackBytes' | 'symbols'> & {
    profile: Profile
    profileDigest: string
    board: Board
    purpose: Purpose
    loop: LoopKind
    spec: LoopSpec
    worst: WorstStep | undefined
    module: string
    kernel: string | undefined
    gcc: string
  },
): Manifest => {
  const { profile, board, loop, spec, purpose, sections, symbols, files, worst } = parts
  const codeInRam = (symbols.get('link_code_end') ?? 0) - (symbols.get('link_copy_to') ?? 0)
  const copied = sections.get('.copied') ?? 0
  const blackBox = (sections.get('.noinit') ?? 0) + (sections.get('.kept') ?? 0)
  const ram = copied - codeInRam + (sections.get('.zero') ?? 0) + parts.reservedBytes
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
    stack: { bound: parts.stackBytes, reserved: parts.reservedBytes },
    ...(worst !== undefined && { worstStep: worst }),
    compiler: { gcc: parts.gcc, wasm2c: wasm2cVersion() },
    limits: spec.constants,
    ...(profile.safety !== undefined && { safety: profile.safety }),
    ...(board.key !== undefined && { key: board.key }),
    emulator: board.emulator.name,
    unproven: [
      ...(purpose === 'test_inputs' ? [testInputs] : []),
      ...(worst === undefined ? [unchecked] : []),
      ...board.unproven,
      ...missing,
    ],
  }
}
