// Register model of the nRF51's flash controller (reference manual 3.0, 6; product specification
// 3.3, table 13): the core stands still while it works, bits only fall, a word bears two writes
// between erases. A cut leaves every bit old or new.
import { BusFault } from './cortex.ts'

export const nrfFlashBytes = 256 * 1024
export const nrfPageBytes = 1024
const cyclesPerUs = 16

/** Longest times: a word, a page; microseconds. */
export const nrfFlashTimes = { word: 46, page: 22_300 }
const mostWrites = 2

export class NrfFlash {
  readonly cells: Uint8Array
  readonly erases = new Array<number>(nrfFlashBytes / nrfPageBytes).fill(0)
  operations = 0
  /** How often each word was written since it was erased. */
  readonly writes: Uint8Array
  readonly #how: { times: typeof nrfFlashTimes; random: () => number; now: () => number }
  #config = 0
  #from = 0
  #until = 0
  #undone: (() => void) | undefined

  constructor(
    cells: Uint8Array,
    how: {
      times: typeof nrfFlashTimes
      random: () => number
      now: () => number
      writes?: Uint8Array
    },
  ) {
    this.cells = cells
    this.writes = how.writes ?? new Uint8Array(nrfFlashBytes / 4)
    this.#how = how
  }

  /** Cycles until it is ready. */
  get busyFor(): number {
    return Math.max(0, this.#until - this.#how.now())
  }
  get progress(): number {
    const whole = this.#until - this.#from
    return whole <= 0 ? 1 : Math.min(1, (this.#how.now() - this.#from) / whole)
  }

  read(offset: number): number {
    if (offset === 0x400) return this.busyFor > 0 ? 0 : 1
    if (offset === 0x504) return this.#config
    throw new BusFault(`NVMC register ${offset.toString(16)}`)
  }

  write(offset: number, value: number): void {
    if (this.busyFor > 0) throw new BusFault('NVMC is written while busy')
    if (offset === 0x504) this.#config = value & 3
    else if (offset === 0x508) this.#erase(value)
    else throw new BusFault(`NVMC register ${offset.toString(16)}`)
  }

  /** A store to the flash itself. */
  store(at: number, value: number): void {
    if (this.#config !== 1) throw new BusFault('a plain store to the flash')
    const word = at / 4
    this.writes[word] = (this.writes[word] ?? 0) + 1
    if ((this.writes[word] ?? 0) > mostWrites) {
      throw new BusFault(`the word at 0x${at.toString(16)} is written for the third time`)
    }
    const view = new DataView(this.cells.buffer, this.cells.byteOffset)
    const before = view.getUint32(at, true)
    const after = (before & value) >>> 0
    view.setUint32(at, after, true)
    this.#begin(this.#how.times.word, () => {
      const some = Math.floor(this.#how.random() * 2 ** 32)
      view.setUint32(at, (after | ((before ^ after) & some)) >>> 0, true)
    })
  }

  /** Power fails: what it is at stays undone in part. */
  cut(): void {
    if (this.busyFor > 0) this.#undone?.()
    this.#until = this.#how.now()
    this.#config = 0
  }

  #begin(us: number, undone: () => void): void {
    this.operations += 1
    this.#from = this.#how.now()
    this.#until = this.#from + us * cyclesPerUs
    this.#undone = undone
  }

  #erase(at: number): void {
    if (this.#config !== 2 || at % nrfPageBytes !== 0) throw new BusFault(`no erase of ${at}`)
    const before = this.cells.slice(at, at + nrfPageBytes)
    this.cells.fill(0xff, at, at + nrfPageBytes)
    this.writes.fill(0, at / 4, (at + nrfPageBytes) / 4)
    this.erases[at / nrfPageBytes] = (this.erases[at / nrfPageBytes] ?? 0) + 1
    this.#begin(this.#how.times.page, () => {
      for (const [i, byte] of before.entries()) {
        this.cells[at + i] = byte | (Math.floor(this.#how.random() * 256) & ~byte)
      }
    })
  }
}
