// A board's store over many power-ups, and what it may say: the test build on an emulated Pico
// whose flash lives on, with few sectors, so that its rings go round often. Whoever uses it cuts
// the power anywhere; the rig knows which answers are allowed afterwards.
import { loadBoard } from '../../firmware/boards.ts'
import { buildImage, type Image } from '../../firmware/image.ts'
import { reportedOf } from '../../firmware/loop-kind.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { Pico } from '../emu/pico.ts'
import { quickTimes, sectorBytes, W25q } from '../emu/w25q.ts'
import { drill } from './stand.ts'

const sectors = (at: number, count: number) => ({ at, bytes: count * sectorBytes })

/** The test build with short waits and a small map, but where the sectors are large anyway. */
export const smallStore = (board = loadBoard('rp2040-pico')): Promise<Image> => {
  const { machines, profile, loopsFolder } = drill()
  const all = board.flash.parts ?? {}
  const small = {
    kv: sectors(all['kv']?.at ?? 0, 8),
    counters: sectors(all['counters']?.at ?? 0, 4),
    outbox: sectors(all['outbox']?.at ?? 0, 6),
  }
  const parts = board.flash.sectorBytes === sectorBytes ? small : all
  return buildImage({
    ...{ profile, loopsFolder, purpose: 'exercise', path: process.env['PATH'] },
    profileDigest: profileDigest(profile),
    loops: machines.loops,
    board: {
      ...board,
      flags: [...board.flags, '-DSTORE_HASTY'],
      flash: { ...board.flash, eraseCycles: 1e9, parts },
    },
  })
}

export const counters = ((): number => {
  const { loop } = drill()
  return reportedOf(loop).length - loop.states.length
})()

const hex = (word: number): string => (word >>> 0).toString(16)
const words = (answer: string): number[] =>
  answer.split(' ').flatMap((word) => (word === '' ? [] : [Number.parseInt(word, 16)]))

interface Item {
  number: number
  kind: number
  data: string
}

/** Power was cut as the rig was told to. */
export class Cut extends Error {
  override name = 'Cut'
}

/** A board whose flash lives on while its power comes and goes. */
export interface RigBoard {
  powerUp(onUart: (byte: number) => void): void
  run(cycles: number, done: () => boolean): boolean
  feed(byte: number): boolean
  cutPower(): void
  /** Of the flash since it was new; and how far it is with what it is at. */
  operations(): number
  progress(): number
}

/** A Pico, with the model of its flash chip. */
export const picoBoard = (bin: Uint8Array, flash: W25q): RigBoard => {
  let pico: Pico | undefined
  return {
    powerUp: (onUart) => {
      pico = new Pico({ bin, flash, onUart })
    },
    run: (cycles, done) => pico?.run(cycles, done) ?? false,
    feed: (byte) => pico?.feed(byte) ?? false,
    cutPower: () => pico?.cutPower(),
    operations: () => flash.operations,
    progress: () => {
      flash.nowUs = pico?.us ?? 0
      return flash.progress
    },
  }
}

export class StoreRig {
  readonly flash: W25q
  /** Where power fails: at this operation of the flash since power-up, so far into it. */
  cutAt: { operation: number; progress: number } | undefined
  /** Called within each program and erase of the flash. */
  onOperation: (() => void) | undefined
  readonly #bin: Uint8Array
  readonly #board: RigBoard
  #heard = 0
  #isOn = false
  #answer = ''
  #begun = 0
  #boots = 0
  #boot = 0
  /** By kind: what a reading may give. */
  readonly #values = new Map<number, string[]>()
  readonly #items = new Map<number, Item>()
  #maybe: Item | undefined
  #acked = 0
  #highest = 0
  /** What was told of the counters, what was counted before this boot, and in it. */
  #told: number[] = new Array(counters).fill(0)
  #before: number[] = new Array(counters).fill(0)
  #now: number[] = new Array(counters).fill(0)

  constructor(
    bin: Uint8Array,
    random: () => number,
    { flash, board }: { flash?: W25q; board?: RigBoard } = {},
  ) {
    this.#bin = bin
    this.flash = flash ?? new W25q({ times: quickTimes, random })
    this.#board = board ?? picoBoard(bin, this.flash)
  }

