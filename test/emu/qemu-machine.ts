// The test build of a whole machine in QEMU (`tenfold build --test-inputs`): readings go in over its
// UART and reports come out, in frames, as a gateway would; on a micro:bit every change of a pin is
// heard, too. Time is counted by instructions and is the guest's own. Ended by its own id.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeCbor } from '../../gateway/attestation/cbor.ts'
import { encodeFrame, FrameReader } from '../../gateway/sources/serial/frame.ts'
import {
  type BoardMessage,
  decodeMessage,
  encodeMessage,
  protocol,
  type ToBoard,
} from '../../gateway/sources/serial/messages.ts'
import { type QemuBoard, qemuMachines } from './qemu.ts'

/** An instruction takes 2^3 ns, so that the guest's time is about as fast as ours. */
const shift = 3
/** LINK_TEST_READINGS in firmware/runtime/image.c. */
const testReadings = 63
const version = 1

type Is = BoardMessage['is']
type Of<K extends Is> = Extract<BoardMessage, { is: K }>

export class QemuMachine {
  readonly messages: BoardMessage[] = []
  /** Outputs of a micro:bit, as they change: pin, level. */
  readonly pins: [pin: number, high: boolean][] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'tenfold-machine-'))
  readonly #reader = new FrameReader()
  #child!: ChildProcess
  #monitor: Socket | undefined
  #waiting: (() => void) | undefined
  #number = 0
  #traced = ''

  static async start(board: QemuBoard, elf: Uint8Array): Promise<QemuMachine> {
    const one = new QemuMachine()
    const file = join(one.#folder, 'image.elf')
    writeFileSync(file, elf)
    const monitor = join(one.#folder, 'monitor')
    const child = spawn('qemu-system-arm', [
      ...['-M', qemuMachines[board].machine, '-display', 'none', '-serial', 'stdio'],
      ...['-monitor', `unix:${monitor},server=on,wait=off`, '-icount', `shift=${shift}`],
      ...['-trace', 'nrf51_gpio_update_output_irq', '-kernel', file],
    ])
    one.#child = child
    child.stdout.on('data', (data: Buffer) => one.#hear(data))
    child.stderr.on('data', (data: Buffer) => one.#trace(data.toString()))
    child.on('exit', () => one.#waiting?.())
    await one.next('hello', () => true)
    one.#monitor = connect(monitor)
    one.#monitor.on('error', () => undefined)
    await once(one.#monitor, 'connect')
    return one
  }

  /** Its UART, for others than this. */
  get wire(): {
    onData(listener: (bytes: Uint8Array) => void): void
    write(bytes: Uint8Array): void
  } {
    const { stdin, stdout } = this.#child
    return {
      onData: (listener) => void stdout?.on('data', listener),
      write: (bytes) => void stdin?.write(bytes),
    }
  }

  send(kind: ToBoard, fields: readonly (number | readonly number[] | Uint8Array)[]): void {
    this.#child.stdin?.write(encodeFrame(encodeMessage(kind, fields, version)))
  }

  /** Readings for every input, in the loop's integers; waits until the board has them. */
  async read(values: readonly number[]): Promise<void> {
    this.#number += 1
    const number = this.#number
    const body = encodeCbor(
      new Map<number, number | readonly number[]>([
        [0, number],
        [1, values],
      ]),
    )
    this.#child.stdin?.write(encodeFrame({ version, kind: testReadings, body }))
    await this.next('result', (result) => result.number === number)
  }

  /** As a power switch does, but that RAM is not lost: the chip starts anew. */
  reset(): void {
    this.#monitor?.write('system_reset\n')
  }

  /** The next message of that kind from now on that is as asked. */
  async next<K extends Is>(is: K, wanted: (one: Of<K>) => boolean, most = 120_000): Promise<Of<K>> {
    let from = this.messages.length
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), most)
    try {
      for (;;) {
        for (; from < this.messages.length; from += 1) {
          const one = this.messages[from]
          if (one?.is === is && wanted(one as Of<K>)) return one as Of<K>
        }
        if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
          throw new Error(`QEMU ended, or no ${is} came in ${most} ms`)
        }
        await new Promise<void>((resolve) => {
          this.#waiting = resolve
        })
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async stop(): Promise<void> {
    this.#monitor?.destroy()
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await gone
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #hear(data: Buffer): void {
    this.#reader.push(data, (frame) => {
      const decoded = decodeMessage(frame, protocol)
      if (decoded.ok && decoded.message !== undefined) this.messages.push(decoded.message)
    })
    this.#waiting?.()
  }

  #trace(text: string): void {
    const lines = `${this.#traced}${text}`.split('\n')
    this.#traced = lines.pop() ?? ''
    for (const line of lines) {
      const found = /update_output_irq line (\d+) value (-?\d+)/.exec(line)
      if (found !== null) this.pins.push([Number(found[1]), found[2] === '1'])
    }
  }
}
