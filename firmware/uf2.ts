// UF2, the format that a boot drive takes (github.com/microsoft/uf2): 512-byte blocks of 256 bytes
// of payload, each with its address and the family of the chip. Pure.

const payloadBytes = 256
const blockBytes = 512
const [first, second, last] = [0x0a324655, 0x9e5d5157, 0x0ab16f30]
const hasFamily = 0x2000
/** No flash of our boards is longer. */
const mostBytes = 16 * 1024 * 1024

/** An image as UF2. @param at address of its first byte @param family the chip's id */
export const toUf2 = (image: Uint8Array, at: number, family: number): Uint8Array => {
  const count = Math.ceil(image.length / payloadBytes)
  const file = new Uint8Array(count * blockBytes)
  const view = new DataView(file.buffer)
  for (let i = 0; i < count; i += 1) {
    const start = i * blockBytes
    const head = [first, second, hasFamily, at + i * payloadBytes, payloadBytes, i, count, family]
    head.forEach((word, n) => {
      view.setUint32(start + 4 * n, word, true)
    })
    file.set(image.subarray(i * payloadBytes, (i + 1) * payloadBytes), start + 32)
    view.setUint32(start + blockBytes - 4, last, true)
  }
  return file
}

/**
 * The image in a UF2 file, padded to whole blocks; what lies between its parts is blank (ff).
 * Throws RangeError where the file is damaged, or its blocks are not in order.
 */
export const fromUf2 = (file: Uint8Array): { image: Uint8Array; at: number; family: number } => {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const count = file.length / blockBytes
  if (!Number.isInteger(count) || count === 0) throw new RangeError('UF2: not whole blocks')
  const at = view.getUint32(12, true)
  const family = view.getUint32(28, true)
  const bytes = view.getUint32((count - 1) * blockBytes + 12, true) - at + payloadBytes
  if (bytes < payloadBytes || bytes > mostBytes) throw new RangeError('UF2: not in order')
  const image = new Uint8Array(bytes).fill(0xff)
  let next = at
  for (let i = 0; i < count; i += 1) {
    const start = i * blockBytes
    const place = view.getUint32(start + 12, true)
    if (place < next) throw new RangeError(`UF2: block ${i} is not in order`)
    next = place + payloadBytes
    const head = [first, second, hasFamily, place, payloadBytes, i, count, family]
    const found = head.map((_, n) => view.getUint32(start + 4 * n, true))
    if (found.some((word, n) => word !== head[n]) || view.getUint32(start + 508, true) !== last) {
      throw new RangeError(`UF2: block ${i} is damaged`)
    }
    image.set(file.subarray(start + 32, start + 32 + payloadBytes), place - at)
  }
  return { image, at, family }
}
