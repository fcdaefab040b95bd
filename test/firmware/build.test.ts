// The build: every kind of code that no board may run is refused with its place and a remedy, and a
// build from the cache is the same build.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BuildError, buildLoop } from '../../firmware/build.ts'
import { derivedFiles } from '../../firmware/derive.ts'
import { parseLoopKind } from '../../firmware/loop-kind.ts'
import { loadProfiles, ProfileError, projectFolders } from '../../firmware/profiles.ts'
import { inspectLoop } from '../../firmware/wasm-check.ts'
import { decodeWasm } from '../../firmware/wasm-decode.ts'
import { loop, machines, spec } from './stand.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-build-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const sampleKind = {
  kind: 'sample',
  description: 'A loop that does one thing wrong',
  rateHz: { min: 1000, max: 20_000 },
  inputs: [{ name: 'level', unit: '1', scale: 1, min: 0, max: 100, description: 'Something' }],
  outputs: [{ name: 'valve', unit: '1', scale: 1, min: 0, max: 100, description: 'Something' }],
  states: [],
  counters: [],
  constants: {},
  order: [],
}
let samples = 0

/** Builds a loop of three lines of head and the given body of `step`. */
const buildSample = async (step: string, head = ''): Promise<BuildError | undefined> => {
  samples += 1
  const loopsFolder = join(folder, `loops-${samples}`)
  mkdirSync(join(loopsFolder, 'sample'), { recursive: true })
  cpSync(join(projectFolders.loops, 'lib'), join(loopsFolder, 'lib'), { recursive: true })
  cpSync(join(projectFolders.loops, 'board.ts'), join(loopsFolder, 'board.ts'))
  const source = [
    "import { readInput, writeOutput } from '../board.ts'",
    head,
    'export function setup(): void {}',
    `export function step(): void {\n  ${step}\n}`,
    'export function stop(): void { writeOutput(0, 0) }',
  ]
  writeFileSync(join(loopsFolder, 'sample', 'loop.ts'), source.join('\n'))
  const parsed = parseLoopKind(sampleKind, 'sample')
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes))
  const cacheFolder = join(folder, 'samples')
  try {
    const request = { loop: parsed.loop, spec: { rateHz: 10_000, constants: {} } }
    await buildLoop({ ...request, loopsFolder, cacheFolder })
    return undefined
  } catch (error) {
    if (error instanceof BuildError) return error
    throw error
  }
}

describe('a loop that no board may run', () => {
  test('a harmless one builds, so that the others fail for their reason', async () => {
    expect(await buildSample('writeOutput(0, readInput(0))')).toBeUndefined()
  })

  interface Case {
    name: string
    step: string
    head?: string
    what: RegExp
    place: RegExp
  }
  const cases: Case[] = [
    {
      name: 'f64',
      step: 'writeOutput(0, i32(f64(readInput(0)) * 0.5))',
      what: /f64/,
      place: /\/sample\/loop\.ts:5:\d+$/,
    },
    {
      name: 'Math',
      step: 'writeOutput(0, i32(Math.sqrt(f64(readInput(0)))))',
      what: /f64/,
      place: /\/sample\/loop\.ts:5:\d+$/,
    },
    {
      name: 'static data',
      step: 'writeOutput(0, table[readInput(0) & 3])',
      head: 'const table: StaticArray<i32> = [1, 2, 3, 5]',
      what: /linear memory/,
      place: /\/sample\/loop\.ts:5:18$/,
    },
    {
      name: 'heap',
      step: 'writeOutput(0, new Array<i32>(readInput(0)).length)',
      what: /`new Array<i32>` takes memory from the heap/,
      place: /\/sample\/loop\.ts:5:18$/,
    },
    {
      name: 'recursion',
      step: 'writeOutput(0, fib(readInput(0)))',
      head: 'function fib(n: i32): i32 { return n < 2 ? n : fib(n - 1) + fib(n - 2) }',
      what: /recursion: .*fib -> fib \(.*loop\.ts:2:48\)/,
      place: /\/sample\/loop\.ts:2:48$/,
    },
    {
      name: 'an indirect call',
      step: 'writeOutput(0, pick(readInput(0))(3))',
      head: `function two(x: i32): i32 { return x * readInput(2) }
        function one(x: i32): i32 { return x + readInput(1) }
        function pick(n: i32): (x: i32) => i32 { return n > 0 ? one : two }`,
      what: /called through a value/,
      place: /\/sample\/loop\.ts:7:18$/,
    },
    {
      name: 'a foreign import',
      step: 'other(1)',
      head: 'declare function other(x: i32): void',
      what: /import loop\.other/,
      place: /\/sample\/loop\.ts:5:3$/,
    },
    {
      name: 'an export too many',
      step: 'writeOutput(0, 1)',
      head: 'export function extra(): void {}',
      what: /export extra/,
      place: /\/sample\/loop\.ts:2:1$/,
    },
    {
      name: 'a computed global',
      step: 'writeOutput(0, level)',
      head: 'let level: i32 = readInput(0)',
      what: /start function/,
      place: /\/sample\/loop\.ts:2:\d+$/,
    },
    {
      name: 'a type error',
      step: 'writeOutput(0, nothing)',
      what: /Cannot find name/,
      place: /\/sample\/loop\.ts:5:18$/,
    },
  ]
  test.each(cases)('$name fails with place and remedy', async ({ step, head, what, place }) => {
    const error = await buildSample(step, head)
    const found = error?.findings.find((finding) => what.test(finding.what))
    expect(found, JSON.stringify(error?.findings)).toBeDefined()
    expect(found?.place).toMatch(place)
    expect(found?.remedy).not.toBe('')
    expect(`${error?.message}\n${error?.remedy}`).toContain(found?.remedy)
  })

  test('a missing export fails', () => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
    const missing = inspectLoop(empty).map(({ what }) => what)
    expect(missing).toEqual(
      ['setup', 'step', 'stop'].map((name) => `the export ${name} is missing`),
    )
  })

  test('a module that is cut is refused, not skipped', async () => {
    const { wasm } = await buildLoop({ loop, spec })
    expect(inspectLoop(wasm.subarray(0, wasm.length - 100))[0]?.place).toBe('module')
  })
})

