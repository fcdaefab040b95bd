// What the tests of boards share: the drill's images and those of two loops made for tests, built
// into a cache of their own, and whether the compiler is there to build them.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { loadBoard } from '../../firmware/boards.ts'
import { type Build, buildKernel, buildLoop } from '../../firmware/build.ts'
import { compilerVersion } from '../../firmware/c-compiler.ts'
import { buildImage, type Image, type Purpose } from '../../firmware/image.ts'
import { generatedConstants, type LoopKind } from '../../firmware/loop-kind.ts'
import { loadProfiles, type Machines, projectFolders } from '../../firmware/profiles.ts'
import type { Recording } from '../../firmware/twin/black-box.ts'
import { type Replayed, replayFault } from '../../firmware/twin/replay-fault.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import type { LoopSpec, Profile } from '../../hardware-profiles/profile.ts'

const path = process.env['PATH']

/** Whether the C compiler is there; prints one line, or throws, where it is not. */
export const compilerInstalled = (): boolean => {
  if (compilerVersion(path) !== undefined) return true
  const reason = 'arm-none-eabi-gcc is not installed (Debian: apt-get install gcc-arm-none-eabi)'
  if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
  console.log(`skipped: ${reason}`)
  return false
}

export interface Subject {
  machines: Machines
  profile: Profile
  loop: LoopKind
  spec: LoopSpec
  loopsFolder: string
  /** Its loop takes too long, or for ever, where a test wants that. */
  uncheckedRate?: boolean
}

const subject = (machines: Machines, name: string, loopsFolder: string): Subject => {
  const profile = machines.profiles.get(name)
  const spec = profile && Object.values(profile.loops)[0]
  const loop = spec && machines.loops.get(spec.kind)
  if (profile === undefined || spec === undefined || loop === undefined) throw new Error(name)
  return { machines, profile, loop, spec, loopsFolder }
}

export const subjectOf = (machine: string): Subject =>
  subject(loadProfiles(), machine, projectFolders.loops)
export const drill = (): Subject => subjectOf('cordless_drill')

/**
 * A loop of `fixtures/loops`; its folder of loops, as the project's own, is made when asked for.
 */
export const fixture = (
  name: 'float' | 'faulty' | 'faulty_valve' | 'turning',
): Subject & { remove: () => void } => {
  const sources = join(import.meta.dirname, 'fixtures', 'loops')
  const profiles = join(import.meta.dirname, 'fixtures', 'machines')
  const machines = loadProfiles({ profiles, loops: sources, plants: projectFolders.plants })
  const { profile, loop, spec } = subject(machines, name, sources)
  let folder: string | undefined
  return {
    ...{ machines, profile, loop, spec, uncheckedRate: true },
    get loopsFolder() {
      if (folder === undefined) {
        folder = mkdtempSync(join(tmpdir(), 'tenfold-loops-'))
        for (const part of ['lib', 'board.ts']) {
          cpSync(join(projectFolders.loops, part), join(folder, part), { recursive: true })
        }
        cpSync(sources, folder, { recursive: true })
      }
      return folder
    },
    remove: () => {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

export const wasmOf = ({ loop, spec, loopsFolder }: Subject): Promise<Build> =>
  buildLoop({ loop, spec, loopsFolder })

/** The safety kernel of a machine that has one. */
export const kernelOf = ({ profile: { safety }, loop, spec }: Subject): Promise<Build> => {
  if (safety === undefined) throw new Error('this machine has no safety section')
  return buildKernel({ safety, loop, spec })
}

/** Images that this test file has built, by all that they are made of: gcc takes seconds. */
const built = new Map<string, Promise<Image>>()

/** A recording through the twin, built from the same sources. */
export const replayOf = async (subject: Subject, recording: Recording): Promise<Replayed> => {
  const { loop, spec, profile } = subject
  const { safety } = profile
  if (safety === undefined) throw new Error('no safety')
  const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
  return replayFault({ recording, wasm, kernel, loop, spec, safety })
}

export const imageOf = (
  { machines, profile, loopsFolder, uncheckedRate = false }: Subject,
  board: string,
  purpose: Purpose,
): Promise<Image> => {
  const digest = profileDigest(profile)
  const of = JSON.stringify([
    digest,
    loopsFolder,
    [...machines.loops],
    board,
    purpose,
    uncheckedRate,
  ])
  const known = built.get(of)
  if (known !== undefined) return known
  const image = buildImage({
    ...{ profile, loopsFolder, purpose, path, uncheckedRate },
    profileDigest: digest,
    loops: machines.loops,
    board: loadBoard(board),
  })
  built.set(of, image)
  return image
}

/** Cycles of its longest step, all of it, as its manifest says. */
export const longestStep = ({ manifest: { worstStep } }: Pick<Image, 'manifest'>): number =>
  worstStep === undefined ? 0 : worstStep.loop + worstStep.kernel + worstStep.sampling

/** The test build; with `byHand` (of test/bench/c, or anywhere) that C takes the loop's place. */
export const exerciseOf = (subject: Subject, board: string, byHand?: string): Promise<Image> => {
  const { profile, loop, spec, machines, loopsFolder } = subject
  if (byHand === undefined) return imageOf(subject, board, 'exercise')
  const constants = generatedConstants(loop, spec)
    // The image's own config has this one already.
    .filter(({ name }) => name !== 'RATE_HZ')
    .map(({ name, value }) => `#define ${name} (${value})\n`)
    .join('')
  const file = resolve(import.meta.dirname, '..', 'bench', 'c', byHand)
  return buildImage({
    ...{ profile, loopsFolder, loops: machines.loops, purpose: 'exercise', path },
    profileDigest: profileDigest(profile),
    board: loadBoard(board),
    byHand: { file, constants },
  })
}

export { loadBoard }
