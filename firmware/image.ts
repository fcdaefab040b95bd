// Profile + loop + board -> an image that a microcontroller starts, and its manifest. The loop's
// wasm, the very module the twin runs, becomes C and is compiled with the runtime and the board's
// drivers. Byte-identical wherever it is built; it writes only into a folder of its own.
import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoopSpec, Profile } from '../hardware-profiles/profile.ts'
import { type Board, placeInBoard } from './boards.ts'
import { type Build, buildKernel, buildLoop } from './build.ts'
import { compilerVersion } from './c-compiler.ts'
import { compileImage, gatherSources } from './compile.ts'
import { BuildError, type Finding, inMachine, type Locate, located } from './finding.ts'
import { configHeader } from './image-config.ts'
import type { Origin } from './loop-compiler.ts'
import type { LoopKind } from './loop-kind.ts'
import { type Manifest, manifestOf } from './manifest.ts'
import { boundStep, endlessLoops, type StepBound } from './step-bound.ts'
import { tooFast, type WorstStep, worstStepOf } from './step-rate.ts'
import { translate, translateSecond } from './wasm2c.ts'

/**
 * `machine` drives pins. The others are for tests: `exercise` takes readings over UART and drives
 * nothing, `rig` makes them up and speaks to a gateway as a machine does; `test_inputs` is all of a
 * machine, but its readings come over the link.
 */
export type Purpose = 'machine' | 'exercise' | 'rig' | 'test_inputs'

export interface ImageRequest {
  profile: Profile
  /** SHA-256 of the profile as the gateway computes it, for the manifest. */
  profileDigest: string
  loops: ReadonlyMap<string, LoopKind>
  board: Board
  purpose: Purpose
  /** Linked for this slot of the flash, with room for its signed head, instead of its start. */
  slot?: 0 | 1
  /** Where a JSON pointer stands in the machine's file: `hardware-profiles/x.json:12:5`. */
  placeOf?: ((pointer: string) => string) | undefined
  /** Where built loops are kept. */
  cacheFolder?: string
  /** Where the compiler is looked for, as the environment's PATH. */
  path?: string | undefined
  /** Folder of loop kinds, where it is not the project's. */
  loopsFolder?: string
  /** For tests of steps that take too long: nothing asks whether the rate allows the longest. */
  uncheckedRate?: boolean
  /** For the figures of sizes only: no key, so nothing is signed. Never with a slot. */
  withoutCrypto?: boolean
  /** For profiles only: the ELF keeps symbols and line numbers. */
  lines?: boolean
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
  try {
    return await make(request)
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    const { board, placeOf } = request
    const locate: Locate = ({ file, pointer }) =>
      file === 'board' ? placeInBoard(board, pointer) : placeOf?.(pointer)
    throw new BuildError(error.findings.map((finding) => located(finding, locate)))
  }
}

