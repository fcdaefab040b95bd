// A serial line between an emulated board and a gateway: a real pseudo-terminal made by socat on
// the gateway's side, a socket on the board's, and between both whatever a test does to the bytes.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whether socat is there; prints one line, or throws, where it is not. */
export const socatInstalled = (): boolean => {
  if (spawnSync('socat', ['-V']).error === undefined) return true
  const reason = 'socat is not installed (Debian: apt-get install socat)'
  if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
  console.log(`skipped: ${reason}`)
  return false
}

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

export class Wire {
  /** What a gateway opens. */
  readonly path: string
  /** What happens to bytes on their way; as they are, where it is not set. */
  spoil: (bytes: Buffer, towards: 'board' | 'gateway') => Buffer = (bytes) => bytes
  /** Hears what arrives at the board. */
  onBytes: (bytes: Buffer) => void = () => {}
  readonly #folder = mkdtempSync(join(tmpdir(), 'tenfold-wire-'))
  #server: Server | undefined
  #socket: Socket | undefined
  #socat: ChildProcess | undefined

  constructor() {
    this.path = join(this.#folder, 'port')
  }

  async start(): Promise<void> {
    const server = createServer((socket) => {
      this.#socket = socket
      socket.on('error', () => {})
      socket.on('data', (bytes) => this.onBytes(this.spoil(bytes, 'board')))
    })
    this.#server = server
    server.listen(join(this.#folder, 'socket'))
    await once(server, 'listening')
    await this.plug()
  }

  /** The port is there from now on. */
  async plug(): Promise<void> {
    const ends = [`PTY,link=${this.path},raw,echo=0`, `UNIX-CONNECT:${this.#folder}/socket`]
    this.#socat = spawn('socat', ends, { stdio: 'ignore' })
    while (!existsSync(this.path) || this.#socket === undefined) await sleep(10)
  }

  /** The port is gone, as if its plug was pulled. */
  async unplug(): Promise<void> {
    const socat = this.#socat
    this.#socat = undefined
    this.#socket = undefined
    if (socat === undefined) return
    const gone = once(socat, 'exit')
    socat.kill('SIGTERM')
    await gone
  }

  /** What the board says. */
  send(bytes: Uint8Array): void {
    this.#socket?.write(this.spoil(Buffer.from(bytes), 'gateway'))
  }

  async stop(): Promise<void> {
    await this.unplug()
    this.#server?.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