describe('the drill loop', () => {
  test('has no memory, start function or name left, and imports from the board only', async () => {
    const { wasm } = await buildLoop({ loop, spec })
    const decoded = decodeWasm(wasm)
    expect([...decoded.sections].sort((a, b) => a - b)).toEqual([1, 2, 3, 6, 7, 10])
    expect(decoded.imports.map(({ module }) => module)).toEqual(decoded.imports.map(() => 'board'))
    expect(decoded.exports.map(({ name }) => name).sort()).toEqual(['setup', 'step', 'stop'])
    expect(inspectLoop(wasm)).toEqual([])
  })

  test('a build from the cache is the same, and a damaged entry is built again', async () => {
    const cacheFolder = join(folder, 'cache')
    const first = await buildLoop({ loop, spec, cacheFolder })
    const second = await buildLoop({ loop, spec, cacheFolder })
    expect([first.cached, second.cached]).toEqual([false, true])
    expect(Buffer.from(second.wasm).equals(Buffer.from(first.wasm))).toBe(true)
    expect(second.digest).toBe(first.digest)
    const file = join(cacheFolder, readdirSync(cacheFolder)[0] ?? '')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('"wasm":"AGFzbQ', '"wasm":"AGFzbR'))
    const third = await buildLoop({ loop, spec, cacheFolder })
    expect([third.cached, third.digest]).toEqual([false, first.digest])
  })

  test('another constant is another build', async () => {
    const cacheFolder = join(folder, 'cache')
    const { digest } = await buildLoop({ loop, spec, cacheFolder })
    const constants = { ...spec.constants, current_limit: 40 }
    const other = await buildLoop({ loop, spec: { ...spec, constants }, cacheFolder })
    expect(other.cached).toBe(false)
    expect(other.digest).not.toBe(digest)
  })

  test('the declarations of its constants are those committed', () => {
    for (const [path, text] of derivedFiles(machines)) {
      expect(readFileSync(join(projectFolders.loops, '..', '..', path), 'utf8')).toBe(text)
    }
  })
})

describe('machine files and loop kinds together', () => {
  const mistakesOf = (change: (profile: { [name: string]: unknown }) => void): string => {
    const profiles = mkdtempSync(join(folder, 'profiles-'))
    const file = join(projectFolders.profiles, 'cordless-drill.json')
    const profile = JSON.parse(readFileSync(file, 'utf8'))
    change(profile)
    writeFileSync(join(profiles, 'drill.json'), JSON.stringify(profile))
    try {
      loadProfiles({ ...projectFolders, profiles })
      return ''
    } catch (error) {
      if (error instanceof ProfileError) return error.message
      throw error
    }
  }
  type Drill = {
    loops: { drive: { rateHz: number; constants: Record<string, number> } }
    signals: Record<string, { unit: string; values?: string[] }>
  }
  const changed = (change: (drill: Drill) => void): string =>
    mistakesOf((profile) => change(profile as unknown as Drill))

  test('lists all mistakes at once, each with its path and what would be right', () => {
    const message = changed(({ loops, signals }) => {
      loops.drive.rateHz = 10_500
      loops.drive.constants['voltage_stop'] = 16
      Object.assign(signals['pack_voltage'] ?? {}, { unit: 'A' })
      signals['fault']?.values?.reverse()
    })
    expect(message).toMatch(/drive\/rateHz: must be a multiple of 1000/)
    expect(message).toMatch(/constants\/voltage_stop: must be below voltage_fold, which is 15.5/)
    expect(message).toMatch(/channels\/pack_voltage: has the unit A; the loop gives V/)
    expect(message).toMatch(/channels\/fault: must list the values none, stall, clutch/)
  })

  test('a file that is not JSON is one of the mistakes', () => {
    const profiles = mkdtempSync(join(folder, 'broken-'))
    writeFileSync(join(profiles, 'drill.json'), '{ "machine": ')
    expect(() => loadProfiles({ ...projectFolders, profiles })).toThrow(
      /drill\.json:1:14: .*not JSON/,
    )
  })
})