const make = async (request: ImageRequest): Promise<Image> => {
  const { profile, board, cacheFolder, loopsFolder } = request
  const { loop, spec } = theLoop(profile, request.loops)
  const { purpose } = request
  const profileDigest = statedProfile(request)
  const config = configHeader({ profile, board, loop, spec, purpose, profileDigest })
  const { wasm, digest, origin } = await loopOrAll(
    buildLoop({
      ...{ loop, spec },
      ...(cacheFolder !== undefined && { cacheFolder }),
      ...(loopsFolder !== undefined && { loopsFolder }),
    }),
    config.findings,
  )
  const endless = endlessLoops(origin)
  if (isRateKept(request) && endless.length > 0) throw new BuildError(endless)
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-image-'))
  try {
    gather(folder, request)
    translate(wasm, folder)
    const guard = request.byHand === undefined ? await kernelOf(request, loop, spec) : undefined
    if (guard !== undefined) translateSecond(guard.wasm, folder, 'kernel')
    writeFileSync(join(folder, 'config.h'), config.text(digest, guard?.digest))
    const flags = purpose === 'machine' ? [] : [`-D${purpose.toUpperCase()}`]
    if (guard !== undefined) flags.push('-DGUARDED')
    if (request.withoutCrypto === true) flags.push('-DWITHOUT_CRYPTO')
    if (request.byHand !== undefined) flags.push('-DLOOP_BY_HAND="by-hand.h"')
    const { path, lines } = request
    const slot = request.slot !== undefined && { slot: request.slot }
    const named = naming(origin, guard?.origin)
    const from = { named, rounding: origin.rounding }
    const source = { folder, board, source: 'image.c', origin: from }
    const built = compileImage({ ...source, flags, path, lines, ...slot })
    const bound = boundStep({ ...built, board, loop: origin, kernel: guard?.origin, named })
    const worst = checkRate(request, spec, bound)
    const gcc = compilerVersion(request.path) ?? 'unknown'
    const digests = { module: digest, kernel: guard?.digest }
    const manifest = manifestOf({
      ...request,
      ...{ profileDigest, loop, spec, worst, gcc },
      ...digests,
      ...built,
    })
    return { ...built.files, symbols: built.symbols, manifest }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A machine, also one for tests, takes its steps in time; the others when they are asked to. */
const isRateKept = ({ purpose, uncheckedRate }: ImageRequest): boolean =>
  (purpose === 'machine' || purpose === 'test_inputs') && uncheckedRate !== true

/** What the manifest says of the longest step. Throws BuildError where it is too long. */
const checkRate = (
  request: ImageRequest,
  spec: LoopSpec,
  bound: StepBound | readonly Finding[],
): WorstStep | undefined => {
  const { profile, board } = request
  const isKept = isRateKept(request)
  if (!('kernel' in bound)) {
    if (isKept) throw new BuildError(bound)
    return undefined
  }
  const worst = worstStepOf(board, spec.kind, bound)
  const findings = worst && isKept ? tooFast(worst, { profile, spec, board }) : []
  if (findings.length > 0) throw new BuildError(findings)
  return worst
}

/** Everything that is wrong with loop and machine file at once: a maker mends both. */
const loopOrAll = async (loop: Promise<Build>, others: readonly Finding[]): Promise<Build> => {
  const built = await loop.catch((error: unknown) => {
    if (error instanceof BuildError) return error
    throw error
  })
  if (!(built instanceof BuildError)) {
    if (others.length > 0) throw new BuildError(others)
    return built
  }
  throw new BuildError([...built.findings, ...others])
}

/** A symbol of the image, such as `w2c_loop_f7.constprop.0`, as the function that it was. */
const naming =
  (loop: Origin, kernel: Origin | undefined) =>
  (symbol: string): { name: string; place: string } | undefined => {
    const [, module, name = ''] = /^w2c_(loop|kernel)_(\w+)/.exec(symbol) ?? []
    return module === 'kernel' ? kernel?.functions[name] : loop.functions[module ? name : '']
  }

/** What the board says of its profile: one that takes readings from anybody is not the machine. */
const statedProfile = ({ purpose, profileDigest }: ImageRequest): string =>
  purpose === 'test_inputs'
    ? createHash('sha256').update(`test inputs ${profileDigest}`).digest('hex')
    : profileDigest

const kernelOf = async (
  { profile: { safety }, cacheFolder }: ImageRequest,
  loop: LoopKind,
  spec: LoopSpec,
): Promise<Build | undefined> =>
  safety && buildKernel({ safety, loop, spec, ...(cacheFolder !== undefined && { cacheFolder }) })

/** The one loop of a machine. */
export const theLoop = (
  profile: Profile,
  loops: ReadonlyMap<string, LoopKind>,
): { loop: LoopKind; spec: LoopSpec } => {
  const [spec, second] = Object.values(profile.loops)
  const loop = spec && loops.get(spec.kind)
  if (spec === undefined || loop === undefined || second !== undefined) {
    const said = { what: 'an image holds exactly one loop', remedy: 'Give the machine one loop.' }
    throw new BuildError([inMachine(profile.machine, '/loops', said)])
  }
  return { loop, spec }
}

/** All sources side by side, so that every name is relative. */
const gather = (folder: string, { board, byHand }: ImageRequest): void => {
  gatherSources(folder, board)
  if (byHand !== undefined) {
    copyFileSync(byHand.file, join(folder, 'by-hand.h'))
    writeFileSync(join(folder, 'constants.h'), byHand.constants)
  }
}
