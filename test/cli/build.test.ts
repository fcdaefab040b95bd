// `tenfold build`: writes an image with its manifest, and says what is wrong in words that help.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadBoard } from '../../firmware/boards.ts'
import { slotOf } from '../../firmware/compile.ts'
import { headBytes, signedIn } from '../../firmware/signed-image.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import { compilerInstalled } from '../boards/stand.ts'
import { refused, type TestIo, testIo } from './io.ts'

const build = compilerInstalled()
let io: TestIo
beforeEach(async () => {
  io = await testIo({ PATH: process.env['PATH'] })
})
afterEach(() => io.remove())
const tenfold = (line: string): Promise<number> => io.tenfold('build', ...line.split(' '))

test.runIf(build)('writes the image and a manifest that fits it', async () => {
  expect(await tenfold('--profile cordless-drill --board rp2040-pico --out there')).toBe(0)
  const folder = join(io.cwd, 'there')
  const stem = 'cordless-drill-rp2040-pico'
  const files = ['elf', 'json', 'uf2'].map((ending) => `${stem}.${ending}`)
  expect(readdirSync(folder).sort()).toEqual(files)
  const manifest = JSON.parse(readFileSync(join(folder, `${stem}.json`), 'utf8')) as {
    digests: { image: string }
    unproven: string[]
  }
  // Behind the bootloader, in slot A, behind its head.
  const { image } = fromUf2(readFileSync(join(folder, `${stem}.uf2`)))
  const body = signedIn(image.subarray(slotOf(loadBoard('rp2040-pico'), 0).at)).subarray(headBytes)
  expect(manifest.digests.image).toBe(createHash('sha256').update(body).digest('hex'))
  const text = io.lines.join('\n')
  expect(text).toContain(manifest.digests.image)
  for (const line of manifest.unproven) expect(text).toContain(line)
})

test.runIf(build)('builds the test image for a board without drivers for pins', async () => {
  expect(await tenfold('--profile cordless_drill --board microbit --exercise')).toBe(0)
  expect(readdirSync(join(io.cwd, '.tenfold', 'images'))).toContain(
    'cordless-drill-microbit-exercise.hex',
  )
})

test.each([
  ['--profile cordless-dril --board rp2040-pico', /did you mean "cordless-drill"/],
  ['--profile cordless-drill --board rp2040-pic', /did you mean "rp2040-pico"/],
  ['--profile cordless-drill', /--board is missing; known: microbit/],
  ['--board rp2040-pico', /--profile is missing; known: cordless-drill/],
  ['--profile cordless-drill --board microbit', /pins on this board are not given/],
  ['--profile nutrunner --board rp2040-pico', /pins on this board are not given|exactly one loop/],
])('%s: says what is wrong and what to do', async (line, message) => {
  expect(await tenfold(line)).toBe(refused(io))
  expect(io.errors.join('\n')).toMatch(message)
  expect(io.errors.join('\n')).toMatch(/what to do: \S/)
})

test('without the compiler it says how to install it', async () => {
  io.env['PATH'] = '/nowhere'
  expect(await tenfold('--profile cordless-drill --board rp2040-pico')).toBe(1)
  expect(io.errors.join('\n')).toMatch(/apt-get install --no-install-recommends gcc-arm-none-eabi/)
})
