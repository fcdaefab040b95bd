// A maker's copy of the project with a machine and a loop kind of their own, to make mistakes in:
// `tenfold build` of that copy, run as it is, finds the files by walking its folders.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { main as Main } from '../../gateway/cli/tenfold.ts'
import { root } from '../tree.ts'

const fixtures = join(root, 'test', 'boards', 'fixtures')

export interface Project {
  folder: string
  /** Puts the maker's files back, changes them, and gives what `tenfold build` then says. */
  build: (changes: Readonly<Record<string, string | Change>>, line?: string) => Promise<string>
  /** `file:line:column` of the first place of a text in a file as it is now. */
  at: (file: string, text: string) => string
  remove: () => void
}

/** A text as it is, and what it becomes. */
export type Change = readonly (readonly [from: string, to: string])[]

export const profileFile = 'hardware-profiles/maker.json'
export const loopFile = 'firmware/loops/maker/loop.ts'

export const copyProject = (env: NodeJS.ProcessEnv): Project => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-maker-'))
  for (const part of ['firmware', 'gateway', 'hardware-profiles']) {
    const filter = (path: string): boolean => !path.endsWith(join('firmware', 'images'))
    cpSync(join(root, part), join(folder, part), { recursive: true, filter })
  }
  cpSync(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const renamed = (path: string): string =>
    readFileSync(join(fixtures, path), 'utf8').replaceAll('"faulty"', '"maker"')
  const own: Readonly<Record<string, string>> = {
    'firmware/loops/maker/loop.json': renamed('loops/faulty/loop.json'),
    // Without what takes too long.
    [loopFile]: renamed('loops/faulty/loop.ts')
      .replace('while (true) sum += 1', 'sum += 1')
      .replace('20000 : 2000', '20 : 10'),
    [profileFile]: renamed('machines/faulty.json'),
  }
  mkdirSync(join(folder, 'firmware', 'loops', 'maker'))
  const original = (file: string): string => own[file] ?? readFileSync(join(root, file), 'utf8')
  const put = (file: string, text: string): void => writeFileSync(join(folder, file), text)
  const changed = (file: string, list: Change): string =>
    list.reduce((text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
      return text.replace(from, to)
    }, original(file))
  for (const [file, text] of Object.entries(own)) put(file, text)
  let touched: string[] = []
  const build: Project['build'] = async (changes, line = '') => {
    for (const file of touched) put(file, original(file))
    touched = [...new Set([...Object.keys(own), ...Object.keys(changes)])]
    for (const [file, change] of Object.entries(changes)) {
      put(file, typeof change === 'string' ? change : changed(file, change))
    }
    const said: string[] = []
    const io = {
      ...{ out: (text: string) => said.push(text), err: (text: string) => said.push(text) },
      ...{ env, cwd: folder, signal: new AbortController().signal },
    }
    const cli = join(folder, 'gateway', 'cli')
    const tenfold = (await import(pathToFileURL(join(cli, 'tenfold.ts')).href)) as {
      main: typeof Main
    }
    const given = `--profile maker --board rp2040-pico ${line}`.trim().split(' ')
    const code = await tenfold.main(['build', ...given], io, cli)
    return `${code}\n${said.join('\n')}`
  }
  const at: Project['at'] = (file, text) => {
    const whole = readFileSync(join(folder, file), 'utf8')
    const offset = whole.indexOf(text)
    if (offset < 0) throw new Error(`${file} has no ${text}`)
    const before = whole.slice(0, offset).split('\n')
    return `${file}:${before.length}:${(before.at(-1) ?? '').length + 1}`
  }
  return { folder, build, at, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
