// Joins the store with the keys that the gateway holds: what signs, chains and logs in the store's
// transactions, and what pages read of it. Keys are made at the first start and never leave their
// folder.
import { join } from 'node:path'
import {
  gatewayKeyFiles,
  loadOrCreateSecret,
  loadOrCreateSigner,
} from '../../attestation/identity.ts'
import { encodeVkey, type NoteSigner, noteKey } from '../../attestation/note.ts'
import { buildPassport } from '../../attestation/passport.ts'
import { OperatingError } from '../../core/errors.ts'
import type { KeptUnit } from '../../core/handover.ts'
import type { Machine } from '../../core/machine.ts'
import type { PassportSummary, RegisterSummary } from '../../core/queries.ts'
import type { UnitCommand } from '../../core/source.ts'
import { readAnchorRecords } from '../../ledger/anchor-records.ts'
import { Ledger, summarise } from '../../ledger/ledger.ts'
import { readRules } from '../../ledger/rules-file.ts'
import type { LedgerSettings } from '../../pipeline/protocol.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import { StoreAttestor } from './attestor.ts'
import { Chains } from './chains.ts'
import type { Database } from './database.ts'
import { GatewayChains } from './gateway-chains.ts'
import { forgetUnit, takeUnit } from './handover.ts'
import { StoreLedgerSource } from './ledger-source.ts'
import type { Attestor } from './local-stage.ts'
import { operatorFact, StorePassportSource, vkeyFact } from './passport-source.ts'
import type { Store } from './store.ts'
import { TreeWriter } from './tree.ts'

export interface AttestationOptions {
  readonly dataDir: string
  readonly keysDir: string
  readonly ledger: LedgerSettings
  readonly machines: ReadonlyMap<string, Machine>
  /** did:keys that may declare what they like about any unit. */
  readonly authorities?: readonly string[] | undefined
  /** Secure random bytes, for keys. */
  random(bytes: number): Uint8Array
  command(command: UnitCommand): void
}

/** What signs the log, and the secrets that chains and blinds are derived from. */
interface Keys {
  readonly did: string
  readonly signer: NoteSigner
  readonly blindSecret: Uint8Array
  readonly unitSecret: Uint8Array
}

export class Attestation {
  readonly #options: AttestationOptions
  readonly #db: Database
  readonly #store: Store
  readonly #keys: Keys
  readonly #ledger: Ledger
  readonly #gatewayChains: GatewayChains
  readonly #tree: TreeWriter
  readonly #chains: Chains

  /** Throws where a key cannot be read, or is not the one that this store was begun with. */
  constructor(store: Store, options: AttestationOptions) {
    this.#options = options
    this.#store = store
    this.#db = store.database
    this.#keys = openKeys(options)
    const { name, publicKey } = this.#keys.signer
    keepFact(this.#db, vkeyFact, encodeVkey(noteKey(name, publicKey)))
    keepFact(this.#db, operatorFact, this.#keys.did)
    this.#gatewayChains = new GatewayChains(this.#db, this.#keys.unitSecret)
    this.#tree = new TreeWriter(this.#db, this.#keys.signer)
    const { blindSecret } = this.#keys
    this.#chains = new Chains(this.#db, { tree: this.#tree, blindSecret })
    const source = new StoreLedgerSource(this.#db, () => {})
    this.#ledger = new Ledger(readRules(options.ledger, this.#keys.did), source)
  }

  attestor(unit: (unit: string) => UnitState | undefined): Attestor {
    const db = this.#db
    return new StoreAttestor({
      db,
      machines: this.#options.machines,
      authorities: new Set(this.#options.authorities),
      tree: this.#tree,
      chains: this.#chains,
      gatewayChains: this.#gatewayChains,
      unit,
      command: this.#options.command,
    })
  }

  /** did under which units without a key are signed for, as one word for all of them. */
  chainKey(): string {
    return this.#gatewayChains.keyOf('')
  }

  /** A unit from another gateway of the fleet. */
  takeUnit(kept: KeptUnit, sinks: readonly string[]): void {
    try {
      takeUnit({ db: this.#db, chains: this.#chains, tree: this.#tree, sinks }, kept)
    } catch (error) {
      this.#tree.rollBack()
      throw error
    } finally {
      this.#gatewayChains.rollBack()
    }
  }

  /** Another gateway of the fleet goes on with it, or this one from the beginning. */
  forgetUnit(unit: string): void {
    forgetUnit(this.#db, unit)
    this.#gatewayChains.rollBack()
  }

  /** The passport file, text. Throws AttestationError: unknown_unit, no_checkpoint. */
  passport(unit: string): string {
    const { signer } = this.#keys
    const anchored = readAnchorRecords(this.#options.dataDir).filter(
      ({ origin }) => origin === signer.name,
    )
    const oldSizes = anchored.map(({ size }) => size)
    return buildPassport(this.#source(), unit, { signer, oldSizes }).text
  }

  passportSummary(unit: string): PassportSummary {
    const source = this.#source()
    const summary = this.#store.queries.unit(unit)
    const entries = this.#db.all(
      'SELECT seq, type, time_us, hash, leaf FROM entry WHERE key = ? AND fork = 0 ORDER BY seq',
      source.keyOf(unit) ?? '',
    )
    return {
      unit,
      key: source.keyOf(unit),
      custody: summary?.custody ?? 'gateway',
      entries: entries.map((row) => ({
        seq: Number(row['seq']),
        type: String(row['type']),
        timeUs: Number(row['time_us']),
        hash: Buffer.from(row['hash'] as Uint8Array).toString('hex'),
        leaf: row['leaf'] === null ? undefined : Number(row['leaf']),
      })),
      checkpoint: source.checkpoint(),
    }
  }

  async register(): Promise<RegisterSummary> {
    const register = await this.#ledger.register()
    const rows = this.#db.all('SELECT key, unit FROM chain')
    const names = new Map(rows.map((row) => [String(row['key']), String(row['unit'])]))
    return summarise(this.#ledger.rules, register, names)
  }

  #source(): StorePassportSource {
    return new StorePassportSource(this.#db, this.#keys.blindSecret, () => {})
  }
}

const openKeys = ({ dataDir, keysDir, random }: AttestationOptions): Keys => {
  const files = gatewayKeyFiles(dataDir)
  const { did, publicKey, sign } = loadOrCreateSigner(files.key, random)
  return {
    did,
    // The end of its key: two logs with one name could not be told apart, nor anchored together.
    signer: { name: `tenfold/${did.slice(-12)}`, publicKey, sign },
    blindSecret: loadOrCreateSecret(files.blind, random),
    unitSecret: loadOrCreateSecret(join(keysDir, 'units.key'), random),
  }
}

/** A fact that must stay as it was when the store was begun. */
const keepFact = (db: Database, name: string, value: string): void => {
  const row = db.get('SELECT value FROM fact WHERE name = ?', name)
  if (row === undefined) db.run('INSERT INTO fact VALUES (?, ?)', name, value)
  else if (row['value'] !== value) {
    throw new OperatingError('log_key_changed', {
      message: `the ${name} of this store was ${row['value']} and would be ${value}`,
      remedy: 'Put the folder "keys" back: a log is continued with the key that it was begun with.',
    })
  }
}
