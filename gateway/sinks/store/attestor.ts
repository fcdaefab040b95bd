// The signed part of the path: entries and claims of units and authors are verified, chained and
// made leaves; units without a key are signed for by the gateway. Runs inside the store's
// transaction, once a record; what it asks of units goes out after the commit.
import assert from 'node:assert/strict'
import { type Claim, receiveClaim } from '../../attestation/claim.ts'
import { AttestationError } from '../../attestation/codes.ts'
import { type Entry, receiveEntry } from '../../attestation/entry.ts'
import type { UnitEvent } from '../../core/delivery.ts'
import type { Machine } from '../../core/machine.ts'
import type { LogRecord } from '../../core/record.ts'
import type { UnitCommand } from '../../core/source.ts'
import { actOfClaim } from '../../lifecycle/acts.ts'
import type { Fault } from '../../pipeline/decode.ts'
import type { Outcome } from '../../pipeline/pipeline.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import { type Chains, type Incoming, writeDisclosures } from './chains.ts'
import type { Database } from './database.ts'
import type { GatewayChains, Happening } from './gateway-chains.ts'
import { LifecycleWriter } from './lifecycle.ts'
import { type Attestor, type SignedStep, storeName } from './local-stage.ts'
import type { TreeWriter } from './tree.ts'

type Signed = Extract<Outcome, { kind: 'signed' }>

export interface AttestorParts {
  readonly db: Database
  readonly machines: ReadonlyMap<string, Machine>
  /** did:keys that may declare what they like. */
  readonly authorities: ReadonlySet<string>
  readonly tree: TreeWriter
  readonly chains: Chains
  readonly gatewayChains: GatewayChains
  unit(unit: string): UnitState | undefined
  /** Called after a commit. */
  command(command: UnitCommand): void
}

/** A signed record with the unit it came for. */
interface Arrival {
  readonly offset: number
  readonly record: Pick<LogRecord, 'receivedUs' | 'topic' | 'payload'>
  readonly state: UnitState
}

export class StoreAttestor implements Attestor {
  readonly #parts: AttestorParts
  readonly #lifecycle: LifecycleWriter
  #commands: UnitCommand[] = []

  constructor(parts: AttestorParts) {
    this.#parts = parts
    this.#lifecycle = new LifecycleWriter(parts.db, parts)
  }

