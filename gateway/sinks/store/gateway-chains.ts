// Chains that the gateway writes for units without a key: they read "reported by gateway". Keys and
// salts come from one secret, so that a replay of the log writes the same bytes again.
import { createHmac } from 'node:crypto'
import type { Detail } from '../../attestation/disclosure.ts'
import { enrolmentType } from '../../attestation/entry.ts'
import { type HolderState, UnitKeyHolder } from '../../attestation/holder.ts'
import { type Signer, signerOfSeed } from '../../attestation/identity.ts'
import type { Machine } from '../../core/machine.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import { freeze, thaw } from './chains.ts'
import type { Database } from './database.ts'

/** What is to be attested about a unit. */
export interface Happening {
  readonly type: string
  readonly timeUs: number
  readonly details: readonly Detail[]
  /** SHA-256 of the claim to include. */
  readonly claim?: Uint8Array
}

export const headFact = (unit: string): string => `head/${unit}`
const noFirmware = '00'.repeat(32)

export class GatewayChains {
  readonly #db: Database
  readonly #secret: Uint8Array
  readonly #holders = new Map<string, { signer: Signer; holder: UnitKeyHolder }>()
  #saltCount = 0

  constructor(db: Database, secret: Uint8Array) {
    this.#db = db
    this.#secret = secret
  }

  /** did:key under which the gateway signs for a unit. */
  keyOf(unit: string): string {
    return this.#signerOf(unit).did
  }

  /** Signed messages of kind `entry`, to be taken in order; the chain begins with the first. */
  attest(state: UnitState, machine: Machine, happening: Happening): Uint8Array[] {
    const { holder } = this.#holderOf(state.unit)
    const head = holder.head()
    const messages: Uint8Array[] = []
    const request = { ...requestOf(state, head), details: happening.details }
    this.#saltCount = 0
    if (head === undefined) {
      const isMade = happening.type === enrolmentType
      const { details, ...bare } = request
      messages.push(
        holder.enrol({
          ...(isMade ? { ...bare, details } : bare),
          enrolment: {
            machine: state.machine,
            profile: Buffer.from(machine.digest, 'hex'),
            firmware: Buffer.from(state.firmware ?? noFirmware, 'hex'),
            serial: state.unit,
            custody: 'gateway',
            simulated: state.simulated,
          },
        }),
      )
    }
    if (happening.type !== enrolmentType) {
      const { type, claim } = happening
      messages.push(holder.compose({ ...request, type, ...(claim && { claim }) }))
    }
    holder.acknowledge(messages.length)
    return messages
  }

  /** The transaction failed: heads in memory are ahead of what is kept. */
  rollBack(): void {
    this.#holders.clear()
  }

  commit(): void {
    if (this.#holders.size > holdersMax) this.#holders.clear()
  }

  #signerOf(unit: string): Signer {
    return signerOfSeed(this.#derive(`tenfold-unit-key@v1\n${unit}`))
  }

  #holderOf(unit: string): { signer: Signer; holder: UnitKeyHolder } {
    const known = this.#holders.get(unit)
    if (known !== undefined) return known
    const signer = this.#signerOf(unit)
    const holder: UnitKeyHolder = new UnitKeyHolder({
      signer,
      store: this.#storeOf(unit),
      random: (bytes) => {
        const seq = (holder.head()?.seq ?? -1) + 1
        const salt = `tenfold-salt@v1\n${unit}\n${seq}\n${this.#saltCount++}`
        return this.#derive(salt).subarray(0, bytes)
      },
    })
    this.#holders.set(unit, { signer, holder })
    return { signer, holder }
  }

  #storeOf(unit: string) {
    return {
      load: (): HolderState | undefined => {
        const row = this.#db.get('SELECT value FROM fact WHERE name = ?', headFact(unit))
        return row === undefined ? undefined : thaw(String(row['value']))
      },
      // Inside the transaction that takes the entry: nothing is ever unsent.
      save: (state: HolderState): void => {
        const kept = freeze({ ...state, unsent: [] })
        this.#db.run('INSERT OR REPLACE INTO fact VALUES (?, ?)', headFact(unit), kept)
      },
    }
  }

  #derive(text: string): Uint8Array {
    return createHmac('sha256', this.#secret).update(text).digest()
  }
}

const holdersMax = 1024

/**
 * Boot, uptime and counters of now; a chain's never go back, whatever a late report has changed.
 */
const requestOf = (state: UnitState, head: HolderState | undefined) => {
  const newest = state.boots.at(-1)
  const uptimeUs = Math.max(0, (state.lastUs ?? 0) - (newest?.epochUs ?? 0))
  const boot = Math.max(newest?.boot ?? 0, head?.boot ?? 0)
  const isSameBoot = head !== undefined && head.boot === boot
  const counters = state.counterNames.flatMap((name, i) => {
    const total = state.totals[i] ?? null
    return total === null ? [] : [[name, Math.max(total, head?.counters[name] ?? 0)] as const]
  })
  return {
    boot,
    timeUs: isSameBoot ? Math.max(uptimeUs, head.timeUs) : uptimeUs,
    counters: Object.fromEntries(counters),
  }
}
