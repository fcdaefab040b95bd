// Boards in their loader, as far as flashing sees them: a folder that behaves as the drive does,
// and a chip that answers as dfu-util does. They take a turn whenever flashing waits.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outside, ToolResult } from '../../firmware/flash/outside.ts'
import { fromUf2 } from '../../firmware/uf2.ts'

export const privateFolder = (): string => mkdtempSync(join(tmpdir(), 'tenfold-flash-test-'))

/** What a board does when flashing waits. */
export interface Loader {
  folder: string
  turn(): void
}

/** The RP2040's own loader (datasheet 2.8.3): starts the image when it has every block of it. */
export class UfLoader implements Loader {
  readonly folder: string
  taken: Uint8Array | undefined
  readonly #family: number

  constructor(at: string, id = 'RPI-RP2', family = 0xe48bff56) {
    this.folder = join(at, id)
    this.#family = family
    mkdirSync(this.folder)
    const info = `UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: ${id}\r\n`
    writeFileSync(join(this.folder, 'INFO_UF2.TXT'), info)
    writeFileSync(join(this.folder, 'INDEX.HTM'), '<html></html>')
  }

  turn(): void {
    const file = existsSync(this.folder)
      ? readdirSync(this.folder).find((name) => name.endsWith('.uf2'))
      : undefined
    if (file === undefined) return
    const { image, family } = fromUf2(readFileSync(join(this.folder, file)))
    if (family !== this.#family) return
    this.taken = image
    rmSync(this.folder, { recursive: true })
  }
}

/** A micro:bit's interface chip (DAPLink): takes a HEX, then its drive comes back. */
export class Daplink implements Loader {
  readonly folder: string
  taken: string | undefined
  #remounts = 0
  readonly #failure: string | undefined

  constructor(at: string, id = '9900', failure?: string) {
    this.folder = join(at, 'MICROBIT')
    this.#failure = failure
    mkdirSync(this.folder)
    this.#details(id)
  }

  #details(id: string): void {
    const lines = [
      '# DAPLink Firmware - see https://mbed.com/daplink',
      `Unique ID: ${id}000041114e45004d10160000003a0000000097969901`,
      'HIC ID: 97969901',
      'Interface Version: 0249',
      `Remount count: ${this.#remounts}`,
    ]
    writeFileSync(join(this.folder, 'DETAILS.TXT'), `${lines.join('\r\n')}\r\n`)
  }

  turn(): void {
    const file = readdirSync(this.folder).find((name) => name.endsWith('.hex'))
    if (file === undefined) return
    if (this.#failure === undefined) this.taken = readFileSync(join(this.folder, file), 'latin1')
    else writeFileSync(join(this.folder, 'FAIL.TXT'), `error: ${this.#failure}\r\ntype: target\r\n`)
    rmSync(join(this.folder, file))
    this.#remounts += 1
    this.#details('9900')
  }
}

const found =
  'Found DFU: [0483:df11] ver=2200, devnum=9, cfg=1, intf=0, path="1-2", alt=0, name="@Internal Flash  '

/** The STM32's own loader as dfu-util 0.11 shows it (a listing of the tool, AN3156). */
export class Dfu {
  readonly calls: (readonly string[])[] = []
  flash: Buffer = Buffer.alloc(0)
  /** Changes what is read back: worn flash. */
  worn = false
  readonly #layout: string

  constructor(layout = '04*016Kg,01*064Kg,07*128Kg') {
    this.#layout = layout
  }

  run(args: readonly string[], onText?: (text: string) => void): ToolResult {
    this.calls.push(args)
    if (args[0] === '-l') {
      const name = `${found}/0x08000000/${this.#layout}", serial="316C37573033"`
      const other = found.replace('alt=0', 'alt=1').replace('Internal Flash', 'Option Bytes')
      return {
        code: 0,
        text: `dfu-util 0.11\n\n${name}\n${other}/0x1FFFC000/01*016 e", serial="X"\n`,
      }
    }
    const file = (option: string): string => args[args.indexOf(option) + 1] ?? ''
    if (args.includes('-D')) {
      this.flash = readFileSync(file('-D'))
      for (const percent of [0, 40, 100]) onText?.(`Download\t[=====   ] ${percent}%  `)
      return { code: 0, text: 'File downloaded successfully' }
    }
    const back = Buffer.from(this.flash)
    if (this.worn) back[0] = (back[0] ?? 0) ^ 1
    if (!file('-s').endsWith(':leave')) writeFileSync(file('-U'), back)
    return { code: file('-s').endsWith(':leave') ? 74 : 0, text: '' }
  }
}

/** An outside with these boards and no others; nothing ever really waits. */
export const outsideOf = (boards: readonly Loader[], dfu?: Dfu): Outside => ({
  mounts: () => boards.map(({ folder }) => folder),
  sleep: async () => {
    for (const board of boards) board.turn()
  },
  run: async (tool, args, onText) => {
    if (tool === 'dfu-util') return dfu?.run(args, onText) ?? { code: 0, text: 'dfu-util 0.11\n' }
    throw new Error(`no ${tool} here`)
  },
})
