// Ed25519 as the boards compute it, by published vectors: RFC 8032 and the 914 edge cases of
// C2SP/CCTV, by the same rule as gateway and page. Every board takes all of RFC 8032, the M4F all of
// the edge cases, the Cortex-M0 a hundred of them, the RP2040 six; TENFOLD_ALL_VECTORS=1 gives all
// to every board.
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyEd25519 } from '../../gateway/attestation/ed25519.ts'
import { compilerInstalled } from '../boards/stand.ts'
import { sharedData } from '../data.ts'
import type { Pico } from '../emu/pico.ts'
import { Qemu, type QemuBoard, qemuInstalled } from '../emu/qemu.ts'
import {
  askTimed,
  buildProbe,
  hashLine,
  hex,
  plain,
  signLine,
  startPico,
  verifyLine,
} from './probe.ts'
import { rfc8032 } from './rfc8032.ts'

const build = compilerInstalled()
const folder = sharedData('ed25519-vectors')
const everywhere = process.env['TENFOLD_ALL_VECTORS'] === '1'

interface EdgeCase {
  key: Uint8Array
  signature: Uint8Array
  message: Uint8Array
  flags: string
}
const bytes = (text: string, encoding: 'hex' | 'utf8'): Uint8Array =>
  Uint8Array.from(Buffer.from(text, encoding))
const edgeCases: EdgeCase[] =
  folder === undefined
    ? []
    : (
        JSON.parse(readFileSync(join(folder, 'ed25519vectors.json'), 'utf8')) as {
          key: string
          sig: string
          msg: string
          flags: string[] | null
        }[]
      ).map(({ key, sig, msg, flags }) => ({
        key: bytes(key, 'hex'),
        signature: bytes(sig, 'hex'),
        message: bytes(msg, 'utf8'),
        flags: (flags ?? []).join(' '),
      }))

const isGood = ({ signature, message, key }: EdgeCase): boolean =>
  verifyEd25519(signature, message, key)

/** One of each kind and verdict. */
const samples = (most: number): EdgeCase[] => {
  const kinds = new Map(edgeCases.map((one) => [`${one.flags} ${isGood(one)}`, one]))
  return [...kinds.values()].filter((_, i, all) => i % Math.ceil(all.length / most) === 0)
}

type Ask = (line: string) => Promise<string>

const checkRfc = async (ask: Ask): Promise<void> => {
  for (const vector of rfc8032) {
    const { name, seed, key, message, signature } = vector
    expect(await ask(signLine(seed, message)), name).toBe(`${hex(key)} ${hex(signature)}`)
    expect(await ask(verifyLine(vector)), name).toBe('1')
    const other = signature.with(message.length % 64, (signature[message.length % 64] ?? 0) ^ 1)
    expect(await ask(verifyLine({ key, message, signature: other })), name).toBe('0')
  }
}

test('the five vectors of RFC 8032 are written down rightly: Node signs the same', () => {
  expect(rfc8032.map(({ message }) => message.length)).toEqual([0, 1, 2, 1023, 64])
  for (const { name, seed, message, signature } of rfc8032) {
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    expect(sign(null, message, key).toString('hex'), name).toBe(hex(signature))
  }
})

const checkEdges = async (ask: Ask, cases: readonly EdgeCase[]): Promise<void> => {
  const wrong: unknown[] = []
  for (const one of cases) {
    const said = await ask(verifyLine(one))
    if (said !== (isGood(one) ? '1' : '0')) wrong.push([one.flags, said, hex(one.signature)])
  }
  expect(wrong).toEqual([])
}

const checkHash = async (ask: Ask, lengths: readonly number[]): Promise<void> => {
  for (const length of lengths) {
    const message = Uint8Array.from({ length }, (_, i) => (i * 167 + length) & 255)
    const digest = createHash('sha512').update(message).digest('hex')
    expect(await ask(hashLine(message)), `${length} bytes`).toBe(digest)
  }
}

const patienceMs = 300_000

describe.runIf(build)('on an RP2040', () => {
  let pico: Pico
  const ask: Ask = (line) => Promise.resolve(askTimed(pico, line).answer)
  beforeAll(() => {
    pico = startPico(buildProbe('rp2040-pico'))
  })

  test('signs and checks all of RFC 8032', () => checkRfc(ask), patienceMs)
  test('SHA-512 over the lengths where its padding changes', () =>
    checkHash(ask, [0, 111, 112, 128, 1000]))
  test(
    'decides edge cases as gateway and page do',
    () => checkEdges(ask, everywhere ? edgeCases : samples(6)),
    patienceMs * 4,
  )
})

describe.runIf(build && qemuInstalled()).each([
  { board: 'stm32f405', cases: () => edgeCases },
  { board: 'microbit', cases: () => (everywhere ? edgeCases : samples(100)) },
] as const)('on $board', ({ board, cases }) => {
  let qemu: Qemu
  const ask: Ask = async (line) => plain(await qemu.ask(line))
  beforeAll(async () => {
    qemu = await Qemu.start(board satisfies QemuBoard, buildProbe(board).files.elf)
  })
  afterAll(() => qemu.stop())

  test('signs and checks all of RFC 8032', () => checkRfc(ask), patienceMs)
  test('SHA-512 over two blocks and a bit', () =>
    checkHash(
      ask,
      Array.from({ length: 65 }, (_, i) => 4 * i + (i & 3)),
    ))
  test('decides edge cases as gateway and page do', () => checkEdges(ask, cases()), patienceMs)
})
