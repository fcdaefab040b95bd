// The tracked files of the project and what they import: what the tidy tests look at.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** Tracked and new files, without derived ones, relative to the root with forward slashes. */
export const files = (): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && !/\/generated\/|\/golden\/|^package-lock\.json$/.test(file))

export const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Text of a TypeScript file with comments and string contents blanked, lines kept. */
export const codeOnly = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, (match) =>
    match.replace(/[^\n]/g, ' '),
  )

export interface Import {
  /** Project path of a file of ours, or the name of a package, or `node:...`. */
  target: string
  ours: boolean
}

/** What a TypeScript file imports, statically, dynamically or by type. */
export const importsOf = (file: string): Import[] => {
  const found = read(file).matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s+'([^']+)'|(?:^|\n)import\s+'([^']+)'|import\('([^']+)'\)/g,
  )
  return [...found].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? ''
    if (name.startsWith('.')) {
      return { target: posix.normalize(posix.join(posix.dirname(file), name)), ours: true }
    }
    const parts = name.split('/')
    const target = name.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? name)
    return { target: name.startsWith('node:') ? name : target, ours: false }
  })
}
