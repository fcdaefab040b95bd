// What the ledger reads, as an interface: the log's newest checkpoint, proofs between two sizes,
// and the entries as they were written. Raw bytes come out and proven.ts checks every signature
// again, so that a store has no say in who owns what. It must not name a store.
import type { Profile } from '../../hardware-profiles/profile.ts'

/** A signed tree head without its signatures: what is anchored. */
export interface Checkpoint {
  /** First line of the signed note: the log's name. */
  origin: string
  /** Number of leaves. */
  size: number
  /** RFC 6962 root over them, 32 bytes. */
  root: Uint8Array
}

/** One leaf's entry, with its place in the log. */
export interface LoggedEntry {
  /** Leaf index, 0, 1, 2, ... */
  index: number
  /** The COSE_Sign1 bytes as the unit (or the gateway for it) signed them. */
  entry: Uint8Array
  /** Wall clock at which the gateway received it, microseconds since 1970: the gateway's word. */
  receivedUs: number
}

/** A claim as stored: the author's COSE_Sign1 and the details that were opened. */
export interface StoredClaim {
  signed: Uint8Array
  /** `Disclosure.bytes` in any order; those that belong to another object are ignored. */
  disclosures: readonly Uint8Array[]
}

/**
 * Called by `tenfold ledger`, one caller at a time, while a gateway may be writing. Everything is
 * read from what is durable and committed together; a reader sees entries, leaves and checkpoint of
 * one moment or an earlier one. Rejections are operating errors (data folder absent, store of
 * another version).
 */
export interface LedgerSource {
  /** did:key of the gateway whose key signs this log's checkpoints. */
  readonly operator: string
  /** The newest signed checkpoint, or undefined when none was signed yet. */
  latestCheckpoint(): Promise<Checkpoint | undefined>
  /**
   * RFC 9162 consistency proof (section 2.1.4.1), nodes of 32 bytes.
   * @param fromSize 1 to toSize; an empty proof when equal
   * @param toSize at most the newest checkpoint's size
   */
  consistencyProof(fromSize: number, toSize: number): Promise<readonly Uint8Array[]>
  /** RFC 6962 root of the first `size` leaves, 1 to the newest checkpoint's size. */
  rootAt(size: number): Promise<Uint8Array>
  /**
   * Entries of leaves fromIndex and later, ascending; leaves that are no entry (map roots) are
   * left out.
   */
  entries(fromIndex: number): AsyncIterable<LoggedEntry>
  /** A claim by the SHA-256 of its signed bytes in hex, or undefined when it never came in. */
  claim(digest: string): Promise<StoredClaim | undefined>
  /**
   * The machine file with this digest (SHA-256 in hex), for parts' weights; undefined when
   * unknown.
   */
  profile(digest: string): Promise<Profile | undefined>
  close(): Promise<void>
}

/** Implemented by the embedded store: opens a data folder read-only. */
export type OpenLedgerSource = (dataFolder: string) => Promise<LedgerSource>
