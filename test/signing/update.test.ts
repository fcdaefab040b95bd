// Signed updates on an emulated Pico whose flash lives on: bootloader, trial, going back, refusals.
// Whatever happens, a signed image starts, and no pin that can move the machine ever rises.
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { seeded } from '../../firmware/twin/plant.ts'
import { compilerInstalled } from '../boards/stand.ts'
import type { W25q } from '../emu/w25q.ts'
import {
  board,
  bootloader,
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

  const fresh = (): Unit => {
    unit = new Unit(newFlash(factory))
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

  const damage = (at: number): void => {
    unit.flash.cells[at] = (unit.flash.cells[at] ?? 0) ^ 4
  }
  const keep = (file: Uint8Array): void => {
    expect(send(transfer(file))).toBe(ok)
    unit.restart()
    expect(unit.ask('Y\n')).toBe(ok)
  }

  test('starts the other slot where the confirmed one is damaged, and nothing unsigned', () => {
    fresh()
    keep(signed(images.b, { slot: 1, version: 2 }))
    damage(partAt('slot_b') + 4321)
    unit.powerUp()
    expect(unit.text).toBe('slot a version 2\n')
    damage(partAt('slot_a') + 100)
    unit.powerUp()
    expect(unit.text).toBe('boot: no signed image; flash one with the board in hand\n')
  })

  test('starts nothing older where the confirmed one is damaged: only a hand at the board does', () => {
    fresh()
    keep(offer())
    damage(partAt('slot_b') + 4321)
    for (let i = 0; i < 2; i += 1) {
      unit.powerUp()
      expect(unit.text).toMatch(/^boot: the release before .* older than .*\nboot: no signed/)
    }
    // Damage that goes away (a supply that was too low) leaves all as it was.
    damage(partAt('slot_b') + 4321)
    unit.powerUp()
    expect(unit.text).toBe('slot b version 3\n')
    damage(partAt('slot_b') + 4321)
    unit.flash.cells.set(factory)
    unit.powerUp()
    expect(unit.text).toBe('slot a version 2\n')
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

  /** Where whole records of the update state lie, the newest last. */
  const records = (flash: W25q): number[] => {
    const { at: from = 0, bytes = 0 } = board.flash.parts?.['update'] ?? {}
    const cells = Buffer.from(flash.cells)
    return Array.from({ length: bytes / 256 }, (_, i) => from + 256 * i)
      .filter((at) => cells.toString('latin1', at, at + 4) === 'TFST')
      .sort((one, other) => cells.readUInt32LE(one + 4) - cells.readUInt32LE(other + 4))
  }
  const takesNothingOlder = (): void => {
    unit.powerUp()
    expect(unit.text).toBe('slot b version 3\n')
    const older = signed(images.a, { slot: 0, version: 2 })
    expect(unit.ask(transfer(older)[0] ?? '')).toBe(letter('old'))
  }

  test('starts nothing older where any one record is damaged, or one after another', () => {
    fresh()
    keep(offer())
    const cells = unit.flash.cells.slice()
    for (const at of records(unit.flash)) {
      unit.flash.cells.set(cells)
      damage(at + 16)
      takesNothingOlder()
    }
    // What is mended at each start lasts over the end of a sector, and of both.
    for (let i = 0; i < 26; i += 1) {
      damage((records(unit.flash).at(-1 - (i % 2)) ?? 0) + 20)
      unit.powerUp()
      expect(unit.text).toBe('slot b version 3\n')
    }
    takesNothingOlder()
  })

  test('takes nothing older than what was flashed in hand where one record is damaged', () => {
    for (const at of records(newFlash(factory))) {
      fresh()
      damage(at + 16)
      unit.powerUp()
      expect(unit.text).toBe('slot a version 2\n')
      expect(unit.ask(transfer(offer({ version: 1 }))[0] ?? '')).toBe(letter('old'))
    }
  })

  test('is as safe where power was cut between a record and its second', () => {
    fresh()
    const chips: W25q[] = []
    expect(send(transfer(offer()))).toBe(ok)
    unit.restart()
    unit.onOperation = (flash) => chips.push(flash.cutFork(0.01, seeded(1)))
    expect(unit.ask('Y\n')).toBe(ok)
    // In the first of the two nothing was confirmed yet.
    const [, between = newFlash(factory)] = chips
    expect(chips.length).toBe(2)
    unit = new Unit(between)
    expect(unit.text).toBe('slot b version 3\n')
    damage((records(between).at(-1) ?? 0) + 16)
    takesNothingOlder()
  })

  /** How many programs and erases: body, its sectors, head, three notes of two records. */
  const bodyOperations = (): number => {
    const { length } = images.b
    return Math.ceil(length / 256) - 1 + Math.ceil(length / 4096)
  }
  const outside = (flash: W25q): Buffer => {
    const { at = 0, bytes = 0 } = board.flash.parts?.['slot_b'] ?? {}
    return Buffer.concat([flash.cells.subarray(0, at), flash.cells.subarray(at + bytes)])
  }
  /** How far each operation comes; the last one is whole, and nothing follows it. */
  const moments = [0.03, 0.5, 1]

  /** The chip as each cut leaves it, from one update that goes on: it is at nothing else then. */
  const cutChips = function* (): Generator<{ operation: number; moment: number; chip: W25q }> {
    const chips: { operation: number; moment: number; chip: W25q }[] = []
    let operation = 0
    fresh()
    const whole = unit
    whole.onOperation = (flash) => {
      operation += 1
      for (const moment of moments) {
        const chip = flash.cutFork(moment, seeded(operation * 7919 + 100 * moment))
        chips.push({ operation, moment, chip })
      }
    }
    for (const line of [...transfer(offer()), 'R\n', 'Y\n']) {
      if (line === 'R\n') expect(whole.restart()).toBe('slot b version 3 trial')
      else expect(whole.ask(line)).toBe(ok)
      yield* chips.splice(0)
    }
    for (const pin of power) expect(whole.rose.has(pin), `GP${pin}`).toBe(false)
  }

  const again = (started: string): void => {
    if (started === 'slot a version 2') {
      expect(send(transfer(offer()))).toBe(ok)
      expect(unit.restart()).toBe('slot b version 3 trial')
    }
    expect(unit.ask('Y\n')).toBe(ok)
    unit.powerUp()
    expect(unit.text).toBe('slot b version 3\n')
  }

  test(`power cut in every page write and erase of an update ends in a signed image, and after ${
    all ? 'each' : 'some'
  } of them it can come again`, () => {
    const before = outside(newFlash(factory))
    const body = bodyOperations()
    const seen = new Map<string, number>()
    let last = 0
    for (const { operation, moment, chip } of cutChips()) {
      // Nothing but the slot has changed, so that the next transfer begins as this one did.
      if (operation <= body + 1)
        expect(outside(chip).equals(before), `operation ${operation}`).toBe(true)
      unit = new Unit(chip)
      const started = unit.text.trim().split('\n').at(-1) ?? ''
      seen.set(started, (seen.get(started) ?? 0) + 1)
      if (operation <= body + 1) expect(started, `operation ${operation}`).toBe('slot a version 2')
      for (const pin of power) expect(unit.rose.has(pin), `GP${pin}`).toBe(false)
      const isSome = moment === 0.5 && [20, body + 1, body + 6].includes(operation)
      if (all || isSome) again(started)
      last = operation
    }
    expect(last).toBe(body + 7)
    expect([...seen.keys()].sort()).toEqual([
      ...['slot a version 2', 'slot b version 3', 'slot b version 3 trial'],
    ])
  }, 600_000)

  test('an image that nobody signed for this board is not even flashed', () => {
    fresh()
    const image = signed(images.a, { slot: 0, version: 1, signer: stranger })
    expect(() => flashed(bootloader(), image)).toThrow(/not by the key/)
    expect(release.publicKey).toHaveLength(32)
  })
})
