// The longest step that a board's file states is of the very loop that was measured: one that its
// maker has changed since is refused, and one that nobody has measured says so.
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { boardNames } from '../../firmware/boards.ts'
import { BuildError, loopSources } from '../../firmware/build.ts'
import { buildImage, type ImageRequest } from '../../firmware/image.ts'
import { loadProfiles, projectFolders } from '../../firmware/profiles.ts'
import { withWorstStep, worstStepOf } from '../bench/step-file.ts'
import { compilerInstalled, drill, fixture, imageOf, loadBoard } from './stand.ts'

const build = compilerInstalled()
const changed = mkdtempSync(join(tmpdir(), 'tenfold-rate-'))
cpSync(projectFolders.loops, changed, { recursive: true })
appendFileSync(join(changed, drill().loop.folder, 'loop.ts'), '\n// Changed by its maker.\n')
afterAll(() => rmSync(changed, { recursive: true, force: true }))

const request = (more: Partial<ImageRequest>): ImageRequest => {
  const { profile, machines } = drill()
  const board = loadBoard('rp2040-pico')
  const fixed = { profile, loops: machines.loops, board, profileDigest: '0'.repeat(64) }
  return { ...fixed, purpose: 'machine', path: process.env['PATH'], ...more }
}

test('every figure of every board is of the loop in the tree', () => {
  const { loops } = loadProfiles()
  for (const board of boardNames().map(loadBoard)) {
    for (const [kind, { sources }] of Object.entries(board.worstStep)) {
      const loop = loops.get(kind)
      expect(loop && loopSources({ loop }), `${kind} on ${board.board}`).toBe(sources)
    }
  }
})

test('a loop that has changed since it was measured is refused, with how to measure it', async () => {
  for (const purpose of ['machine', 'test_inputs'] as const) {
    const given = request({ loopsFolder: changed, purpose })
    const error: unknown = await buildImage(given).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(BuildError)
    const [finding, second] = (error as BuildError).findings
    expect(finding?.what).toMatch(/has changed since its longest step was measured/)
    expect(finding?.remedy).toContain('npm run measure:firmware -- cordless_drill rp2040-pico')
    expect(second).toBeUndefined()
  }
})

describe.runIf(build)('its manifest', () => {
  test('of a loop that nobody has measured has no figure, and says so', async () => {
    const faulty = fixture('faulty')
    try {
      const { manifest } = await imageOf(faulty, 'rp2040-pico', 'machine')
      expect(manifest.worstStep).toBeUndefined()
      expect(manifest.unproven[0]).toMatch(/was not measured on this board, and the rate is unche/)
      expect(manifest.unproven[0]).toContain('npm run measure:firmware -- faulty rp2040-pico')
    } finally {
      faulty.remove()
    }
  })

  test('of a changed loop in a test build does not take the figure of the other', async () => {
    const given = request({ loopsFolder: changed, purpose: 'exercise' })
    const { manifest } = await buildImage(given)
    expect(manifest.worstStep).toBeUndefined()
    expect(manifest.unproven.join()).toMatch(/was not measured/)
    const { manifest: same } = await buildImage(request({ purpose: 'exercise' }))
    expect(same.worstStep?.cycles).toBe(loadBoard('rp2040-pico').worstStep['brushed_motor']?.cycles)
    expect(same.unproven.join()).not.toMatch(/was not measured/)
  })
})

describe('what is measured goes into the file of the board', () => {
  const kept = { cycles: 100, sampling: 70, how: 'by "hand"', sources: '1'.repeat(64) }
  const other = { ...kept, sampling: 90 }
  const board = { worstStep: { one: kept, other } }
  const run = { kind: 'one', sources: '2'.repeat(64), how: 'measured' }

  test('a figure that still bounds it stays; a longer step, and a new kind, come in', () => {
    expect(worstStepOf(board, { ...run, cycles: 100 })).toEqual({ ...kept, sources: run.sources })
    expect(worstStepOf(board, { ...run, cycles: 101 })).toEqual({
      ...{ cycles: 110, sampling: 70, how: 'measured', sources: run.sources },
    })
    expect(worstStepOf(board, { ...run, kind: 'new', cycles: 3 })).toMatchObject({
      ...{ cycles: 10, sampling: 90, how: expect.stringContaining('measured. Sampling') },
    })
  })

  test('every other line stays as it is', () => {
    const text = `{\n  "a": [1, 2],\n  "worstStep": {\n    "one": {\n      "cycles": 1\n    }\n  },\n  "b": { "one": {} }\n}\n`
    const block = '"one": {\n      "cycles": 100,'
    const once = withWorstStep(text, 'one', kept)
    expect(once).toContain(block)
    expect(once).toMatch(/^\{\n {2}"a": \[1, 2\],\n[\s\S]*\n {2}"b": \{ "one": \{\} \}\n\}\n$/)
    const both = withWorstStep(once, 'other', other)
    const empty = withWorstStep('{\n  "worstStep": {},\n  "b": 1\n}\n', 'one', kept)
    expect(JSON.parse(both)).toEqual({
      ...{ a: [1, 2], worstStep: { one: kept, other }, b: { one: {} } },
    })
    expect(JSON.parse(empty)).toEqual({ worstStep: { one: kept }, b: 1 })
  })
})
