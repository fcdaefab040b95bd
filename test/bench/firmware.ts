// What the way over AssemblyScript costs on microcontrollers: each loop beside the same loop in C
// written by hand, bit-equal, same flags, same image. Cycles from rp2040js, instructions from QEMU.
// Then the drill's whole image: sizes, and how much of an RP2040 it takes at 10 and 20 kHz; and the
// other machines. Ends with 1 where a figure is over 2 % worse than it ever was (firmware-best.ts).
import { BuildError } from '../../firmware/build.ts'
import type { Image } from '../../firmware/image.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { arrayKernel } from '../boards/array-kernel.ts'
import { drill, exerciseOf, fixture, type Subject, subjectOf } from '../boards/stand.ts'
import { drillWork, work as machineWork } from '../boards/work.ts'
import { type Drive, guardedLine, rangesOf, readRun, runLine } from '../emu/exercise.ts'
import { Pico } from '../emu/pico.ts'
import { Qemu, type QemuBoard, qemuMachines } from '../emu/qemu.ts'
import {
  askTimed,
  buildProbe,
  hashLine,
  signLine,
  startPico,
  verifyLine,
} from '../signing/probe.ts'
import { atWork, smallImage, wholeImage } from './drill-image.ts'
import { best, type Figure, slack } from './firmware-best.ts'

const steps = 50_000

interface Cost {
  mean: number
  worst: number
  hash: number
}

const onPico = (image: Image, drive: Drive): Cost => {
  const pico = new Pico({ bin: image.bin })
  pico.ask('', 10_000_000)
  const { total, worst, hash } = readRun(pico.ask(runLine(drive), drive.steps * 20_000))
  return { mean: total / drive.steps, worst, hash }
}

const onQemu = async (image: Image, board: QemuBoard, drive: Drive): Promise<Cost> => {
  const machine = await Qemu.start(board, image.elf)
  try {
    const { total, worst, hash } = readRun(await machine.ask(runLine(drive)))
    const { countsPerInstruction: counts } = qemuMachines[board]
    return { mean: total / counts / drive.steps, worst: worst / counts, hash }
  } finally {
    await machine.stop()
  }
}

/** Figures that have got worse. */
type Worse = Set<string>

/** What a figure may be at most, and what it shall be; an entry in `worse` where it is over. */
const verdict = (
  { name, value, goal }: { name: Figure; value: number; goal?: number },
  worse: Worse,
): string => {
  const gate = best[name] * slack
  if (value > gate) worse.add(`${name}: ${value.toFixed(3)}, at its best ${best[name]}`)
  const of = (what: string, bound: number): string =>
    `${what} ${Number(bound.toFixed(3))} ${value <= bound ? 'met' : 'MISSED'}`
  return [of('gate', gate), ...(goal === undefined ? [] : [of('goal', goal)])].join(', ')
}

interface Compared {
  title: string
  byHand: string
  /** C that takes the loop's place, where it is not the subject's own wasm. */
  ours?: string
  /** Its name among the figures, and the goals of the project by board. */
  figure: 'drill' | 'float' | 'filter'
  goals: Record<string, number>
}

