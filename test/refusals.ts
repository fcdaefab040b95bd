// The tables of what each source refuses, quarantines and disconnects, held to what is there: every
// row names a test that exists and knows its code, every code of the table is raised somewhere, and
// every code that a source can raise stands in its table. So for what the pipeline puts aside.
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { quarantineReasons } from '../gateway/core/errors.ts'
import { files, read, root } from './tree.ts'

const typescript = files().filter((file) => /^gateway\/.*(?<!\.d)\.ts$/.test(file))

/** Code that a source shares with others, and what is in it the source's to refuse. */
const shared: Readonly<Record<string, readonly string[]>> = {
  firmata: ['gateway/serial/'],
  'mqtt-client': ['gateway/mqtt/reader.ts'],
  opcua: ['gateway/opcua/client/'],
  replay: ['gateway/cli/replay.ts', 'gateway/mqtt/client.ts'],
  serial: ['gateway/serial/'],
  sparkplug: [
    'gateway/mqtt/live.ts',
    'gateway/mqtt/reader.ts',
    'gateway/sparkplug/binding.ts',
    'gateway/sparkplug/host.ts',
  ],
}

const sources = [...new Set(typescript.map((file) => /^gateway\/sources\/[^/]+/.exec(file)?.[0]))]
const folders = ['gateway/foreign', ...sources.filter((folder) => folder !== undefined)]

interface Row {
  what: string
  /** In back quotes: a code. In double quotes: words of a note. */
  codes: string[]
  words: string[]
  tests: { file: string; title: string }[]
}

const cellsOf = (line: string): string[] =>
  line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())

const rowsOf = (folder: string): Row[] => {
  const lines = read(`${folder}/README.md`).split('\n')
  const head = lines.findIndex((line) => /^\|.*\| code +\| test +\|$/.test(line))
  if (head < 0) return []
  const body = lines.slice(head + 2)
  const end = body.findIndex((line) => !line.startsWith('|'))
  return body.slice(0, end < 0 ? undefined : end).map((line) => {
    const [what = '', , code = '', tested = ''] = cellsOf(line)
    return {
      what,
      codes: [...code.matchAll(/`([a-z_]+)`/g)].map(([, one = '']) => one),
      words: [...code.matchAll(/"([^"]+)"/g)].map(([, one = '']) => one),
      tests: [...tested.matchAll(/`([a-z0-9/-]+)`: ([^;]+)/g)].map(([, file = '', title = '']) => ({
        file: `test/${file.includes('/') ? file : `${basename(folder)}/${file}`}.test.ts`,
        title: title.trim(),
      })),
    }
  })
}

/** A test without its comments: what stands in those alone is not tested. */
const textOf = (file: string): string => (existsSync(join(root, file)) ? bare(read(file)) : '')
const bare = (code: string): string => code.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')

/** Codes that these files can raise: of errors, of refusals, and those that a note names. */
const raisedIn = (list: readonly string[]): Set<string> => {
  const patterns = [
    /OperatingError\(\s*'([a-z_]+)'/g,
    /\bcode: '([a-z_]+)'/g,
    /\b[rR]efuse\(\s*(?:out,\s*)?'([a-z_]+)'/g,
    // In text for people: "... (some_code) ...", "some_code: ...".
    /\(([a-z]+(?:_[a-z]+)+)\)/g,
    /['`]([a-z]+(?:_[a-z]+)+): /g,
    // The client's table of what the library says.
    /^ {4}'(opcua_[a-z_]+)',$/gm,
  ]
  return new Set(
    list.flatMap((file) =>
      patterns.flatMap((pattern) =>
        [...bare(read(file)).matchAll(pattern)].map(([, one = '']) => one),
      ),
    ),
  )
}

const all = raisedIn(typescript)
const reasons = read('gateway/core/errors.ts')
const counted = read('gateway/sources/serial/line-parts.ts')
const isReal = (code: string): boolean =>
  all.has(code) ||
  new RegExp(`^ {2}${code}: ?(?:number|$|['"])`, 'm').test(`${reasons}\n${counted}`)

describe.each([...folders, 'gateway/pipeline'])('%s', (folder) => {
  const rows = rowsOf(folder)

  test('has a table, and every row of it a test that is there', () => {
    expect(rows.length).toBeGreaterThan(0)
    const untested = rows.flatMap(({ what, tests }) => {
      if (tests.length === 0) return [`${what}: names no test`]
      return tests
        .filter(({ file, title }) => !["'", '"', '`'].some((q) => textOf(file).includes(q + title)))
        .map(({ file, title }) => `${what}: no test in ${file} begins with "${title}"`)
    })
    expect(untested).toEqual([])
  })

  test('every code of a row is in one of its tests, and in the program', () => {
    const missing = rows.flatMap(({ what, codes, words, tests }) => {
      const texts = tests.map(({ file }) => textOf(file)).join('\n')
      const unseen = [...codes, ...words].filter((code) => !texts.includes(code))
      return [...unseen, ...codes.filter((code) => !isReal(code))].map((code) => `${what}: ${code}`)
    })
    expect(missing).toEqual([])
  })
})

describe.each(folders)('%s', (folder) => {
  test('every code that it can raise is in its table', () => {
    const own = [`${folder}/`, ...(shared[basename(folder)] ?? [])]
    const raised = raisedIn(typescript.filter((file) => own.some((part) => file.startsWith(part))))
    const told = new Set(rowsOf(folder).flatMap(({ codes }) => codes))
    expect([...raised].filter((code) => !told.has(code))).toEqual([])
  })
})

test('every reason for quarantine has its row, by one test that names it as a word', () => {
  const rows = rowsOf('gateway/pipeline')
  expect(rows.flatMap(({ codes }) => codes)).toEqual(Object.keys(quarantineReasons))
  const unnamed = rows.filter(({ codes: [reason = ''], tests }) =>
    tests.every(({ file }) => !new RegExp(`(?<![a-z_])${reason}(?![a-z_])`).test(textOf(file))),
  )
  expect(unnamed).toEqual([])
})
