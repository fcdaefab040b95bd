// A board with bootloader, pinned key and slots, whose flash lives on over resets and power cuts:
// the drill's own bootloader, and images of a test build that only takes updates.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBootloader, namesOf } from '../../firmware/bootloader.ts'
import { type Built, compileImage, gatherSources } from '../../firmware/compile.ts'
import { flashParts, partsToBin } from '../../firmware/flash-image.ts'
import { configHeader } from '../../firmware/image-config.ts'
import { headImage, signImage } from '../../firmware/signed-image.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { drill } from '../boards/stand.ts'
import { type LivingFlash, pico, type SlotBoard, type SlotChip } from './chips.ts'

export const release = signerOfSeed(new Uint8Array(32).fill(7))
export const stranger = signerOfSeed(new Uint8Array(32).fill(8))
const { profile, machines, loop, spec } = drill()
const path = process.env['PATH']

/** As for every test that has the Pico only. */
export const { board, newFlash } = pico

export const bootloader = ({ board }: SlotBoard = pico): Built =>
  buildBootloader({ profile, loops: machines.loops, board, path })

/** The test image, linked for a slot. */
export const slotImage = (
  slot: 0 | 1,
  flags: readonly string[] = [],
  { board }: Pick<SlotBoard, 'board'> = pico,
): Uint8Array => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-slot-'))
  try {
    gatherSources(folder, board)
    const config = configHeader({ profile, board, loop, spec, purpose: 'machine' })
    writeFileSync(join(folder, 'config.h'), config.text(''))
    copyFileSync(join(import.meta.dirname, 'c', 'slot.c'), join(folder, 'slot.c'))
    const all = [...namesOf({ profile, board }), ...flags]
    return compileImage({ folder, board, source: 'slot.c', slot, flags: all, path }).files.bin
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface Release {
  slot: 0 | 1
  version: number
  board?: string
  machine?: string
  signer?: typeof release
}

/** Head and image. */
export const signed = (image: Uint8Array, wish: Release): Uint8Array => {
  const { slot, version, signer = release } = wish
  const digests = { manifest: new Uint8Array(32).fill(1), profile: new Uint8Array(32).fill(2) }
  const names = { board: wish.board ?? board.board, machine: wish.machine ?? profile.machine }
  return signImage(image, { slot, version, ...names, ...digests }, (message) =>
    signer.sign(message),
  )
}

/** The flash as it is with the board in hand, image in slot A, the key pinned. */
export const flashed = (boot: Built, image: Uint8Array, { board } = pico as SlotBoard) => {
  const { publicKey } = release
  return partsToBin(flashParts(board, { bootloader: boot.files.bin, image, publicKey }))
}

/** The same as a stock image: nobody has signed it, and no key is pinned. */
export const flashedStock = (boot: Built, bin: Uint8Array, { board } = pico as SlotBoard) => {
  const digests = { manifest: new Uint8Array(32).fill(1), profile: new Uint8Array(32).fill(2) }
  const names = { board: board.board, machine: profile.machine }
  const image = headImage(bin, { slot: 0, version: 0, ...names, ...digests })
  return partsToBin(flashParts(board, { bootloader: boot.files.bin, image }))
}

export class Unit {
  readonly flash: LivingFlash
  /** Everything that it said since power-up. */
  text = ''
  /** Pins that were high for a moment. */
  readonly rose = new Set<number>()
  /** Power fails in this program or erase of the flash. */
  cutAt = Number.POSITIVE_INFINITY
  /** Called within each program and erase of the flash. */
  onOperation: (flash: LivingFlash) => void = () => undefined
  #operations = 0
  readonly #kind: SlotBoard
  #chip: SlotChip

  constructor(flash: LivingFlash, kind: SlotBoard = pico) {
    this.flash = flash
    this.#kind = kind
    this.#chip = this.powerUp()
  }

  /** Power comes: runs until an image or the bootloader has something final to say. */
  powerUp(): SlotChip {
    this.text = ''
    this.#chip = this.#kind.powerUp(this.flash, {
      onUart: (byte) => {
        this.text += String.fromCharCode(byte)
      },
      onEdge: (pin, high) => {
        if (high) this.rose.add(pin)
      },
    })
    this.untilStarted()
    return this.#chip
  }

  /** What the last start ended in: `slot a version 1`, or the bootloader's complaint. */
  untilStarted(before = this.text.length): string {
    this.#run(20, () => /(slot . version .*|flash one .*)\n$/.test(this.text.slice(before)))
    return this.text.slice(before).trim().split('\n').at(-1) ?? ''
  }

  /** Sends a line; the answer is a letter. */
  ask(line: string): string {
    const before = this.text.length
    this.#send(line, () => this.text.endsWith('\n') && this.text.length > before)
    return this.text.slice(before).trim()
  }

  restart(): string {
    const before = this.text.length
    this.#send('R\n', () => false)
    return this.untilStarted(before)
  }

  #send(line: string, done: () => boolean): void {
    let at = 0
    const feed = (): boolean => {
      if (this.#chip.feed(line.charCodeAt(at))) at += 1
      return at === line.length
    }
    this.#run(1, feed, 'always')
    if (line !== 'R\n') this.#run(1, done)
  }

  /** Runs until done, which is asked after each byte that was said, or always. */
  #run(seconds: number, done: () => boolean, when?: 'always'): void {
    const { flash } = this
    let cut = false
    let seen = -1
    this.#chip.run(seconds * this.#kind.hz, () => {
      if (flash.operations !== this.#operations && flash.busy) {
        this.#operations = flash.operations
        this.onOperation(flash)
      }
      cut = flash.operations >= this.cutAt && flash.busy
      if (cut) return true
      if (when === undefined && this.text.length === seen) return false
      seen = this.text.length
      return done()
    })
    if (!cut) return
    this.#chip.run(this.#kind.hz / 1e6)
    this.#chip.cutPower()
    throw new Cut('power was cut')
  }
}

/** Power was cut as the unit was told to. */
export class Cut extends Error {
  override name = 'Cut'
}

/** Lines of a whole transfer. */
export const transfer = (file: Uint8Array, chunk = 512): string[] => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  const body = file.subarray(256)
  const lines = [`B ${hex(file.subarray(0, 256))}\n`]
  for (let at = 0; at < body.length; at += chunk) {
    const place = at.toString(16).padStart(8, '0')
    lines.push(`C ${place} ${hex(body.subarray(at, at + chunk))}\n`)
  }
  return [...lines, 'F\n']
}
