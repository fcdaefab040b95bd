// A store in a temporary folder, fed from a log in memory through its real stage.
import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Machine } from '../../gateway/core/machine.ts'
import type { UnitCommand } from '../../gateway/core/source.ts'
import type { Gap } from '../../gateway/log/log.ts'
import type { StoreBounds } from '../../gateway/pipeline/protocol.ts'
import type { Stage } from '../../gateway/pipeline/runner.ts'
import { Attestation } from '../../gateway/sinks/store/attestation.ts'
import { Store } from '../../gateway/sinks/store/store.ts'
import { MemoryLog, machines } from '../pipeline/feed.ts'

export const wide: StoreBounds = { readingAgeUs: 1e15, storeBytes: 1e12, quarantineBytes: 1e8 }

interface Options {
  bounds: StoreBounds
  machines: ReadonlyMap<string, Machine>
  authorities: readonly string[]
}

export class StoreFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'tenfold-store-'))
  readonly log = new MemoryLog()
  readonly commands: UnitCommand[] = []
  store: Store
  stage: Stage
  attestation: Attestation
  readonly #options: Options

  /** `keysOf`: folder of another one, whose keys are taken over. */
  constructor({ keysOf, ...options }: Partial<Options & { keysOf: string }> = {}) {
    this.#options = { bounds: wide, machines, authorities: [], ...options }
    if (keysOf !== undefined) {
      cpSync(join(keysOf, 'keys'), join(this.folder, 'keys'), { recursive: true })
    }
    const opened = this.#open()
    this.store = opened.store
    this.stage = opened.stage
    this.attestation = opened.attestation
  }

  #open(): { store: Store; stage: Stage; attestation: Attestation } {
    const folder = join(this.folder, 'store')
    const store = Store.open({ folder, enrol: 'hello', ...this.#options })
    const attestation = new Attestation(store, {
      ...{ dataDir: this.folder, keysDir: join(this.folder, 'keys') },
      ...{ ledger: {}, machines: this.#options.machines, random: randomBytes },
      authorities: this.#options.authorities,
      command: (command) => this.commands.push(command),
    })
    const stage = store.stage({
      attestor: (unit) => attestation.attestor(unit),
      onKept: () => {},
    })
    return { store, stage, attestation }
  }

  /** Appends to the log and takes all that is in it, `batch` records at once. */
  async feed(bodies: readonly (Buffer | Gap['reason'])[], batch = 1000): Promise<void> {
    this.log.append(...bodies)
    await this.drain(batch)
  }

  async drain(batch = 1000): Promise<void> {
    for (;;) {
      const { cursor } = this.stage.progress()
      const next = this.log.read(cursor, { records: batch, bytes: 1e9 })
      if (next.next === cursor) return
      await this.stage.take(next)
    }
  }

  reopen(): void {
    this.store.close()
    Object.assign(this, this.#open())
  }

  /** Counts rows, for what no query of the store tells. */
  count(table: string, where = '1'): number {
    const row = this.store.database.get(`SELECT count(*) AS n FROM ${table} WHERE ${where}`)
    return Number(row?.['n'])
  }

  remove(): void {
    this.store.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
