// What is flashed onto a board that takes signed updates, with the board in hand: bootloader, the
// pinned key or a blank place for one, an image in slot A, and an update state that begins anew.
// Pure.
import type { Board } from './boards.ts'
import { slotOf } from './compile.ts'
import { readHead, readSigned } from './signed-image.ts'
import { toUf2 } from './uf2.ts'

/** Bytes for one place of the flash, offset from its start. */
export interface FlashPart {
  at: number
  bytes: Uint8Array
}

const pinMark = 0x4e504654
const stateMark = 0x54534654

/** As runtime/boot/state.h reads it: slot A is confirmed, no trial, nothing older may come. */
const firstState = (number: number, version: number): Uint8Array => {
  const record = new Uint8Array(24)
  const view = new DataView(record.buffer)
  ;[stateMark, number, 0, 0, version].forEach((word, i) => {
    view.setUint32(4 * i, word, true)
  })
  view.setUint32(20, crc32(record.subarray(0, 20)), true)
  return record
}

/** The last sector below the slots. */
const pinPlace = ({ flash: { sectorBytes = 4096, parts = {} } }: Board): number => {
  const { boot } = parts
  if (boot === undefined) throw new RangeError('no room for a bootloader')
  return boot.at + boot.bytes - sectorBytes
}

/** The key that is pinned in a board's flash, if one is. @param flash from its start */
export const pinnedIn = (board: Board, flash: Uint8Array): Uint8Array | undefined => {
  const pin = flash.slice(pinPlace(board), pinPlace(board) + 36)
  return new DataView(pin.buffer).getUint32(0, true) === pinMark ? pin.subarray(4) : undefined
}

/** As runtime/boot/slot.h reads it; blank without a key. */
const pinOf = (publicKey: Uint8Array | undefined): Uint8Array => {
  const pin = new Uint8Array(36).fill(0xff)
  if (publicKey === undefined) return pin
  new DataView(pin.buffer).setUint32(0, pinMark, true)
  pin.set(publicKey, 4)
  return pin
}

/** CRC-32 as in Ethernet and zip. */
const crc32 = (data: Uint8Array): number => {
  let crc = -1
  for (const byte of data) {
    crc ^= byte
    for (let i = 0; i < 8; i += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
  }
  return ~crc >>> 0
}

/** Whole sectors, so that what lies around is known, too. */
const sectors = (at: number, content: Uint8Array, sectorBytes: number): FlashPart => {
  const bytes = new Uint8Array(Math.ceil(content.length / sectorBytes) * sectorBytes).fill(0xff)
  bytes.set(content)
  return { at, bytes }
}

export interface FlashContent {
  /** Raw bytes from the start of the flash. */
  bootloader: Uint8Array
  /** Head and image of slot 0; by that key, where there is one. */
  image: Uint8Array
  /** Without it the board trusts nobody yet: a key that was pinned there is gone, too. */
  publicKey?: Uint8Array
}

export const flashParts = (
  board: Board,
  { bootloader, image, publicKey }: FlashContent,
): FlashPart[] => {
  const { sectorBytes = 4096, pageBytes = 256, parts = {} } = board.flash
  const { boot, update } = parts
  const slot = slotOf(board, 0)
  if (boot === undefined || update === undefined) throw new RangeError('no room for a bootloader')
  const pinAt = pinPlace(board)
  if (boot.at + bootloader.length > pinAt) throw new RangeError('the bootloader is too long')
  const head = publicKey === undefined ? readHead(image) : readSigned(image, publicKey)
  const state = new Uint8Array(2 * sectorBytes).fill(0xff)
  // Twice, as the board writes each of its own.
  state.set(firstState(1, head.version))
  state.set(firstState(2, head.version), pageBytes)
  return [
    sectors(boot.at, bootloader, sectorBytes),
    sectors(pinAt, pinOf(publicKey), sectorBytes),
    sectors(slot.at, image, sectorBytes),
    sectors(update.at, state, sectorBytes),
  ]
}

/** The parts as one UF2 file. */
export const partsToUf2 = (board: Board, parts: readonly FlashPart[]): Uint8Array => {
  const { uf2Family } = board
  if (uf2Family === undefined) throw new RangeError(`${board.board} takes no UF2`)
  const files = parts.map(({ at, bytes }) => toUf2(bytes, board.flashAddress + at, uf2Family))
  const file = new Uint8Array(Buffer.concat(files))
  const view = new DataView(file.buffer)
  const count = file.length / 512
  for (let i = 0; i < count; i += 1) {
    view.setUint32(512 * i + 20, i, true)
    view.setUint32(512 * i + 24, count, true)
  }
  return file
}

/** The parts as the flash holds them, from its start; what is in none of them is blank. */
export const partsToBin = (parts: readonly FlashPart[]): Uint8Array => {
  const end = Math.max(...parts.map(({ at, bytes }) => at + bytes.length))
  const bin = new Uint8Array(end).fill(0xff)
  for (const { at, bytes } of parts) bin.set(bytes, at)
  return bin
}
