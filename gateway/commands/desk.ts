// Commands to units: checked against the profile, sent only to a unit that is heard right now, with
// its boot, a number that grows and a moment after which it is void. Nothing is retained, nothing
// waits for a unit that is away. What became of it is the unit's own answer, which is also an
// event. What a command asks for is another's matter: setpoints here, challenges in challenges.ts.
import { parseTopic } from '../../hardware-profiles/names.ts'
import { longestHoldMs, type Profile } from '../../hardware-profiles/profile.ts'
import type { CommandOutcome, SetpointRequest } from '../core/command.ts'
import { OperatingError } from '../core/errors.ts'
import type { LogRecord } from '../core/record.ts'
import type { Emit, UnitCommand } from '../core/source.ts'

/** The unit's own word on a command. */
export interface Answer {
  id: string
  accepted: boolean
  reason?: string
  /** Boot and uptime of the answer; undefined where it does not say so. */
  boot: number | undefined
  t: number | undefined
  /** Hex. */
  signature?: string
}

/** What a command says beside its id, boot, number and end. */
interface Asking {
  kind: string
  body: Readonly<Record<string, unknown>>
  /** How long the answer is waited for, milliseconds. */
  answerMs?: number
}

export interface DeskParts {
  profiles: readonly Profile[]
  clock: { monotonicMs(): number }
  random(bytes: number): Uint8Array
  /** Machine of a unit that is known; undefined where it is not. */
  machineOf(unit: string): Promise<string | undefined>
  /** Hands it to the source that hears the unit; false where none does. */
  send(command: UnitCommand): boolean
}

/** How long the unit's next message is waited for, its answer, and how long a command is good. */
export const patience = { heardMs: 3000, answerMs: 5000, lifeMs: 3000 } as const
/** Commands on their way at once, to all units. */
const openMax = 64

/** Boot and uptime in microseconds, of a report or hello. */
export type Heard = { boot: number; t: number }

export class CommandDesk {
  readonly #parts: DeskParts
  /** Who waits for a unit's next message, by unit. */
  readonly #listening = new Map<string, (heard: Heard) => void>()
  /** Who waits for an answer, by the command's id. */
  readonly #asking = new Map<string, (answer: Answer) => void>()
  #number = 0

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  /** Looks at what passes into the log, only while a command is on its way. */
  tap(emit: Emit): Emit {
    return (record, done) => {
      if (this.#listening.size > 0 || this.#asking.size > 0) this.#look(record)
      emit(record, done)
    }
  }

  /** Rejects with an OperatingError where it was not sent, or where nothing came back. */
  async send(unit: string, request: SetpointRequest): Promise<CommandOutcome> {
    const machine = await this.#parts.machineOf(unit)
    const profile = this.#parts.profiles.find((one) => one.machine === machine)
    if (machine === undefined || profile === undefined) throw unknown(unit)
    checkSetpoints(profile, request)
    const { values, holdsMs } = request
    const body = { holds_ms: holdsMs, values }
    const { answer } = await this.ask({ machine, unit }, { kind: request.kind, body })
    if (answer === undefined) throw unanswered(unit)
    const { id, accepted, reason } = answer
    return { id, accepted, ...(reason !== undefined && { reason }) }
  }

  /**
   * Sends a command to a unit that is heard now: where it was then, and its answer, undefined where
   * none came in time. Rejects with an OperatingError where it was not sent.
   */
  async ask(
    { machine, unit }: { machine: string; unit: string },
    { kind, body, answerMs = patience.answerMs }: Asking,
  ): Promise<{ heard: Heard; answer: Answer | undefined }> {
    if (this.#listening.has(unit) || this.#asking.size >= openMax) throw busy(unit)
    const heard = await this.#heard(unit)
    const { boot, t } = heard
    const id = Buffer.from(this.#parts.random(8)).toString('hex')
    // Grows over restarts of the gateway, too: a unit refuses a number that was there.
    this.#number = Math.max(this.#number + 1, Math.floor(t / 1000))
    const payload = JSON.stringify({
      ...{ kind, id, boot, number: this.#number },
      ...{ before_t: t + patience.lifeMs * 1000, ...body },
    })
    const answered = this.#answer(id, answerMs)
    if (!this.#parts.send({ machine, unit, payload })) {
      this.#asking.delete(id)
      throw silent(unit)
    }
    return { heard, answer: await answered }
  }

  #heard(unit: string): Promise<Heard> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listening.delete(unit)
        reject(silent(unit))
      }, patience.heardMs)
      this.#listening.set(unit, (heard) => {
        clearTimeout(timer)
        this.#listening.delete(unit)
        resolve(heard)
      })
    })
  }

  #answer(id: string, withinMs: number): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#asking.delete(id)
        resolve(undefined)
      }, withinMs)
      timer.unref()
      this.#asking.set(id, (answer) => {
        clearTimeout(timer)
        this.#asking.delete(id)
        resolve(answer)
      })
    })
  }

  #look({ topic, payload }: LogRecord): void {
    const parts = parseTopic(topic)
    if (parts === undefined) return
    const { unit, kind } = parts
    const listener = this.#listening.get(unit)
    const isHeard = listener !== undefined && (kind === 'report' || kind === 'hello')
    if (!isHeard && kind !== 'answer') return
    const { boot, t, id, accepted, reason, signature } = parse(payload)
    if (isHeard && isWhole(boot) && isWhole(t)) listener({ boot, t })
    if (kind !== 'answer' || typeof id !== 'string' || typeof accepted !== 'boolean') return
    this.#asking.get(id)?.({
      ...{ id, accepted, boot: wholeOf(boot), t: wholeOf(t) },
      ...(typeof reason === 'string' && { reason }),
      ...(typeof signature === 'string' && { signature }),
    })
  }
}

