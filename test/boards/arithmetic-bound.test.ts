// What the compiler calls by itself where a small core has no instruction: the bound that the build
// takes for it holds on an emulated Pico for numbers of every length, and is not far off.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cyclesOf } from '../../firmware/core-cycles.ts'
import { buildImage } from '../../firmware/image.ts'
import { readListing } from '../../firmware/listing.ts'
import { longestWay } from '../../firmware/longest-path.ts'
import { library } from '../../firmware/step-bound.ts'
import { stepLine } from '../emu/exercise.ts'
import { Pico } from '../emu/pico.ts'
import { compilerInstalled, drill, loadBoard } from './stand.ts'

const board = loadBoard('rp2040-pico')

const image = () => {
  const { profile, machines } = drill()
  const file = join(import.meta.dirname, 'fixtures', 'slow-arithmetic.h')
  return buildImage({
    ...{ profile, board, loops: machines.loops, purpose: 'exercise', lines: true },
    ...{ profileDigest: '0'.repeat(64), path: process.env['PATH'] },
    byHand: { file, constants: '' },
  })
}

const listingOf = (elf: Uint8Array): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-arithmetic-'))
  try {
    writeFileSync(join(folder, 'image.elf'), elf)
    const args = ['-d', '--no-show-raw-insn', 'image.elf']
    const options = { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 } as const
    return execFileSync('arm-none-eabi-objdump', args, options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test.runIf(compilerInstalled())(
  'of 3,000 pairs of numbers none takes longer than the bound, and one takes half of it or more',
  async () => {
    const { elf, bin, symbols } = await image()
    const code = readListing(listingOf(elf))
    const cycles = cyclesOf(board.flags, board.waits)
    if (cycles === undefined) throw new Error('no table')
    const none = { marks: new Map(), loops: new Map(), ends: new Set<string>() }
    const pico = new Pico({ bin })
    pico.ask('', 10_000_000)
    pico.ask(stepLine(drill().loop.inputs.map(() => 0)), 900_000_000)
    const most = (i: number): number => pico.read((symbols.get('most') ?? 0) + 4 * i)
    const bound = (i: number): number =>
      Number(longestWay(`op_${i}`, { code, cycles, library, ...none }))
    const around = most(0) - bound(0)
    const found = Array.from({ length: 18 }, (_, i) => ({
      ...{ i, bound: bound(i), taken: most(i) - around },
    }))
    expect(found.filter((one) => !(one.taken <= one.bound))).toEqual([])
    expect(found.filter(({ taken, bound: limit }) => taken < limit / 2)).toEqual([])
  },
  120_000,
)
