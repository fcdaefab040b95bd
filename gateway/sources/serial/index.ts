// The serial source: one line a port, and a file that says how each fares, for `tenfold doctor`.
// Ports come and go while the gateway runs; no port that is missing keeps it from starting. Must
// not know what a value means.
import { mkdirSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinkHealth } from '../../core/link.ts'
import { prepareMachine } from '../../core/machine.ts'
import type { Emit, Source, SourceContext, UnitCommand, UnitLine } from '../../core/source.ts'
import { replyOf } from './asking.ts'
import { readCommand } from './command.ts'
import { PortHealth } from './health.ts'
import { Line } from './line.ts'
import { protocol } from './messages.ts'
import { keepOpen, type PortStatus } from './port.ts'
import type { PortSettings, SerialSettings } from './settings.ts'
import { Shelf } from './shelf.ts'
import { type SerialHealth, statusFile } from './status.ts'

export const create = (settings: SerialSettings, context: SourceContext): Source =>
  new SerialSource(settings, context)

interface Port {
  readonly status: PortStatus
  readonly health: PortHealth
  line: Line | undefined
}

/** How often lines are looked at, and their health written. */
const tickMs = 200
const writeMs = 2000

class SerialSource implements Source {
  readonly name = 'serial'
  readonly #settings: SerialSettings
  readonly #context: SourceContext
  readonly #stopping = new AbortController()
  readonly #ports: Port[] = []
  #running: Promise<unknown>[] = []

  constructor(settings: SerialSettings, context: SourceContext) {
    this.#settings = settings
    this.#context = context
  }

  start(emit: Emit): Promise<void> {
    const { profiles, random } = this.#context
    mkdirSync(this.#context.folder, { recursive: true })
    const shared = {
      machines: new Map(profiles.map((profile) => [profile.machine, prepareMachine(profile)])),
      dictionaries: new Map<string, Uint8Array>(),
      epoch: Buffer.from(random(6)).toString('hex'),
      shelf: new Shelf(join(this.#context.folder, 'recordings')),
    }
    for (const [i, settings] of this.#settings.ports.entries()) {
      this.#running.push(this.#open(settings, { ...shared, epoch: `${shared.epoch}-${i}` }, emit))
    }
    this.#running.push(this.#watch())
    return Promise.resolve()
  }

  command({ unit, payload }: UnitCommand): boolean {
    const line = this.#ports.find((port) => port.line?.unit === unit)?.line
    if (line === undefined) return false
    const wrong = readCommand(payload)(line.questions)
    if (wrong !== undefined) this.#context.note(`${unit} was not sent a command: ${wrong}`)
    return wrong === undefined
  }

  /** A line of its own for a unit whose port may close and open meanwhile. */
  line(unit: string): UnitLine | undefined {
    const find = (): Line | undefined =>
      this.#ports.find((port) => port.line?.questions.facts(unit) !== undefined)?.line
    if (find() === undefined) return undefined
    return {
      facts: () => find()?.questions.facts(unit),
      ask: async (kind, fields) => replyOf(await find()?.questions.ask(kind, fields)),
    }
  }

  links(): LinkHealth[] {
    return this.#ports.map(({ health }) => health.health())
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running)
    this.#running = []
    await this.#write()
  }

  #open(
    settings: PortSettings,
    shared: Pick<
      ConstructorParameters<typeof Line>[0],
      'machines' | 'dictionaries' | 'epoch' | 'shelf'
    >,
    emit: Emit,
  ): Promise<void> {
    const { clock, random, note } = this.#context
    const name = settings.path ?? `USB ${settings.serialNumber}`
    const status: PortStatus = {
      ...{ name, path: settings.path, isOpen: false, trouble: undefined },
      ...{ openings: 0, bytes: 0, heldBack: 0 },
    }
    const say = (text: string): void => note(`${name}: ${text}`)
    const health = new PortHealth({ peer: name, nowUs: () => clock.nowUs(), note: say })
    const port: Port = { status, health, line: undefined }
    this.#ports.push(port)
    const word = (): number => Buffer.from(random(4)).readUInt32LE() || 1
    const parts = {
      ...{ settings, clock, random: () => word() / 2 ** 32 },
      opened: (write: (bytes: Uint8Array) => void) => {
        const line: Line = new Line({
          ...{ ...shared, unit: settings.unit, protocol, clock, emit, write, nonce: word },
          // No two lines of one port may give their sessions the same name.
          epoch: `${shared.epoch}-${status.openings}`,
          claim: (unit) =>
            !this.#ports.some((other) => other !== port && other.line?.unit === unit),
          note: say,
        })
        port.line = line
        line.tick()
        return {
          receive: (bytes: Uint8Array) => line.receive(bytes),
          closed: () => {
            line.close()
            say(status.trouble ?? 'closed')
            port.line = undefined
          },
        }
      },
    }
    return keepOpen(parts, status, this.#stopping.signal)
  }

  async #watch(): Promise<void> {
    const { clock } = this.#context
    const { signal } = this.#stopping
    let writtenMs = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      for (const { line, status, health } of this.#ports) {
        line?.tick()
        health.look(status, line?.status(), clock.monotonicMs())
      }
      if (clock.monotonicMs() - writtenMs >= writeMs) {
        writtenMs = clock.monotonicMs()
        await this.#write()
      }
      await clock.sleep(tickMs, signal)
    }
  }

  /** Health is no data: where it cannot be written, nothing is lost. */
  async #write(): Promise<void> {
    const { folder, clock } = this.#context
    const health: SerialHealth = {
      atUs: clock.nowUs(),
      ports: this.#ports.map(({ status, line }) => ({ ...status, line: line?.status() })),
    }
    const file = join(folder, statusFile)
    await writeFile(`${file}.new`, JSON.stringify(health))
      .then(() => rename(`${file}.new`, file))
      .catch(() => {})
  }
}
