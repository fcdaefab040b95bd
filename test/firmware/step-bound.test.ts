// What the build says of an image's longest step: a figure, or why there is none and where.
import { expect, test } from 'vitest'
import type { Origin } from '../../firmware/loop-compiler.ts'
import { boundStep } from '../../firmware/step-bound.ts'
import { loadBoard } from '../boards/stand.ts'

const board = loadBoard('rp2040-pico')
const origin: Origin = {
  ...{ functions: {}, rounding: {}, loops: [], imports: [], entry: 'loops/x/loop.ts:1:1' },
}
/** One after the other, an instruction every 2 bytes. */
const functions = (bodies: Readonly<Record<string, readonly string[]>>): string => {
  let at = 0x2000_0000
  const lines: string[] = []
  for (const [name, body] of Object.entries(bodies)) {
    lines.push(`${at.toString(16)} <${name}>:`)
    for (const line of body) {
      lines.push(`${at.toString(16)}:\t${line}`)
      at += 2
    }
  }
  return lines.join('\n')
}
const plain = { loop_step: ['ldr\tr0, [r1, #4]', 'bx\tlr'], loop_stop: ['bx\tlr'] }
const asked = (
  bodies: Readonly<Record<string, readonly string[]>>,
  more: Partial<Parameters<typeof boundStep>[0]> = {},
) =>
  boundStep({
    ...{ listing: functions(bodies), symbols: new Map(), board, loop: origin, kernel: origin },
    named: () => undefined,
    ...more,
  })

test('step and stop are the loop, and a loop that reads the clock waits for it', () => {
  const all = { ...plain, kernel_step: ['nop', 'bx\tlr'] }
  expect(asked(all)).toEqual({ loop: 2 + 2 + 2, kernel: 1 + 2 })
  const loop = { ...origin, imports: ['micros'] }
  const slower = { loop: 2 + 2 + 2 + board.waits.peripheral, kernel: 1 + 2 }
  expect(asked(all, { loop })).toEqual(slower)
})

test('a mark in the code is the loop of the source that has its number', () => {
  const circle = ['adds\tr0, #1', 'bne.n\t20000000 <loop_step>', 'bx\tlr']
  const all = { loop_step: circle, loop_stop: ['bx\tlr'], kernel_step: ['bx\tlr'] }
  const symbols = new Map([['turn_loop_0_17', 0x2000_0000]])
  const loops = [{ turns: 5, within: [], place: 'loops/x/loop.ts:4:3' }]
  expect(asked(all, { symbols, loop: { ...origin, loops } })).toEqual({
    ...{ loop: 5 * 3 - 1 + 2 + 2, kernel: 2 },
  })
  // The kernel's of the same number is another.
  const kernel = { ...origin, loops }
  expect(asked(all, { symbols, kernel })).toMatchObject([
    { what: expect.stringMatching(/a loop that the source does not show/) },
  ])
})

test('where there is no bound, it says what of and where', () => {
  const endless = [{ within: [], place: 'loops/x/loop.ts:4:3' }]
  const all = { ...plain, kernel_step: ['bx\tlr'] }
  expect(asked(all, { loop: { ...origin, loops: endless } })).toMatchObject([
    { place: 'loops/x/loop.ts:4:3', what: expect.stringContaining('nothing bounds') },
  ])
  const circle = { ...all, loop_step: ['bl\t20000000 <loop_step>', 'bx\tlr'] }
  expect(asked(circle)).toMatchObject([
    { place: 'loops/x/loop.ts:1:1', what: expect.stringMatching(/loop_step .*: it calls itself/) },
  ])
  const named = () => ({ name: 'work', place: 'loops/x/work.ts:7:1' })
  expect(asked({ ...all, loop_step: ['bx\tr3'] }, { named })).toMatchObject([
    { place: 'loops/x/work.ts:7:1', what: expect.stringMatching(/work .* a register says/) },
  ])
  expect(asked(plain)).toMatchObject([{ what: expect.stringMatching(/not in the image/) }])
  expect(asked(plain, { kernel: undefined })).toEqual({ loop: 6, kernel: 0 })
  const foreign = { ...board, flags: ['-mcpu=cortex-m33'] }
  expect(asked(all, { board: foreign })).toMatchObject([
    { what: expect.stringMatching(/no table of cycles for its core/) },
  ])
})
