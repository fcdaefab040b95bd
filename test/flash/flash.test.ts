// `tenfold flash`: the right image reaches the right board, a wrong board is refused by what it
// calls itself, and whatever goes wrong on the way is said with what to do.
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadBoard } from '../../firmware/boards.ts'
import { slotOf } from '../../firmware/compile.ts'
import { readImage, stockFolder } from '../../firmware/flash/images.ts'
import type { Outside } from '../../firmware/flash/outside.ts'
import { pinnedIn } from '../../firmware/flash-image.ts'
import type { Purpose } from '../../firmware/image.ts'
import { headBytes, signedIn } from '../../firmware/signed-image.ts'
import { runOn } from '../../gateway/cli/flash.ts'
import { operatingError } from '../../gateway/core/errors.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { Pico } from '../emu/pico.ts'
import { Daplink, Dfu, outsideOf, privateFolder, UfLoader } from './stand.ts'

let io: TestIo
let there: string
beforeEach(async () => {
  io = await testIo()
  there = privateFolder()
})
afterEach(async () => {
  await io.remove()
  rmSync(there, { recursive: true, force: true })
})

const tenfold = (line: string, outside: Outside): Promise<number> =>
  runOn(['--wait', '0', ...line.split(' ').filter((word) => word !== '')], io, outside)
const failure = async (line: string, outside: Outside) =>
  operatingError(await tenfold(line, outside).catch((error: unknown) => error))

const slotA = slotOf(loadBoard('rp2040-pico'), 0)
/** The last sector below it. */
const pinAt = slotA.at - 4096

/** A line of HEX whose first byte that differs from the next one has changed places with it. */
const swapped = (line: string): string => {
  const at = [...Array(14).keys()].find((i) => pairAt(line, i) !== pairAt(line, i + 1)) ?? 0
  const from = 9 + 2 * at
  return `${line.slice(0, from)}${pairAt(line, at + 1)}${pairAt(line, at)}${line.slice(from + 4)}`
}
const pairAt = (line: string, i: number): string => line.slice(9 + 2 * i, 11 + 2 * i)

/** A small image with its manifest, as `tenfold build` leaves it. */
const imageFor = (
  board: string,
  ending: 'hex' | 'bin',
  purpose: Purpose = 'machine',
): { path: string; bin: Buffer } => {
  const bin = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) % 256))
  const stock = readImage(join(stockFolder, 'cordless-drill-stm32f405.json')).manifest
  const image = createHash('sha256').update(bin).digest('hex')
  const digests = { ...stock.digests, image }
  const manifest = { ...stock, board, purpose, digests, release: undefined }
  const stem = join(io.cwd, `small-${board}`)
  writeFileSync(`${stem}.json`, JSON.stringify(manifest))
  if (ending === 'bin') writeFileSync(`${stem}.bin`, bin)
  else writeFileSync(`${stem}.hex`, toHex(bin))
  return { path: `${stem}.${ending}`, bin }
}

const toHex = (bin: Buffer): string => {
  const record = (bytes: number[]): string => {
    const sum = bytes.reduce((total, byte) => total + byte, 0)
    return `:${Buffer.from([...bytes, -sum & 255])
      .toString('hex')
      .toUpperCase()}\n`
  }
  const lines = [record([2, 0, 0, 4, 0, 0])]
  for (let at = 0; at < bin.length; at += 16) {
    const data = [...bin.subarray(at, at + 16)]
    lines.push(record([data.length, at >> 8, at & 255, 0, ...data]))
  }
  return lines.join('') + record([0, 0, 0, 1])
}

