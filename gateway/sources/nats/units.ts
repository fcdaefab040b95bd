// The units of a shard: their states and chains as the fleet keeps them, written by compare-and-set
// only. Whatever a gateway has made of a unit and not kept here, the next owner makes again; so
// nobody goes on from such a state, not even the one who made it.
import type { Handover, KeptUnit } from '../../core/handover.ts'
import { type Fleet, keysOf } from './connection.ts'
import { type Held, isConflict, swap } from './membership.ts'
import { entryKey, ownerKey, unitKey } from './names.ts'

export interface UnitsParts {
  readonly fleet: Fleet
  readonly held: Held
  readonly handover: Handover
  /** The sink that confirms. */
  readonly sink: string
  /** Whether the shard is this gateway's; asked before every write. */
  isOurs(): boolean
  note(line: string): void
}

/** State of a unit in the fleet. */
interface Snapshot {
  readonly epoch: number
  /** Stream sequence up to which the state has folded the unit's messages. */
  readonly position: number
  /** Null for a unit that had spoken to nobody before its first message here. */
  readonly kept: KeptUnit | null
}

interface Known {
  revision: number
  position: number
}

/** Units that a takeover has in hand at once. */
const takenAtOnce = 32

export class Units {
  readonly #parts: UnitsParts
  readonly #units = new Map<string, Known>()
  /** Entries of a chain that are in the fleet, by unit and did. */
  readonly #entries = new Map<string, Map<string, number>>()

  constructor(parts: UnitsParts) {
    this.#parts = parts
  }

  /** What the unit's state has in it already is not given to the log again. */
  positionOf(unit: string): number {
    return this.#units.get(unit)?.position ?? 0
  }

