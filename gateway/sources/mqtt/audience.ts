// Who at this broker may hear more than commands: while there is anybody, reports have to go
// through the broker, which hands them on. Errs on the side of "somebody": a client counts until it
// has gone, whatever it unsubscribes from, and a session that outlives its connection counts on.
import type { Client } from 'aedes'
import { parseTopic } from '../../../hardware-profiles/names.ts'

export class Audience {
  readonly #clients = new Set<Client>()
  readonly #sessions = new Set<string>()

  get isEmpty(): boolean {
    return this.#clients.size === 0 && this.#sessions.size === 0
  }

  /** A client's subscription has been accepted. */
  joins(client: Client, topic: string): void {
    if (parseTopic(topic)?.kind === 'command') return
    if (client.clean) this.#clients.add(client)
    else this.#sessions.add(client.id)
  }

  /** A session that was remembered over a restart. */
  remembered(id: string, topic: string): void {
    if (parseTopic(topic)?.kind !== 'command') this.#sessions.add(id)
  }

  /** A client has connected; a clean one ends the session that there was under its id. */
  arrives(client: Client): void {
    if (client.clean) this.#sessions.delete(client.id)
  }

  leaves(client: Client): void {
    this.#clients.delete(client)
  }
}
