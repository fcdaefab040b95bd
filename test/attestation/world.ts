// A small world with fixed keys: a producer, a buyer, a workshop, a gateway with its log, and units
// that live a short life in it. Everything is deterministic, so golden files can be made from it.
import { createHash } from 'node:crypto'
import { peekCheckpoint, signCheckpoint } from '../../gateway/attestation/checkpoint.ts'
import { composeClaim } from '../../gateway/attestation/claim.ts'
import { splitMessage } from '../../gateway/attestation/disclosure.ts'
import { type Enrolment, type Entry, receiveEntry } from '../../gateway/attestation/entry.ts'
import {
  type EntryRequest,
  type HolderState,
  type HolderStore,
  UnitKeyHolder,
} from '../../gateway/attestation/holder.ts'
import { type Random, type Signer, signerOfSeed } from '../../gateway/attestation/identity.ts'
import { leafOf, unitBlind } from '../../gateway/attestation/leaf.ts'
import { encodeVkey, type NoteSigner, noteKey } from '../../gateway/attestation/note.ts'
import { buildPassport, type PassportSource } from '../../gateway/attestation/passport.ts'
import {
  appendLeaf,
  consistencyProof,
  inclusionProof,
  rootOf,
} from '../../gateway/attestation/tlog.ts'
import { parseTrust, type Trust } from '../../gateway/attestation/trust.ts'
import { MemoryLeafStore } from './memory-leaf-store.ts'

export const digest = (text: string): Uint8Array =>
  Uint8Array.from(createHash('sha256').update(text).digest())

/** Signer of a name: its seed is the name's hash. */
export const signerNamed = (name: string): Signer => signerOfSeed(digest(name))

/** Random bytes that are the same in every run. */
export const fixedRandom = (name: string): Random => {
  let count = 0
  return (bytes) => digest(`${name} ${count++}`).slice(0, bytes)
}

export class MemoryHolderStore implements HolderStore {
  state: HolderState | undefined
  load(): HolderState | undefined {
    return this.state
  }
  save(state: HolderState): void {
    this.state = state
  }
}

export interface UnitLog {
  holder: UnitKeyHolder
  signer: Signer
  store: MemoryHolderStore
  entries: { entry: Entry; leafIndex: number }[]
  claims: Uint8Array[]
  disclosures: Uint8Array[]
}

export const origin = 'gateway.example/log'
export const hourUs = 3_600_000_000

/** A gateway with a log; units by id. */
export class World {
  readonly leaves = new MemoryLeafStore()
  readonly units = new Map<string, UnitLog>()
  readonly forks = new Map<string, (readonly [Uint8Array, Uint8Array])[]>()
  readonly secret = digest('blind secret')
  readonly log: NoteSigner = { ...signerNamed('gateway'), name: origin }
  readonly anchored: number[] = []
  note: string | undefined

  unit(id: string): UnitLog {
    const known = this.units.get(id)
    if (known !== undefined) return known
    const signer = signerNamed(`unit ${id}`)
    const store = new MemoryHolderStore()
    const holder = new UnitKeyHolder({ signer, store, random: fixedRandom(id) })
    const made: UnitLog = { holder, signer, store, entries: [], claims: [], disclosures: [] }
    this.units.set(id, made)
    return made
  }

  blind(id: string): Uint8Array {
    return unitBlind(this.secret, this.unit(id).signer.did)
  }

  /** Takes a message of a unit into its chain and the log. */
  take(id: string, message: Uint8Array): Entry {
    const unit = this.unit(id)
    const { entry, disclosures } = receiveEntry(message)
    const leafIndex = appendLeaf(this.leaves, leafOf(entry, this.blind(id)))
    unit.entries.push({ entry, leafIndex })
    unit.disclosures.push(...disclosures.map(({ bytes }) => bytes))
    return entry
  }

  enrol(id: string, enrolment: Partial<Enrolment> = {}): Entry {
    const unit = this.unit(id)
    const random = fixedRandom(`production ${id}`)
    const producer = signerNamed('producer')
    const { claim } = composeClaim(
      { kind: 'production', unit: unit.signer.did, head: null, timeUs: 1_790_000_000_000_000 },
      producer,
      random,
    )
    unit.claims.push(claim.bytes)
    const message = unit.holder.enrol({
      ...{ boot: 1, timeUs: 2_000_000, counters: { starts: 0, run_time: 0 }, claim: claim.hash },
      enrolment: {
        ...{ machine: 'cordless_drill', serial: 'k3v9-77ab', custody: 'controller_flash' },
        ...{ profile: digest('profile'), firmware: digest('firmware'), simulated: false },
        ...enrolment,
      },
    })
    return this.take(id, message)
  }

