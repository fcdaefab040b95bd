// A machine without a bridge on an emulated Pico, joined to its own plant: what the plant's
// sensors see goes to the pins by the machine file's wiring, and what the pins say drives the
// plant, step by step. Nothing of the image is replaced.
import type { Image } from '../../firmware/image.ts'
import type { Plant } from '../../firmware/twin/plant.ts'
import { Pico } from '../emu/pico.ts'
import { cyclesPerUs } from './pins.ts'
import { loadBoard, type Subject } from './stand.ts'

export interface SwitchBench {
  pico: Pico
  /** Value of an input in place of the plant's, SI. */
  override: Map<string, number>
  /** Inputs whose converter shows no noise. */
  frozen: Set<string>
  /** Number of the pin that carries a signal; `gate` for the drivers' enable. */
  pin: (signal: string) => number
  /** All pins that can move or heat something, the gate among them. */
  power: readonly number[]
  edges: (pin: number, since?: number) => [cycle: number, high: boolean][]
  /** Cycles at which two opposed pins were high together. */
  both: number[]
  /** Whether every pin that drives is low. */
  isLow: () => boolean
  /** One step of the image and of the plant; false where none came within two periods. */
  step: () => boolean
  word: (symbol: string, index?: number) => number
  /** Longest step so far, cycles from its interrupt to its end. */
  longest: () => number
}

const wiringOf = ({ profile }: Subject) => {
  const wiring = profile.boards?.['rp2040-pico']
  if (wiring === undefined) throw new Error('not wired to a Pico')
  return wiring
}

export interface Wires {
  /** Number of the pin that carries a signal; `gate` for the drivers' enable. */
  pin: (signal: string) => number
  /** Value of an input in place of the plant's, SI. */
  override: Map<string, number>
  /** Inputs whose converter shows no noise. */
  frozen: Set<string>
  /** What the converter gives for a channel. */
  counts: (channel: number) => number
  /** Contacts as they are now, to the pins. */
  drive: (pico: Pico) => void
  /** What the pins say, to the plant, which goes on by a time. */
  move: (pico: Pico, dtS: number) => void
}

/** A machine's sensors and drivers, wired to a Pico as its file says. */
export const wiresOf = (subject: Subject, plant?: Plant): Wires => {
  const wiring = wiringOf(subject)
  const { loop, spec } = subject
  const { pins } = loadBoard('rp2040-pico')
  const pin = (signal: string): number => {
    const name = signal === 'gate' ? wiring.gate : wiring.pins[signal]?.pin
    return pins[name ?? '']?.number ?? -1
  }
  const signalOf = (channel: string): string => spec.channels[channel] ?? channel
  const override = new Map<string, number>()
  const frozen = new Set<string>()
  const value = (signal: string): number => {
    const channel = loop.inputs.find(({ name }) => signalOf(name) === signal)?.name ?? signal
    return override.get(signal) ?? plant?.readings[plant.inputs.indexOf(channel)] ?? 0
  }
  const analogues = loop.inputs.filter(
    ({ name }) => wiring.pins[signalOf(name)]?.line !== undefined,
  )
  const byChannel = new Map(
    analogues.map(({ name }) => {
      const signal = signalOf(name)
      return [pins[wiring.pins[signal]?.pin ?? '']?.analogue ?? -1, signal]
    }),
  )
  let seed = 1
  const counts = (channel: number): number => {
    const signal = byChannel.get(channel) ?? ''
    const [[v0 = 0, a0 = 0] = [], [v1 = 1, a1 = 1] = []] = wiring.pins[signal]?.line ?? []
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    const noise = frozen.has(signal) ? 0 : (((seed >>> 16) & 0xff) - 127) / 64
    const volts = v0 + ((value(signal) - a0) * (v1 - v0)) / (a1 - a0)
    return Math.min(Math.max(Math.round((volts / 3.3) * 4096 + noise), 0), 4095)
  }
  const contacts = loop.inputs.filter(({ values }) => values !== undefined).map((one) => one.name)
  const drive = (pico: Pico): void => {
    for (const name of contacts) pico.drive(pin(signalOf(name)), value(signalOf(name)) === 1)
  }
  const move = (pico: Pico, dtS: number): void => {
    plant?.outputs.forEach((name, i) => {
      plant.drives[i] = Number(pico.level(pin(signalOf(name))))
    })
    plant?.step(dtS)
  }
  return { pin, override, frozen, counts, drive, move }
}

/** Powered up; time moves by `step`, or by the Pico's own `run` with the plant standing still. */
export const join = (subject: Subject, image: Image, plant?: Plant): SwitchBench => {
  const wires = wiresOf(subject, plant)
  const { pin, override, frozen } = wires
  const { loop, spec, profile } = subject
  const outputs = loop.outputs.map(({ name }) => spec.channels[name] ?? name)
  const power = [...outputs.map(pin), pin('gate')]
  const opposed = (profile.safety?.opposed ?? []).map((pair) => pair.map(pin))
  const heard: [pin: number, cycle: number, high: boolean][] = []
  const both: number[] = []
  const pico: Pico = new Pico({
    bin: image.bin,
    analogue: wires.counts,
    onEdge: (which, high, cycle) => {
      heard.push([which, cycle, high])
      for (const [a = -1, b = -1] of opposed) if (pico.level(a) && pico.level(b)) both.push(cycle)
    },
  })
  const word = (symbol: string, index = 0): number =>
    pico.read((image.symbols.get(symbol) ?? 0) + 4 * index) | 0
  const periodCycles = (1e6 / spec.rateHz) * cyclesPerUs
  let longest = 0
  wires.drive(pico)
  return {
    ...{ pico, override, frozen, pin, power, both, word },
    longest: () => longest,
    edges: (which, since = 0) =>
      heard.flatMap(([one, at, high]) => (one === which && at >= since ? [[at, high]] : [])),
    isLow: () => power.every((one) => !pico.level(one)),
    step: () => {
      wires.drive(pico)
      const before = word('link_steps')
      const end = pico.cycles + 2 * periodCycles
      // Other interrupts, of the link, come in between.
      let began = 0
      while (word('link_steps') === before && pico.cycles < end) {
        while (!pico.inInterrupt && pico.cycles < end) pico.run(1)
        began = pico.cycles
        pico.run(end - pico.cycles, () => !pico.inInterrupt)
      }
      if (word('link_steps') === before) return false
      longest = Math.max(longest, pico.cycles - began)
      wires.move(pico, 1 / spec.rateHz)
      return true
    },
  }
}
