// Profile + loop kind -> checked wasm, cached by content. The compiler runs in process and is
// loaded only when the cache has no answer. It writes nowhere but into the cache folder given.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import type { LoopSpec, SafetySpec } from '../hardware-profiles/profile.ts'
import { levelsMost } from '../hardware-profiles/safety.ts'
import { kernelConstants } from './kernel-constants.ts'
import { constantsSource, generatedConstants, type LoopKind } from './loop-kind.ts'
import { type Border, type Finding, inspectLoop, kernelBorder, loopBorder } from './wasm-check.ts'
import { stripCustom } from './wasm-decode.ts'

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
}

/** A loop that does not compile, or compiles to something that no board may run. */
export class BuildError extends Error {
  override name = 'BuildError'
  readonly code = 'build_refused'
  readonly remedy: string
  readonly findings: readonly Finding[]
  constructor(findings: readonly Finding[]) {
    super(findings.map(({ place, what }) => `${place}: ${what}`).join('\n  '))
    this.remedy = [...new Set(findings.map((finding) => finding.remedy))].join('\n  ')
    this.findings = findings
  }
}

const flags = [
  ...['--runtime', 'stub', '--noAssert', '--use', 'abort=', '-O2', '--converge'],
  ...['--noExportMemory', '--debug', '--sourceMap'],
]

/**
 * Builds, or takes from the cache. Throws BuildError with every finding where the source is at
 * fault; file errors of the source and cache folders pass through.
 */
export const buildLoop = async (request: BuildRequest): Promise<Build> => {
  const { loop, spec, cacheFolder = defaultCache } = request
  const sources = sourcesOf(request)
  const constants = constantsSource(generatedConstants(loop, spec))
  sources.set(`${loop.folder}/constants.ts`, constants)
  const entry = `${loop.folder}/loop.ts`
  return build({ name: loop.kind, sources, entry, border: loopBorder }, cacheFolder)
}

/**
 * SHA-256, hex, of what a loop kind is made of, without a machine's constants: a figure that was
 * measured of a loop is told apart from those of any other by it.
 */
export const loopSources = (request: Pick<BuildRequest, 'loop' | 'loopsFolder'>): string =>
  sha256(JSON.stringify([...sourcesOf(request)]))

const sourcesOf = ({
  loop,
  loopsFolder = join(import.meta.dirname, 'loops'),
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
  return build({ name: 'kernel', sources, entry, border: kernelBorder }, cacheFolder)
}

interface Module {
  name: string
  sources: ReadonlyMap<string, string>
  /** Path of the source that exports what the board calls. */
  entry: string
  border: Border
}

const build = async (module: Module, cacheFolder: string): Promise<Build> => {
  const key = sha256(JSON.stringify([compilerVersion(), flags, [...module.sources]]))
  const file = join(cacheFolder, `${module.name}-${key}.json`)
  const kept = readCache(file)
  if (kept !== undefined) return { wasm: kept, digest: sha256(kept), cached: true }
  const wasm = await compile(module)
  mkdirSync(cacheFolder, { recursive: true })
  const entry = { digest: sha256(wasm), wasm: Buffer.from(wasm).toString('base64') }
  const partial = `${file}.${process.pid}`
  writeFileSync(partial, JSON.stringify(entry))
  renameSync(partial, file)
  return { wasm, digest: entry.digest, cached: false }
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
const readCache = (file: string): Uint8Array<ArrayBuffer> | undefined => {
  try {
    const entry = JSON.parse(readFileSync(file, 'utf8')) as { digest: string; wasm: string }
    const wasm = new Uint8Array(Buffer.from(entry.wasm, 'base64'))
    return sha256(wasm) === entry.digest ? wasm : undefined
  } catch {
    return undefined
  }
}

const compile = async ({ sources, entry, border }: Module): Promise<Uint8Array<ArrayBuffer>> => {
  const { default: asc } = await import('assemblyscript/asc')
  const written = new Map<string, string | Uint8Array>()
  const findings: Finding[] = []
  const args = [entry, '--outFile', 'loop.wasm', ...flags]
  const { error, stderr } = await asc.main(args, {
    readFile: (path) => sources.get(path) ?? null,
    writeFile: (path, data) => {
      written.set(path, data)
    },
    listFiles: () => [],
    reportDiagnostic: (diagnostic) => {
      if (diagnostic.category === errorCategory) findings.push(explain(diagnostic, sources))
    },
  })
  const binary = written.get('loop.wasm')
  if (error !== null || !(binary instanceof Uint8Array)) {
    const what = error?.message ?? stderr.toString()
    throw new BuildError(findings.length > 0 ? findings : [{ place: entry, what, remedy: '' }])
  }
  const map = written.get('loop.wasm.map')
  const found = inspectLoop(binary, typeof map === 'string' ? map : undefined, border)
  if (found.length > 0) throw new BuildError(found)
  return stripCustom(binary)
}

/** DiagnosticCategory.Error of the compiler. */
const errorCategory = 3

interface Diagnostic {
  message: string
  range: { start: number; source: { normalizedPath: string } } | null
}

const explain = ({ message, range }: Diagnostic, sources: ReadonlyMap<string, string>): Finding => {
  const remedy = 'Correct the source; what a loop may use is in firmware/loops/README.md.'
  const what = message.replace(/\.$/, '')
  if (range === null) return { place: 'loop', what, remedy }
  const path = range.source.normalizedPath
  const before = (sources.get(path) ?? '').slice(0, range.start).split('\n')
  return { place: `${path}:${before.length}:${(before.at(-1) ?? '').length + 1}`, what, remedy }
}
