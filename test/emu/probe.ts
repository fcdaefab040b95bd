// One small image on two emulators: it reads and writes the bus as it is told over the UART, so
// that a register model and QEMU, which others wrote by the same manual, can be asked alike.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commonFlags, runTool } from '../../firmware/c-compiler.ts'
import { Qemu, type QemuBoard } from './qemu.ts'
import { type Chip, talkTo } from './talk.ts'

/** What a test does to a chip, wherever that is. */
export interface Bus {
  read(at: number): Promise<number>
  write(at: number, value: number): Promise<void>
  /** Some hundred microseconds, by a loop of the core. */
  wait(): Promise<void>
  /** A line, or less, to the probe; its answer. */
  ask(line: string): Promise<number>
}

interface ProbeImage {
  elf: Uint8Array
  bin: Uint8Array
}

const places = {
  microbit: { flash: 0, stack: 0x2000_4000, flags: ['-DMICROBIT'] },
  stm32f405: { flash: 0x0800_0000, stack: 0x2000_8000, flags: [] },
} as const

/** Compiled and linked in a folder of its own. */
const built = (source: string, flags: readonly string[]): ProbeImage => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-probe-'))
  try {
    const at = { folder, path: process.env['PATH'] }
    const common = ['-Os', '-nostdlib', '-nostartfiles', ...commonFlags, '-fno-function-sections']
    const file = join(import.meta.dirname, 'c', source)
    runTool('gcc', [...common, '-e', 'start', '-o', 'probe.elf', file, ...flags], at)
    runTool('objcopy', ['-O', 'binary', 'probe.elf', 'probe.bin'], at)
    const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)))
    return { elf: read('probe.elf'), bin: read('probe.bin') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const probeImage = (board: QemuBoard): ProbeImage => {
  const { flash, stack, flags } = places[board]
  const sections = [`.vectors=0x${flash.toString(16)}`, `.text=0x${(flash + 256).toString(16)}`]
  return built('probe.c', [
    ...['-mcpu=cortex-m0', '-mthumb', '-Wno-unused-parameter', `-DSTACK=${stack}`, ...flags],
    ...sections.map((one) => `-Wl,--section-start=${one}`),
  ])
}

/** Sends a command to a serial flash: chip select, bytes out, bytes in. */
export type FlashBus = (bytes: readonly number[], reads?: number) => Promise<number[]>

/** The W25Q80 of an AST2500 in QEMU; whoever asks for it stops it. */
export const qemuFlash = async (): Promise<{ bus: FlashBus; stop: () => Promise<void> }> => {
  const flags = ['-marm', '-mcpu=arm1176jzf-s', '-Wl,-Ttext=0x80000000']
  const { elf } = built('flash-probe.c', flags)
  const qemu = await Qemu.startOn('ast2500-evb,fmc-model=w25q80', elf)
  const bus: FlashBus = async (bytes, reads = 0) => {
    const line = Buffer.from([reads, ...bytes]).toString('hex')
    return [...Buffer.from(await qemu.ask(`${line}\n`), 'hex')]
  }
  return { bus, stop: () => qemu.stop() }
}

const hex = (word: number): string => (word >>> 0).toString(16)

const busOf = (ask: (line: string) => Promise<string>): Bus => {
  const word = async (line: string): Promise<number> => {
    const said = await ask(line)
    if (!/^[0-9a-f]{8}$/.test(said)) throw new Error(`${line.trim()}: ${said}`)
    return Number.parseInt(said, 16)
  }
  return {
    ask: word,
    read: (at) => word(`r ${hex(at)}\n`),
    write: async (at, value) => void (await word(`w ${hex(at)} ${hex(value)}\n`)),
    wait: async () => void (await word('d 2000\n')),
  }
}

/** On a register model, which `make` gives with the image in it. */
export const modelBus = (
  make: (bin: Uint8Array, onUart: (byte: number) => void) => Chip,
  { bin }: ProbeImage,
): Bus => {
  const ask = talkTo((onUart) => make(bin, onUart))
  ask('')
  return busOf(async (line) => ask(line))
}

/** In QEMU; whoever asks for it stops it. */
export const qemuBus = async (
  board: QemuBoard,
  { elf }: ProbeImage,
): Promise<{ bus: Bus; stop: () => Promise<void> }> => {
  const qemu = await Qemu.start(board, elf)
  return { bus: busOf((line) => qemu.ask(line)), stop: () => qemu.stop() }
}
