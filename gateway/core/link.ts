// How one connection to a peer outside fares: since when, when something last came, what was said
// of it last. Kept by whoever holds the connection, shown by `tenfold doctor`, /metrics and the
// page. It decides nothing, and says a state once, not once an attempt.

export interface LinkHealth {
  /** The peer as the settings name it: its name, or its address. */
  readonly peer: string
  readonly isConnected: boolean
  /** Since when it is so, microseconds since 1970. */
  readonly sinceUs: number
  /** When something that is of use last came from it; undefined: not in this run. */
  readonly heardUs: number | undefined
  /** What was said of it last, with the peer's own words where it has refused something. */
  readonly said: string
  /** That is bad news, though there may be a connection. */
  readonly isTrouble: boolean
  /** Of a source that shares units with other gateways. */
  readonly leases?: Leases
}

/** What a gateway holds of its fleet. Counts are of this run. */
export interface Leases {
  readonly owned: number
  readonly shards: number
  /** Gateways that are alive, this one included, when it last looked. */
  readonly gateways: number
  /** Greatest epoch that it has owned a shard in; 0 before the first. */
  readonly epoch: number
  /** How often a shard was lost before it was given up. */
  readonly fenced: number
  /** Heartbeats that the servers have not taken. */
  readonly missed: number
}

/** A link of a source, for those who show all of them. */
export interface SourceLink extends LinkHealth {
  readonly source: string
}

export interface LinkParts {
  readonly peer: string
  nowUs(): number
  /** One line for the person who runs the gateway. */
  note(line: string): void
}

export class LinkState {
  readonly #parts: LinkParts
  #isConnected = false
  #isTrouble = false
  #sinceUs: number
  #heardUs: number | undefined
  #said = 'not yet tried'
  #kind = ''

  constructor(parts: LinkParts) {
    this.#parts = parts
    this.#sinceUs = parts.nowUs()
  }

  /** @param kind what makes it the same news as before; the line itself where it is not given */
  connected(line: string, kind = line): void {
    this.#turn(true)
    this.#say(line, kind)
    this.#isTrouble = false
  }

  /** For each attempt that fails; `line` says why, with its code. */
  lost(line: string, kind = line): void {
    this.#turn(false)
    this.#say(line, kind)
    this.#isTrouble = true
  }

  /** Connected, but not everything that was asked for is given. */
  limited(line: string): void {
    this.connected(line)
    this.#isTrouble = true
  }

  heard(): void {
    this.#heardUs = this.#parts.nowUs()
  }

  health(): LinkHealth {
    return {
      peer: this.#parts.peer,
      isConnected: this.#isConnected,
      sinceUs: this.#sinceUs,
      heardUs: this.#heardUs,
      said: this.#said,
      isTrouble: this.#isTrouble,
    }
  }

  #say(line: string, kind: string): void {
    this.#said = line
    if (kind === this.#kind) return
    this.#kind = kind
    this.#parts.note(`${this.#parts.peer}: ${line}`)
  }

  #turn(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return
    this.#isConnected = isConnected
    this.#sinceUs = this.#parts.nowUs()
  }
}