describe('a Pico', () => {
  test('takes the stock image, and what it took boots', async () => {
    const loader = new UfLoader(there)
    expect(await tenfold('--profile cordless-drill', outsideOf([loader]))).toBe(0)
    const text = io.lines.join('\n')
    expect(text).toMatch(/Raspberry Pi Pico.*calls itself RPI-RP2/)
    expect(text).toMatch(/100 %/)
    expect(text).toMatch(/flashed and checked: .*its drive is gone/)
    const { manifest } = readImage(join(stockFolder, 'cordless-drill-rp2040-pico.json'))
    expect(text).toContain(manifest.digests.image)
    for (const line of manifest.unproven) expect(text).toContain(line)
    expect(text).toMatch(/updates {3}none until a key is pinned: tenfold command <unit> trust/)
    const taken = loader.taken ?? new Uint8Array()
    const inSlot = signedIn(taken.subarray(slotA.at)).subarray(headBytes)
    expect(createHash('sha256').update(inSlot).digest('hex')).toBe(manifest.digests.image)
    const pico = new Pico({ bin: taken, analogue: () => 2048 })
    pico.run(125_000 * 100)
    expect(pico.resets).toBe(0)
    expect(pico.asleep).toBeGreaterThan(0)
  })

  test.each([
    ['a bootloader', 300, /its bootloader is another one/],
    ['a pinned key', pinAt, /it pins another key/],
    ['an image', slotA.at + 9000, /the image behind the head is another one/],
    ['a signature', slotA.at + 200, /does not name who signed it/],
  ])(
    'a stock image with another %s is refused before a board is looked for',
    async (_, at, why) => {
      const stem = join(io.cwd, 'stock')
      const stock = join(stockFolder, 'cordless-drill-rp2040-pico')
      copyFileSync(`${stock}.json`, `${stem}.json`)
      const uf2 = readFileSync(`${stock}.uf2`)
      expect(readImage(`${stock}.uf2`).files.get('uf2')).toHaveLength(uf2.length)
      for (let block = 0; block < uf2.length; block += 512) {
        const from = uf2.readUInt32LE(block + 12) - 0x10000000
        if (at < from || at >= from + 256) continue
        uf2.set(at === pinAt ? [0x54, 0x46, 0x50, 0x4e] : [0x5a], block + 32 + at - from)
      }
      writeFileSync(`${stem}.uf2`, uf2)
      const error = await failure(`--image ${stem}.uf2`, outsideOf([]))
      expect([error?.code, error?.message]).toEqual(['image_damaged', expect.stringMatching(why)])
    },
  )

  test('a dry run says what would happen and writes nothing', async () => {
    const loader = new UfLoader(there)
    const before = readdirSync(loader.folder)
    expect(await tenfold('--profile cordless-drill --dry-run', outsideOf([loader]))).toBe(0)
    expect(io.lines.join('\n')).toMatch(/by uf2[\s\S]*nothing was written/)
    expect(readdirSync(loader.folder)).toEqual(before)
  })

  test('a dry run without a board waits for none, and prints images and steps', async () => {
    const slept: number[] = []
    const outside = { ...outsideOf([]), sleep: async (ms: number) => void slept.push(ms) }
    expect(await runOn(['--profile', 'cordless-drill', '--dry-run'], io, outside)).toBe(0)
    expect(slept).toEqual([])
    const said = io.lines.join('\n')
    for (const name of ['rp2040-pico', 'stm32f405'])
      expect(said).toContain(`cordless-drill-${name}`)
    expect(said).toMatch(
      /1\. Disconnect the motor's power[\s\S]*no board is ready; nothing was writ/,
    )
  })

  test('the twin is no board: the error names its command', async () => {
    const error = await failure('--profile cordless-drill --board sim', outsideOf([]))
    expect(error?.code).toBe('board_unknown')
    expect(error?.remedy).toContain('npx tenfold twin')
  })

  test('a board that calls itself otherwise is refused, and nothing is written', async () => {
    const loader = new UfLoader(there, 'RP2350', 0xe48bff59)
    const before = readdirSync(loader.folder)
    const error = await failure('--profile cordless-drill', outsideOf([loader]))
    expect(error?.code).toBe('board_wrong')
    expect(error?.message).toContain('RP2350')
    expect(error?.remedy).toContain('RPI-RP2')
    expect(readdirSync(loader.folder)).toEqual(before)
  })

  test('a loader that does not take the image is not called flashed', async () => {
    const loader = new UfLoader(there, 'RPI-RP2', 0x12345678)
    const error = await failure('--profile cordless-drill', outsideOf([loader]))
    expect(error?.code).toBe('flash_refused')
    expect(error?.message).toMatch(/still there/)
  })

  test('a drive that cannot be written says how far it came', async () => {
    const loader = new UfLoader(there)
    symlinkSync('/dev/full', join(loader.folder, 'cordless-drill-rp2040-pico.uf2'))
    const error = await failure('--profile cordless-drill', outsideOf([loader]))
    expect(error?.code).toBe('flash_interrupted')
    expect(error?.message).toMatch(/after 0 bytes/)
  })

  test('of two boards none is guessed, and --drive names one', async () => {
    mkdirSync(join(there, 'a'))
    mkdirSync(join(there, 'b'))
    const [one, two] = [new UfLoader(join(there, 'a')), new UfLoader(join(there, 'b'))]
    const outside = outsideOf([one, two])
    expect((await failure('--profile cordless-drill', outside))?.code).toBe('board_ambiguous')
    expect(await tenfold(`--profile cordless-drill --drive ${two.folder}`, outside)).toBe(0)
    expect(existsSync(one.folder)).toBe(true)
    expect(two.taken).toBeDefined()
  })

  test('while no board is there it says how to make it ready, and takes it when it comes', async () => {
    const boards: UfLoader[] = []
    const outside = outsideOf(boards)
    const waiting: Outside = {
      ...outside,
      mounts: () => boards.map(({ folder }) => folder),
      sleep: async (ms) => {
        if (boards.length === 0) boards.push(new UfLoader(there))
        else await outside.sleep(ms)
      },
    }
    expect(await tenfold('--profile cordless-drill --wait 5', waiting)).toBe(0)
    expect(io.lines.join('\n')).toMatch(/waiting for one:[\s\S]*BOOTSEL[\s\S]*flashed and checked/)
    const error = await failure('--profile cordless-drill', outsideOf([]))
    expect(error?.code).toBe('board_absent')
    expect(error?.remedy).toMatch(/BOOTSEL/)
  })
})

