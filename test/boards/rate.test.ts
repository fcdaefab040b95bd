// A step's longest time comes from the image itself: a loop that was edited is known at once, one
// that is too long for its rate is refused, and no emulator ever counts more than the bound.
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { BuildError } from '../../firmware/build.ts'
import { buildImage, type ImageRequest } from '../../firmware/image.ts'
import { projectFolders } from '../../firmware/profiles.ts'
import { boundMargin, measuredMargin, tooFast, worstStepOf } from '../../firmware/step-rate.ts'
import { rangesOf, readRun, runLine } from '../emu/exercise.ts'
import { Pico } from '../emu/pico.ts'
import { compilerInstalled, drill, fixture, imageOf, loadBoard } from './stand.ts'

const build = compilerInstalled()
const temporary = mkdtempSync(join(tmpdir(), 'tenfold-rate-'))
afterAll(() => rmSync(temporary, { recursive: true, force: true }))
const subject = drill()

/** A maker's loops: the project's, with the drill's loop changed. */
const loopsWith = (name: string, text: string): string => {
  const folder = join(temporary, name)
  cpSync(projectFolders.loops, folder, { recursive: true })
  appendFileSync(join(folder, subject.loop.folder, 'usage.ts'), text)
  return folder
}

/** Its step does what was added, too. */
const callWork = (folder: string, call: string): void => {
  const file = join(folder, subject.loop.folder, 'loop.ts')
  const text = readFileSync(file, 'utf8').replace('  sample()\n', `  sample()\n  ${call}\n`)
  writeFileSync(file, `${text}\nimport { work } from './usage.ts'\n`)
}

const request = (more: Partial<ImageRequest>): ImageRequest => {
  const { profile, machines } = subject
  const board = loadBoard('rp2040-pico')
  const fixed = { profile, loops: machines.loops, board, profileDigest: '0'.repeat(64) }
  return { ...fixed, purpose: 'machine', path: process.env['PATH'], ...more }
}

describe.runIf(build)('a machine whose loop was edited', () => {
  const loopsFolder = loopsWith('edited', '\n// Changed by its maker.\n')

  test('has its image at once, the same from an empty cache and a full one', async () => {
    const cacheFolder = join(temporary, 'cache')
    const cold = await buildImage(request({ loopsFolder, cacheFolder }))
    const warm = await buildImage(request({ loopsFolder, cacheFolder }))
    expect(Buffer.compare(cold.bin, warm.bin)).toBe(0)
    expect(JSON.stringify(cold.manifest)).toBe(JSON.stringify(warm.manifest))
    const { worstStep } = cold.manifest
    expect(worstStep?.loop).toBeGreaterThan(1000)
    expect(worstStep?.mostHz).toBeGreaterThanOrEqual(subject.spec.rateHz)
    expect(worstStep?.how).toMatch(/every path .*ARM DDI 0484C.*Sampling, measured: rp2040js/)
  }, 120_000)

  test.each([
    ['counts', 'for (let i = 0; i < 2000; i++) runSteps = runSteps * 31 + i64(currentMa)'],
    // Both begin at one instruction: 64 turns of 64.
    [
      'is in another from its first turn on',
      `let k = 4096
  do {
    do {
      runSteps = runSteps * 31 + i64(currentMa)
      k--
    } while (k & 63)
  } while (k > 0)`,
    ],
  ])(
    'and has a loop that %s, too long for its rate, is refused',
    async (name, lines) => {
      const slow = `
export function work(): void {
  ${lines}
}
`
      const folder = loopsWith(name, slow)
      callWork(folder, 'work()')
      const given = request({ loopsFolder: folder, purpose: 'test_inputs' })
      const error: unknown = await buildImage(given).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(BuildError)
      const [finding, second] = (error as BuildError).findings
      expect(finding?.what).toMatch(
        /10000 Hz is too fast for Raspberry Pi Pico .* allows \d{3,4} Hz/,
      )
      expect((error as Error).message).toMatch(/\/loops\/drive\/rateHz: 10000 Hz is too fast/)
      expect(finding?.remedy).toMatch(/Lower rateHz/)
      expect(second).toBeUndefined()
    },
    120_000,
  )
})

