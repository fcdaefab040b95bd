// A unit out of this store and into another one: states, head of the chain and entries, in one
// transaction. Readings, quarantine and books stay where they were made. Knows no stream.
import { joinMessage, parseDisclosure } from '../../attestation/disclosure.ts'
import { receiveEntry } from '../../attestation/entry.ts'
import { OperatingError } from '../../core/errors.ts'
import type { Asked, KeptEntry, KeptUnit } from '../../core/handover.ts'
import type { Chains } from './chains.ts'
import type { Database, Row } from './database.ts'
import { headFact } from './gateway-chains.ts'
import { storeName } from './local-stage.ts'
import type { TreeWriter } from './tree.ts'

const stateOf = (db: Database, sink: string, unit: string): string | undefined => {
  const row = db.get('SELECT state FROM unit_state WHERE sink = ? AND unit = ?', sink, unit)
  return row === undefined ? undefined : String(row['state'])
}

/** undefined where the unit is not known. */
export const giveUnit = (db: Database, { unit, sink, entries }: Asked): KeptUnit | undefined => {
  const store = stateOf(db, storeName, unit)
  const outside = stateOf(db, sink, unit)
  if (store === undefined) return undefined
  const { machine } = JSON.parse(store) as { machine: string }
  const head = db.get('SELECT value FROM fact WHERE name = ?', headFact(unit))
  const rows = db.all(
    `SELECT key, seq, hash, bytes, received_us, time_us FROM entry
      WHERE unit = ? AND fork = 0 ORDER BY seq`,
    unit,
  )
  const wanted = rows.filter((row) => Number(row['seq']) >= (entries[String(row['key'])] ?? 0))
  return {
    // A sink that was added after the unit spoke last has no state of it yet.
    ...{ unit, machine, store, outside: outside ?? store },
    ...(head && { head: String(head['value']) }),
    entries: wanted.map((row) => entryOf(db, row)),
  }
}

const entryOf = (db: Database, row: Row): KeptEntry => {
  const opened = db.all('SELECT bytes FROM disclosure WHERE object = ?', row['hash'] as Uint8Array)
  const disclosures = opened.map((one) => parseDisclosure(one['bytes'] as Uint8Array))
  return {
    did: String(row['key']),
    seq: Number(row['seq']),
    bytes: Buffer.from(joinMessage(row['bytes'] as Uint8Array, disclosures)).toString('base64'),
    receivedUs: Number(row['received_us']),
    timeUs: Number(row['time_us']),
  }
}

export interface TakingParts {
  readonly db: Database
  readonly chains: Chains
  readonly tree: TreeWriter
  /** Sinks outside that run here. */
  readonly sinks: readonly string[]
}

/** Replaces what was known of the unit. Throws nats_fork where an entry is not the one known. */
export const takeUnit = ({ db, chains, tree, sinks }: TakingParts, kept: KeptUnit): void => {
  const { unit, machine, store, outside, head } = kept
  db.transaction(() => {
    db.run('INSERT OR IGNORE INTO unit (unit, machine) VALUES (?, ?)', unit, machine)
    for (const sink of [storeName, ...sinks]) {
      const state = sink === storeName ? store : outside
      db.run('INSERT OR REPLACE INTO unit_state VALUES (?, ?, ?)', sink, unit, state)
    }
    if (head !== undefined) {
      db.run('INSERT OR REPLACE INTO fact VALUES (?, ?)', headFact(unit), head)
    } else db.run('DELETE FROM fact WHERE name = ?', headFact(unit))
    for (const one of kept.entries) {
      const message = receiveEntry(Buffer.from(one.bytes, 'base64'))
      const place = { unit, offset: -1, receivedUs: one.receivedUs, timeUs: one.timeUs }
      const { kind } = chains.step({ ...message, ...place })
      if (kind !== 'appended' && kind !== 'duplicate') throw forked(unit, one)
    }
    tree.sign()
  })
}

/** Of what is known of the unit here, nothing is gone on from: not its state, nor its head. */
export const forgetUnit = (db: Database, unit: string): void => {
  db.transaction(() => {
    db.run('DELETE FROM unit_state WHERE unit = ?', unit)
    db.run('DELETE FROM fact WHERE name = ?', headFact(unit))
  })
}

const forked = (unit: string, { seq }: KeptEntry): OperatingError =>
  new OperatingError('nats_fork', {
    message: `entry ${seq} of ${unit} in the fleet does not fit the chain that is known here`,
    remedy: 'Compare keys/units.key of all gateways; the passport of the unit shows both.',
  })
