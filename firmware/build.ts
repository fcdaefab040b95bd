// Profile + loop kind -> checked wasm, cached by content. The compiler runs in process and is
// loaded only when the cache has no answer. It writes nowhere but into the cache folder given.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { LoopSpec } from '../hardware-profiles/profile.ts'
import { constantsSource, generatedConstants, type LoopKind } from './loop-kind.ts'
import { type Finding, inspectLoop } from './wasm-check.ts'
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
  readonly findings: readonly Finding[]
  constructor(findings: readonly Finding[]) {
    super(findings.map(({ place, what, remedy }) => `${place}: ${what}. ${remedy}`).join('\n'))
    this.findings = findings
  }
}

const flags = [
  ...['--runtime', 'stub', '--noAssert', '--use', 'abort=', '-Oz', '--converge'],
  ...['--noExportMemory', '--debug', '--sourceMap'],
]

/**
 * Builds, or takes from the cache. Throws BuildError with every finding where the source is at
 * fault; file errors of the source and cache folders pass through.
 */
export const buildLoop = async (request: BuildRequest): Promise<Build> => {
  const { loop, spec, cacheFolder = defaultCache } = request
  const { loopsFolder = join(import.meta.dirname, 'loops') } = request
  const sources = readSources(loopsFolder, loop.folder)
  const constants = constantsSource(generatedConstants(loop, spec))
  sources.set(`${loop.folder}/constants.ts`, constants)
  const key = sha256(JSON.stringify([compilerVersion(), flags, [...sources]]))
  const file = join(cacheFolder, `${loop.kind}-${key}.json`)
  const kept = readCache(file)
  if (kept !== undefined) return { wasm: kept, digest: sha256(kept), cached: true }
  const wasm = await compile(sources, loop.folder)
  mkdirSync(cacheFolder, { recursive: true })
  const entry = { digest: sha256(wasm), wasm: Buffer.from(wasm).toString('base64') }
  const partial = `${file}.${process.pid}`
  writeFileSync(partial, JSON.stringify(entry))
  renameSync(partial, file)
  return { wasm, digest: entry.digest, cached: false }
}

const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex')

/**
 * Path below the loops folder -> text, sorted: `board.ts`, `lib/*.ts` and the loop's own folder.
 */
const readSources = (root: string, folder: string): Map<string, string> => {
  const listed = ['lib', folder].flatMap((name) =>
    readdirSync(join(root, name))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map((file) => `${name}/${file}`),
  )
  return new Map(
    ['board.ts', ...listed].sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]),
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

const compile = async (
  sources: ReadonlyMap<string, string>,
  folder: string,
): Promise<Uint8Array<ArrayBuffer>> => {
  const { default: asc } = await import('assemblyscript/asc')
  const written = new Map<string, string | Uint8Array>()
  const findings: Finding[] = []
  const args = [`${folder}/loop.ts`, '--outFile', 'loop.wasm', ...flags]
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
    throw new BuildError(
      findings.length > 0 ? findings : [{ place: `${folder}/loop.ts`, what, remedy: '' }],
    )
  }
  const map = written.get('loop.wasm.map')
  const found = inspectLoop(binary, typeof map === 'string' ? map : undefined)
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