test('an image that makes up its readings is refused before any board is looked for', async () => {
  const board = new Daplink(there)
  const { path } = imageFor('microbit', 'hex', 'test_inputs')
  const error = await failure(`--image ${path}`, outsideOf([board]))
  expect(error?.code).toBe('image_test_inputs')
  expect(error?.remedy).toContain('without --test-inputs')
  expect(board.taken).toBeUndefined()
})

describe('a micro:bit', () => {
  test('takes a .hex, and the drive that comes back proves it', async () => {
    const board = new Daplink(there)
    const { path, bin } = imageFor('microbit', 'hex')
    expect(await tenfold(`--image ${path}`, outsideOf([board]))).toBe(0)
    expect(board.taken).toBe(toHex(bin))
    expect(io.lines.join('\n')).toMatch(/reports no failure/)
  })

  test('says why its interface chip refused', async () => {
    const board = new Daplink(there, '9900', 'The hex file cannot be decoded.')
    const { path } = imageFor('microbit', 'hex')
    const error = await failure(`--image ${path}`, outsideOf([board]))
    expect(error?.code).toBe('flash_refused')
    expect(error?.message).toContain('cannot be decoded')
  })

  test('a V2, with another chip, is refused by its id', async () => {
    const board = new Daplink(there, '9904')
    const { path } = imageFor('microbit', 'hex')
    const error = await failure(`--image ${path}`, outsideOf([board]))
    expect(error?.code).toBe('board_wrong')
    expect(error?.message).toContain('9904')
  })
})

