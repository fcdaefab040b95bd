// Who owns which shard: a heartbeat for each gateway, and for each shard a lease with an epoch that
// only grows, both changed by compare-and-set. Time is this process's own monotonic clock; no two
// clocks are ever compared. It touches no message.
import type { KV } from '@nats-io/kv'
import type { Clock } from '../../core/clock.ts'
import { memberKey, shardKey } from './names.ts'

/** A shard that this gateway owns. */
export interface Held {
  readonly shard: number
  /** Grows with every change of owner. */
  readonly epoch: number
  /** Revision of its key: what the next checkpoint must find there. */
  revision: number
  /** Stream sequence up to which all is confirmed. */
  position: number
}

interface Lease {
  owner: string
  epoch: number
  position: number
}

interface Seen {
  revision: number
  /** When this revision was seen first, milliseconds of our own clock. */
  sinceMs: number
}

export interface MembershipParts {
  readonly leases: KV
  /** Keys of gateways that were ever heard. */
  members(): Promise<readonly string[]>
  readonly name: string
  /** This run of the gateway: a restart is another owner. */
  readonly run: string
  readonly shards: number
  readonly leaseMs: number
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** Observed for so long without a sign of life, an owner is taken for gone. */
const patience = 1.5

export class Membership {
  readonly #parts: MembershipParts
  readonly #owner: string
  readonly #members = new Map<string, Seen>()
  /** Runs that have ended. */
  readonly #left = new Set<string>()
  /** When the heartbeat was sent that was confirmed last. */
  #aliveMs = Number.NEGATIVE_INFINITY
  /** When the others were looked at last. */
  #lookedMs = Number.NEGATIVE_INFINITY

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#owner = `${parts.name}.${parts.run}`
  }

  /** Whether what this gateway holds is still its own, as far as time can tell. */
  isAlive(): boolean {
    const { clock, leaseMs } = this.#parts
    return clock.monotonicMs() - this.#aliveMs < leaseMs
  }

  /** One sign of life. Throws where the servers do not take it. */
  async beat(): Promise<void> {
    const sentMs = this.#parts.clock.monotonicMs()
    await this.#parts.leases.put(memberKey(this.#owner), '1')
    this.#aliveMs = sentMs
  }

  /** Looks at the others; returns how many gateways are alive, this one included. */
  async look(): Promise<number> {
    const { leases, clock, leaseMs } = this.#parts
    const lookingMs = clock.monotonicMs()
    // Who could not look for a while, as no server was there, has not seen anybody be silent.
    if (lookingMs - this.#lookedMs > leaseMs) {
      for (const seen of this.#members.values()) seen.sinceMs = lookingMs
    }
    for (const key of await this.#parts.members()) {
      if (this.#left.has(key)) continue
      const entry = await leases.get(key)
      if (entry === null || entry.operation !== 'PUT') {
        this.#members.delete(key)
        this.#left.add(key)
        continue
      }
      const known = this.#members.get(key)
      const nowMs = clock.monotonicMs()
      if (known?.revision !== entry.revision) {
        this.#members.set(key, { revision: entry.revision, sinceMs: nowMs })
      } else if (nowMs - known.sinceMs > 20 * leaseMs) {
        // A run that was killed never comes back: a restart is another one.
        await leases.delete(key)
      }
    }
    this.#lookedMs = lookingMs
    return [...this.#members.keys()].filter((key) => this.#lives(key)).length
  }

  /**
   * Takes shards that nobody has, as many as wanted, beginning at a place of its own so that two
   * gateways seldom want the same one. One that is ours by name and not held any more is freed.
   */
  async acquire(wanted: number, held: ReadonlyMap<number, Held>): Promise<Held[]> {
    const { shards } = this.#parts
    const start = Buffer.from(this.#owner).reduce((sum, byte) => sum + byte, 0)
    const taken: Held[] = []
    for (let i = 0; i < shards; i += 1) {
      const shard = (start + i) % shards
      if (held.has(shard)) continue
      const one = await this.#take(shard, taken.length < wanted)
      if (one !== undefined) taken.push(one)
    }
    return taken
  }

  /** Keeps how far a shard has come; false where another gateway owns it by now. */
  async keep(held: Held, position: number): Promise<boolean> {
    const lease: Lease = { owner: this.#owner, epoch: held.epoch, position }
    const revision = await this.#set(held.shard, lease, held.revision)
    if (revision === undefined) return false
    held.revision = revision
    held.position = position
    return true
  }

  /** Gives a shard up, at its last checkpoint. */
  async release(held: Held): Promise<void> {
    const { epoch, position } = held
    await this.#set(held.shard, { owner: '', epoch, position }, held.revision)
  }

  async leave(): Promise<void> {
    await this.#parts.leases.delete(memberKey(this.#owner))
  }

  #lives(key: string): boolean {
    const { clock, leaseMs } = this.#parts
    const seen = this.#members.get(key)
    return seen !== undefined && clock.monotonicMs() - seen.sinceMs < patience * leaseMs
  }

  async #take(shard: number, isWanted: boolean): Promise<Held | undefined> {
    const { leases } = this.#parts
    const entry = await leases.get(shardKey(shard))
    // A key that was never written is expected at revision 0.
    const [before, at] = entry === null ? [unowned, 0] : [entry.json<Lease>(), entry.revision]
    // Its own, and not held any more: it was fenced, and nobody came in the meantime.
    const isOwn = before.owner === this.#owner
    const isFree = before.owner === '' || isOwn || !this.#lives(memberKey(before.owner))
    if (!isWanted && isOwn) await this.#set(shard, { ...before, owner: '' }, at)
    if (!isFree || !isWanted) return undefined
    const { position } = before
    const lease: Lease = { owner: this.#owner, epoch: before.epoch + 1, position }
    const revision = await this.#set(shard, lease, at)
    if (revision === undefined) return undefined
    return { shard, epoch: lease.epoch, revision, position }
  }

  /** The new revision, or undefined where the key has changed since. */
  async #set(shard: number, lease: Lease, revision: number): Promise<number | undefined> {
    try {
      return await swap(this.#parts.leases, { key: shardKey(shard), value: lease, revision })
    } catch (error) {
      if (isConflict(error)) return undefined
      throw error
    }
  }
}

const unowned: Lease = { owner: '', epoch: 0, position: 0 }

/** Compare and set: throws a conflict where the key is not at this revision; 0 = not there. */
export const swap = (
  kv: KV,
  { key, value, revision }: { key: string; value: object; revision: number },
): Promise<number> => {
  const text = JSON.stringify(value)
  return revision === 0 ? kv.create(key, text) : kv.update(key, text, revision)
}

/** "wrong last sequence": somebody else was there first. */
export const isConflict = (error: unknown): boolean => (error as { code?: unknown }).code === 10_071
