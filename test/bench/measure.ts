// `npm run measure:firmware -- <machine> <board>`: the longest step of a machine's loop on a board's
// emulator, over random readings, written into firmware/boards/<board>/board.json with the digest of
// the loop. The build refuses a loop that changed since. What no emulator counts it does not know.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loopSources } from '../../firmware/build.ts'
import type { Image } from '../../firmware/image.ts'
import { imageOf, loadBoard, subjectOf } from '../boards/stand.ts'
import { drillWork, work } from '../boards/work.ts'
import { type Drive, rangesOf, readRun, runLine } from '../emu/exercise.ts'
import { Pico } from '../emu/pico.ts'
import { Qemu, type QemuBoard, qemuMachines } from '../emu/qemu.ts'
import { withWorstStep, worstStepOf } from './step-file.ts'

const isQemu = (board: string): board is QemuBoard => Object.hasOwn(qemuMachines, board)

/** Cycles on the RP2040; elsewhere instructions, which a core takes at most two cycles for. */
const longest = async (image: Image, board: string, drive: Drive): Promise<number> => {
  if (!isQemu(board)) {
    const pico = new Pico({ bin: image.bin })
    pico.ask('', 10_000_000)
    return readRun(pico.ask(runLine(drive), drive.steps * 100_000)).worst
  }
  const machine = await Qemu.start(board, image.elf)
  try {
    const { worst } = readRun(await machine.ask(runLine(drive)))
    return Math.ceil((2 * worst) / qemuMachines[board].countsPerInstruction)
  } finally {
    await machine.stop()
  }
}

const [machine = '', name = ''] = process.argv.slice(2).map((one) => one.replace(/\.json$/, ''))
const board = loadBoard(name)
const subject = subjectOf(machine.replaceAll('-', '_'))
const image = await imageOf(subject, name, 'exercise')
const wide = rangesOf(subject.loop)
const known: typeof work = { ...work, cordless_drill: drillWork }
const atWork = rangesOf(subject.loop, known[subject.profile.machine])
const drives: Drive[] = [
  { seed: 7, steps: 40_000, ranges: wide },
  { seed: 8, steps: 40_000, ranges: wide },
  { seed: 6, steps: 100_000, ranges: atWork },
]
let cycles = 0
for (const drive of drives) cycles = Math.max(cycles, await longest(image, name, drive))
const steps = drives.reduce((sum, drive) => sum + drive.steps, 0).toLocaleString('en')
const counted = isQemu(name) ? 'QEMU, instructions taken twice' : 'rp2040js'
const { kind } = subject.loop
const measured = { kind, cycles, sources: loopSources(subject) }
const entry = worstStepOf(board, { ...measured, how: `${counted}, ${steps} random steps` })
const file = join(board.folder, 'board.json')
const before = readFileSync(file, 'utf8')
const after = withWorstStep(before, kind, entry)
if (after !== before) writeFileSync(file, after)
console.log(`${kind} on ${board.title}: ${cycles} cycles measured, ${entry.cycles} in ${file}`)
