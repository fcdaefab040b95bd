// What the way over AssemblyScript costs on microcontrollers: each loop beside the same loop in C
// written by hand, bit-equal, same flags, same image. Cycles from rp2040js, instructions from QEMU.
// Then the drill's whole image: sizes, and how much of an RP2040 it takes at 10 and 20 kHz.
import { BuildError } from '../../firmware/build.ts'
import type { Image } from '../../firmware/image.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { arrayKernel } from '../boards/array-kernel.ts'
import { drill, exerciseOf, fixture, type Subject } from '../boards/stand.ts'
import { type Drive, rangesOf, readRun, runLine } from '../emu/exercise.ts'
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

const steps = 50_000
const work = {
  motor_current: [-5, 60],
  pack_voltage: [13, 21],
  motor_temperature: [0, 70],
  pack_temperature: [0, 55],
  clutch_setting: [0, 40],
} as const

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

const verdict = (value: number, gate: number | undefined, goal: number): string => {
  const of = (name: string, bound: number): string =>
    `${name} ${bound} ${value <= bound ? 'met' : 'MISSED'}`
  return [...(gate === undefined ? [] : [of('gate', gate)]), of('goal', goal)].join(', ')
}

interface Compared {
  byHand: string
  /** C that takes the loop's place, where it is not the subject's own wasm. */
  ours?: string
  /** The goals of the project; a gate is what must hold already. */
  bounds: Record<string, [gate: number | undefined, goal: number]>
}

const compare = async (
  title: string,
  subject: Subject,
  { byHand, ours: taken, bounds }: Compared,
): Promise<void> => {
  const ranges = rangesOf(subject.loop, work)
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
    const bound = bounds[board]
    const unit = board === 'rp2040-pico' ? 'cycles' : 'instructions'
    const equal = a.hash === c.hash ? '' : '  NOT BIT-EQUAL'
    console.log(
      `${title} ${board.padEnd(12)} ${a.mean.toFixed(1)} ${unit} a step, C ${c.mean.toFixed(1)}: ` +
        `ratio ${ratio.toFixed(3)}` +
        `${bound === undefined ? '' : ` (${verdict(ratio, ...bound)})`}; ` +
        `worst ${a.worst.toFixed(0)}, C ${c.worst.toFixed(0)}; ` +
        `flash ${ours.manifest.sizes.flash}, C ${hand.manifest.sizes.flash} bytes${equal}`,
    )
  }
}

/** Runs the drill for half a second under load; what share of its cycles the core is awake. */
const load = (image: Image, rateHz: number): string => {
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
  const goal = rateHz === 20_000 ? ` (${verdict(share, undefined, 25)})` : ''
  const figures =
    `longest interrupt ${worst} of ${period} cycles, from start to start ` +
    `${shortest} to ${longest}`
  return pico.resets > 0
    ? `MISSED: a step took longer than its time, the runtime switched off and reset; ${figures}`
    : `${share.toFixed(1)} % of the core${goal}, ${figures}`
}

/**
 * The whole image, then one without crypto, bootloader and rings: what the goal is set for. The
 * stack counts as it is reserved; beside it, how deep it can get.
 */
const sizes = async (subject: Subject): Promise<void> => {
  const whole = (await wholeImage(subject, 10_000)).manifest
  const small = (await smallImage(subject)).manifest
  const flash = verdict(small.sizes.flash, undefined, 16 * 1024)
  const ram = verdict(small.sizes.ram, undefined, 4 * 1024)
  for (const [title, { sizes, stack }, goals] of [
    ['drill image', whole, ['', '']],
    ['  without crypto, bootloader and rings', small, [` (${flash})`, ` (${ram})`]],
  ] as const) {
    console.log(
      `${title}: ${sizes.flash} bytes of flash${goals[0]}, ${sizes.ram} of RAM${goals[1]}, ` +
        `of it ${stack.reserved} as stack (deepest ${stack.bound}); code in RAM ` +
        `${sizes.codeInRam}, black box ${sizes.blackBox}`,
    )
  }
}

/** Signatures on the M0+: cycles, and the image that has nothing else. */
const signatures = (): void => {
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
      `(${verdict(signMs, undefined, 500)}); check ${checked} cycles; ` +
      `SHA-512 ${(hashed / 1024).toFixed(0)} cycles a byte; ` +
      `test image ${built.files.bin.length} bytes of flash, stack ${built.stackBytes}`,
  )
}

const main = async (): Promise<void> => {
  signatures()
  const subject = drill()
  await compare('drill, fixed point', subject, {
    byHand: 'brushed-motor.h',
    bounds: { 'rp2040-pico': [1.3, 1.05] },
  })
  const float = fixture('float')
  await compare('small f32 loop    ', float, {
    byHand: 'float.h',
    bounds: { 'rp2040-pico': [1.15, 1.05], stm32f405: [1.35, 1.15] },
  })
  const kernel = arrayKernel()
  await compare('filter over arrays', float, {
    ...{ ours: kernel.file, byHand: 'fir.h' },
    bounds: { 'rp2040-pico': [undefined, 1.75], stm32f405: [undefined, 1.75] },
  })
  kernel.remove()
  float.remove()
  for (const rateHz of [10_000, 20_000]) {
    try {
      const image = await wholeImage(subject, rateHz)
      console.log(`drill image on a Pico at ${rateHz} Hz: ${load(image, rateHz)}`)
    } catch (error) {
      if (!(error instanceof BuildError)) throw error
      console.log(`drill image on a Pico at ${rateHz} Hz: refused: ${error.message}`)
    }
  }
  await sizes(subject)
  console.log('rp2040js gives a lower bound of cycles: no bus contention, no exception entry.')
}

await main()