const compare = async (
  subject: Subject,
  { title, byHand, ours: taken, figure, goals }: Compared,
  worse: Worse,
): Promise<void> => {
  const ranges = rangesOf(subject.loop, drillWork)
  const drive: Drive = { seed: 6, steps, ranges }
  for (const board of ['rp2040-pico', 'stm32f405', 'microbit'] as const) {
    // A page of wasm's memory is four times the micro:bit's RAM.
    if (taken !== undefined && board === 'microbit') continue
    const [ours, hand] = [
      await exerciseOf(subject, board, taken),
      await exerciseOf(subject, board, byHand),
    ]
    const run = (image: Image): Promise<Cost> | Cost =>
      board === 'rp2040-pico' ? onPico(image, drive) : onQemu(image, board, drive)
    const [a, c] = [await run(ours), await run(hand)]
    const ratio = a.mean / c.mean
    const goal = goals[board]
    const ends = { name: `${figure} ${board}` as Figure, value: ratio, ...(goal && { goal }) }
    if (a.hash !== c.hash) worse.add(`${ends.name}: not bit-equal`)
    const unit = board === 'rp2040-pico' ? 'cycles' : 'instructions'
    const equal = a.hash === c.hash ? '' : '  NOT BIT-EQUAL'
    console.log(
      `${title} ${board.padEnd(12)} ${a.mean.toFixed(1)} ${unit} a step, C ${c.mean.toFixed(1)}: ` +
        `ratio ${ratio.toFixed(3)} (${verdict(ends, worse)}); ` +
        `worst ${a.worst.toFixed(0)}, C ${c.worst.toFixed(0)}; ` +
        `flash ${ours.manifest.sizes.flash}, C ${hand.manifest.sizes.flash} bytes${equal}`,
    )
  }
}

/** Runs the drill for half a second under load; what share of its cycles the core is awake. */
const load = (image: Image, rateHz: 10_000 | 20_000, worse: Worse): string => {
  const pico = atWork(image)
  const [cycles, asleep] = [pico.cycles, pico.asleep]
  let [inside, began, worst, last] = [false, 0, 0, 0]
  let [shortest, longest] = [Number.POSITIVE_INFINITY, 0]
  pico.run(0.2 * 125e6, () => {
    const now = pico.inInterrupt
    if (now && !inside) {
      began = pico.cycles
      if (last > 0)
        [shortest, longest] = [Math.min(shortest, began - last), Math.max(longest, began - last)]
      last = began
    }
    if (!now && inside) worst = Math.max(worst, pico.cycles - began)
    inside = now
    return false
  })
  const share = 100 * (1 - (pico.asleep - asleep) / (pico.cycles - cycles))
  const period = 125e6 / rateHz
  const goal = rateHz === 20_000 ? { goal: 25 } : {}
  const holds = verdict({ name: `share ${rateHz}`, value: share, ...goal }, worse)
  const steps = verdict({ name: `longest ${rateHz}`, value: worst }, worse)
  const figures =
    `longest interrupt ${worst} of ${period} cycles (${steps}), from start to start ` +
    `${shortest} to ${longest}`
  return pico.resets > 0
    ? `MISSED: a step took longer than its time, the runtime switched off and reset; ${figures}`
    : `${share.toFixed(1)} % of the core (${holds}), ${figures}`
}

/**
 * The whole image, then one without crypto, bootloader and rings: what the goal is set for. The
 * stack counts as it is reserved; beside it, how deep it can get.
 */
const sizes = async (subject: Subject, worse: Worse): Promise<void> => {
  const whole = (await wholeImage(subject, 10_000)).manifest
  const small = (await smallImage(subject)).manifest
  for (const [title, { sizes, stack }, figure, goals] of [
    ['drill image', whole, 'whole', {}],
    ['  without crypto, bootloader and rings', small, 'small', { flash: 16_384, ram: 4096 }],
  ] as const) {
    const of = (what: 'flash' | 'ram'): string => {
      const goal = 'flash' in goals ? { goal: goals[what] } : {}
      return verdict({ name: `${figure} ${what}`, value: sizes[what], ...goal }, worse)
    }
    console.log(
      `${title}: ${sizes.flash} bytes of flash (${of('flash')}), ${sizes.ram} of RAM ` +
        `(${of('ram')}), of it ${stack.reserved} as stack (deepest ${stack.bound}); code in RAM ` +
        `${sizes.codeInRam}, black box ${sizes.blackBox}`,
    )
  }
}