describe.runIf(build)('a loop that may turn for ever', () => {
  const faulty = fixture('faulty')
  afterAll(faulty.remove)
  test('is in no machine: its line, and what to do', async () => {
    const given = { ...faulty, uncheckedRate: false }
    const error: unknown = await imageOf(given, 'rp2040-pico', 'machine').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(BuildError)
    const [finding] = (error as BuildError).findings
    expect(finding?.place).toMatch(/faulty\/loop\.ts:29:\d+$/)
    expect(finding?.what).toMatch(/nothing bounds how often this loop turns/)
  }, 120_000)

  test('is in an image for tests, which says that nobody knows', async () => {
    const { manifest } = await imageOf(faulty, 'rp2040-pico', 'machine')
    expect(manifest.worstStep).toBeUndefined()
    expect(manifest.unproven[0]).toMatch(/longest is not known, the rate is unchecked/)
  }, 120_000)
})

/**
 * What small cores do slowly, in circles: quotients and remainders of both widths, of numbers of
 * every length, floats, loops in loops.
 */
const hard = `
let seed: u32 = 1
let kept: i32 = 0
let wide: i64 = 1
function word(x: i32): i32 {
  seed ^= seed << 13
  seed ^= seed >> 17
  seed ^= seed << 5
  return i32(seed) ^ x
}
function long(x: i32): i64 {
  const y = (i64(word(x)) << 32) | i64(u32(word(x)))
  return y >> i64(word(x) & 63)
}
export function work(x: i32): void {
  for (let i = 0; i < 4; i++) {
    const by = long(x) | 1
    wide ^= long(x) / by
    wide += i64(u64(long(x)) / u64(by))
    kept += (word(x) >> (word(x) & 31)) / ((word(x) >> (word(x) & 31)) | 1)
    kept += i32(u32(word(x)) / ((u32(word(x)) >> (word(x) & 31)) | 1)) + (word(x) % 1000)
    for (let k = 0; k < 5; k++) {
      if (kept > x) break
      kept = kept * 31 + k
    }
  }
  const n = word(x) & 3
  for (let i = 0; i < n; i++) wide += i64(u64(wide) % u64(x | 3)) + long(x) % 1000003
  let f = f32(kept)
  for (let i = 0; i < 3; i++) f = (f + f32(word(x)) / (f * f + f32(1.0))) * f32(0.5)
  kept ^= i32(f) + i32(wide)
}
`

describe.runIf(build)('the bound', () => {
  const folder = loopsWith('hard', hard)
  callWork(folder, 'work(triggerDpct * 65521)')

  test('holds for a loop with everything that is slow, over 4,000 random steps', async () => {
    const image = await buildImage(request({ loopsFolder: folder, purpose: 'exercise' }))
    const pico = new Pico({ bin: image.bin })
    pico.ask('', 10_000_000)
    const drive = { seed: 5, steps: 4000, ranges: rangesOf(subject.loop) }
    const { worst } = readRun(pico.ask(runLine(drive), 2e9))
    const most = image.manifest.worstStep?.loop ?? 0
    expect(worst).toBeGreaterThan(6000)
    expect(worst).toBeLessThanOrEqual(most)
    expect(most).toBeLessThan(4 * worst)
  }, 300_000)
})

test('the rate that a longest step allows: the sum of both parts, each with its margin', () => {
  const board = { ...loadBoard('rp2040-pico'), clockHz: 1_000_000 }
  const sampling = { made_up: { cycles: 300, how: 'counted' } }
  const worst = worstStepOf({ ...board, sampling }, 'made_up', { loop: 500, kernel: 100 })
  expect(worst?.mostHz).toBe(Math.floor(1e6 / (600 * boundMargin + 300 * measuredMargin)))
  expect(worst?.how).toMatch(/Sampling, measured: counted$/)
  // Another loop's is not its own: the greatest is taken, and said to be.
  const other = worstStepOf({ ...board, sampling }, 'new', { loop: 500, kernel: 100 })
  expect(other?.mostHz).toBe(worst?.mostHz)
  expect(other?.how).toMatch(/the greatest of the other loops: counted$/)
  expect(worstStepOf({ ...board, sampling: {} }, 'new', { loop: 1, kernel: 1 })).toBeUndefined()
  const { profile, spec } = subject
  const asked = (rateHz: number) =>
    worst === undefined ? [] : tooFast(worst, { profile, spec: { ...spec, rateHz }, board })
  expect(asked(worst?.mostHz ?? 0)).toEqual([])
  expect(asked((worst?.mostHz ?? 0) + 1)).toHaveLength(1)
})