/**
 * Throws where a value is no setpoint of the machine, or beyond its limits; the unit checks again.
 */
export const checkSetpoints = (profile: Profile, { values, holdsMs }: SetpointRequest): void => {
  const wrong = (message: string): OperatingError => {
    const names = Object.entries(profile.signals)
      .filter(([, { direction }]) => direction === 'setpoint')
      .map(([name, { range = [] }]) => `${name} (${range.join(' to ')})`)
    return new OperatingError('setpoint_refused', {
      message,
      remedy: `Setpoints of a ${profile.machine}: ${names.join(', ') || 'none'}.`,
    })
  }
  const mostMs = longestHoldMs(profile)
  if (!Number.isInteger(holdsMs) || holdsMs < 1 || holdsMs > mostMs) {
    throw wrong(`a setpoint holds 1 to ${mostMs} ms, not ${holdsMs}`)
  }
  if (Object.keys(values).length === 0) throw wrong('no setpoint is named')
  for (const [name, value] of Object.entries(values)) {
    const signal = Object.hasOwn(profile.signals, name) ? profile.signals[name] : undefined
    if (signal?.direction !== 'setpoint') throw wrong(`"${name}" is no setpoint`)
    const [low, high] = signal.range ?? []
    if (low === undefined || high === undefined) throw wrong(`"${name}" has no range`)
    if (!(value >= low && value <= high)) {
      throw wrong(`${name} = ${value} is beyond ${low} to ${high}`)
    }
  }
}

const isWhole = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

const wholeOf = (value: unknown): number | undefined => (isWhole(value) ? value : undefined)

const parse = (payload: Uint8Array): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

export const unknown = (unit: string): OperatingError =>
  new OperatingError('unit_unknown', {
    message: `the unit "${unit}" is not known here`,
    remedy: 'Check its id; a unit is known from its first hello on.',
  })

const busy = (unit: string): OperatingError =>
  new OperatingError('command_busy', {
    message: `another command to "${unit}" is on its way`,
    remedy: 'Wait for its answer.',
  })

const silent = (unit: string): OperatingError =>
  new OperatingError('unit_silent', {
    message: `the unit "${unit}" is not heard now; nothing was sent, nothing waits for it`,
    remedy: 'Switch it on, wait for its next report, and ask again.',
  })

const unanswered = (unit: string): OperatingError =>
  new OperatingError('command_unanswered', {
    message: `the unit "${unit}" did not answer; the command is void now`,
    remedy: 'Look at its reports whether it obeyed; ask again when it is heard.',
  })
