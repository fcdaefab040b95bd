// Signed updates on an emulated Pico whose flash lives on: bootloader, trial, going back, refusals.
// Whatever happens, a signed image starts, and no pin that can move the machine ever rises.
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compilerInstalled } from '../boards/stand.ts'
import {
  board,
  bootloader,
  Cut,
  flashed,
  newFlash,
  type Release,
  release,
  signed,
  slotImage,
  stranger,
  transfer,
  Unit,
} from './slots.ts'

const ok = 'a'
const results = 'abcdefghijklm'
const code = {
  ...{ armed: 1, noKey: 2, format: 3, foreign: 4, slot: 5, tooLong: 6, old: 7, signature: 8 },
  ...{ order: 9, flash: 10, digest: 11, idle: 12 },
} as const
const letter = (name: keyof typeof code): string => results[code[name]] ?? ''
const partAt = (name: string): number => board.flash.parts?.[name]?.at ?? 0
const all = process.env['TENFOLD_ALL_CUTS'] === '1'
const power = [2, 3, 5]

describe.runIf(compilerInstalled())('a Pico with slots', () => {
  let images: { a: Uint8Array; b: Uint8Array; hanging: Uint8Array }
  let factory: Uint8Array
  let unit: Unit
  beforeAll(() => {
    images = { a: slotImage(0), b: slotImage(1), hanging: slotImage(1, ['-DHANGS']) }
    factory = flashed(bootloader(), signed(images.a, { slot: 0, version: 2 }))
  })
  afterEach(() => {
    for (const pin of power) expect(unit.rose.has(pin), `GP${pin}`).toBe(false)
  })

  const fresh = (random?: () => number): Unit => {
    unit = new Unit(newFlash(factory, random))
    return unit
  }
  const offer = (wish: Partial<Release> = {}): Uint8Array =>
    signed(images.b, { slot: 1, version: 3, ...wish })
  /** Answers to a whole transfer; ends at the first that is not good. */
  const send = (lines: readonly string[]): string => {
    for (const line of lines) {
      const answer = unit.ask(line)
      if (answer !== ok) return answer
    }
    return ok
  }

  test('takes an update, tries it, goes back without a word, keeps it with one', () => {
    fresh()
    expect(unit.text).toBe('slot a version 2\n')
    expect(send(transfer(offer()))).toBe(ok)
    expect(unit.restart()).toBe('slot b version 3 trial')
    expect(unit.restart()).toBe('slot a version 2')
    expect(unit.restart()).toBe('slot a version 2')
    expect(send(transfer(offer()))).toBe(ok)
    expect(unit.restart()).toBe('slot b version 3 trial')
    expect(unit.ask('Y\n')).toBe(ok)
    expect(unit.restart()).toBe('slot b version 3')
    // Nothing older may come now, not even what was there before.
    const old = signed(images.a, { slot: 0, version: 2 })
    expect(unit.ask(transfer(old)[0] ?? '')).toBe(letter('old'))
    expect(send(transfer(signed(images.a, { slot: 0, version: 4 })))).toBe(ok)
    expect(unit.restart()).toBe('slot a version 4 trial')
  })

  test('ends a trial that hangs by the watchdog', () => {
    fresh()
    expect(send(transfer(signed(images.hanging, { slot: 1, version: 3 })))).toBe(ok)
    expect(unit.restart()).toBe('slot b version 3 trial')
    expect(unit.untilStarted()).toBe('slot a version 2')
    expect(unit.text).toContain('trial ended without a word')
  })

  test('refuses with its reason what must not run here, and goes on as before', () => {
    const changed = offer()
    changed[5000] = (changed[5000] ?? 0) ^ 1
    const tooLong = signed(new Uint8Array(0x60004), { slot: 1, version: 3 })
    const cases: [name: keyof typeof code, what: string, lines: string[]][] = [
      ['foreign', 'another board', transfer(offer({ board: 'stm32f405' }))],
      ['foreign', 'another machine', transfer(offer({ machine: 'press' }))],
      ['slot', 'the slot that runs', transfer(signed(images.a, { slot: 0, version: 3 }))],
      ['old', 'an older version', transfer(offer({ version: 1 }))],
      ['signature', 'a key that is not pinned', transfer(offer({ signer: stranger }))],
      ['signature', 'a head that was changed', transfer(offer().with(12, 9))],
      ['format', 'something else', transfer(offer().with(0, 0))],
      ['tooLong', 'more than fits', transfer(tooLong).slice(0, 1)],
      ['digest', 'an image that was changed', transfer(changed)],
    ]
    fresh()
    for (const [name, what, lines] of cases) {
      expect(send(lines), what).toBe(letter(name))
      expect(unit.ask('F\n'), what).toBe(letter(name === 'digest' ? 'digest' : 'idle'))
    }
    expect(unit.restart()).toBe('slot a version 2')
  })

  test('takes chunks in order only, doubled ones as said, and none while armed', () => {
    fresh()
    const [begin = '', first = '', second = '', ...rest] = transfer(offer())
    expect(unit.ask(first)).toBe(letter('idle'))
    expect([begin, first, first].map((line) => unit.ask(line))).toEqual([ok, ok, ok])
    expect(unit.ask(rest[0] ?? '')).toBe(letter('order'))
    expect(unit.ask('F\n')).toBe(letter('order'))
    expect(unit.ask('A 1\n')).toBe(ok)
    expect(unit.ask(second)).toBe(letter('armed'))
    expect(unit.ask(begin)).toBe(letter('armed'))
    expect(unit.ask('A 0\n')).toBe(ok)
    // The refused beginning has ended what was under way.
    expect(unit.ask(second)).toBe(letter('idle'))
    expect(unit.ask('Y\n')).toBe(ok)
    expect(unit.restart()).toBe('slot a version 2')
  })

  test('starts the other slot where the confirmed one is damaged, and nothing unsigned', () => {
    fresh()
    send(transfer(offer()))
    unit.restart()
    unit.ask('Y\n')
    const damage = (at: number): void => {
      unit.flash.cells[at] = (unit.flash.cells[at] ?? 0) ^ 4
    }
    damage(partAt('slot_b') + 4321)
    unit.powerUp()
    expect(unit.text).toBe('slot a version 2\n')
    damage(partAt('slot_a') + 100)
    unit.powerUp()
    expect(unit.text).toMatch(/no signed image; flash one with the board in hand\n$/)
  })

  test('tries nothing that another key has signed, and takes nothing without a key', () => {
    fresh()
    expect(send(transfer(offer()))).toBe(ok)
    const pin = partAt('slot_a') - 4096
    unit.flash.cells[pin + 4] = (unit.flash.cells[pin + 4] ?? 0) ^ 1
    expect(unit.restart()).toBe('slot a version 2')
    expect(unit.text).toContain('trial refused')
    unit.flash.cells[pin] = 0
    expect(unit.ask(transfer(offer())[0] ?? '')).toBe(letter('noKey'))
  })

  test("is the owner's to begin anew: what is flashed clears versions and trial", () => {
    fresh()
    send(transfer(offer({ version: 9 })))
    unit.restart()
    unit.ask('Y\n')
    const older = flashed(bootloader(), signed(images.a, { slot: 0, version: 1 }))
    unit.flash.cells.set(older)
    unit.powerUp()
    expect(unit.text).toBe('slot a version 1\n')
  })

  /** Whole update with power failing in the given operation; whether it did. */
  const cutIn = (operation: number): boolean => {
    let state = operation * 7919 + 1
    const random = (): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return state / 2 ** 32
    }
    fresh(random)
    unit.cutAt = operation
    try {
      send(transfer(offer()))
      unit.restart()
      unit.ask('Y\n')
      return false
    } catch (error) {
      if (!(error instanceof Cut)) throw error
      unit.cutAt = Number.POSITIVE_INFINITY
      return true
    }
  }

  test('power cut at every page write ends in a signed image, and the update can come again', () => {
    const pages = Math.ceil(images.b.length / 256)
    const erases = Math.ceil(images.b.length / 4096)
    // Body, head, three notes: wanted, started, confirmed.
    const operations = pages - 1 + erases + 1 + 3
    const list = Array.from({ length: operations }, (_, i) => i + 1)
    const some = list.filter((n) => n === 20 || n > operations - 4)
    for (const operation of all ? list : some) {
      expect(cutIn(operation), `operation ${operation}`).toBe(true)
      unit.powerUp()
      const started = unit.text.trim().split('\n').at(-1) ?? ''
      expect(started, `operation ${operation}`).toMatch(
        /^slot (a version 2|b version 3 trial|b version 3)$/,
      )
      if (!all && operation !== 20) continue
      if (started === 'slot a version 2') {
        expect(send(transfer(offer())), `operation ${operation}`).toBe(ok)
        expect(unit.restart()).toBe('slot b version 3 trial')
      }
      expect(unit.ask('Y\n')).toBe(ok)
      unit.powerUp()
      expect(unit.text).toBe('slot b version 3\n')
    }
    expect(cutIn(operations + 1)).toBe(false)
  }, 600_000)

  test('an image that nobody signed for this board is not even flashed', () => {
    fresh()
    const image = signed(images.a, { slot: 0, version: 1, signer: stranger })
    expect(() => flashed(bootloader(), image)).toThrow(/not by the key/)
    expect(release.publicKey).toHaveLength(32)
  })
})
