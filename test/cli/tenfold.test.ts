// The dispatcher: finds commands by walking, helps, explains errors, and ends as a shell expects.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Io } from '../../gateway/cli/io.ts'
import { main } from '../../gateway/cli/tenfold.ts'
import { root } from '../tree.ts'
import { type TestIo, testIo } from './io.ts'

let io: TestIo
beforeEach(async () => {
  io = await testIo()
})
afterEach(() => io.remove())

describe('finding commands', () => {
  test('help lists what the folder has, and leaves out what is no command', async () => {
    expect(await io.tenfold('help')).toBe(0)
    const text = io.lines.join('\n')
    for (const name of ['config', 'doctor', 'claim', 'gateway']) {
      expect(text).toMatch(new RegExp(`^  ${name} +\\w`, 'm'))
    }
    expect(text).not.toMatch(/^ {2}(io|tenfold) /m)
  })

  test('no command and --help are help, too; help of one is its usage', async () => {
    expect(await io.tenfold()).toBe(0)
    expect(await io.tenfold('--help')).toBe(0)
    expect(await io.tenfold('config', '--help')).toBe(0)
    expect(io.lines.join('\n')).toContain('usage: tenfold config')
  })

  test('says which version it is', async () => {
    expect(await io.tenfold('--version')).toBe(0)
    expect(io.lines.join('\n')).toMatch(/^tenfold \d+\.\d+\.\d+, Node 24\./)
  })

  test.each([
    ['doctr', 'did you mean "doctor"?'],
    ['zzzzzzzz', 'there is no command "zzzzzzzz"'],
    ['io', 'there is no command "io"'],
    ['../main', 'there is no command "../main"'],
    ['/etc/passwd', 'there is no command'],
    ['', 'there is no command'],
  ])('"%s" is none', async (name, said) => {
    expect(await io.tenfold(name)).toBe(2)
    expect(io.errors.join('\n')).toContain(said)
  })
})

describe('ends', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenfold-commands-'))
    const errors = join(root, 'gateway', 'core', 'errors.ts')
    const command = (body: string): string =>
      `import { OperatingError } from ${JSON.stringify(errors)}
       export const summary = 'a command'
       export const usage = 'usage'
       export const run = async (args, io) => { ${body} }`
    const files: Record<string, string> = {
      seven: command('return 7'),
      mend: command(
        "const what = { message: 'the disk is full', remedy: 'Make room.' };" +
          "throw new OperatingError('disk_full', what)",
      ),
      broken: command('return undefined.x'),
      options: command(
        "const { parseArgs } = await import('node:util'); parseArgs({ args, options: {} })",
      ),
      unloadable: 'this is not TypeScript',
    }
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, `${name}.ts`), text)
    }
  })
  afterAll(() => rm(folder, { recursive: true }))
  const run = (...args: string[]) => main(args, io as Io, folder)

  test('with the code of the command', async () => {
    expect(await run('seven')).toBe(7)
  })

  test('what a person can mend is said with its remedy and without a stack', async () => {
    expect(await run('mend')).toBe(1)
    const text = io.errors.join('\n')
    expect(text).toContain('the disk is full')
    expect(text).toContain('what to do: Make room.')
    expect(text).toContain('code: disk_full')
    expect(text).not.toMatch(/^ {4}at /m)
  })

  test.each([
    ['machine file', 'profiles', 'ProfileError', "[{ path: '/rateHz', message: 'x', file: 'f' }]"],
    ['loop', 'build', 'BuildError', "[{ place: '/rateHz', what: 'x', remedy: 'Mend it.' }]"],
  ])(
    "a mistake in a %s is the user's to mend, and no defect",
    async (...[, file, name, mistakes]) => {
      const path = JSON.stringify(join(root, 'firmware', `${file}.ts`))
      const text = `export const summary = ''; export const usage = ''
      export const run = async () => { throw new (await import(${path})).${name}(${mistakes}) }`
      await writeFile(join(folder, `${file}.ts`), text)
      expect(await run(file)).toBe(1)
      expect(io.errors.join('\n')).toMatch(/\/rateHz: x[\s\S]*what to do: \w+/)
    },
  )

  test.each([['passport'], ['export'], ['life']])(
    '%s where no gateway has run says whose folder is asked for',
    async (name) => {
      expect(await io.tenfold(name, 'drill-1')).toBe(1)
      expect(io.errors.join('\n')).toMatch(/no gateway has run[\s\S]*--data \(of the demo/)
    },
  )

  test('a defect shows where', async () => {
    expect(await run('broken')).toBe(70)
    expect(io.errors.join('\n')).toMatch(/defect[\s\S]*\n {4}at /)
  })

  test('wrong options point to the help', async () => {
    expect(await run('options', '--no-such')).toBe(2)
    expect(io.errors.join('\n')).toContain('tenfold help options')
  })

  test.each([
    ['build', '--profile', 'cordless-drill'],
    ['claim', 'accept', 'drill-1'],
    ['life'],
    ['selftest', 'drill-1'],
  ])('wrong use of %s is another code than an error that can be mended', async (...line) => {
    expect(await io.tenfold(...line)).toBe(2)
    expect(io.errors.join('\n')).toContain('code: usage')
  })

  test('one file that cannot be loaded does not take the help with it', async () => {
    expect(await run('help')).toBe(0)
    expect(io.lines.join('\n')).toMatch(/seven +a command/)
    expect(io.lines.join('\n')).toMatch(/unloadable +cannot be loaded/)
  })
})

describe('as a process', () => {
  const start = (args: string[], cwd: string) => {
    const path = join(root, 'gateway', 'cli', 'tenfold.ts')
    const child = spawn(process.execPath, [path, ...args], { cwd })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.stderr.on('data', (chunk) => {
      text += chunk
    })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    return { child, ended, printed: () => text }
  }

  test('prints all of it into a pipe, and no warning', async () => {
    const { ended, printed } = start(['config', '--json'], io.cwd)
    expect(await ended).toBe(0)
    expect(JSON.parse(printed()).settings.length).toBeGreaterThan(15)
  })

  test('a reader that goes away is no error', async () => {
    const { child, ended, printed } = start(['config'], io.cwd)
    child.stdout.destroy()
    expect(await ended).toBe(0)
    expect(printed()).not.toContain('EPIPE')
  })
})