  /** Claims that the unit's chain does not include yet are asked for again. */
  hello(_offset: number, { state }: Extract<Outcome, { kind: 'hello' }>): void {
    if (state.key === null) return
    const open = this.#parts.db.all(
      `SELECT digest, kind FROM claim WHERE unit = ? AND entry_seq IS NULL AND kind <> 'shift'
        ORDER BY "offset"`,
      state.unit,
    )
    for (const row of open) {
      this.#ask(state, { digest: row['digest'] as Uint8Array, kind: String(row['kind']) })
    }
  }

  event(event: UnitEvent): void {
    if (event.rule.attest !== true) return
    const state = this.#parts.unit(event.unit)
    // A unit with a key signs for itself, by the same rules.
    if (state === undefined || state.key !== null) return
    const details = [
      { name: 'cause', value: event.cause },
      { name: 'time_us', value: event.timeUs },
    ]
    const seq = this.#attest(state, {
      happening: { type: event.type, timeUs: event.timeUs, details },
      ...{ offset: event.offset, receivedUs: event.timeUs },
    })
    for (const table of ['event', 'transition']) {
      this.#parts.db.run(
        `UPDATE ${table} SET entry_seq = ? WHERE "offset" = ? AND type = ?
          AND unit = (SELECT id FROM unit WHERE unit = ?)`,
        ...[seq, event.offset, event.type, event.unit],
      )
    }
  }

  signed(offset: number, outcome: Signed, step: SignedStep): void {
    const arrival: Arrival = { offset, record: outcome.record, state: outcome.state }
    if (outcome.signed === 'claim') this.#claim(arrival, step)
    else this.#entry(arrival, step)
  }

  finish(): void {
    this.#parts.tree.sign()
  }

  commit(): void {
    this.#parts.gatewayChains.commit()
    const commands = this.#commands
    this.#commands = []
    for (const command of commands) this.#parts.command(command)
  }

  rollBack(): void {
    this.#commands = []
    this.#parts.tree.rollBack()
    this.#parts.gatewayChains.rollBack()
  }

  /** An entry, and those that waited for it. */
  #entry(first: Arrival, step: SignedStep): void {
    const arrivals = [first]
    for (let arrival = arrivals.shift(); arrival !== undefined; arrival = arrivals.shift()) {
      const entry = this.#step(arrival, step)
      if (entry === undefined) continue
      for (const offset of this.#parts.chains.takeWaiting(entry.unit, entry.seq + 1)) {
        const released = this.#release(offset, arrival.state)
        if (released === undefined) continue
        step.tally.quarantined--
        arrivals.push(released)
      }
    }
  }

  /** One step of a chain; returns the entry where it was appended. */
  #step(arrival: Arrival, step: SignedStep): Entry | undefined {
    const incoming = receive(arrival)
    if ('reason' in incoming) {
      setAside(arrival, incoming, step)
      return undefined
    }
    const { entry } = incoming
    const outcome = this.#parts.chains.step(incoming)
    if (outcome.kind === 'appended') {
      step.tally.stored++
      this.#appended(incoming, arrival.state)
      return entry
    }
    if (outcome.kind === 'duplicate') step.tally.duplicate++
    else if (outcome.kind === 'ahead') {
      this.#parts.chains.wait(incoming)
      const detail = `entry ${entry.seq} is here, ${outcome.missing} has not come`
      this.#hold(arrival, detail)
      step.tally.quarantined++
    } else if (outcome.kind === 'fork') {
      const detail = `entry ${entry.seq} again, and not the same`
      setAside(arrival, { reason: 'entry_fork', detail }, step)
    } else setAside(arrival, { reason: 'entry_order', detail: outcome.detail }, step)
    return undefined
  }

  /** Into the quarantine at once: the entry that it waits for may be in the same batch. */
  #hold({ offset, record, state }: Arrival, detail: string): void {
    const { receivedUs, topic, payload } = record
    this.#parts.db.run(
      'INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, NULL)',
      ...[storeName, offset, receivedUs, topic, state.unit, payload, 'entry_gap', detail],
    )
  }

  #release(offset: number, state: UnitState): Arrival | undefined {
    const row = this.#parts.db.get(
      'DELETE FROM quarantine WHERE sink = ? AND "offset" = ? RETURNING *',
      storeName,
      offset,
    )
    if (row === undefined) return undefined
    const record = {
      receivedUs: Number(row['received_us']),
      topic: String(row['topic']),
      payload: row['payload'] as Uint8Array,
    }
    return { offset, record, state }
  }

  /** What an entry that is now part of its chain means for its unit. */
  #appended(incoming: Incoming, state: UnitState): void {
    const { entry, unit, offset, timeUs } = incoming
    const { db } = this.#parts
    if (entry.claim !== undefined) {
      db.run('UPDATE claim SET entry_seq = ? WHERE digest = ?', entry.seq, entry.claim)
    }
    const step = this.#lifecycle.entry(incoming, state)
    if (step === undefined) return
    const refused = step.ok ? '' : ` (refused: ${step.reason})`
    // Where no rule of the profile has said so already, the entry itself is what happened.
    db.run(
      `INSERT OR IGNORE INTO event
        SELECT id, ?, ?, 'info', ?, ?, ?, ?, ? FROM unit WHERE unit = ?`,
      ...[offset, entry.type, timeUs, `entry ${entry.seq}${refused}`],
      ...[`Signed: ${entry.type}`, JSON.stringify(entry.counters), entry.seq, unit],
    )
  }

  #claim(arrival: Arrival, step: SignedStep): void {
    const { offset, record, state } = arrival
    const received = attempt(() => receiveClaim(record.payload), 'claim')
    if ('reason' in received) {
      setAside(arrival, received, step)
      return
    }
    const { claim, disclosures } = received.value
    if (claim.unit !== this.#keyOf(state)) {
      const detail = `the claim speaks of ${claim.unit}, not of this unit`
      setAside(arrival, { reason: 'claim_malformed', detail }, step)
      return
    }
    // The entry that includes it may have come first; a known one is a duplicate whatever follows.
    const included = this.#includedIn(claim)
    const refused =
      this.#isKnown(claim) || included !== null
        ? undefined
        : this.#lifecycle.refusedClaim(claim, state)
    if (refused !== undefined) {
      setAside(arrival, refused, step)
      return
    }
    const isNew = this.#parts.db.run(
      'INSERT OR IGNORE INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[claim.hash, state.unit, claim.kind, claim.bytes, record.receivedUs, offset],
      included,
    )
    if (isNew === 0) {
      step.tally.duplicate++
      return
    }
    step.tally.stored++
    writeDisclosures(this.#parts.db, { object: claim.hash, unit: state.unit, disclosures })
    if (included !== null) {
      this.#lifecycle.declared(claim, { details: disclosures, state })
      return
    }
    if (state.key !== null) this.#ask(state, { digest: claim.hash, kind: claim.kind })
    else this.#include(arrival, claim)
  }

  #isKnown({ hash }: Claim): boolean {
    return this.#parts.db.get('SELECT 1 FROM claim WHERE digest = ?', hash) !== undefined
  }

  #includedIn({ hash }: Claim): number | null {
    const row = this.#parts.db.get('SELECT seq FROM entry WHERE claim = ? AND fork = 0', hash)
    return row === undefined ? null : Number(row['seq'])
  }

  /** For a unit without a key the gateway includes the claim itself. */
  #include({ offset, record, state }: Arrival, { kind, hash }: Claim): void {
    const type = actOfClaim(kind)?.entry
    if (type === undefined) return
    const { receivedUs } = record
    const happening = { type, timeUs: receivedUs, details: [], claim: hash }
    this.#attest(state, { happening, offset, receivedUs })
  }

  /** Signs for the unit and takes the entries; returns the last one's sequence. */
  #attest(
    state: UnitState,
    { happening, offset, receivedUs }: { happening: Happening } & Omit<Place, 'timeUs'>,
  ): number {
    const machine = this.#parts.machines.get(state.machine)
    assert(machine !== undefined, `no profile of ${state.machine}`)
    let last = -1
    for (const message of this.#parts.gatewayChains.attest(state, machine, happening)) {
      const { entry, disclosures } = receiveEntry(message)
      const place = { unit: state.unit, offset, receivedUs, timeUs: happening.timeUs }
      const incoming = { entry, disclosures, ...place }
      const outcome = this.#parts.chains.step(incoming)
      // A unit that came back from another gateway is signed for again, byte for byte.
      assert(
        outcome.kind === 'appended' || outcome.kind === 'duplicate',
        `the gateway's own entry ${entry.seq}: ${outcome.kind}`,
      )
      if (outcome.kind === 'appended') this.#appended(incoming, state)
      last = entry.seq
    }
    return last
  }

  #keyOf(state: UnitState): string {
    return state.key ?? this.#parts.gatewayChains.keyOf(state.unit)
  }

  #ask(state: UnitState, { digest, kind }: { digest: Uint8Array; kind: string }): void {
    const type = actOfClaim(kind)?.entry
    if (type === undefined) return
    const claim = Buffer.from(digest).toString('hex')
    const payload = JSON.stringify({ kind: 'include_claim', claim, type })
    this.#commands.push({ machine: state.machine, unit: state.unit, payload })
  }
}

