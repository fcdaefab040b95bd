// How a broker outside is reached, and how it is noticed that it is no longer there: its machine
// gone without a word, a cable that carries nothing, a process that stands still. Data flow again
// within 5 s of its return, so all waits here are short. It neither connects nor reads by itself.
import type { MqttClient } from 'mqtt'
import { backoffMs } from '../pipeline/backoff.ts'

/** How often a connection is looked at; after how many without a byte it is asked, and ended. */
const lookMs = 500
const looks = { ask: 3, end: 7 } as const

const reconnect = { firstMs: 250, capMs: 1500 } as const
const taken = { usualMs: 3000, patientMs: 12_000, patientEvery: 4 } as const

/** Milliseconds until the next attempt; `random` gives 0 to 1. */
export const nextAttemptMs = (attempt: number, random: () => number): number =>
  backoffMs(attempt, reconnect, random)

/**
 * How long a broker may take to let us in, milliseconds. Short, because a connection that was lost
 * on its way looks the same; each fourth attempt waits longer, for a broker that is only slow.
 */
export const connectMs = (attempt: number): number =>
  attempt % taken.patientEvery === taken.patientEvery - 1 ? taken.patientMs : taken.usualMs

export interface Watch {
  /** Something that was taken is not yet done: until then nothing is read, and nothing missed. */
  isBusy(): boolean
  /** Called before the connection is ended, with the reason. */
  deaf(reason: string): void
}

/**
 * Watches the present connection of this client until it closes. It counts looks and not time: what
 * stopped this process did not silence the broker.
 */
export const watchPeer = (client: MqttClient, { isBusy, deaf }: Watch): void => {
  const { stream } = client
  const read = (): unknown => (stream as { bytesRead?: number }).bytesRead
  let [before, quiet] = [read(), 0]
  const timer = setInterval(() => {
    const now = read()
    quiet = now !== before || isBusy() ? 0 : quiet + 1
    before = now
    if (quiet === looks.ask) client.sendPing()
    if (quiet < looks.end) return
    clearInterval(timer)
    deaf(`it has not answered for ${((looks.end - looks.ask) * lookMs) / 1000} s`)
    stream.destroy()
  }, lookMs)
  stream.once('close', () => clearInterval(timer))
}
