// The files of the page, served from where they stand in the project, so that their imports need
// no rewriting: TypeScript with its types blanked out (line numbers stay), uPlot and lit-html
// from node_modules under /vendor/. Only files found by the walk at start can be asked for, by
// exact name.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { findPackageJSON, stripTypeScriptTypes } from 'node:module'
import { dirname, join, posix } from 'node:path'
import { content, type Reply } from './reply.ts'

export interface Assets {
  /** CSP source of the import map, `sha256-...`. */
  importMapHash: string
  /** The file of a path, or undefined where there is none. */
  get(path: string): Promise<Reply | undefined>
}

const root = join(import.meta.dirname, '..', '..')
const pageFolder = 'gateway/web/page'
/** What the page shares with the rest of the project. */
const shared = [
  'hardware-profiles/names.ts',
  'hardware-profiles/units.ts',
  'gateway/core/quality.ts',
]

const types: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Bare name -> file of the package as a browser takes it. */
const vendor = [
  { name: 'lit-html', url: '/vendor/lit-html.js', file: 'lit-html.js' },
  { name: 'uplot', url: '/vendor/uplot.js', file: 'dist/uPlot.esm.js' },
  { name: 'uplot', url: '/vendor/uplot.css', file: 'dist/uPlot.min.css' },
] as const

export const openAssets = async (): Promise<Assets> => {
  const files = new Map<string, string>()
  const modules: string[] = []
  for (const file of [...(await walk(pageFolder)), ...shared]) {
    if (types[posix.extname(file)] === undefined) continue
    files.set(`/${file}`, join(root, file))
    if (file.endsWith('.ts')) modules.push(`/${file}`)
  }
  const imports: Record<string, string> = {}
  for (const { name, url, file } of vendor) {
    const manifest = findPackageJSON(name, import.meta.url)
    if (manifest === undefined) throw new Error(`the package ${name} is not installed`)
    files.set(url, join(dirname(manifest), file))
    if (url.endsWith('.js')) imports[name] = url
  }
  const importMap = JSON.stringify({ imports })
  const head = [
    `<script type="importmap">${importMap}</script>`,
    ...[...Object.values(imports), ...modules].map(
      (url) => `<link rel="modulepreload" href="${url}">`,
    ),
  ].join('\n    ')
  const read = createReader(head)
  files.set('/', join(root, pageFolder, 'index.html'))
  return {
    importMapHash: `sha256-${createHash('sha256').update(importMap).digest('base64')}`,
    get: async (path) => {
      const file = files.get(path)
      return file === undefined ? undefined : read(file)
    },
  }
}

/** Files of a folder as paths from the project's root, with forward slashes. */
const walk = async (folder: string): Promise<string[]> => {
  const entries = await readdir(join(root, folder), { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
}

/** Reads a file each time, but strips, hashes and compresses it only when its content is new. */
const createReader = (head: string): ((file: string) => Promise<Reply>) => {
  const kept = new Map<string, { source: Buffer; reply: Reply }>()
  return async (file) => {
    const source = await readFile(file)
    const before = kept.get(file)
    if (before?.source.equals(source) === true) return before.reply
    const extension = posix.extname(file)
    const text = source.toString('utf8')
    const body =
      extension === '.ts'
        ? withoutTypes(text)
        : extension === '.html'
          ? text.replace('<!-- modules -->', head)
          : text
    const reply = content(types[extension] ?? 'application/octet-stream', body)
    kept.set(file, { source, reply })
    return reply
  }
}

/** Node says once that this function is new; the gateway's output is no place for that. */
const withoutTypes = (text: string): string => {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}