interface Place {
  readonly offset: number
  readonly receivedUs: number
  readonly timeUs: number
}

/** The verified entry, or why it is none of this unit. */
const receive = ({ offset, record, state }: Arrival): Incoming | Fault => {
  const received = attempt(() => receiveEntry(record.payload), 'entry')
  if ('reason' in received) return received
  const { entry, disclosures } = received.value
  if (entry.unit !== state.key) {
    const detail =
      state.key === null
        ? "the unit's hello has stated no key"
        : `signed by ${entry.unit}, the unit's key is ${state.key}`
    return { reason: 'entry_signature', detail }
  }
  const { receivedUs } = record
  const boot = state.boots.find(({ boot: number }) => number === entry.boot)
  const timeUs = boot === undefined ? receivedUs : boot.epochUs + entry.timeUs
  return { entry, disclosures, unit: state.unit, offset, receivedUs, timeUs }
}

/** The result, or the attestation's error as a reason; other errors are ours and pass. */
const attempt = <T>(work: () => T, what: 'entry' | 'claim'): { value: T } | Fault => {
  try {
    return { value: work() }
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    const isSignature = error.code === 'bad_signature' || error.code === 'weak_key'
    const reason = `${what}_${isSignature ? 'signature' : 'malformed'}` as const
    return { reason, detail: `${error.message} (${error.code})` }
  }
}

const setAside = (
  { offset, record, state }: Arrival,
  { reason, detail }: Fault,
  { tally, aside }: SignedStep,
): void => {
  const { receivedUs, topic, payload } = record
  aside.push({ offset, receivedUs, topic, payload, unit: state.unit, reason, detail })
  state.quarantined++
  tally.quarantined++
}