/** Another machine on a Pico: its image, and its longest steps on random readings. */
const machine = async (name: 'earth_block_press' | 'hot_end', worse: Worse): Promise<void> => {
  const subject = subjectOf(name)
  const { sizes } = (await wholeImage(subject)).manifest
  const image = await exerciseOf(subject, 'rp2040-pico')
  const drive: Drive = {
    seed: 11,
    steps: 100_000,
    ranges: rangesOf(subject.loop, machineWork[name]),
  }
  const of = (line: string): Omit<Cost, 'hash'> => {
    const pico = new Pico({ bin: image.bin })
    pico.ask('', 10_000_000)
    const { total, worst } = readRun(pico.ask(line, drive.steps * 20_000))
    return { mean: total / drive.steps, worst }
  }
  const [loop, kernel] = [of(runLine(drive)), of(guardedLine(drive))]
  const flash = verdict({ name: `${name} flash`, value: sizes.flash }, worse)
  const longest = verdict({ name: `${name} loop`, value: loop.worst }, worse)
  console.log(
    `${name} on a Pico: ${sizes.flash} bytes of flash (${flash}), ${sizes.ram} of RAM; ` +
      `loop ${loop.mean.toFixed(0)} cycles, longest ${loop.worst} (${longest}); ` +
      `kernel ${kernel.mean.toFixed(0)}, longest ${kernel.worst}`,
  )
}

/** Signatures on the M0+: cycles, and the image that has nothing else. */
const signatures = (worse: Worse): void => {
  const built = buildProbe('rp2040-pico')
  const pico = startPico(built)
  const [seed, message] = [new Uint8Array(32).fill(5), new Uint8Array(200).fill(9)]
  const signer = signerOfSeed(seed)
  const signed = askTimed(pico, signLine(seed, message)).cycles
  const signature = signer.sign(message)
  const line = verifyLine({ key: signer.publicKey, signature, message })
  const checked = askTimed(pico, line).cycles
  const hashed = askTimed(pico, hashLine(new Uint8Array(1024))).cycles
  const signMs = signed / 125_000
  console.log(
    `Ed25519 on a Pico: sign ${signed} cycles, ${signMs.toFixed(0)} ms ` +
      `(${verdict({ name: 'sign ms', value: signMs, goal: 500 }, worse)}); check ${checked} cycles; ` +
      `SHA-512 ${(hashed / 1024).toFixed(0)} cycles a byte; ` +
      `test image ${built.files.bin.length} bytes of flash, stack ${built.stackBytes}`,
  )
}

const main = async (): Promise<Worse> => {
  const worse: Worse = new Set()
  signatures(worse)
  const subject = drill()
  const drillByHand = { title: 'drill, fixed point', byHand: 'brushed-motor.h' } as const
  const drillGoals = { 'rp2040-pico': 1.05 }
  await compare(subject, { ...drillByHand, figure: 'drill', goals: drillGoals }, worse)
  const float = fixture('float')
  const floatGoals = { 'rp2040-pico': 1.05, stm32f405: 1.15 }
  const floatByHand = { title: 'small f32 loop    ', byHand: 'float.h' } as const
  await compare(float, { ...floatByHand, figure: 'float', goals: floatGoals }, worse)
  const kernel = arrayKernel()
  const filter = { title: 'filter over arrays', byHand: 'fir.h', ours: kernel.file } as const
  const filterGoals = { 'rp2040-pico': 1.75, stm32f405: 1.75 }
  await compare(float, { ...filter, figure: 'filter', goals: filterGoals }, worse)
  kernel.remove()
  float.remove()
  for (const rateHz of [10_000, 20_000] as const) {
    try {
      const image = await wholeImage(subject, rateHz)
      console.log(`drill image on a Pico at ${rateHz} Hz: ${load(image, rateHz, worse)}`)
    } catch (error) {
      if (!(error instanceof BuildError)) throw error
      console.log(`drill image on a Pico at ${rateHz} Hz: refused: ${error.message}`)
    }
  }
  await sizes(subject, worse)
  await machine('earth_block_press', worse)
  await machine('hot_end', worse)
  console.log('rp2040js gives a lower bound of cycles: no bus contention, no exception entry.')
  return worse
}

const worse = await main()
for (const figure of worse) console.error(`worse than it was: ${figure}`)
if (worse.size > 0) process.exitCode = 1
