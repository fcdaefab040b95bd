// Lines to an image on a register model, and its answers, over the chip's UART.

export interface Chip {
  run(cycles: number, done: () => boolean): boolean
  feed(byte: number): boolean
}

/**
 * @param make a chip whose UART speaks to the function given
 * @returns asks a line, waits for the one that comes back. Throws where none comes in that many
 * cycles. The first thing to be asked is '', for what an image says when it has started.
 */
export const talkTo = (
  make: (onUart: (byte: number) => void) => Chip,
): ((line: string, cycles?: number) => string) => {
  let said = ''
  const chip = make((byte) => {
    said += String.fromCharCode(byte)
  })
  return (line, cycles = 400_000_000) => {
    let at = 0
    const come = chip.run(cycles, () => {
      if (at < line.length && chip.feed(line.charCodeAt(at))) at += 1
      return said.endsWith('\n')
    })
    if (!come) throw new Error(`no answer to ${line}`)
    const text = said.trim()
    said = ''
    return text
  }
}
