// A tar file of regular files (POSIX ustar; sizes from 8 GiB in base 256, as GNU tar writes them):
// written and read as streams, so that a person can open a backup without this program. It knows
// nothing of what is in the files.
import { OperatingError } from '../core/errors.ts'

const block = 512
const nameBytes = 100
const octalMax = 0o77_777_777_777

/** The head of one file. Throws RangeError where the name is too long for ustar's first field. */
export const tarHead = ({ name, bytes }: { name: string; bytes: number }): Buffer => {
  if (Buffer.byteLength(name) > nameBytes) throw new RangeError(`too long for a tar: ${name}`)
  const head = Buffer.alloc(block)
  head.write(name, 0)
  head.write('0000600\0', 100)
  head.write('0000000\0', 108)
  head.write('0000000\0', 116)
  if (bytes <= octalMax) head.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124)
  else {
    head[124] = 0x80
    head.writeBigUInt64BE(BigInt(bytes), 128)
  }
  head.write('00000000000\0', 136)
  head.write('        ', 148)
  head.write('0', 156)
  head.write('ustar\x0000', 257)
  head.write(`${checksum(head).toString(8).padStart(6, '0')}\0 `, 148)
  return head
}

/** What fills a file up to whole blocks. */
export const tarPadding = (bytes: number): Buffer => Buffer.alloc((block - (bytes % block)) % block)

export const tarEnd = (): Buffer => Buffer.alloc(2 * block)

export interface TarFile {
  name: string
  bytes: number
  /** To be read to its end before the next file. */
  content: AsyncIterable<Buffer>
}

/** Reads a tar back, file by file. Throws backup_damaged where it is cut short or is none. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarFile> {
  const bytes = new Bytes(source[Symbol.asyncIterator]())
  for (;;) {
    const head = await bytes.exactly(block)
    if (head.every((byte) => byte === 0)) return
    const said = Number.parseInt(head.toString('latin1', 148, 156), 8)
    if (said !== checksum(head)) throw damaged('a head in it is wrong')
    if (head[156] !== 0x30) throw damaged('it holds something else than files')
    const name = head.toString('utf8', 0, nameBytes).replace(/\0.*$/s, '')
    const size = sizeIn(head)
    const left = { count: size }
    yield { name, bytes: size, content: contentOf(bytes, left) }
    if (left.count > 0) throw new RangeError(`${name} was not read to its end`)
    await bytes.exactly(tarPadding(size).length)
  }
}

async function* contentOf(bytes: Bytes, left: { count: number }): AsyncGenerator<Buffer> {
  while (left.count > 0) {
    const chunk = await bytes.some(left.count)
    left.count -= chunk.length
    yield chunk
  }
}

const sizeIn = (head: Buffer): number => {
  const size =
    head[124] === 0x80
      ? Number(head.readBigUInt64BE(128))
      : Number.parseInt(head.toString('latin1', 124, 135), 8)
  if (!Number.isSafeInteger(size)) throw damaged('a size in it is wrong')
  return size
}

/** Sum of the head's bytes with the checksum itself taken as blanks. */
const checksum = (head: Buffer): number => {
  let sum = 8 * 0x20
  for (const [at, byte] of head.entries()) if (at < 148 || at >= 156) sum += byte
  return sum
}

/** Chunks of any size in, the wanted number of bytes out. */
class Bytes {
  readonly #source: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterator<Buffer>) {
    this.#source = source
  }

  async some(max: number): Promise<Buffer> {
    while (this.#held.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) throw damaged('it ends too early')
      this.#held = next.value
    }
    const taken = this.#held.subarray(0, max)
    this.#held = this.#held.subarray(taken.length)
    return taken
  }

  async exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for (let left = count; left > 0; ) {
      const part = await this.some(left)
      left -= part.length
      parts.push(part)
    }
    return Buffer.concat(parts)
  }
}

export const damaged = (why: string): OperatingError =>
  new OperatingError('backup_damaged', {
    message: `this is no whole backup: ${why}`,
    remedy: 'Take another copy of it, or an older backup; nothing was written.',
  })
