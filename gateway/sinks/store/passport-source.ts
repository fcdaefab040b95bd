// What a passport reads of the store: a unit's chain, its claims, the tree and its newest
// checkpoint, all of one moment. On the worker's own connection, or on one beside a running
// gateway; never writes.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Profile } from '../../../hardware-profiles/profile.ts'
import { AttestationError } from '../../attestation/codes.ts'
import { gatewayKeyFiles, loadOrCreateSecret } from '../../attestation/identity.ts'
import { unitBlind } from '../../attestation/leaf.ts'
import type { PassportSource, StoredEntry } from '../../attestation/passport.ts'
import type { ConsistencyFrom } from '../../attestation/passport-file.ts'
import { consistencyProof, inclusionProof, rootOf } from '../../attestation/tlog.ts'
import { OperatingError } from '../../core/errors.ts'
import { Database, type Value } from './database.ts'
import { storeName } from './local-stage.ts'
import { checkVersion } from './schema.ts'
import { profileFact, storeFile } from './store.ts'
import { newestCheckpoint, SqlLeaves } from './tree.ts'

/** Name of the fact with the verifier key of the log, and with the gateway's did:key. */
export const vkeyFact = 'log_vkey'
export const operatorFact = 'operator'

export class StorePassportSource implements PassportSource {
  readonly #db: Database
  readonly #blindSecret: Uint8Array
  readonly #leaves: SqlLeaves
  readonly #end: () => void

  /** `end` is called by `close`. */
  constructor(db: Database, blindSecret: Uint8Array, end: () => void) {
    this.#db = db
    this.#blindSecret = blindSecret
    this.#leaves = new SqlLeaves(db)
    this.#end = end
  }

  units(): readonly string[] {
    return this.#db
      .all('SELECT DISTINCT unit FROM chain ORDER BY unit')
      .map((row) => String(row['unit']))
  }

  entries(unit: string): readonly StoredEntry[] {
    const key = this.keyOf(unit)
    if (key === undefined) return []
    const rows = this.#db.all(
      'SELECT bytes, leaf FROM entry WHERE key = ? AND fork = 0 ORDER BY seq',
      key,
    )
    return rows.map(({ bytes, leaf }) => ({
      bytes: bytes as Uint8Array,
      ...(typeof leaf === 'number' && { leafIndex: leaf }),
    }))
  }

  claims(unit: string): readonly Uint8Array[] {
    return this.#bytes('SELECT bytes FROM claim WHERE unit = ? ORDER BY "offset"', unit)
  }

  disclosures(unit: string): readonly Uint8Array[] {
    return this.#bytes('SELECT bytes FROM disclosure WHERE unit = ?', unit)
  }

  forks(unit: string): readonly (readonly [Uint8Array, Uint8Array])[] {
    const rows = this.#db.all(
      `SELECT a.bytes AS first, b.bytes AS second FROM entry b
        JOIN entry a ON a.key = b.key AND a.seq = b.seq AND a.fork = 0
        WHERE b.key = ? AND b.fork = 1 ORDER BY b.seq, b."offset"`,
      this.keyOf(unit) ?? '',
    )
    return rows.map(({ first, second }) => [first as Uint8Array, second as Uint8Array] as const)
  }

  blind(unit: string): Uint8Array {
    return unitBlind(this.#blindSecret, this.keyOf(unit) ?? unit)
  }

  profileTitle(unit: string): string {
    const row = this.#db.get('SELECT machine FROM unit WHERE unit = ?', unit)
    const machine = String(row?.['machine'] ?? '')
    const kept = this.#db.get(
      'SELECT p.json FROM profile p JOIN fact f ON f.value = p.digest WHERE f.name = ?',
      profileFact(machine),
    )
    return kept === undefined ? machine : (JSON.parse(String(kept['json'])) as Profile).title
  }

  checkpoint(): string | undefined {
    return newestCheckpoint(this.#db)
  }

  vkey(): string {
    return factOf(this.#db, vkeyFact)
  }

  inclusionProof(place: { index: number; size: number }): readonly Uint8Array[] {
    return inclusionProof(this.#leaves, place)
  }

  consistency(size: number, oldSizes: readonly number[]): readonly ConsistencyFrom[] {
    return oldSizes.map((oldSize) => ({
      size: oldSize,
      root: rootOf(this.#leaves, oldSize),
      hashes: consistencyProof(this.#leaves, { oldSize, newSize: size }),
    }))
  }

  close(): void {
    this.#end()
  }

  /** did:key of the unit's chain: its own, or the one under which the gateway signs for it. */
  keyOf(unit: string): string | undefined {
    const own = this.#db.get(
      `SELECT json_extract(state, '$.key') AS key FROM unit_state WHERE sink = ? AND unit = ?`,
      storeName,
      unit,
    )?.['key']
    if (typeof own === 'string') return own
    const row = this.#db.get('SELECT key FROM chain WHERE unit = ?', unit)
    return row === undefined ? undefined : String(row['key'])
  }

  #bytes(sql: string, ...values: Value[]): Uint8Array[] {
    return this.#db.all(sql, ...values).map((row) => row['bytes'] as Uint8Array)
  }
}

/** Opens the store of a data folder for one passport. Throws OperatingError, AttestationError. */
export const openPassportSource = (dataFolder: string): PassportSource => {
  const blindFile = gatewayKeyFiles(dataFolder).blind
  // First the store: a folder in which no gateway has run lacks more than a key.
  const db = openBeside(dataFolder)
  if (!existsSync(blindFile)) {
    db.close()
    throw new AttestationError('no_key_file', `no key at ${blindFile}`)
  }
  const secret = loadOrCreateSecret(blindFile, () => {
    throw new AttestationError('no_key_file', `no key at ${blindFile}`)
  })
  // One view from here to close, whatever the gateway writes meanwhile.
  db.exec('BEGIN')
  return new StorePassportSource(db, secret, () => db.close())
}

/** The store's file, read beside whoever writes it. */
export const openBeside = (dataFolder: string): Database => {
  const path = join(dataFolder, 'store', storeFile)
  const db = Database.open({ path, readOnly: true, busyMs: 5000 })
  try {
    checkVersion(db, path)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** A fact that a started gateway has always written. */
export const factOf = (db: Database, name: string): string => {
  const row = db.get('SELECT value FROM fact WHERE name = ?', name)
  if (row !== undefined) return String(row['value'])
  throw new OperatingError('store_empty', {
    message: `the store does not know its ${name}`,
    remedy: 'Start the gateway once on this data folder.',
  })
}
