// Profile + loop kind -> checked wasm, cached by content. The compiler runs in process and is
// loaded only when the cache has no answer. It writes nowhere but into the cache folder given.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import type { LoopSpec, SafetySpec } from '../hardware-profiles/profile.ts'
import { levelsMost } from '../hardware-profiles/safety.ts'
import { shownPath } from './finding.ts'
import { kernelConstants } from './kernel-constants.ts'
import { compileModule, flags, type Module, type Origin } from './loop-compiler.ts'
import { constantsSource, generatedConstants, type LoopKind } from './loop-kind.ts'
import { kernelBorder, loopBorder } from './wasm-check.ts'

export { BuildError } from './finding.ts'

/** Where builds are kept unless told otherwise, below the project's folder. */
export const defaultCache = join(import.meta.dirname, '..', 'node_modules', '.cache', 'tenfold')

export interface BuildRequest {
  /** The loop kind and its source folder. */
  loop: LoopKind
  /** A profile's `loops.<name>`. */
  spec: Pick<LoopSpec, 'rateHz' | 'constants'>
  /** Folder with one folder per loop kind, `lib` and `board.ts`. */
  loopsFolder?: string
  /** Where builds are kept; created where it is absent. */
  cacheFolder?: string
}

export interface Build {
  wasm: Uint8Array<ArrayBuffer>
  /** SHA-256 of `wasm`, hex: what a unit states as its firmware. */
  digest: string
  /** The cache had it and the compiler was not loaded. */
  cached: boolean
  /** Names and lines of what is in it, for errors that only the finished image shows. */
  origin: Origin
}

/**
 * Builds, or takes from the cache. Throws BuildError with every finding where the source is at
 * fault; file errors of the source and cache folders pass through.
 */
export const buildLoop = async (request: BuildRequest): Promise<Build> => {
  const { loop, spec, cacheFolder = defaultCache, loopsFolder = ownLoops } = request
  const sources = sourcesOf(request)
  const constants = constantsSource(generatedConstants(loop, spec))
  sources.set(`${loop.folder}/constants.ts`, constants)
  const entry = `${loop.folder}/loop.ts`
  const show = (path: string): string => shownPath(join(loopsFolder, path))
  return build({ name: loop.kind, sources, entry, border: loopBorder, show }, cacheFolder)
}

const ownLoops = join(import.meta.dirname, 'loops')

const sourcesOf = ({
  loop,
  loopsFolder = ownLoops,
}: Pick<BuildRequest, 'loop' | 'loopsFolder'>): Map<string, string> =>
  readSources(loopsFolder, ['lib', loop.folder], ['board.ts'])

export interface KernelRequest {
  /** The profile's `safety`. */
  safety: SafetySpec
  /** The loop beside which it runs: its channels are what the kernel reads. */
  loop: LoopKind
  spec: Pick<LoopSpec, 'rateHz' | 'channels'>
  cacheFolder?: string
  /** The kernel's source, where it is not the project's. */
  kernelFolder?: string
}

/** The safety kernel of a machine, by the same rules as a loop. */
export const buildKernel = async (request: KernelRequest): Promise<Build> => {
  const { cacheFolder = defaultCache, kernelFolder = join(import.meta.dirname, 'kernel') } = request
  const sources = readSources(join(kernelFolder, '..'), [basename(kernelFolder)], [])
  const prefix = basename(kernelFolder)
  const template = sources.get(`${prefix}/level.ts`) ?? ''
  sources.delete(`${prefix}/level.ts`)
  const levels = Array.from({ length: levelsMost }, (_, i) => i + 1)
  for (const n of levels) {
    sources.set(`${prefix}/level-${n}.ts`, template.replaceAll(/\bLEVEL_/g, `LEVEL_${n}_`))
  }
  const exported = levels.map(
    (n) =>
      `export { checkLevel as checkLevel${n} } from './level-${n}'\n` +
      `export { reduceLevel as reduceLevel${n} } from './level-${n}'\n`,
  )
  sources.set(`${prefix}/levels.ts`, exported.join(''))
  sources.set(`${prefix}/constants.ts`, constantsSource(kernelConstants(request)))
  const entry = `${prefix}/kernel.ts`
  const show = (path: string): string =>
    shownPath(join(kernelFolder, '..', path.replace(/level-\d+\.ts$/, 'level.ts')))
  return build({ name: 'kernel', sources, entry, border: kernelBorder, show }, cacheFolder)
}

/** Entries of another form are others. */
const cacheFormat = 5

const build = async (module: Module, cacheFolder: string): Promise<Build> => {
  // With where it lies: what is kept says places.
  const shown = module.show(module.entry)
  const made = [cacheFormat, compilerVersion(), flags, [...module.sources], shown]
  const key = sha256(JSON.stringify(made))
  const file = join(cacheFolder, `${module.name}-${key}.json`)
  const kept = readCache(file)
  if (kept !== undefined) return { ...kept, digest: sha256(kept.wasm), cached: true }
  const { wasm, origin } = await compileModule(module)
  mkdirSync(cacheFolder, { recursive: true })
  const entry = { digest: sha256(wasm), wasm: Buffer.from(wasm).toString('base64'), origin }
  const partial = `${file}.${process.pid}`
  writeFileSync(partial, JSON.stringify(entry))
  renameSync(partial, file)
  return { wasm, digest: entry.digest, cached: false, origin }
}

const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex')

/** Path below `root` -> text, sorted: these files, and the sources of these folders. */
const readSources = (
  root: string,
  folders: readonly string[],
  files: readonly string[],
): Map<string, string> => {
  const listed = folders.flatMap((name) =>
    readdirSync(join(root, name))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map((file) => `${name}/${file}`),
  )
  return new Map(
    [...files, ...listed].sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  )
}

const compilerVersion = (): string => {
  const path = createRequire(import.meta.url).resolve('assemblyscript/package.json')
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

/** A damaged or foreign entry is no entry: it is built again. */
const readCache = (file: string): Pick<Build, 'wasm' | 'origin'> | undefined => {
  try {
    const entry = JSON.parse(readFileSync(file, 'utf8')) as {
      digest: string
      wasm: string
      origin: Origin
    }
    const wasm = new Uint8Array(Buffer.from(entry.wasm, 'base64'))
    return sha256(wasm) === entry.digest ? { wasm, origin: entry.origin } : undefined
  } catch {
    return undefined
  }
}
