// Setpoints of a unit, by the same rules as on a board (runtime/link-setpoint.h): they are inputs
// of the loop that a gateway may ask for, within the profile's limits, while a person holds the
// machine armed, until they expire. None of them can arm it. Pure but for what it holds.
import { type LoopSpec, longestHoldMs, type Profile } from '../../hardware-profiles/profile.ts'
import type { LoopKind } from '../loop-kind.ts'

/** Why a command is not obeyed; the words of the serial link. */
export type CommandRefusal =
  | 'unknown'
  | 'malformed'
  | 'stale'
  | 'beyond'
  | 'disarmed'
  /** It has no key to sign a challenge with. */
  | 'failed'

/** What the unit answers, as a message of kind `answer`; times in microseconds of uptime. */
export interface CommandAnswer {
  boot: number
  t: number
  id: string
  kind: string
  accepted: boolean
  reason?: CommandRefusal
  values?: Readonly<Record<string, number>>
  /** Over a challenge, hex. */
  signature?: string
}

export interface Now {
  boot: number
  uptimeUs: number
}

interface Target {
  input: number
  low: number
  high: number
  scale: number
}

export interface SetpointsOptions {
  profile: Profile
  loop: LoopKind
  spec: LoopSpec
}

export class Setpoints {
  readonly #targets = new Map<string, Target>()
  readonly #hold: { input: number; scale: number; released: number } | undefined
  #held: [input: number, value: number][] = []
  /** In the rig's time, which stands still when the process does. */
  #untilUs = 0
  #stepUs = 0
  #number = 0
  readonly #mostMs: number

  constructor({ profile, loop, spec }: SetpointsOptions) {
    const hold = profile.safety?.hold
    this.#mostMs = longestHoldMs(profile)
    for (const [input, { name, scale }] of loop.inputs.entries()) {
      const signal = spec.channels[name] ?? name
      const { direction, range: [low, high] = [] } = profile.signals[signal] ?? {}
      if (hold !== undefined && signal === hold.signal) {
        // What arms the machine is a hand's; no profile can make a setpoint of it.
        this.#hold = { input, scale, released: hold.released }
      } else if (direction === 'setpoint' && low !== undefined && high !== undefined) {
        this.#targets.set(signal, { input, low, high, scale })
      }
    }
  }

  /** Puts what holds over what the plant gave. Call once a step, after the inputs are sampled. */
  apply(inputs: Int32Array, uptimeUs: number): void {
    this.#stepUs = uptimeUs
    if (this.#held.length === 0) return
    if (uptimeUs >= this.#untilUs || !this.#isArmed(inputs)) {
      this.#held = []
      return
    }
    for (const [input, value] of this.#held) inputs[input] = value
  }

  /** Obeys or refuses; undefined where it is no command that wants an answer. */
  take(command: Uint8Array, inputs: Int32Array, now: Now): CommandAnswer | undefined {
    const given = readCommand(command)
    const { id, kind } = given
    if (typeof id !== 'string' || typeof kind !== 'string') return undefined
    const reason = kind === 'setpoint' ? this.#setpoint(given, inputs, now) : 'unknown'
    const { boot, uptimeUs: t } = now
    const values = kind === 'setpoint' ? (given['values'] as Record<string, number>) : undefined
    if (reason !== undefined) return { boot, t, id, kind, accepted: false, reason }
    return { boot, t, id, kind, accepted: true, ...(values && { values }) }
  }

  #setpoint(
    given: Record<string, unknown>,
    inputs: Int32Array,
    { boot, uptimeUs }: Now,
  ): CommandRefusal | undefined {
    const { values, holds_ms: holdsMs, number, boot: asked, before_t: beforeUs } = given
    const whole = [holdsMs, number, asked, beforeUs].every(Number.isSafeInteger)
    if (!whole || typeof values !== 'object' || values === null) return 'malformed'
    // Another boot, too late, or a number that was there: it was meant for another moment.
    const isLate = uptimeUs > Number(beforeUs) || Number(number) <= this.#number
    if (asked !== boot || isLate) return 'stale'
    if (Number(holdsMs) < 1 || Number(holdsMs) > this.#mostMs) return 'beyond'
    const held: [number, number][] = []
    for (const [name, value] of Object.entries(values)) {
      const target = this.#targets.get(name)
      if (target === undefined || typeof value !== 'number') return 'malformed'
      if (!(value >= target.low && value <= target.high)) return 'beyond'
      held.push([target.input, Math.round(value / target.scale)])
    }
    if (held.length === 0) return 'malformed'
    if (!this.#isArmed(inputs)) return 'disarmed'
    this.#number = Number(number)
    this.#held = held
    this.#untilUs = this.#stepUs + Number(holdsMs) * 1000
    return undefined
  }

  /** A hand holds the machine's own control; a machine without one cannot be armed. */
  #isArmed(inputs: Int32Array): boolean {
    const hold = this.#hold
    return hold !== undefined && (inputs[hold.input] ?? 0) * hold.scale > hold.released
  }
}

/** The object in a command's JSON; empty where there is none. */
export const readCommand = (command: Uint8Array): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(command))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
