// What is flashed onto a board that takes signed updates, with the board in hand: bootloader, the
// pinned key or a blank place for one, an image in slot A, and an update state that begins anew.
// Pure.
import { type Board, sectorStarts } from './boards.ts'
import { slotOf } from './compile.ts'
import { toHex } from './flash/hex.ts'
import { readHead, readSigned } from './signed-image.ts'
import { toUf2 } from './uf2.ts'

/** Bytes for one place of the flash, offset from its start. */
export interface FlashPart {
  at: number
  bytes: Uint8Array
}

const pinMark = 0x4e504654
const stateMark = 0x54534654
/** On every board (runtime/boot/state.h). */
const statePageBytes = 256

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

/** The bootloader's last sector. */
const pinPlace = (board: Board): number => {
  const { boot } = board.flash.parts ?? {}
  const last = boot && sectorStarts(board).findLast((at) => at < boot.at + boot.bytes)
  if (last === undefined) throw new RangeError('no room for a bootloader')
  return last
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
const sectors = (board: Board, at: number, content: Uint8Array): FlashPart => {
  const end = sectorStarts(board).find((one) => one >= at + content.length) ?? 0
  const bytes = new Uint8Array(end - at).fill(0xff)
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
  const { boot, update } = board.flash.parts ?? {}
  const slot = slotOf(board, 0)
  if (boot === undefined || update === undefined) throw new RangeError('no room for a bootloader')
  const pinAt = pinPlace(board)
  if (boot.at + bootloader.length > pinAt) throw new RangeError('the bootloader is too long')
  const head = publicKey === undefined ? readHead(image) : readSigned(image, publicKey)
  const [, end = 0] = sectorStarts(board).filter((at) => at > update.at)
  const state = new Uint8Array(end - update.at).fill(0xff)
  // Twice, as the board writes each of its own.
  state.set(firstState(1, head.version))
  state.set(firstState(2, head.version), statePageBytes)
  return [
    sectors(board, boot.at, bootloader),
    sectors(board, pinAt, pinOf(publicKey)),
    sectors(board, slot.at, image),
    sectors(board, update.at, state),
  ]
}

/**
 * The parts in the forms that the board's loader takes, by ending. Where it takes UF2, that only:
 * as raw bytes they would be a file of mostly nothing.
 */
export const partsToFiles = (
  board: Board,
  parts: readonly FlashPart[],
): Map<string, Uint8Array> => {
  if (board.uf2Family !== undefined) return new Map([['uf2', partsToUf2(board, parts)]])
  const bin = partsToBin(parts)
  const hex = toHex(bin, board.flashAddress, new Set(sectorStarts(board)))
  return new Map([
    ['bin', bin],
    ['hex', hex],
  ])
}

/** The parts as one UF2 file. */
const partsToUf2 = (board: Board, parts: readonly FlashPart[]): Uint8Array => {
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
