// A board in QEMU, spoken to over its UART: one line out, one line back. Instructions are counted
// exactly (-icount), so that SysTick differences mean whole instructions. The process is ours and
// ended by its own id.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** QEMU's machine, and how far SysTick counts in one instruction at the `shift` given. */
export const qemuMachines = {
  stm32f405: { machine: 'netduinoplus2', shift: 7, countsPerInstruction: 0.128 * 168 },
  microbit: { machine: 'microbit', shift: 10, countsPerInstruction: 1.024 * 16 },
} as const
export type QemuBoard = keyof typeof qemuMachines

const countedArgs = (board: QemuBoard): string[] => {
  const { machine, shift } = qemuMachines[board]
  return ['-M', machine, '-icount', `shift=${shift}`]
}

/** Whether the program is there; prints one line, or throws, where it is not. */
export const qemuInstalled = (): boolean => {
  if (spawnSync('qemu-system-arm', ['--version']).error === undefined) return true
  const reason = 'qemu-system-arm is not installed (Debian: apt-get install qemu-system-arm)'
  if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
  console.log(`skipped: ${reason}`)
  return false
}

export class Qemu {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #folder: string
  #text = ''
  #waiting: (() => void) | undefined

  private constructor(child: ChildProcessWithoutNullStreams, folder: string) {
    this.#child = child
    this.#folder = folder
    child.stdout.on('data', (data: Buffer) => {
      this.#text += data.toString('latin1')
      this.#waiting?.()
    })
    child.on('exit', () => this.#waiting?.())
  }

  /** Starts an ELF and waits until it says that it is ready. */
  static start(board: QemuBoard, elf: Uint8Array): Promise<Qemu> {
    return Qemu.#start(countedArgs(board), elf, (file) => ['-kernel', file])
  }

  /** The same of a HEX, as it is flashed: QEMU's `-kernel` takes none. */
  static startHex(board: QemuBoard, hex: Uint8Array): Promise<Qemu> {
    return Qemu.#start(countedArgs(board), hex, (file) => ['-device', `loader,file=${file}`])
  }

  /** Raw bytes from an address on, on any machine, at its own pace. */
  static startBin(machine: string, bin: Uint8Array, at: number): Promise<Qemu> {
    const place = `addr=0x${at.toString(16)},force-raw=on`
    return Qemu.#start(['-M', machine], bin, (file) => [
      ...['-device', `loader,file=${file},${place}`],
    ])
  }

  /** An ELF on any other machine of QEMU's, at its own pace. */
  static startOn(machine: string, elf: Uint8Array): Promise<Qemu> {
    return Qemu.#start(['-M', machine], elf, (file) => ['-kernel', file])
  }

  static async #start(
    machine: readonly string[],
    image: Uint8Array,
    load: (file: string) => string[],
  ): Promise<Qemu> {
    const folder = mkdtempSync(join(tmpdir(), 'tenfold-qemu-'))
    const file = join(folder, 'image.hex')
    writeFileSync(file, image)
    const args = [...machine, '-display', 'none', '-monitor', 'none', '-serial', 'stdio']
    const child = spawn('qemu-system-arm', [...args, ...load(file)])
    const qemu = new Qemu(child, folder)
    await qemu.#line(20_000)
    return qemu
  }

  /** Sends a line, gives the answer. */
  async ask(line: string, patienceMs = 60_000): Promise<string> {
    this.#child.stdin.write(line)
    return this.#line(patienceMs)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await gone
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #line(patienceMs: number): Promise<string> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs)
    try {
      for (;;) {
        const end = this.#text.indexOf('\n')
        if (end >= 0) {
          const line = this.#text.slice(0, end)
          this.#text = this.#text.slice(end + 1)
          return line.trim()
        }
        if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
          throw new Error(`QEMU ended, or was too slow; so far it said: ${this.#text}`)
        }
        await new Promise<void>((resolve) => {
          this.#waiting = resolve
        })
      }
    } finally {
      clearTimeout(timer)
    }
  }
}
