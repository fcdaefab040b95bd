// The RP2040's ring oscillator as far as its random bit goes (datasheet 2.17.8): enabled and stable
// after reset, off when told so, and then its bit stands still. The emulator has no oscillator.

/** One look at the oscillator: 0 or 1. */
export type Noise = () => number

interface Block {
  readUint32(offset: number): number
  writeUint32(offset: number, value: number): void
}

const [ctrl, status, randomBit] = [0x00, 0x18, 0x1c]
const [enable, disable] = [0xfab, 0xd1e]
const [stable, enabled] = [2 ** 31, 1 << 12]

/** A block for the emulator's table of peripherals at 0x40060. */
export const createRosc = (noise: Noise): Block => {
  // Reset value of CTRL.ENABLE: on.
  let control = enable << 12
  let last = 1
  const isOn = (): boolean => control >>> 12 !== disable
  return {
    readUint32: (offset) => {
      if (offset === ctrl) return control
      if (offset === status) return isOn() ? stable + enabled : 0
      if (offset !== randomBit) return 0
      if (isOn()) last = noise() & 1
      return last
    },
    writeUint32: (offset, value) => {
      if (offset === ctrl) control = value & 0xffffff
    },
  }
}

/** xorshift32: what looks like noise, the same in every run. */
export const noiseOf = (seed: number, biasOfOne = 0.5): Noise => {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32 < biasOfOne ? 1 : 0
  }
}
