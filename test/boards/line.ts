// The UART of a machine's image on an emulated Pico, with a gateway's end (gateway-end.ts). What the
// pins read is the test's.
import type { Image } from '../../firmware/image.ts'
import { Pico } from '../emu/pico.ts'
import { noiseOf } from '../emu/rosc.ts'
import type { W25q } from '../emu/w25q.ts'
import { GatewayEnd } from './gateway-end.ts'
import { atRest, ms, pin, type Volts } from './pins.ts'

/** Four times as fast as the line at 115200, to save time. */
const byteCycles = 2700

export class BoardLine extends GatewayEnd {
  readonly pico: Pico
  readonly volts: Volts = atRest()

  constructor(image: Image, flash: W25q, greeting = 1) {
    super(() => this.pico, { ms, byteCycles }, greeting)
    let seed = greeting
    this.pico = new Pico({
      ...{ bin: image.bin, flash, noise: noiseOf(11) },
      analogue: (channel, level) => {
        const position = pin.select.reduce((sum, one, i) => sum + (level(one) ? 1 << i : 0), 0)
        const { trigger, current, slow } = this.volts
        const volt = (channel === 2 ? slow[position] : [trigger, current][channel]) ?? 0
        seed = (Math.imul(seed, 1664525) + 1013904223) | 0
        const noise = (((seed >>> 16) & 0xff) - 127) / 64
        return Math.min(Math.max(Math.round((volt / 3.3) * 4096 + noise), 0), 4095)
      },
      onUart: (byte) => this.heard(byte),
    })
    this.pico.drive(pin.direction, true)
  }
}
