// An image of a machine on an emulated Pico, seen from its pins: volts go into the converter, edges
// come out. A sound sensor is never quite still, so the converter gets a few counts of noise, the
// same in every run; a test may freeze a signal.
import type { Image } from '../../firmware/image.ts'
import { hellosIn } from '../emu/hello.ts'
import { Pico } from '../emu/pico.ts'
import type { W25q } from '../emu/w25q.ts'

export const cyclesPerUs = 125
export const ms = 1000 * cyclesPerUs
export const pin = {
  duty: 2,
  brake: 3,
  bridge: 4,
  gate: 5,
  direction: 6,
  select: [10, 11],
} as const

/** Volts at the converter's pins; the multiplexer's by position. */
export interface Volts {
  trigger: number
  current: number
  slow: number[]
}
export const atRest = (): Volts => ({ trigger: 0.3, current: 1.65, slow: [1.9, 0.75, 0.75, 1.2] })

export interface Bench {
  pico: Pico
  volts: Volts
  /** Why each run ended that came before a start; 0 is power-up. */
  reasons: () => number[]
  /** Edges of a pin since `since`, as [cycle, high]. */
  edges: (pin: number, since?: number) => [cycle: number, high: boolean][]
  /** When the converter was asked for the motor current. */
  sampled: number[]
  /** Signals without noise: `current`, `trigger`, or a position of the multiplexer. */
  frozen: Set<string | number>
  /** Times at which drive and brake were high together. */
  both: number[]
}

/** Powered up, with a new flash chip or one that lived on. */
export const put = (image: Image, volts: Volts = atRest(), flash?: W25q): Bench => {
  const heard: [pin: number, cycle: number, high: boolean][] = []
  const sampled: number[] = []
  const both: number[] = []
  const frozen = new Set<string | number>()
  const said: number[] = []
  let seed = 1
  const pico: Pico = new Pico({
    bin: image.bin,
    ...(flash && { flash }),
    analogue: (channel, level) => {
      if (channel === 1) sampled.push(pico.cycles)
      const position = pin.select.reduce((sum, one, i) => sum + (level(one) ? 1 << i : 0), 0)
      const volt = channel === 2 ? volts.slow[position] : [volts.trigger, volts.current][channel]
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0
      const signal = channel === 2 ? position : channel === 0 ? 'trigger' : 'current'
      const noise = frozen.has(signal) ? 0 : (((seed >>> 16) & 0xff) - 127) / 64
      return Math.min(Math.max(Math.round(((volt ?? 0) / 3.3) * 4096 + noise), 0), 4095)
    },
    onEdge: (which, high, cycle) => {
      heard.push([which, cycle, high])
      if (high && pico.level(pin.duty) && pico.level(pin.brake)) both.push(cycle)
    },
    onUart: (byte) => {
      said.push(byte)
    },
  })
  pico.drive(pin.direction, true)
  const edges: Bench['edges'] = (which, since = 0) =>
    heard.flatMap(([one, cycle, high]) => (one === which && cycle >= since ? [[cycle, high]] : []))
  const reasons = (): number[] => hellosIn(said).map(({ reason }) => reason)
  return { pico, volts, reasons, edges, sampled, frozen, both }
}
