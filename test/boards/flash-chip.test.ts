// The model of the W25Q16JV against figures and words of its datasheet (Winbond, revision H), and
// the SSI's way to it. What the drivers' tests prove is only as good as this.
import { describe, expect, test } from 'vitest'
import {
  FlashMisuse,
  flashBytes,
  longestTimes,
  pageBytes,
  sectorBytes,
  typicalTimes,
  W25q,
} from '../emu/w25q.ts'

const send = (chip: W25q, ...bytes: number[]): number[] => {
  chip.select(true)
  const back = bytes.map((byte) => chip.transfer(byte))
  chip.select(false)
  return back
}
const place = (at: number): [number, number, number] => [at >>> 16, (at >>> 8) & 255, at & 255]
const status = (chip: W25q): number => send(chip, 0x05, 0)[1] as number
const program = (chip: W25q, at: number, bytes: number[]): void => {
  send(chip, 0x06)
  send(chip, 0x02, ...place(at), ...bytes)
}
const erase = (chip: W25q, at: number): void => {
  send(chip, 0x06)
  send(chip, 0x20, ...place(at))
}
const readBack = (chip: W25q, at: number, count: number): number[] =>
  send(chip, 0x03, ...place(at), ...new Array<number>(count).fill(0)).slice(4)

describe('the chip', () => {
  test('is 16 Mbit in sectors of 4 KB and pages of 256 bytes, and says EF 40 15', () => {
    expect(flashBytes * 8).toBe(16 * 1024 * 1024)
    expect([sectorBytes, pageBytes]).toEqual([4096, 256])
    expect(send(new W25q(), 0x9f, 0, 0, 0).slice(1)).toEqual([0xef, 0x40, 0x15])
  })

  test('is busy for tPP and tSE: 0.4 and 45 ms typically, 3 and 400 ms at the most', () => {
    expect(typicalTimes).toEqual({ page: 400, sector: 45_000 })
    expect(longestTimes).toEqual({ page: 3000, sector: 400_000 })
    const chip = new W25q()
    program(chip, 0, [0])
    chip.nowUs = 399
    expect(status(chip)).toBe(3)
    chip.nowUs = 400
    expect(status(chip)).toBe(0)
    erase(chip, 0)
    chip.nowUs = 45_399
    expect(status(chip)).toBe(3)
    chip.nowUs = 45_400
    expect(status(chip)).toBe(0)
  })

  test('needs a write enable before each program and erase; the end of the work clears it', () => {
    const chip = new W25q()
    expect(() => send(chip, 0x02, 0, 0, 0, 1)).toThrow(FlashMisuse)
    expect(() => send(chip, 0x20, 0, 0, 0)).toThrow(/without write enable/)
    send(chip, 0x06)
    expect(status(chip)).toBe(2)
    send(chip, 0x04)
    expect(status(chip)).toBe(0)
    program(chip, 0, [1])
    chip.nowUs = 400
    expect(() => send(chip, 0x02, 0, 0, 0, 1)).toThrow(FlashMisuse)
  })

  test('programs only ones to zeroes; an erase gives ones to its whole sector and no other', () => {
    const chip = new W25q()
    program(chip, 4096, [0xf0])
    chip.nowUs += 400
    program(chip, 4096, [0x3c])
    chip.nowUs += 400
    expect(readBack(chip, 4095, 3)).toEqual([0xff, 0x30, 0xff])
    program(chip, 8191, [0])
    chip.nowUs += 400
    program(chip, 8192, [0])
    chip.nowUs += 400
    erase(chip, 6000)
    chip.nowUs += 45_000
    expect(readBack(chip, 4096, 1)).toEqual([0xff])
    expect(readBack(chip, 8191, 2)).toEqual([0xff, 0])
  })

  test('goes round within the page: beyond its end the beginning is written', () => {
    const chip = new W25q()
    program(chip, 510, [1, 2, 3])
    chip.nowUs += 400
    expect(readBack(chip, 510, 3)).toEqual([1, 2, 0xff])
    expect(readBack(chip, 256, 1)).toEqual([3])
  })

  test('answers nothing but its status while it is busy', () => {
    const chip = new W25q()
    erase(chip, 0)
    expect(() => readBack(chip, 0, 1)).toThrow(/while the chip is busy/)
    expect(() => chip.select(false)).toThrow(/while busy/)
    expect(() => send(chip, 0x06)).toThrow(/while busy/)
    expect(status(chip) & 1).toBe(1)
  })

  test('torn by a power cut has bits old, new and weak, and only where it was at work', () => {
    let seed = 7
    const random = (): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return seed / 2 ** 32
    }
    const chip = new W25q({ random })
    program(chip, 4096, new Array<number>(256).fill(0))
    chip.nowUs += 200
    chip.cut()
    const cells = chip.cells.subarray(4096, 4352)
    expect(cells.some((cell) => cell !== 0)).toBe(true)
    expect(cells.some((cell) => cell !== 0xff)).toBe(true)
    expect(chip.weakBytes).toBeGreaterThan(10)
    expect(chip.cells.subarray(0, 4096).every((cell) => cell === 0xff)).toBe(true)
    expect(chip.cells.subarray(4352).every((cell) => cell === 0xff)).toBe(true)
    expect(readBack(chip, 4096, 256)).not.toEqual(readBack(chip, 4096, 256))
    expect(status(chip)).toBe(0)
    erase(chip, 4096)
    chip.nowUs += 45_000
    expect(chip.weakBytes).toBe(0)
    expect(readBack(chip, 4096, 256)).toEqual(new Array(256).fill(0xff))
  })

  test('a copy that loses its power is torn as it would be, while the chip goes on', () => {
    const chip = new W25q({ random: () => 0.4 })
    expect(() => chip.cutFork(0.5)).toThrow(FlashMisuse)
    program(chip, 4096, new Array<number>(256).fill(0))
    const [early, half, late] = [0, 0.5, 1].map((progress) => chip.cutFork(progress))
    const cells = (of: W25q | undefined): Set<number> => new Set(of?.cells.subarray(4096, 4352))
    expect([cells(early), cells(half), cells(late)]).toEqual([
      ...[new Set([0xff]), new Set([0]), new Set([0])],
    ])
    expect([early?.busy, half?.busy, late?.busy, late?.weakBytes]).toEqual([
      ...[false, false],
      ...[false, 0],
    ])
    expect([chip.busy, chip.weakBytes, chip.cells[4096]]).toEqual([true, 0, 0xff])
    chip.nowUs = 400
    expect(readBack(chip, 4096, 1)).toEqual([0])
  })
})