describe('an STM32F405', () => {
  test('is written by its own loader, read back, and left', async () => {
    const dfu = new Dfu()
    const { path, bin } = imageFor('stm32f405', 'bin')
    expect(await tenfold(`--image ${path}`, outsideOf([], dfu))).toBe(0)
    expect(dfu.flash.equals(bin)).toBe(true)
    expect(dfu.calls.map((args) => args.find((each) => /^0x/.test(each)))).toEqual([
      undefined,
      '0x08000000',
      `0x08000000:${bin.length}`,
      '0x08000000:leave',
    ])
    expect(io.lines.join('\n')).toMatch(/read back, every byte is the same/)
  })

  test('gets bootloader, blank key, fresh state and slot A of a stock image', async () => {
    const dfu = new Dfu()
    const line = '--profile cordless-drill --board stm32f405'
    expect(await tenfold(line, outsideOf([], dfu))).toBe(0)
    const { manifest } = readImage(join(stockFolder, 'cordless-drill-stm32f405.json'))
    const chip = loadBoard('stm32f405')
    const { at } = slotOf(chip, 0)
    const image = signedIn(dfu.flash.subarray(at)).subarray(headBytes)
    expect(createHash('sha256').update(image).digest('hex')).toBe(manifest.digests.image)
    expect(pinnedIn(chip, dfu.flash)).toBeUndefined()
    expect(dfu.flash.toString('latin1', 32_768, 32_772)).toBe('TFST')
  })

  test('a stock image that was changed anywhere is refused', async () => {
    const hex = readFileSync(join(stockFolder, 'cordless-drill-stm32f405.hex'), 'utf8').split(
      '\r\n',
    )
    const stem = join(io.cwd, 'changed')
    copyFileSync(join(stockFolder, 'cordless-drill-stm32f405.json'), `${stem}.json`)
    for (const line of [6, hex.length - 20]) {
      // Two digits change places: the line's sum stays.
      const changed = hex.with(line, swapped(hex[line] ?? ''))
      writeFileSync(`${stem}.hex`, changed.join('\r\n'))
      const error = await failure(`--image ${stem}.hex`, outsideOf([], new Dfu()))
      expect(error?.code).toBe('image_damaged')
    }
  })

  test('flash that gives back other bytes is not called flashed', async () => {
    const dfu = new Dfu()
    dfu.worn = true
    const { path } = imageFor('stm32f405', 'bin')
    expect((await failure(`--image ${path}`, outsideOf([], dfu)))?.code).toBe('flash_differs')
  })

  test('another chip with the same loader is not taken for it', async () => {
    const dfu = new Dfu('04*016Kg,01*064Kg,03*128Kg')
    const { path } = imageFor('stm32f405', 'bin')
    expect((await failure(`--image ${path}`, outsideOf([], dfu)))?.code).toBe('board_absent')
  })
})

describe('what is asked for', () => {
  test('an image whose bytes are not its manifest’s is refused before a board is looked for', async () => {
    const { path } = imageFor('stm32f405', 'bin')
    writeFileSync(path, 'something else')
    const error = await failure(`--image ${path}`, outsideOf([]))
    expect(error?.code).toBe('image_damaged')
    rmSync(path.replace('.bin', '.json'))
    expect((await failure(`--image ${path}`, outsideOf([])))?.message).toMatch(/manifest.*missing/)
  })

  test.each([
    ['', 'image_unknown'],
    ['--profile cordless-dril', 'image_unknown'],
    ['--profile cordless-drill --board microbit', 'image_other_board'],
    ['--profile cordless-drill --board rp2040-pic', 'board_unknown'],
    ['--profile cordless-drill --method usb', 'usage'],
    ['--profile cordless-drill --wait soon', 'usage'],
  ])('"%s" is refused: %s', async (line, code) => {
    const error = await failure(line, outsideOf([new UfLoader(there)]))
    expect(error?.code).toBe(code)
    expect(error?.remedy).toMatch(/\S/)
  })
})

test('says of a folder that is no drive why it is none, and of an image that there is none', async () => {
  const empty = await failure(`--profile cordless-drill --drive ${there}`, outsideOf([]))
  expect(empty).toMatchObject({ code: 'board_absent' })
  expect(empty?.message).toContain(`${there} is no board's drive, it has no INFO_UF2.TXT`)
  const gone = await failure(`--profile cordless-drill --drive ${there}/gone`, outsideOf([]))
  expect(gone?.message).toContain(`there is no folder ${there}/gone`)
  const image = await failure(`--image ${there}/gone.uf2`, outsideOf([]))
  expect(image?.message).toContain('gone.uf2: there is no such file')
  const other = await failure('--profile earth-block-press --board stm32f405', outsideOf([]))
  expect(other?.remedy).toContain('build --profile earth-block-press --board stm32f405')
})
