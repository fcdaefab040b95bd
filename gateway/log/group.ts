// The records that one commit will hold, written straight into the bytes that go to disk: a record
// costs a copy and a checksum, and no object of its own. Knows nothing of files.
import {
  type CommitHeader,
  chainHash,
  hashBytes,
  headerBytes,
  recordHeadBytes,
  writeHeader,
  writeRecord,
} from './format.ts'
import type { Done, LogError, SyncSite } from './log.ts'

const firstBytes = 4096

export class Group {
  bytes: Buffer = Buffer.alloc(0)
  view = new DataView(new ArrayBuffer(0))
  position = headerBytes
  count = 0
  seed = 0
  site: SyncSite = 'commit'
  /** A new retention mark to commit, or undefined. */
  mark: number | undefined
  readonly dones: Done[] = []

  /** Makes an emptied group ready; `seed` must differ from that of any other commit. */
  begin(seed: number): this {
    this.position = headerBytes
    this.count = 0
    this.seed = seed
    this.site = 'commit'
    this.mark = undefined
    if (this.bytes.length === 0) this.#grow(firstBytes)
    return this
  }

  /** Bytes of records so far. */
  payload(): number {
    return this.position - headerBytes
  }

  add(body: Uint8Array, delta: number, keep: boolean): void {
    const end = this.position + recordHeadBytes + body.length
    if (end + hashBytes > this.bytes.length) this.#grow(end + hashBytes)
    writeRecord(this, body, { delta, keep, seed: this.seed })
    this.position = end
    this.count += 1
  }

  /** Bytes of the commit that `seal` would give now. */
  size(): number {
    return this.position + hashBytes
  }

  /** The whole commit, hash and all. Valid until the group begins anew. */
  seal(header: Omit<CommitHeader, 'payloadBytes' | 'count' | 'seed'>): Uint8Array {
    const { count, seed } = this
    writeHeader(this.bytes, { ...header, payloadBytes: this.payload(), count, seed })
    const hash = chainHash(this.bytes.subarray(0, this.position))
    this.bytes.set(hash, this.position)
    return this.bytes.subarray(0, this.size())
  }

  /** Tells everyone who waits. `first` is the offset of the first record. */
  settle(error: LogError | undefined, first: number): void {
    const { dones } = this
    for (let index = 0; index < dones.length; index += 1) {
      dones[index]?.(error, error === undefined ? first + index : -1)
    }
    dones.length = 0
  }

  #grow(least: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(least, 2 * this.bytes.length))
    this.bytes.copy(grown, 0, 0, this.position)
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }
}
