// Signed updates on emulated boards whose flash lives on: bootloader, trial, going back, refusals.
// Whatever happens, a signed image starts, and no pin that can move the machine ever rises.
import { crc32 } from 'node:zlib'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { seeded } from '../../firmware/twin/plant.ts'
import { compilerInstalled } from '../boards/stand.ts'
import { type LivingFlash, pico, stm32 } from './chips.ts'
import {
  bootloader,
  flashed,
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
const all = process.env['TENFOLD_ALL_CUTS'] === '1'

const boards = [
  { name: 'rp2040-pico', kind: pico, bootSector: 4096, other: 'stm32f405' },
  { name: 'stm32f405', kind: stm32, bootSector: 16_384, other: 'rp2040-pico' },
] as const

describe.runIf(compilerInstalled()).each(boards)(
  '$name with slots',
  { timeout: 300_000 },
  (one) => {
    const { kind, bootSector } = one
    const { board, power } = kind
    const partAt = (name: string): number => board.flash.parts?.[name]?.at ?? 0
    const slotBytes = board.flash.parts?.['slot_a']?.bytes ?? 0
    let images: { a: Uint8Array; b: Uint8Array; hanging: Uint8Array }
    let factory: Uint8Array
    let unit: Unit
    beforeAll(() => {
      const imageOf = (slot: 0 | 1, ...flags: string[]) => slotImage(slot, flags, kind)
      images = { a: imageOf(0), b: imageOf(1), hanging: imageOf(1, '-DHANGS') }
      factory = flashed(bootloader(kind), signedFor(images.a, { slot: 0, version: 2 }), kind)
    })
    afterEach(() => {
      for (const pin of power) expect(unit.rose.has(pin), `pin ${pin}`).toBe(false)
    })

    const fresh = (): Unit => {
      unit = new Unit(kind.newFlash(factory), kind)
      return unit
    }
    const signedFor = (image: Uint8Array, wish: Release): Uint8Array =>
      signed(image, { board: board.board, ...wish })
    const offer = (wish: Partial<Release> = {}): Uint8Array =>
      signedFor(images.b, { slot: 1, version: 3, ...wish })
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
      const old = signedFor(images.a, { slot: 0, version: 2 })
      expect(unit.ask(transfer(old)[0] ?? '')).toBe(letter('old'))
      expect(send(transfer(signedFor(images.a, { slot: 0, version: 4 })))).toBe(ok)
      expect(unit.restart()).toBe('slot a version 4 trial')
    })

    test('ends a trial that hangs by the watchdog', () => {
      fresh()
      expect(send(transfer(signedFor(images.hanging, { slot: 1, version: 3 })))).toBe(ok)
      expect(unit.restart()).toBe('slot b version 3 trial')
      expect(unit.untilStarted()).toBe('slot a version 2')
      expect(unit.text).toContain('trial ended without a word')
    })

    test('refuses with its reason what must not run here, and goes on as before', () => {
      const changed = offer()
      changed[5000] = (changed[5000] ?? 0) ^ 1
      const tooLong = signedFor(new Uint8Array(slotBytes + 4), { slot: 1, version: 3 })
      const cases: [name: keyof typeof code, what: string, lines: string[]][] = [
        ['foreign', 'another board', transfer(offer({ board: one.other }))],
        ['foreign', 'another machine', transfer(offer({ machine: 'press' }))],
        ['slot', 'the slot that runs', transfer(signedFor(images.a, { slot: 0, version: 3 }))],
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
      keep(signedFor(images.b, { slot: 1, version: 2 }))
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
      const pin = partAt('boot') + (board.flash.parts?.['boot']?.bytes ?? 0) - bootSector
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
      const older = flashed(bootloader(kind), signedFor(images.a, { slot: 0, version: 1 }), kind)
      unit.flash.cells.set(older)
      unit.powerUp()
      expect(unit.text).toBe('slot a version 1\n')
    })

    /** Where whole records of the update state lie, the newest last. */
    const records = (flash: LivingFlash): number[] => {
      const { at: from = 0, bytes = 0 } = board.flash.parts?.['update'] ?? {}
      const cells = Buffer.from(flash.cells)
      return Array.from({ length: bytes / 256 }, (_, i) => from + 256 * i)
        .filter((at) => cells.toString('latin1', at, at + 4) === 'TFST')
        .sort((one, other) => cells.readUInt32LE(one + 4) - cells.readUInt32LE(other + 4))
    }
    const takesNothingOlder = (): void => {
      unit.powerUp()
      expect(unit.text).toBe('slot b version 3\n')
      const older = signedFor(images.a, { slot: 0, version: 2 })
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
      // What is mended at each start lasts over the end of a sector, where it is small, of both.
      for (let i = 0; i < (kind === pico ? 26 : 4); i += 1) {
        damage((records(unit.flash).at(-1 - (i % 2)) ?? 0) + 20)
        unit.powerUp()
        expect(unit.text).toBe('slot b version 3\n')
      }
      takesNothingOlder()
    })

    test('takes nothing older than what was flashed in hand where one record is damaged', () => {
      for (const at of records(kind.newFlash(factory))) {
        fresh()
        damage(at + 16)
        unit.powerUp()
        expect(unit.text).toBe('slot a version 2\n')
        expect(unit.ask(transfer(offer({ version: 1 }))[0] ?? '')).toBe(letter('old'))
      }
    })

    test('is as safe where power was cut between a record and its second', () => {
      fresh()
      const chips: LivingFlash[] = []
      expect(send(transfer(offer()))).toBe(ok)
      unit.restart()
      unit.onOperation = (flash) => chips.push(flash.cutFork(0.01, seeded(1)))
      expect(unit.ask('Y\n')).toBe(ok)
      // In the first of the two nothing was confirmed yet.
      const between = chips[chips.length / 2] ?? kind.newFlash(factory)
      unit = new Unit(between, kind)
      expect(unit.text).toBe('slot b version 3\n')
      damage((records(between).at(-1) ?? 0) + 16)
      takesNothingOlder()
    })

    const outside = (flash: LivingFlash): Buffer => {
      const { at = 0, bytes = 0 } = board.flash.parts?.['slot_b'] ?? {}
      return Buffer.concat([flash.cells.subarray(0, at), flash.cells.subarray(at + bytes)])
    }
    /**
     * As it was flashed, but so many notes later that the next one erases the other sector, in
     * which lie older ones that want a trial.
     */
    const wornState = (): Uint8Array => {
      const cells = factory.slice()
      const count = bootSector / 256
      const note = (index: number, number: number, trial: number): void => {
        const record = new DataView(cells.buffer, partAt('update') + 256 * index, 24)
        const words = [0x54534654, number, 0, trial, 2]
        for (const [i, word] of words.entries()) record.setUint32(4 * i, word, true)
        record.setUint32(20, crc32(new Uint8Array(record.buffer, record.byteOffset, 20)), true)
      }
      for (let i = 0; i < count; i += 1) {
        note(count + i, 100 + i, 1)
        note(i, 100 + count + i, 0)
      }
      return cells
    }
    interface CutChip {
      /** The line that was told: `C`, `F`, `R` or `Y`. */
      line: string
      progress: number
      chip: LivingFlash
    }
    /**
     * How far into the operation power is cut. A chip that writes single words has so many that
     * some of the slot's must do; of a note each word of its record is cut in its middle, and the
     * last one of the second record.
     */
    const momentsOf = (line: string, operation: number): readonly number[] => {
      const each = [0.03, 0.5, 1]
      if (kind === pico) return each
      const word = line === 'F' ? operation - 65 : operation
      if (operation === 1 && line === 'C') return each
      if (line === 'C') return operation % (all ? 20 : 200) === 7 ? [0.5] : []
      if (word < 0) return all || operation % 16 === 5 ? [0.5] : []
      return all || word % 12 === 0 ? each : word < 7 ? [0.5] : []
    }
    /**
     * The chip as each cut leaves it, from one update that goes on: it is at nothing else then.
     */
    const cutChips = function* (): Generator<CutChip> {
      const chips: CutChip[] = []
      let [line, operation] = ['C', 0]
      unit = new Unit(kind.newFlash(wornState()), kind)
      const whole = unit
      whole.onOperation = (flash) => {
        operation += 1
        for (const progress of momentsOf(line, operation)) {
          const random = seeded(operation * 7919 + 100 * progress)
          chips.push({ line, progress, chip: flash.cutFork(progress, random) })
        }
      }
      for (const next of [...transfer(offer()), 'R\n', 'Y\n']) {
        if (line !== next.charAt(0)) operation = 0
        line = next.charAt(0)
        if (line === 'R') expect(whole.restart()).toBe('slot b version 3 trial')
        else expect(whole.ask(next)).toBe(ok)
        yield* chips.splice(0)
      }
      for (const pin of power) expect(whole.rose.has(pin), `pin ${pin}`).toBe(false)
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

    test(`power cut in every write and erase of an update ends in a signed image, and after ${
      all && kind === pico ? 'each' : 'some'
    } of them it can come again`, () => {
      const before = outside(kind.newFlash(wornState()))
      const seen = new Map<string, number>()
      const tried = { C: 0, F: 0, R: 0, Y: 0 }
      for (const { line, progress, chip } of cutChips()) {
        const isUntouched = outside(chip).equals(before)
        if (line === 'C') expect(isUntouched).toBe(true)
        unit = new Unit(chip, kind)
        const started = unit.text.trim().split('\n').at(-1) ?? ''
        seen.set(started, (seen.get(started) ?? 0) + 1)
        // Nothing but the slot has changed, so that the next transfer begins as this one did.
        if (isUntouched) expect(started, `in ${line}`).toBe('slot a version 2')
        for (const pin of power) expect(unit.rose.has(pin), `pin ${pin}`).toBe(false)
        const count = ++tried[line as keyof typeof tried]
        const isSome = progress === 0.5 && count === 2 && line !== 'R'
        if ((all && kind === pico) || isSome) again(started)
      }
      expect([...seen.keys()].sort()).toEqual([
        ...['slot a version 2', 'slot b version 3', 'slot b version 3 trial'],
      ])
    }, 600_000)

    test('an image that nobody signed for this board is not even flashed', () => {
      fresh()
      const image = signedFor(images.a, { slot: 0, version: 1, signer: stranger })
      expect(() => flashed(bootloader(kind), image, kind)).toThrow(/not by the key/)
      expect(release.publicKey).toHaveLength(32)
    })
  },
)
