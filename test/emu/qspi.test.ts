// The model of the RP2040's way to its flash chip against the words of its datasheet (4.10.13 SSI,
// 2.19.6.2 chip select, 2.6.3 memory window), register by register. The chip itself:
// test/boards/flash-chip.test.ts.
import { RP2040 } from 'rp2040js'
import { beforeEach, describe, expect, test } from 'vitest'
import { joinFlash } from './qspi.ts'
import { FlashMisuse, typicalTimes, W25q } from './w25q.ts'

const ssi = 0x1800_0000
const [ctrlr0, ctrlr1, enable, ser, baudr] = [ssi, ssi + 4, ssi + 8, ssi + 0x10, ssi + 0x14]
const [txflr, rxflr, sr, dr, spiCtrlr0] = [
  ssi + 0x20,
  ssi + 0x24,
  ssi + 0x28,
  ssi + 0x60,
  ssi + 0xf4,
]
const select = 0x4001_800c
const [busy, room, empty, some, full] = [1, 2, 4, 8, 16]

describe('the SSI', () => {
  let mcu: RP2040
  let chip: W25q
  let cycle: number
  beforeEach(() => {
    cycle = 0
    mcu = new RP2040()
    chip = new W25q({ times: typicalTimes })
    joinFlash(mcu, chip, () => cycle)
  })
  const put = (...writes: readonly (readonly [at: number, value: number])[]): void => {
    for (const [at, value] of writes) mcu.writeUint32(at, value)
  }
  const read = (at: number): number => mcu.readUint32(at) >>> 0
  const clocks = 4
  /** Single bytes, chip held selected. */
  const commands = (): void =>
    put([enable, 0], [ctrlr0, 7 << 16], [ctrlr1, 0], [baudr, clocks], [ser, 1], [enable, 1])
  const window = (): void =>
    put(
      ...([
        [enable, 0],
        [ctrlr0, 0x001f_0300],
        [ctrlr1, 0],
        [spiCtrlr0, 0x0300_0218],
      ] as const),
      ...([
        [baudr, clocks],
        [select, 0],
        [enable, 1],
      ] as const),
    )
  /** Sends a whole command, gives what came back. */
  const send = (...bytes: number[]): number[] => {
    put([select, 2 << 8])
    const back = bytes.map((byte) => {
      put([dr, byte])
      cycle += 8 * clocks
      return read(dr)
    })
    put([select, 3 << 8])
    return back
  }

  test('a byte takes eight clocks of BAUDR; what comes back is in the receive buffer then', () => {
    commands()
    expect(read(sr)).toBe(room | empty)
    put([select, 2 << 8], [dr, 0x9f], [dr, 0])
    // The first one is on the line already: it is in no buffer, and the SSI is busy.
    expect([read(txflr), read(rxflr), read(sr)]).toEqual([1, 0, busy | room])
    cycle += 8 * clocks
    expect([read(txflr), read(rxflr), read(sr)]).toEqual([0, 1, busy | room | empty | some])
    cycle += 8 * clocks - 1
    expect(read(sr) & busy).toBe(busy)
    cycle += 1
    expect([read(rxflr), read(sr)]).toEqual([2, room | empty | some])
    expect([read(dr), read(dr), read(rxflr)]).toEqual([0xff, 0xef, 0])
  })

  test('buffers hold sixteen; one more that nobody takes is lost on the chip, an error here', () => {
    commands()
    put([select, 2 << 8])
    for (let i = 0; i < 17; i += 1) put([dr, i === 0 ? 0x9f : 0])
    expect([read(txflr), read(sr) & room]).toEqual([16, 0])
    expect(() => put([dr, 0])).toThrow(/send buffer overflows/)
    cycle += 16 * 8 * clocks
    expect([read(rxflr), read(sr) & full]).toEqual([16, full])
    cycle += 8 * clocks
    expect(() => read(sr)).toThrow(/receive buffer overflows/)
  })

  test('its control registers are written only while it is off; off clears its buffers', () => {
    commands()
    for (const at of [ctrlr0, ctrlr1, baudr, spiCtrlr0]) {
      expect(() => put([at, 2])).toThrow(/written while it is on/)
    }
    put([select, 2 << 8], [dr, 5])
    expect(() => put([enable, 0])).toThrow(/switched off while it sends/)
    cycle += 8 * clocks
    expect(read(rxflr)).toBe(1)
    put([enable, 0])
    expect(read(rxflr)).toBe(0)
    expect(() => put([dr, 5])).toThrow(/not set up for single bytes/)
  })

  test('no byte goes without a clock, a chosen chip, and the chip held selected', () => {
    commands()
    expect(() => put([dr, 5])).toThrow(/not held selected/)
    put([select, 2 << 8], [dr, 5])
    expect(() => put([select, 3 << 8])).toThrow(/within a command/)
    cycle += 8 * clocks
    expect(() => put([select, 1 << 8])).toThrow(/inverted/)
    put([enable, 0], [ser, 0], [enable, 1])
    expect(() => put([dr, 5])).toThrow(/no chip is chosen/)
    put([enable, 0], [ser, 1], [baudr, 0], [enable, 1])
    expect(() => put([dr, 5])).toThrow(/no clock/)
  })

  test('a program needs its enable and its time; the window is shut meanwhile', () => {
    commands()
    expect(() => send(0x02, 0, 1, 0, 0x5a)).toThrow(/without write enable/)
    // What the error left selected.
    send(0x06)
    expect(send(0x05, 0)[1]).toBe(2)
    send(0x02, 0, 1, 0, 0x5a, 0xa5)
    expect(send(0x05, 0)[1]).toBe(3)
    expect(() => send(0x02, 0, 1, 0, 0x5a)).toThrow(/while busy/)
    window()
    expect(() => read(0x1000_0100)).toThrow(FlashMisuse)
    commands()
    cycle += typicalTimes.page * 125
    expect(send(0x05, 0)[1]).toBe(0)
    window()
    expect(read(0x1000_0100)).toBe(0xffff_a55a)
    expect([mcu.readUint16(0x1000_0100), mcu.readUint8(0x1000_0101)]).toEqual([0xa55a, 0xa5])
    // Uncached, and cached: the same cells.
    expect(read(0x1300_0100)).toBe(0xffff_a55a)
  })

  test('memory is there only where the SSI is set up for it, and never takes a store', () => {
    expect(() => read(0x1000_0000)).toThrow(/not set up for it/)
    commands()
    expect(() => read(0x1000_0000)).toThrow(/not set up for it/)
    window()
    expect(read(0x1000_0000)).toBe(0xffff_ffff)
    expect(() => put([0x1000_0000, 0])).toThrow(/plain store/)
    put([select, 3 << 8])
    expect(() => read(0x1000_0000)).toThrow(/not set up for it/)
    put([select, 0], [enable, 0], [spiCtrlr0, 0xeb00_0218], [enable, 1])
    expect(() => read(0x1000_0000)).toThrow(/does not know/)
  })
})
