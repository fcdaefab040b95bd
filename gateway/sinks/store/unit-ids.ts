// Small numbers for units, so that a row does not repeat a name. Given out inside the store's
// transaction and forgotten when that one fails.
import type { Machine } from '../../core/machine.ts'
import type { Database } from './database.ts'

const idsMax = 65_536

export class UnitIds {
  readonly #db: Database
  readonly #ids = new Map<string, number>()

  constructor(db: Database) {
    this.#db = db
  }

  idOf(unit: string, machine: Machine): number {
    const known = this.#ids.get(unit) ?? this.find(unit)
    if (known !== undefined) return known
    const { machine: name } = machine.profile
    this.#db.run('INSERT INTO unit (unit, machine) VALUES (?, ?)', unit, name)
    return this.find(unit) as number
  }

  /** undefined for a unit that has no row yet. */
  find(unit: string): number | undefined {
    const row = this.#db.get('SELECT id FROM unit WHERE unit = ?', unit)
    if (row === undefined) return undefined
    const id = Number(row['id'])
    if (this.#ids.size >= idsMax) this.#ids.clear()
    this.#ids.set(unit, id)
    return id
  }

  rollBack(): void {
    this.#ids.clear()
  }
}
