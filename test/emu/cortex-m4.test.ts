// The Cortex-M4F of ours against QEMU's, which others wrote by the same manual: the same random
// instructions with the same registers and memory, one by one, bit by bit. What differs is named
// with its instruction and its words. Cycles are no part of this.
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compilerInstalled } from '../boards/stand.ts'
import {
  type Case,
  compileProbe,
  hashesOf,
  onModel,
  onQemu,
  withCases,
  wordsOf,
} from './core-probe.ts'
import { type Draw, type Form, forms, instruction } from './cortex-m4-encodings.ts'
import { qemuInstalled } from './qemu.ts'

const can = compilerInstalled() && qemuInstalled()
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const seed = Number(process.env['TENFOLD_SEED'] ?? 7)
/** More of everything, where somebody asks for it. */
const many = process.env['TENFOLD_LONG'] === '1' ? 8 : 1
const drawFrom = (first: number): Draw => {
  let state = first | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(((state >>> 0) / 2 ** 32) * below)
  }
}

const caseOf = (form: Form, code: readonly number[], draw: Draw): Case => ({
  ...{ name: form.name, code, memory: form.memory === true },
  ...{ ownFaults: draw(2) === 1, traps: draw(4) === 0, seed: 1 + draw(2 ** 32 - 1) },
  modes: draw(4) << 24,
})

/** That many of each. */
const plain = (list: readonly Form[], each: number, draw: Draw): Case[] =>
  list.flatMap((form) =>
    Array.from({ length: each }, () => caseOf(form, instruction(form, draw), draw)),
  )

const chains = (each: number, draw: Draw): Case[] =>
  forms.exclusives.flatMap((chain) =>
    Array.from({ length: each }, () => {
      const code = chain.flatMap((form) => instruction(form, draw))
      const name = chain.map((form) => form.name).join('; ')
      return caseOf({ ...chain[0], name, memory: true }, code, draw)
    }),
  )

/** Others in the tail, so that a jump is seen. */
const jumps = (each: number, draw: Draw): Case[] =>
  forms.branches.flatMap((form) =>
    Array.from({ length: each }, () => {
      const tail = [0x3001, 0x3102, 0x3204, 0x3308, 0x3410, 0x3520]
      return caseOf(form, [...instruction(form, draw), ...tail].slice(0, 6), draw)
    }),
  )

/** IT blocks of one to four instructions, narrow or wide, that neither branch nor fault. */
const blocks = (count: number, draw: Draw): Case[] =>
  Array.from({ length: count }, () => {
    const all = [...forms.narrow, ...forms.wide, ...forms.floats].filter(
      ({ name, memory }) => memory !== true && !/udf|bkpt|barriers|msr/.test(name),
    )
    const code: number[] = []
    let inside = 0
    const names: string[] = []
    while (inside < 4) {
      const form = all[draw(all.length)]
      const next = form && instruction(form, draw)
      if (form === undefined || next === undefined || code.length + next.length > 6) break
      code.push(...next)
      names.push(form.name)
      inside += 1
    }
    const condition = draw(14)
    const rest = Array.from({ length: inside - 1 }, () => draw(2))
    const mask = [...rest, 1].reduce((sum, one, i) => sum | (one << (3 - i)), 0)
    const it = 0xbf00 | (condition << 4) | mask
    return caseOf({ name: `it: ${names.join('; ')}`, bits: '' }, [it, ...code], draw)
  })

const hex = (code: readonly number[]): string =>
  code.map((half) => half.toString(16).padStart(4, '0')).join(' ')

const stories = [
  ...['order', 'nesting', 'chains', 'groups', 'masks', 'calls', 'frames', 'floats'],
  ...['process stack', 'faults', 'sleep', 'exclusive access', 'registers'],
]
describe.runIf(can)('exceptions as QEMU', { timeout: 300_000 }, () => {
  let bin: Uint8Array
  beforeAll(() => {
    bin = compileProbe('exceptions.c')
  }, 120_000)

  test.each(stories.map((name, i) => [name, String.fromCharCode(97 + i)]))('%s', async (_, one) => {
    const mine = await onModel(bin).ask(one)
    const { probe: qemu, stop } = await onQemu(bin)
    stops.push(stop)
    const others = await qemu.ask(one)
    expect(mine.split(' ')).toEqual(others.split(' '))
    expect(mine.length).toBeGreaterThan(8)
  })
})

describe.runIf(can)('instruction by instruction as QEMU', { timeout: 300_000 }, () => {
  let probe: Uint8Array
  beforeAll(() => {
    probe = compileProbe('core-probe.c')
  }, 120_000)

  test.each<[string, (draw: Draw) => Case[]]>([
    ['narrow ones', (draw) => plain(forms.narrow, 60 * many, draw)],
    ['wide ones', (draw) => plain(forms.wide, 30 * many, draw)],
    [
      'loads and stores',
      (draw) => [...plain(forms.accesses, 30 * many, draw), ...chains(20 * many, draw)],
    ],
    ['floats', (draw) => plain(forms.floats, 120 * many, draw)],
    ['branches', (draw) => jumps(40 * many, draw)],
    ['blocks', (draw) => blocks(1000 * many, draw)],
  ])('%s', async (_, make) => {
    const cases = make(drawFrom(seed))
    const bin = withCases(probe, cases)
    const model = onModel(bin)
    const mine = await hashesOf(model, cases.length)
    const { probe: qemu, stop } = await onQemu(bin)
    stops.push(stop)
    const others = await hashesOf(qemu, cases.length)
    expect(mine.length).toBe(cases.length)
    const wrong: unknown[] = []
    for (const [i, one] of cases.entries()) {
      if (mine[i] === others[i] || wrong.length > 20) continue
      const [is, should] = [await wordsOf(model, i), await wordsOf(qemu, i)]
      const differs = Object.keys(is).filter((name) => is[name] !== should[name])
      wrong.push([
        `${one.name}: ${hex(one.code)}${one.modes === 0 ? '' : ` modes ${one.modes >>> 24}`}`,
        ...differs.map((name) => `${name}: ${is[name]}, should be ${should[name]}`),
      ])
    }
    expect(wrong).toEqual([])
  })
})
