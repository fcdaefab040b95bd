// What the OPC UA tests stand on: a server process to be killed, frozen and started again, and the
// source with everything it hands to the log. A wait here has a generous end and never asserts a
// time.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LinkHealth } from '../../gateway/core/link.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import type { Source } from '../../gateway/core/source.ts'
import { CertificateFolder } from '../../gateway/opcua/certificates.ts'
import { create } from '../../gateway/sources/opcua/index.ts'
import type { OpcUaServerSettings } from '../../gateway/sources/opcua/settings.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { ServerOrder } from './server.ts'

export const valuesUri = 'urn:test:press:values'

export { freePort } from '../servers/gateway.ts'

export const temporary = (): { path: string; remove(): void } => {
  const path = mkdtempSync(join(tmpdir(), 'tenfold-opcua-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Resolves when `done` says so; rejects after a quarter of a minute with what was awaited. */
export const until = async (what: string, done: () => boolean): Promise<void> => {
  const { monotonicMs, sleep } = systemClock()
  const end = monotonicMs() + 45_000
  while (!done()) {
    if (monotonicMs() > end) throw new Error(`waited in vain for ${what}`)
    await sleep(20)
  }
}

export class Server {
  readonly order: ServerOrder
  #child: ChildProcess | undefined

  constructor(order: ServerOrder) {
    this.order = order
  }

  get url(): string {
    return `opc.tcp://127.0.0.1:${this.order.port}`
  }

  get certificates(): CertificateFolder {
    return new CertificateFolder(join(this.order.folder, 'pki'))
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    const child = fork(new URL('./server.ts', import.meta.url), { silent: false })
    this.#child = child
    child.send(this.order)
    const [answer] = (await once(child, 'message')) as [{ failed?: string }]
    if (answer.failed !== undefined) throw new Error(answer.failed)
  }

  /** How far its values have counted. */
  async count(): Promise<number> {
    this.#child?.send({ ask: 'count' })
    const [{ count }] = (await once(this.#child as ChildProcess, 'message')) as [{ count: number }]
    return count
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name)
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

/** A machine with this many signals `count0` ..., a text to be refused and others. */
export const countingProfile = (counting: number): Profile => {
  const number = { unit: '1', type: 'number', direction: 'state', description: 'Counts up' }
  const names = [...Array(counting).keys()].map((i) => `count${i}`)
  const odd = ['text', 'nan', 'poor', 'doubtful', 'many']
  return {
    machine: 'press',
    reportHz: 20,
    signals: Object.fromEntries([...names, ...odd].map((name) => [name, number])),
    counters: { big: { unit: '1', description: 'Beyond 32 bits' } },
  } as unknown as Profile
}

export interface Heard {
  time: number
  v?: Record<string, number | string>
  q?: Record<string, string>
  c?: Record<string, number>
}

/** The source with a log that takes everything, unless it is told not to. */
export class Desk {
  readonly heard: Heard[] = []
  readonly records: LogRecord[] = []
  readonly notes: string[] = []
  refuse: string | undefined
  /** Refuses one report, and takes those after it. */
  refuseOne = false
  readonly folder: string
  #source: Source | undefined

  constructor(folder: string) {
    this.folder = folder
  }

  get certificates(): CertificateFolder {
    return new CertificateFolder(join(this.folder, 'pki'))
  }

  async start(servers: OpcUaServerSettings[], counting: number): Promise<void> {
    this.#source = create(
      { servers },
      {
        profiles: [countingProfile(counting)],
        clock: systemClock(),
        random: (bytes) => new Uint8Array(bytes).fill(7),
        folder: this.folder,
        secret: (where) => ('env' in where ? where.env : where.file),
        note: (line) => this.notes.push(line),
      },
    )
    await this.#source.start((record, done) => {
      if (this.refuse !== undefined) return done(new Error(this.refuse))
      const said = JSON.parse(Buffer.from(record.payload).toString()) as Heard
      if (this.refuseOne && said.v !== undefined) {
        this.refuseOne = false
        return done(new Error('no room for one'))
      }
      this.records.push(record)
      if (record.topic.endsWith('/report')) this.heard.push(said)
      done()
    })
  }

  links(): readonly LinkHealth[] {
    return this.#source?.links?.() ?? []
  }

  async stop(): Promise<void> {
    await this.#source?.stop()
    this.#source = undefined
  }

  /** Values of a signal in the order of their source time. */
  values(signal: string): number[] {
    return this.heard
      .filter(({ v }) => v?.[signal] !== undefined)
      .sort((a, b) => a.time - b.time)
      .map(({ v }) => v?.[signal] as number)
  }

  noted(text: string): boolean {
    return this.notes.some((line) => line.includes(text))
  }
}

/** Settings of one server whose counting values are one unit's signals. */
export const settingsFor = (
  server: Server,
  more: Partial<OpcUaServerSettings> = {},
): OpcUaServerSettings => ({
  name: 'press',
  url: server.url,
  publishMs: 100,
  deafMs: 2000,
  units: [
    {
      unit: 'press-1',
      machine: 'press',
      namespace: valuesUri,
      samplingMs: 20,
      nodes: Object.fromEntries(
        [...Array(server.order.counting).keys()].map((i) => [`count${i}`, `s=Count${i}`]),
      ),
    },
  ],
  ...more,
})

/** Lets each side approve the other's certificate. */
export const introduce = async (server: Server, desk: Desk): Promise<void> => {
  await until("the server's certificate to wait for approval", () => {
    return desk.certificates.list('pending').length > 0
  })
  for (const { thumbprint } of desk.certificates.list('pending')) {
    desk.certificates.approve(thumbprint)
  }
  const own = desk.certificates.own()
  if (own === undefined) throw new Error('the source has no certificate')
  server.certificates.offer(own)
  for (const { thumbprint } of server.certificates.list('pending')) {
    server.certificates.approve(thumbprint)
  }
}
