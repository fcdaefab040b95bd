// What passes from one gateway to the next when a unit changes its owner: plain data for the fleet
// and for the message port between the threads. The state goes with the place in the stream that it
// stands for; readings and quarantine stay where they were made.

export interface KeptEntry {
  /** Name of the chain. */
  readonly did: string
  readonly seq: number
  /** Message of kind `entry`, base64. */
  readonly bytes: string
  /** Microseconds since 1970. */
  readonly receivedUs: number
  readonly timeUs: number
}

export interface KeptUnit {
  readonly unit: string
  readonly machine: string
  /** State in the embedded store and in the sink that confirms, JSON. */
  readonly store: string
  readonly outside: string
  /** Head of the chain that gateways sign for it, where there is one. */
  readonly head?: string
  readonly entries: readonly KeptEntry[]
}

export interface Asked {
  readonly unit: string
  /** The sink that confirms. */
  readonly sink: string
  /** Entries not wanted: how many of each chain, by did. */
  readonly entries: Readonly<Record<string, number>>
}

export interface Handover {
  /** did under which this gateway would sign for a unit without a key: one in a fleet. */
  chainKey(): Promise<string>
  /** True when the embedded store and this sink have all that is in the log; false at the abort. */
  settled(sink: string, signal: AbortSignal): Promise<boolean>
  /** The unit as of now; undefined where it is not known. */
  give(asked: Asked): Promise<KeptUnit | undefined>
  /** Goes on from there; what this gateway had of it is replaced. */
  take(kept: KeptUnit): Promise<void>
  /** Another gateway goes on with it, or this one as if it had never heard it. */
  forget(unit: string): Promise<void>
}
