// STATE: whether a host application is there, as JSON (specification 3.0, 6.4.32). A death that is
// older than the birth is the will of a connection that has gone since, and says nothing.

export interface HostState {
  online: boolean
  /** Milliseconds since 1970: the CONNECT that it belongs to. */
  timestamp: number
}

export const encodeState = (state: HostState): string => JSON.stringify(state)

export const decodeState = (payload: Uint8Array): HostState | undefined => {
  try {
    const { online, timestamp } = JSON.parse(Buffer.from(payload).toString()) as Partial<HostState>
    if (typeof online !== 'boolean' || !Number.isSafeInteger(timestamp)) return undefined
    return { online, timestamp: timestamp as number }
  } catch {
    return undefined
  }
}

/** What an edge node knows of the host that it waits for. */
export class HostWatch {
  readonly host: string
  #last: HostState | undefined

  constructor(host: string) {
    this.host = host
  }

  get online(): boolean {
    return this.#last?.online === true
  }

  /** Takes a STATE message; true where the host went or came by it. */
  heard(host: string, payload: Uint8Array): boolean {
    const state = decodeState(payload)
    if (host !== this.host || state === undefined) return false
    if (this.#last !== undefined && state.timestamp < this.#last.timestamp) return false
    const before = this.online
    this.#last = state
    return before !== state.online
  }

  /** At a new connection nothing is known, and another server has timestamps of its own. */
  forget(): void {
    this.#last = undefined
  }
}
