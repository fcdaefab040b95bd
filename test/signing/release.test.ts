// A signed release of the drill for a Pico, from the command line to the machine image that starts
// from its slot: what is signed, what is written, and what is refused.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readImage } from '../../firmware/flash/images.ts'
import type { Manifest } from '../../firmware/manifest.ts'
import { readRelease } from '../../firmware/release-file.ts'
import { readHead, readSigned } from '../../firmware/signed-image.ts'
import { fromUf2 } from '../../firmware/uf2.ts'
import { loadSigner } from '../../gateway/attestation/identity.ts'
import { run } from '../../gateway/cli/build.ts'
import { compilerInstalled } from '../boards/stand.ts'
import { Pico } from '../emu/pico.ts'

const folder = mkdtempSync(join(tmpdir(), 'tenfold-release-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const keyFile = join(folder, 'keys', 'release.pem')
const stem = join(folder, 'cordless-drill-rp2040-pico-v7')
const read = (ending: string): Uint8Array => new Uint8Array(readFileSync(`${stem}.${ending}`))

const build = async (...more: string[]): Promise<string> => {
  const said: string[] = []
  const machine = ['--profile', 'cordless-drill', '--board', 'rp2040-pico', '--out', folder]
  const io = { cwd: folder, env: process.env, out: (line: string) => said.push(line) }
  await run([...machine, ...more], io as unknown as Parameters<typeof run>[1])
  return said.join('\n')
}

describe.runIf(compilerInstalled())('tenfold build --sign', () => {
  let said = ''
  beforeAll(async () => {
    said = await build('--sign', keyFile, '--version', '7')
  }, 120_000)

  test('makes a key that only its owner may read, and shows none of it', () => {
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    const pem = readFileSync(keyFile, 'utf8').split('\n')[1] ?? '-'
    expect(said).not.toContain(pem)
    expect(said).toContain(loadSigner(keyFile).did)
  })

  test('signs an image for each slot, with the manifest that names both', () => {
    const { publicKey } = loadSigner(keyFile)
    const manifest = JSON.parse(Buffer.from(read('json')).toString()) as Manifest
    const digest = createHash('sha256').update(read('json')).digest('hex')
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
    for (const [slot, name] of [
      [0, 'a'],
      [1, 'b'],
    ] as const) {
      const head = readSigned(readRelease(read('signed'))[name], publicKey)
      expect(head).toMatchObject({ slot, version: 7, board: 'rp2040-pico' })
      expect(head.machine).toBe('cordless_drill')
      expect(hex(head.manifest)).toBe(digest)
      expect(hex(head.profile)).toBe(manifest.digests.profile)
      expect(hex(head.image)).toBe(manifest.release?.slots[name])
    }
    expect(manifest.release?.slots.a).not.toBe(manifest.release?.slots.b)
    expect(manifest.release?.key).toBe(hex(publicKey))
  })

  test('flashed, starts the machine image from slot A with everything off', () => {
    const { image } = fromUf2(read('uf2'))
    let text = ''
    const high = new Set<number>()
    const pico = new Pico({
      bin: image,
      analogue: () => 2048,
      onUart: (byte) => {
        text += String.fromCharCode(byte)
      },
      onEdge: (pin, level) => level && high.add(pin),
    })
    const started = (): boolean => pico.inInterrupt
    expect(pico.run(125e6, started)).toBe(true)
    pico.run(125_000 * 20)
    expect(text).not.toContain('no signed image')
    for (const pin of [2, 3, 5]) expect(high.has(pin)).toBe(false)
    expect(pico.resets).toBe(0)
    expect(pico.read(0xe000ed08) >>> 28).toBe(2)
  })

  test('is what "tenfold flash" takes, and a changed one is not', () => {
    expect(readImage(`${stem}.uf2`).manifest.release?.version).toBe(7)
    const text = readFileSync(`${stem}.json`, 'utf8')
    writeFileSync(`${stem}.json`, text.replace('"format": 1', '"format": 1 '))
    expect(() => readImage(`${stem}.uf2`)).toThrow(/its manifest was changed/)
    writeFileSync(`${stem}.json`, text)
    const uf2 = read('uf2')
    const view = new DataView(uf2.buffer, uf2.byteOffset)
    // A block in the midst of slot A's image, by its address.
    const blocks = Array.from({ length: uf2.length / 512 }, (_, i) => i * 512)
    const at = 100 + (blocks.find((block) => view.getUint32(block + 12, true) === 0x1001_1000) ?? 0)
    writeFileSync(`${stem}.uf2`, uf2.with(at, (uf2[at] ?? 0) ^ 1))
    expect(() => readImage(`${stem}.uf2`)).toThrow(/image behind the head is another one/)
    writeFileSync(`${stem}.uf2`, uf2)
  })

  test('is the same bytes from the same key and sources', async () => {
    const before = ['signed', 'uf2', 'json'].map((ending) => read(ending))
    await build('--sign', keyFile, '--version', '7')
    for (const [i, ending] of ['signed', 'uf2', 'json'].entries()) {
      expect(Buffer.compare(read(ending), before[i] ?? Buffer.of())).toBe(0)
    }
  }, 120_000)
})

test.runIf(compilerInstalled())(
  'for an STM32F405 writes raw bytes and HEX, the same by the linker’s own tools',
  async () => {
    const name = join(folder, 'cordless-drill-stm32f405-v7')
    const said = await build('--board', 'stm32f405', '--sign', keyFile, '--version', '7')
    expect(said).toContain('.{signed,bin,hex,json}')
    const bin = readFileSync(`${name}.bin`)
    const tool = ['-I', 'ihex', '-O', 'binary', '--gap-fill', '0xff', `${name}.hex`, `${name}.back`]
    execFileSync('arm-none-eabi-objcopy', tool)
    const back = readFileSync(`${name}.back`)
    expect(bin.subarray(0, back.length).equals(back)).toBe(true)
    expect(bin.subarray(back.length).every((byte) => byte === 0xff)).toBe(true)
    expect(readImage(`${name}.hex`).files.get('bin')?.length).toBe(bin.length)
    const { a, b, head } = readRelease(new Uint8Array(readFileSync(`${name}.signed`)))
    expect(head).toMatchObject({ version: 7, board: 'stm32f405' })
    const { publicKey } = loadSigner(keyFile)
    expect([readSigned(a, publicKey).slot, readSigned(b, publicKey).slot]).toEqual([0, 1])
    writeFileSync(`${name}.bin`, bin.fill(0, 100, 104))
    expect(() => readImage(`${name}.hex`)).toThrow(/its bootloader is another one/)
  },
  240_000,
)

test.each([
  [['--sign', keyFile], /whole --version/],
  [['--version', '3'], /--sign needs a key file/],
  [['--sign', keyFile, '--version', '1.5'], /whole --version/],
  [['--sign', keyFile, '--version', '0'], /whole --version/],
  [['--sign', keyFile, '--version', '3', '--exercise'], /no --exercise/],
])('%j is refused before anything is built', async (args, message) => {
  await expect(build(...args)).rejects.toThrow(message)
})

test.runIf(compilerInstalled())('a release that was changed anywhere is none', () => {
  const file = read('signed')
  const { a, b, manifest } = readRelease(file)
  expect(manifest.release?.version).toBe(7)
  const swapped = Buffer.concat([b, a, file.subarray(a.length + b.length)])
  expect(() => readRelease(swapped)).toThrow(/not for slot A and slot B/)
  expect(() => readRelease(file.subarray(0, file.length - 1))).toThrow(/manifest was changed/)
  expect(() => readRelease(file.subarray(0, a.length + 5))).toThrow(/ends too early/)
  for (const at of [300, a.length + 300]) {
    expect(() => readRelease(file.with(at, (file[at] ?? 0) ^ 1))).toThrow(/another one/)
  }
})

test('what is no signed image is named so', () => {
  expect(() => readHead(new Uint8Array(20))).toThrow(/shorter than a head/)
  expect(() => readHead(new Uint8Array(400))).toThrow(/no head of a signed image/)
})
