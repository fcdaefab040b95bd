// Who may do what at the broker, from who it is: a unit speaks only as itself, in the kinds of
// message that units send, and hears only its own commands. Pure, but for the check of a password.
import { parseTopic } from '../../../hardware-profiles/names.ts'
import { limits } from '../../core/limits.ts'
import { isText } from './protocol.ts'

/** Checks a password; a unit that is not known yet may show its pairing code as one. */
export type CheckPassword = (user: string, password: string) => Promise<boolean>

export interface LogIn {
  user: string | undefined
  password: string | undefined
  /** Common name of the client's certificate, where it has shown one that is trusted. */
  certified: string | undefined
  /** The listener takes nobody without a name: TLS. */
  named: boolean
  check: CheckPassword | undefined
}

/** The unit that has logged in, `anybody` on an open broker; undefined where it is refused. */
export const logIn = async (given: LogIn): Promise<{ unit: string | undefined } | undefined> => {
  const { user, password, certified, named, check } = given
  if (certified !== undefined) {
    // Its certificate says who it is; another name beside it is a mistake or a trick.
    return user === undefined || user === certified ? { unit: certified } : undefined
  }
  if (check === undefined) return named ? undefined : { unit: undefined }
  if (user === undefined || password === undefined) return undefined
  return (await check(user, password)) ? { unit: user } : undefined
}

/** Why a message or a subscription disconnects or is refused; `said` in the gateway's output. */
export interface Refusal {
  code:
    | 'topic_long'
    | 'topic_reserved'
    | 'command_foreign'
    | 'unit_other'
    | 'packet_malformed'
    | 'sessions_many'
    | 'subscriptions_many'
  said: string
}

/** Why a client may not publish on this topic at all; undefined where it may go to the log. */
export const refusePublish = (topic: string, unit: string | undefined): Refusal | undefined => {
  if (Buffer.byteLength(topic) > limits.topicBytes) {
    return { code: 'topic_long', said: 'the topic is longer than allowed' }
  }
  if (!isText(topic)) {
    return { code: 'packet_malformed', said: 'the topic is not UTF-8, or has U+0000 in it' }
  }
  // The broker's own words: `$SYS/<id>/new/clients` would close another client.
  // Births under `$sparkplug/` are what the broker itself has heard.
  if (topic.startsWith('$')) return { code: 'topic_reserved', said: `${topic} is the broker's` }
  const parts = parseTopic(topic)
  if (parts?.kind === 'command') {
    return { code: 'command_foreign', said: `only the gateway publishes commands (${topic})` }
  }
  // A claim is signed by its author, who is not the unit: who brings it does not matter.
  if (unit === undefined || parts?.unit === unit || parts?.kind === 'claim') return undefined
  return {
    code: 'unit_other',
    said: `the unit "${unit}" may publish only as itself, not on ${topic}`,
  }
}

/** Whether it may hear this: anything on an open broker, else the commands of its own. */
export const maySubscribe = (
  topic: string,
  who: { unit: string | undefined; machines: ReadonlySet<string> },
): boolean => {
  if (who.unit === undefined) return true
  const parts = parseTopic(topic)
  return parts?.unit === who.unit && parts.kind === 'command' && who.machines.has(parts.machine)
}

/** What every client may send; one object for all of them, so that a change is everybody's. */
export interface Pace {
  readonly perSecond: number
}

/** Bounds a client's messages a second, with a second's worth at once (GCRA, ITU-T I.371). */
export class Rate {
  readonly #pace: Pace
  #freeMs = Number.NEGATIVE_INFINITY

  constructor(pace: Pace) {
    this.#pace = pace
  }

  get #stepMs(): number {
    return 1000 / this.#pace.perSecond
  }

  /** Whether the next message need not wait. */
  isFree(nowMs: number): boolean {
    return Math.max(this.#freeMs, nowMs - 1000) + this.#stepMs <= nowMs
  }

  /** How long the next message must wait, milliseconds; 0 where it need not. */
  take(nowMs: number): number {
    this.#freeMs = Math.max(this.#freeMs, nowMs - 1000) + this.#stepMs
    return Math.max(0, this.#freeMs - nowMs)
  }
}