  add(id: string, request: EntryRequest): Entry {
    return this.take(id, this.unit(id).holder.compose(request))
  }

  /** An entry that rests on somebody's claim. */
  claim(id: string, author: string, request: EntryRequest & { kind: 'acceptance' | 'service' }) {
    const unit = this.unit(id)
    const { kind, ...rest } = request
    const head = unit.holder.head()?.hash ?? null
    const { claim, message } = composeClaim(
      {
        ...{ kind, unit: unit.signer.did, head, timeUs: 1_790_000_100_000_000 },
        details: [{ name: 'note', value: `by ${author}` }],
      },
      signerNamed(author),
      fixedRandom(`claim ${id} ${author}`),
    )
    unit.claims.push(claim.bytes)
    unit.disclosures.push(...splitMessage(message).disclosures.map(({ bytes }) => bytes))
    return this.add(id, { ...rest, claim: claim.hash })
  }

  checkpoint(): string {
    const size = this.leaves.size()
    this.note = signCheckpoint({ size, root: rootOf(this.leaves, size) }, this.log)
    return this.note
  }

  source(): PassportSource {
    return {
      units: () => [...this.units.keys()],
      entries: (id) =>
        (this.units.get(id)?.entries ?? []).map(({ entry, leafIndex }) => ({
          bytes: entry.bytes,
          leafIndex,
        })),
      claims: (id) => this.unit(id).claims,
      disclosures: (id) => this.unit(id).disclosures,
      forks: (id) => this.forks.get(id) ?? [],
      blind: (id) => this.blind(id),
      profileTitle: () => 'Cordless drill',
      checkpoint: () => this.note,
      vkey: () => this.vkey(),
      inclusionProof: (place) => inclusionProof(this.leaves, place),
      consistency: (size, oldSizes) =>
        oldSizes.map((oldSize) => ({
          size: oldSize,
          root: rootOf(this.leaves, oldSize),
          hashes: consistencyProof(this.leaves, { oldSize, newSize: size }),
        })),
      close: () => undefined,
    }
  }

  vkey(): string {
    return encodeVkey(noteKey(this.log.name, this.log.publicKey))
  }

  passport(id: string): string {
    return buildPassport(this.source(), id, { signer: this.log, oldSizes: this.anchored }).text
  }

  root(): Uint8Array {
    return peekCheckpoint(this.note ?? '').root
  }

  /** Trust in the log and in the named ones. */
  trust(...lines: string[]): Trust {
    return parseTrust([`log ${this.vkey()}`, ...lines].join('\n'))
  }

  everyone(): Trust {
    const buyer = `author ${signerNamed('buyer').did}`
    const workshop = `author ${signerNamed('workshop').did}`
    return this.trust(`producer ${signerNamed('producer').did}`, buyer, workshop)
  }
}

const usage = (hours: number): EntryRequest => ({
  ...{ type: 'usage', boot: 2, timeUs: hours * hourUs },
  counters: { starts: hours * 20, run_time: hours * 3600 },
  details: [{ name: 'stalls', value: hours }],
})

/** drill-1 lives a whole life, drill-2 a short one between its entries. */
export const livedWorld = (enrolment: Partial<Enrolment> = {}): World => {
  const world = new World()
  world.enrol('drill-1', enrolment)
  world.enrol('drill-2')
  world.claim('drill-1', 'buyer', { ...usage(1), type: 'accepted', kind: 'acceptance' })
  world.add('drill-2', usage(1))
  world.add('drill-1', usage(2))
  world.checkpoint()
  world.anchored.push(world.leaves.size())
  world.add('drill-1', usage(30))
  world.add('drill-2', usage(3))
  world.claim('drill-1', 'workshop', { ...usage(31), type: 'repaired', kind: 'service' })
  world.add('drill-1', { ...usage(40), type: 'retired' })
  world.add('drill-2', usage(4))
  world.checkpoint()
  return world
}
