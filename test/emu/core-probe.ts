// Cases for a core, one image with all of them: what came of each is asked from the core of ours
// and from QEMU's in the same words. Compiled here for the Cortex-M4F.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commonFlags, runTool } from '../../firmware/c-compiler.ts'
import { loadBoard } from '../boards/stand.ts'
import { Qemu } from './qemu.ts'
import { Stm32 } from './stm32f405.ts'
import { talkTo } from './talk.ts'

/** Instructions and what they begin with; see c/core-probe.c. */
export interface Case {
  name: string
  code: readonly number[]
  /** It works on memory; faults have exceptions of their own; unaligned accesses and x / 0 trap. */
  memory: boolean
  ownFaults: boolean
  traps: boolean
  /** Bits of FPSCR: NaNs are the default one, denormals are zeroes. */
  modes: number
  seed: number
}

const casesAt = 0x1_0000
const caseBytes = 24
const nop = 0xbf00

/** The image, without a case. */
export const compileProbe = (source: string): Uint8Array => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-core-probe-'))
  try {
    const at = { folder, path: process.env['PATH'] }
    const file = join(import.meta.dirname, 'c', source)
    const flags = [...loadBoard('stm32f405').flags, ...commonFlags, '-fno-function-sections']
    const sections = ['.vectors=0x08000000', '.text=0x08000200', '.bss=0x20000000']
    runTool(
      'gcc',
      [
        ...['-Os', '-nostdlib', '-nostartfiles', ...flags, '-e', 'start', '-o', 'probe.elf', file],
        ...sections.map((one) => `-Wl,--section-start=${one}`),
      ],
      at,
    )
    runTool('objcopy', ['-O', 'binary', 'probe.elf', 'probe.bin'], at)
    return new Uint8Array(readFileSync(join(folder, 'probe.bin')))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** With cases behind it. */
export const withCases = (probe: Uint8Array, cases: readonly Case[]): Uint8Array => {
  const image = new Uint8Array(casesAt + caseBytes * cases.length).fill(0xff)
  image.set(probe)
  const view = new DataView(image.buffer)
  for (const [i, one] of cases.entries()) {
    const at = casesAt + caseBytes * i
    const options = (one.memory ? 1 : 0) | (one.ownFaults ? 2 : 0) | (one.traps ? 4 : 0) | one.modes
    view.setUint32(at, one.seed, true)
    view.setUint32(at + 4, options, true)
    for (let k = 0; k < 8; k += 1) view.setUint16(at + 8 + 2 * k, one.code[k] ?? nop, true)
  }
  return image
}

export interface Probe {
  ask(line: string): Promise<string>
}

/** In the core of ours. */
export const onModel = (bin: Uint8Array): Probe => {
  const ask = talkTo((onUart) => new Stm32({ bin, onUart }))
  ask('')
  return { ask: async (line) => ask(line, 4e9) }
}

/** In QEMU; whoever asks for it stops it. */
export const onQemu = async (
  bin: Uint8Array,
): Promise<{ probe: Probe; stop: () => Promise<void> }> => {
  const qemu = await Qemu.startBin('netduinoplus2', bin, 0x0800_0000)
  return { probe: { ask: (line) => qemu.ask(line) }, stop: () => qemu.stop() }
}

/** A hash for each case. */
export const hashesOf = async (probe: Probe, count: number): Promise<string[]> => {
  const hashes: string[] = []
  const most = 500
  for (let from = 0; from < count; from += most) {
    const here = Math.min(most, count - from)
    const text = await probe.ask(`${from.toString(16)} ${here.toString(16)}\n`)
    hashes.push(...(text.match(/.{8}/g) ?? []))
  }
  return hashes
}

const names = [
  ...Array.from({ length: 13 }, (_, i) => `r${i}`),
  ...['sp', 'lr', 'apsr', 'fpscr'],
  ...Array.from({ length: 32 }, (_, i) => `s${i}`),
  ...['fault', 'hard fault', 'memory'],
]
/** What a case leaves behind, by name. */
export const wordsOf = async (probe: Probe, number: number): Promise<Record<string, string>> => {
  const text = await probe.ask(`${number.toString(16)}\n`)
  const words = text.match(/.{8}/g) ?? []
  return Object.fromEntries(words.map((word, i) => [names[i] ?? `word ${i}`, word]))
}
