// Intel HEX (specification revision A, 1988), as the linker's tools write it: back to raw bytes,
// for checking an image against its manifest; and written, for what lies in several parts of a
// flash. Pure.

/** Bytes from the lowest address on, gaps as 0xff. Throws RangeError where a record is damaged. */
export const fromHex = (file: Uint8Array): { image: Uint8Array; at: number } => {
  const parts: { at: number; data: Uint8Array }[] = []
  let base = 0
  for (const [number, line] of Buffer.from(file).toString('latin1').split(/\r?\n/).entries()) {
    if (line === '') continue
    const bytes = recordOf(line, number + 1)
    const [count = 0, high = 0, low = 0, type = 0] = bytes
    const data = bytes.subarray(4, 4 + count)
    if (type === 0) parts.push({ at: base + high * 256 + low, data })
    else if (type === 2) base = ((data[0] ?? 0) * 256 + (data[1] ?? 0)) * 16
    else if (type === 4) base = ((data[0] ?? 0) * 256 + (data[1] ?? 0)) * 65_536
  }
  if (parts.length === 0) throw new RangeError('HEX: no data')
  const at = Math.min(...parts.map((part) => part.at))
  const end = Math.max(...parts.map((part) => part.at + part.data.length))
  if (end - at > imageMax) throw new RangeError('HEX: longer than any board')
  const image = new Uint8Array(end - at).fill(0xff)
  for (const part of parts) image.set(part.data, part.at - at)
  return { image, at }
}

const lineBytes = 16

/**
 * Raw bytes as HEX. Lines of only 0xff are left out but at those offsets: what is written there is
 * erased before, and so blank. @param at address of the first byte
 */
export const toHex = (bytes: Uint8Array, at: number, kept: ReadonlySet<number>): Uint8Array => {
  const lines: string[] = []
  let high = -1
  for (let from = 0; from < bytes.length; from += lineBytes) {
    const data = bytes.subarray(from, from + lineBytes)
    if (!kept.has(from) && data.every((byte) => byte === 0xff)) continue
    const address = at + from
    if (address >>> 16 !== high) {
      high = address >>> 16
      lines.push(lineOf(0, 4, [high >>> 8, high & 255]))
    }
    lines.push(lineOf(address & 0xffff, 0, data))
  }
  lines.push(lineOf(0, 1, []))
  return new Uint8Array(Buffer.from(lines.map((line) => `${line}\r\n`).join('')))
}

const lineOf = (address: number, type: number, data: Iterable<number>): string => {
  const bytes = [0, address >>> 8, address & 255, type, ...data]
  bytes[0] = bytes.length - 4
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  return `:${Buffer.from([...bytes, -sum & 255])
    .toString('hex')
    .toUpperCase()}`
}

const imageMax = 16 * 1024 ** 2

/** Count, address, type, data and checksum of one line; their sum is 0 modulo 256. */
const recordOf = (line: string, number: number): Uint8Array => {
  const bytes = new Uint8Array(Buffer.from(line.slice(1), 'hex'))
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  const whole = line.startsWith(':') && bytes.length * 2 + 1 === line.length
  if (!whole || bytes.length !== (bytes[0] ?? 0) + 5 || sum % 256 !== 0) {
    throw new RangeError(`HEX: line ${number} is damaged`)
  }
  return bytes
}
