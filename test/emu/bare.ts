// The least image for a Cortex-M0: it sleeps. Tests of register models drive the bus themselves,
// and the chip's time goes on by `run`.

/** @param at where its flash lies. */
export const sleepingImage = (at: number, stack: number): Uint8Array => {
  const words = new DataView(new ArrayBuffer(256))
  words.setUint32(0, stack, true)
  words.setUint32(4, (at + 192) | 1, true)
  // Whatever comes ends in the same loop: wait for an interrupt, again.
  for (let i = 2; i < 48; i += 1) words.setUint32(4 * i, (at + 192) | 1, true)
  words.setUint16(192, 0xbf30, true)
  words.setUint16(194, 0xe7fd, true)
  return new Uint8Array(words.buffer)
}