  /** A Pico's rig that knows what this one knows, as if its power had failed so far into the
   * operation that the flash is at. */
  cutFork(progress: number, random: () => number): StoreRig {
    const other = new StoreRig(this.#bin, random, { flash: this.flash.cutFork(progress, random) })
    for (const [kind, allowed] of this.#values) other.#values.set(kind, allowed)
    for (const [number, item] of this.#items) other.#items.set(number, item)
    other.#boots = this.#boots
    other.#boot = this.#boot
    other.#maybe = this.#maybe
    other.#acked = this.#acked
    other.#highest = this.#highest
    other.#told = [...this.#told]
    other.#before = [...this.#before]
    other.#now = [...this.#now]
    return other
  }

  /** Newest number of the outbox. */
  get highest(): number {
    return this.#highest
  }

  /** Operations of the flash since power-up. */
  get operations(): number {
    return this.#board.operations() - this.#begun
  }

  /** Power comes back; everything that the store says is looked at. Throws where it may not. */
  powerUp(): void {
    if (this.#isOn) this.#board.cutPower()
    this.#isOn = true
    this.#begun = this.#board.operations()
    this.#answer = ''
    this.#board.powerUp((byte) => {
      this.#answer += String.fromCharCode(byte)
    })
    this.#ask('')
    this.#boots += 1
    this.#before = this.#before.map((count, i) => count + (this.#now[i] ?? 0))
    this.#now.fill(0)
    const [boot = 0] = words(this.#ask('B\n'))
    if (boot <= this.#boot || boot > this.#boots) throw new Error(`boot ${boot}, ${this.#boot}`)
    this.#boot = boot
    this.#checkValues()
    this.#checkItems()
    this.count(false, new Array(counters).fill(0))
  }

  put(kind: number, data: number[]): boolean {
    const text = data.map(hex).join(' ')
    const before = this.#values.get(kind) ?? ['']
    this.#values.set(kind, [...before, text])
    const kept = this.#ask(`P ${hex(kind)} ${text}\n`) === '00000001'
    this.#values.set(kind, kept ? [text] : before)
    return kept
  }

  send(kind: number, data: number[]): number {
    const text = data.map(hex).join(' ')
    this.#maybe = { number: this.#highest + 1, kind, data: text }
    const [number = 0] = words(this.#ask(`O ${hex(kind)} ${text}\n`))
    this.#maybe = undefined
    if (number === 0) return 0
    if (number <= this.#highest) throw new Error(`number ${number} after ${this.#highest}`)
    this.#highest = number
    this.#items.set(number, { number, kind, data: text })
    return number
  }

  acknowledge(number: number): void {
    this.#acked = Math.max(this.#acked, Math.min(number, this.#highest))
    this.#ask(`A ${hex(number)}\n`)
  }

  /** The loop counts on, and the main loop goes round once. */
  count(armed: boolean, more: number[]): void {
    this.#now = this.#now.map((count, i) => count + (more[i] ?? 0))
    const told = words(this.#ask(`C ${armed ? 1 : 0} ${this.#now.map(hex).join(' ')}\n`))
    for (let i = 0; i < counters; i += 1) {
      const total = (told[2 * i] ?? 0) * 2 ** 32 + (told[2 * i + 1] ?? 0)
      const most = (this.#before[i] ?? 0) + (this.#now[i] ?? 0)
      const least = this.#told[i] ?? 0
      if (total < least || total > most) {
        throw new Error(`counter ${i}: ${total}, told ${least}, counted ${most}`)
      }
      this.#told[i] = total
    }
  }

  wait(rounds: number): void {
    this.#ask(`W ${hex(rounds)}\n`)
  }

  #checkValues(): void {
    for (const [kind, allowed] of this.#values) {
      const [, ...data] = words(this.#ask(`G ${hex(kind)}\n`))
      const text = data.map(hex).join(' ')
      if (!allowed.includes(text)) throw new Error(`kind ${kind}: ${text}, not ${allowed}`)
      this.#values.set(kind, [text])
    }
  }

  #checkItems(): void {
    const left = new Map([...this.#items].filter(([number]) => number > this.#acked))
    for (let after = 0; ; ) {
      const [number = 0, , kind = 0, ...data] = words(this.#ask(`N ${hex(after)}\n`))
      if (number === 0) break
      if (number <= after) throw new Error(`item ${number} after ${after}`)
      after = number
      const text = data.map(hex).join(' ')
      const known = this.#items.get(number) ?? this.#maybe
      if (known?.number !== number || known.kind !== kind || known.data !== text) {
        throw new Error(`item ${number}: ${text}, not ${known?.data}`)
      }
      this.#items.set(number, known)
      this.#highest = Math.max(this.#highest, number)
      left.delete(number)
    }
    this.#maybe = undefined
    if (left.size > 0) throw new Error(`items ${[...left.keys()]} are gone`)
  }

  /** Runs until a line came back, or to the cut. */
  #ask(line: string): string {
    if (!this.#isOn) throw new Error('there is no power')
    const board = this.#board
    this.#answer = ''
    let at = 0
    const cut = this.cutAt
    const ended = board.run(400_000_000, () => {
      if (at < line.length && board.feed(line.charCodeAt(at))) at += 1
      if (this.#answer.endsWith('\n')) return true
      if (this.onOperation !== undefined && board.operations() !== this.#heard) {
        this.#heard = board.operations()
        if (board.progress() < 1) this.onOperation()
      }
      if (cut === undefined || this.operations < cut.operation) return false
      return this.operations > cut.operation || board.progress() >= cut.progress
    })
    if (this.#answer.endsWith('\n')) return this.#answer.trim()
    if (!ended) throw new Error(`no answer to ${line}`)
    board.cutPower()
    this.#isOn = false
    throw new Cut()
  }
}
