// `tenfold verify` as a person runs it: exit codes, every check by name, nothing but files.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../../gateway/cli/verify.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { livedWorld, signerNamed } from './world.ts'

const world = livedWorld()
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenfold-verify-'))
  const text = world.passport('drill-1')
  await writeFile(join(folder, 'drill-1.passport.json'), text)
  await writeFile(join(folder, 'cut.passport.json'), text.slice(0, -9))
  const producer = `producer ${signerNamed('producer').did}`
  await writeFile(join(folder, 'trust.txt'), `log ${world.vkey()}\n${producer}\n`)
  await writeFile(join(folder, 'wrong.txt'), 'log nonsense\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const tenfold = async (...args: string[]): Promise<{ code: number; out: string }> => {
  const lines: string[] = []
  const io = {
    out: (line: string) => void lines.push(line),
    err: (line: string) => void lines.push(line),
    ...{ env: {}, cwd: folder, signal: new AbortController().signal },
  }
  const code = await run(args, io)
  return { code, out: lines.join('\n') }
}

test('0 and every check by name for a valid passport', async () => {
  const { code, out } = await tenfold('drill-1.passport.json', '--trust', 'trust.txt')
  expect(code).toBe(0)
  expect(out).toMatch(/^VALID: nothing left out of log /)
  for (const name of ['entries', 'chain', 'head', 'log_key', 'unit_key', 'challenge']) {
    expect(out).toMatch(new RegExp(`^  (pass|not_asked) +${name} `, 'm'))
  }
  expect(out).toContain('this verification cannot see:')
  expect(out).toContain('starts 20')
})

test('2 without pinned keys, 1 for a damaged file, each with what to do', async () => {
  const unpinned = await tenfold('drill-1.passport.json')
  expect(unpinned.code).toBe(2)
  expect(unpinned.out).toMatch(/^UNKNOWN_ROOT: /)
  expect(unpinned.out).toContain('pin it')
  const cut = await tenfold('cut.passport.json', '--trust', 'trust.txt')
  expect(cut.code).toBe(1)
  expect(cut.out).toMatch(/^INVALID: file failed \(bad_passport\)/)
  // The one reason is not lost among the checks that it has kept from being made.
  expect(cut.out).toContain('was cut short on its way')
  expect(cut.out.match(/not reached/g)).toHaveLength(1)
})

test('--json prints the report', async () => {
  const { out } = await tenfold('drill-1.passport.json', '--json')
  expect(JSON.parse(out)).toMatchObject({
    verdict: 'UNKNOWN_ROOT',
    subject: { serial: 'k3v9-77ab' },
  })
})

test('a missing file, a wrong trust line and no file at all are errors that name the cause', async () => {
  await expect(tenfold('none.json')).rejects.toThrow(/none\.json cannot be read/)
  await expect(tenfold('drill-1.passport.json', '--trust', 'wrong.txt')).rejects.toThrow(
    /wrong\.txt: line 1: /,
  )
  await expect(tenfold()).rejects.toBeInstanceOf(OperatingError)
})
