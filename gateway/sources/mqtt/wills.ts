// Last wills, kept over a kill of the gateway: who was connected then has gone without a word, and
// is said to have when the broker comes back (MQTT 3.1.1, 3.1.2.5 lets a server defer them until
// then). Without it a retained "online" outlives its author. It publishes nothing itself.
import { promisify } from 'node:util'
import { limits } from '../../core/limits.ts'
import type { DurableMap } from '../../log/durable-map.ts'
import { decode, encode, type SessionClient, type SessionPacket } from './packets.ts'

/** A connection, as aedes hands it over; on a disconnect it names the id alone. */
export interface WillClient extends SessionClient {
  closed?: boolean
}

/** What is used of aedes' memory. */
export interface WillMemory {
  putWill(client: WillClient, packet: SessionPacket): Promise<void>
  delWill(client: WillClient): Promise<SessionPacket | undefined>
}

export interface WillsOptions {
  map: DurableMap
  memory: WillMemory
  /** Whether this connection may publish it: what it may not say now is not said later. */
  allows(client: WillClient, packet: SessionPacket): boolean
  note(line: string): void
}

type Step = (packet: SessionPacket, done: (error?: Error | null) => void) => void

interface Kept {
  owner: WillClient
  bytes: number
}

const key = (id: string): string => JSON.stringify(['will', id])

export class Wills {
  readonly #options: WillsOptions
  readonly #kept = new Map<string, Kept>()
  /** Of connections that the last run of the broker did not end. */
  readonly #left = new Map<string, SessionPacket>()
  #bytes = 0
  #holding = false

  constructor(options: WillsOptions) {
    this.#options = options
  }

  restore(id: string, value: string): void {
    this.#left.set(id, decode(value))
  }

  /** Resolves when it is durable, so before the CONNACK. */
  async put(client: WillClient, packet: SessionPacket): Promise<void> {
    const { map, memory, allows, note } = this.#options
    await memory.putWill(client, packet)
    const bytes = Buffer.byteLength(packet.payload ?? '')
    if (!allows(client, packet)) return
    if (this.#bytes + bytes > limits.retainedBytes) {
      note(`mqtt: the will of ${client.id} is not kept over a restart: too many are`)
      return
    }
    this.#kept.set(client.id, { owner: client, bytes })
    this.#bytes += bytes
    await map.set(key(client.id), encode(packet)).catch((error: Error) => {
      note(`mqtt: the will of ${client.id} is not kept over a restart: ${error.message}`)
    })
  }

  async delete(client: WillClient): Promise<SessionPacket | undefined> {
    const kept = this.#kept.get(client.id)
    // A connection that another with its id has replaced ends after that one has begun.
    const isReplaced = client.closed === undefined && kept?.owner.closed === false
    if (isReplaced || this.#holding) return undefined
    const found = await this.#options.memory.delWill(client)
    if (kept !== undefined) {
      this.#kept.delete(client.id)
      this.#bytes -= kept.bytes
      await this.#options.map.delete(key(client.id))
    }
    return found
  }

  /** The broker stops: who is connected now is said to have gone when it is back. */
  hold(): void {
    this.#holding = true
  }

  /**
   * Says each will of the last run, once, through the gate, as if its connection had ended now; one
   * that is refused under new settings is let go.
   */
  async sayLeft(gate: Step, publish: Step): Promise<void> {
    const { map, note } = this.#options
    for (const [id, packet] of this.#left) {
      try {
        await promisify(gate)(packet)
        await promisify(publish)(packet)
      } catch (error) {
        note(`mqtt: the will of ${id} is not said: ${(error as Error).message}`)
      }
      await map.delete(key(id))
    }
    this.#left.clear()
  }
}
