// An image of a machine on the register models of an STM32F405, seen from its pins: volts go into
// the converter, edges come out. The image is the one that is flashed, with nothing replaced.
import type { Board } from '../../firmware/boards.ts'
import { buildImage, type Image } from '../../firmware/image.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { hellosIn } from '../emu/hello.ts'
import { Stm32, type Stm32Options } from '../emu/stm32f405.ts'
import { loadBoard, type Subject } from './stand.ts'

/** As wired in the drill's and the test machine's files; pins are 16 * port + bit. */
export const pin = {
  ...{ duty: 38, brake: 39, bridge: 29, gate: 24, direction: 30 },
  select: [26, 31],
  power: [24, 38, 39],
} as const
const channel = { current: 10, trigger: 11 } as const
export const cyclesPerUs = 168
export const ms = 1000 * cyclesPerUs

export interface Volts {
  trigger: number
  current: number
  slow: number[]
}
export const atRest = (): Volts => ({ trigger: 0.3, current: 1.65, slow: [1.9, 0.75, 0.75, 1.2] })

export interface Bench {
  chip: Stm32
  volts: Volts
  hellos: () => ReturnType<typeof hellosIn>
  /** Why each run ended that came before a start; 0 is power-up. */
  reasons: () => number[]
  edges: (pin: number, since?: number) => [cycle: number, high: boolean][]
  /** Middles of the samplings that a timer began. */
  timed: number[]
  /** Times at which drive and brake were high together. */
  both: number[]
}

/** The machine's image, or the test build, with something of its board changed. */
export const modelImage = (
  { machines, profile, loopsFolder, uncheckedRate = false }: Subject,
  purpose: 'machine' | 'exercise' = 'machine',
  changed: (board: Board) => Partial<Board> = () => ({}),
): Promise<Image> => {
  const board = loadBoard('stm32f405')
  return buildImage({
    ...{ profile, loopsFolder, purpose, path: process.env['PATH'], loops: machines.loops },
    uncheckedRate,
    profileDigest: profileDigest(profile),
    board: { ...board, ...changed(board) },
  })
}

/** Powered up, with a new chip, or the flash of one that lived on. */
export const put = (
  image: { bin: Uint8Array },
  volts: Volts = atRest(),
  more: Partial<Stm32Options> = {},
): Bench => {
  const heard: [pin: number, cycle: number, high: boolean][] = []
  const timed: number[] = []
  const both: number[] = []
  const said: number[] = []
  let seed = 1
  const chip: Stm32 = new Stm32({
    bin: image.bin,
    analogue: (which, level) => {
      const position = pin.select.reduce((sum, one, i) => sum + (level(one) ? 1 << i : 0), 0)
      const { current, trigger, slow } = volts
      const volt = { [channel.current]: current, [channel.trigger]: trigger }[which]
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0
      const noise = (((seed >>> 16) & 0xff) - 127) / 64
      const counts = ((volt ?? slow[position] ?? 0) / 3.3) * 4096 + noise
      return Math.min(Math.max(Math.round(counts), 0), 4095)
    },
    onEdge: (which, high, cycle) => {
      heard.push([which, cycle, high])
      if (high && chip.level(pin.duty) && chip.level(pin.brake)) both.push(cycle)
    },
    onUart: (byte) => void said.push(byte),
    onTimed: (cycle) => void timed.push(cycle),
    ...more,
  })
  chip.drive(pin.direction, true)
  const edges: Bench['edges'] = (which, since = 0) =>
    heard.flatMap(([one, cycle, high]) => (one === which && cycle >= since ? [[cycle, high]] : []))
  const hellos: Bench['hellos'] = () => hellosIn(said)
  const reasons = (): number[] => hellos().map(({ reason }) => reason)
  return { chip, volts, hellos, reasons, edges, timed, both }
}
