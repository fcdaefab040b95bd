// A board that was flashed with an image that nobody has signed, and with no release key: it
// starts, takes no update, pins one key, and from then on is as one that was flashed with that key.
// Power is cut in each write of the pinning.
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { updateResults } from '../../firmware/update.ts'
import { compilerInstalled } from '../boards/stand.ts'
import { pico, stm32 } from './chips.ts'
import {
  bootloader,
  Cut,
  flashedStock,
  release,
  signed,
  slotImage,
  stranger,
  transfer,
  Unit,
} from './slots.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const [our, other] = [hex(release.publicKey), hex(stranger.publicKey)]
const boards = [
  { name: 'rp2040-pico', kind: pico, writes: [1, 2, 3] },
  // Its erase, and of the words the first and the last.
  { name: 'stm32f405', kind: stm32, writes: [1, 2, 10] },
] as const

const title = 'a $name with a stock image'
describe.runIf(compilerInstalled()).each(boards)(title, { timeout: 300_000 }, (one) => {
  const { kind, writes } = one
  const partAt = (name: string): number => kind.board.flash.parts?.[name]?.at ?? 0
  let images: { a: Uint8Array; b: Uint8Array }
  let factory: Uint8Array
  let unit: Unit
  beforeAll(() => {
    images = { a: slotImage(0, [], kind), b: slotImage(1, [], kind) }
    factory = flashedStock(bootloader(kind), images.a, kind)
  }, 300_000)
  afterEach(() => {
    for (const pin of kind.power) expect(unit.rose.has(pin), `pin ${pin}`).toBe(false)
  })

  const fresh = (): Unit => {
    unit = new Unit(kind.newFlash(factory), kind)
    return unit
  }
  const ours = (slot: 0 | 1, version: number) => ({ slot, version, board: kind.board.board })
  const ask = (line: string): string =>
    updateResults[unit.ask(line).charCodeAt(0) - 'a'.charCodeAt(0)] ?? 'nothing'
  const update = (version: number, by = release): string => {
    for (const line of transfer(signed(images.b, { ...ours(1, version), signer: by }))) {
      const answer = ask(line)
      if (answer !== 'ok') return answer
    }
    return 'ok'
  }

  test('starts, over resets and power-ups, and takes no update', () => {
    fresh()
    expect(unit.text).toBe('slot a version 0\n')
    expect(unit.restart()).toBe('slot a version 0')
    unit.powerUp()
    expect(unit.text).toBe('slot a version 0\n')
    expect(update(1)).toBe('no_key')
    expect(unit.restart()).toBe('slot a version 0')
  })

  test('pins a key by a hand only, at rest only, and then no other, nor the blank one', () => {
    fresh()
    expect(ask(`U ${our}\n`)).toBe('absent')
    expect(ask('A 1\n')).toBe('ok')
    expect(ask(`T ${our}\n`)).toBe('armed')
    expect(ask('A 0\n')).toBe('ok')
    expect(update(1)).toBe('no_key')
    expect(ask(`T ${our}\n`)).toBe('ok')
    for (const hand of ['T', 'U']) {
      expect(ask(`${hand} ${other}\n`)).toBe('pinned')
      expect(ask(`${hand} ${'ff'.repeat(32)}\n`)).toBe('pinned')
      expect(ask(`${hand} ${our}\n`)).toBe('ok')
    }
    unit.powerUp()
    expect(ask(`T ${other}\n`)).toBe('pinned')
  })

  test("tries that key's release, goes back to the stock image, keeps it with a word", () => {
    fresh()
    ask(`T ${our}\n`)
    expect(update(5, stranger)).toBe('signature')
    expect(update(5)).toBe('ok')
    expect(unit.restart()).toBe('slot b version 5 trial')
    expect(unit.restart()).toBe('slot a version 0')
    expect(update(5)).toBe('ok')
    expect(unit.restart()).toBe('slot b version 5 trial')
    expect(ask('Y\n')).toBe('ok')
    expect(unit.restart()).toBe('slot b version 5')
    const old = transfer(signed(images.a, ours(0, 4)))
    expect(ask(old[0] ?? '')).toBe('old')
    // The stock image in the other slot is no way back any more: nobody has signed it.
    const at = partAt('slot_b') + 4321
    unit.flash.cells[at] = (unit.flash.cells[at] ?? 0) ^ 4
    unit.powerUp()
    expect(unit.text).toMatch(/no signed image; flash one with the board in hand\n$/)
    // Flashed in the hand again, it is as new, and trusts nobody.
    unit.flash.cells.set(factory)
    unit.powerUp()
    expect(unit.text).toBe('slot a version 0\n')
    expect(update(1)).toBe('no_key')
  })

  test('starts nothing where its slot is damaged', () => {
    fresh()
    const at = partAt('slot_a') + 4321
    unit.flash.cells[at] = (unit.flash.cells[at] ?? 0) ^ 4
    unit.powerUp()
    expect(unit.text).toMatch(/no signed image/)
  })

  test.each(writes)('power cut in write %i of the pinning: all of the key or none', (write) => {
    fresh()
    unit.cutAt = unit.flash.operations + write
    expect(() => unit.ask(`T ${our}\n`)).toThrow(Cut)
    unit.cutAt = Number.POSITIVE_INFINITY
    unit.powerUp()
    expect(unit.text).toBe('slot a version 0\n')
    expect(['no_key', 'ok']).toContain(update(1))
    expect(ask(`T ${our}\n`)).toBe('ok')
    expect(ask(`T ${other}\n`)).toBe('pinned')
    expect(update(1)).toBe('ok')
  })
})