  /** Takes over what the owner before has kept; false where the shard is another one's by now. */
  async load(): Promise<boolean> {
    const { fleet, held } = this.#parts
    const [bucket, filter] = [fleet.names.units, unitKey(held.shard, '>')]
    const since = await this.#claim()
    const keys = await keysOf(fleet.jsm, { bucket, filter, since: since.units })
    for (let at = 0; at < keys.length; at += takenAtOnce) {
      const some = keys.slice(at, at + takenAtOnce)
      const units = some.map((key) => key.slice(unitKey(held.shard, '').length))
      // Each to its end: one that came late would go over what was made of the unit since.
      const taken = await Promise.allSettled(units.map((unit) => this.#take(unit, since.chains)))
      const failed = taken.find((one) => one.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      if (taken.some((one) => one.status === 'fulfilled' && !one.value)) return false
    }
    return true
  }

  /**
   * Before the first message of a unit: says in the fleet that somebody goes on with it from here,
   * and from what. False where the shard is another one's by now.
   */
  async begin(unit: string): Promise<boolean> {
    const { fleet, held, handover, sink } = this.#parts
    if (this.#units.has(unit)) return true
    // What a gateway has of it that was none of a fleet before.
    const kept = await handover.give({ unit, sink, entries: {} })
    if (kept === undefined) await handover.forget(unit)
    if (!(await this.#keepEntries(unit, kept?.entries ?? []))) return false
    const { position, epoch } = held
    const value: Snapshot = { epoch, position, kept: kept ? { ...kept, entries: [] } : null }
    if (!this.#parts.isOurs()) return false
    try {
      const key = unitKey(held.shard, unit)
      this.#units.set(unit, {
        revision: await swap(fleet.units, { key, value, revision: 0 }),
        position,
      })
      return true
    } catch (error) {
      if (!isConflict(error)) throw error
    }
    // The owner before was faster, or the answer to a write of our own was lost.
    return await this.#take(unit, (await this.#claim()).chains)
  }

  /** Keeps the unit as it is now; false where the shard is another one's by now. */
  async keep(unit: string, position: number): Promise<boolean> {
    const { fleet, held, handover, sink } = this.#parts
    const known = Object.fromEntries(this.#entries.get(unit) ?? [])
    const given = await handover.give({ unit, sink, entries: known })
    // A unit that is not known has nothing but quarantined messages.
    if (given === undefined) return true
    if (!(await this.#keepEntries(unit, given.entries))) return false
    const kept = { ...given, entries: [] }
    const value: Snapshot = { epoch: held.epoch, position, kept }
    const key = unitKey(held.shard, unit)
    let revision = this.#units.get(unit)?.revision ?? 0
    for (;;) {
      if (!this.#parts.isOurs()) return false
      try {
        revision = await swap(fleet.units, { key, value, revision })
        this.#units.set(unit, { revision, position })
        return true
      } catch (error) {
        if (!isConflict(error)) throw error
      }
      const other = await fleet.units.get(key)
      if ((other?.json<Snapshot>().epoch ?? 0) > held.epoch) return false
      revision = other?.revision ?? 0
    }
  }

  /** Another gateway goes on: nothing of them is remembered here. */
  async forget(): Promise<void> {
    for (const unit of this.#units.keys()) await this.#parts.handover.forget(unit)
  }

  /**
   * Takes a unit over. Its state is written again as it was read, by compare-and-set: who leads the
   * bucket may have been another one at each step, and only what is taken like this was the newest.
   * It also shuts out the owner before, whose last write may still be under way.
   */
  async #take(unit: string, chainsSince: number): Promise<boolean> {
    const { fleet, handover, held, isOurs } = this.#parts
    const key = unitKey(held.shard, unit)
    const entry = await fleet.units.get(key)
    if (entry === null) throw new Error(`${key} cannot be read yet; it is read again`)
    const snapshot = entry.json<Snapshot>()
    if (snapshot.epoch > held.epoch || !isOurs()) return false
    const value: Snapshot = { ...snapshot, epoch: held.epoch }
    const revision = await swap(fleet.units, { key, value, revision: entry.revision })
    const { position, kept } = snapshot
    const entries = await this.#entriesOf(unit, chainsSince)
    if (kept === null) await handover.forget(unit)
    else await handover.take({ ...kept, entries })
    this.#units.set(unit, { revision, position })
    return true
  }

  /**
   * Writes before it reads: who leads a bucket since a moment ago may not know yet what its
   * predecessor took, but has applied all of it when it has taken this. Returns the revisions of
   * what was written.
   */
  async #claim(): Promise<{ chains: number; units: number }> {
    const { fleet, held } = this.#parts
    const [key, epoch] = [ownerKey(held.shard), String(held.epoch)]
    return { chains: await fleet.chains.put(key, epoch), units: await fleet.units.put(key, epoch) }
  }

  async #entriesOf(unit: string, since: number): Promise<KeptUnit['entries']> {
    const { chains, jsm, names } = this.#parts.fleet
    const entries: KeptUnit['entries'][number][] = []
    const asked = { bucket: names.chains, filter: `${unit}.>`, since }
    for (const key of await keysOf(jsm, asked)) {
      const entry = await chains.get(key)
      if (entry === null) throw new Error(`${key} cannot be read yet; it is read again`)
      entries.push(entry.json())
    }
    entries.sort((a, b) => a.seq - b.seq)
    const known = new Map<string, number>()
    for (const { did, seq } of entries) known.set(did, Math.max(known.get(did) ?? 0, seq + 1))
    this.#entries.set(unit, known)
    return entries
  }

  async #keepEntries(unit: string, entries: KeptUnit['entries']): Promise<boolean> {
    const known = this.#entries.get(unit) ?? new Map<string, number>()
    this.#entries.set(unit, known)
    for (const entry of entries) {
      if (!(await this.#keepEntry(unit, entry))) return false
      known.set(entry.did, entry.seq + 1)
    }
    return true
  }

  /** Each place of a chain is written once in the fleet: another entry there would be a fork. */
  async #keepEntry(unit: string, entry: KeptUnit['entries'][number]): Promise<boolean> {
    const { chains } = this.#parts.fleet
    const [key, text] = [entryKey(unit, entry), JSON.stringify(entry)]
    if (!this.#parts.isOurs()) return false
    try {
      await chains.create(key, text)
      return true
    } catch (error) {
      if (!isConflict(error)) throw error
    }
    const other = (await chains.get(key))?.json<typeof entry>()
    if (other?.bytes === entry.bytes) return true
    this.#parts.note(
      `${unit}: entry ${entry.seq} is in the fleet already, and not the same (nats_fork): ` +
        'its shard is left to another gateway; compare keys/units.key of all gateways',
    )
    return false
  }
}
