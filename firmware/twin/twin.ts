// A machine that is not there: the real loop in the real wasm on the board `sim`, joined to a
// plant, paced by a clock, speaking as a board speaks. It opens no connection and reads no clock of
// its own: link, clock, seed, folder and signer are passed in. What it says is marked simulated.
import { topicOf } from '../../hardware-profiles/names.ts'
import type { LoopSpec, Profile } from '../../hardware-profiles/profile.ts'
import { compileRules, type Observation } from '../../hardware-profiles/rules.ts'
import type { Build } from '../build.ts'
import { isHard, opposedOutputs } from '../kernel-constants.ts'
import type { LoopKind } from '../loop-kind.ts'
import type { Machines } from '../profiles.ts'
import { Challenges, type Sign } from './challenges.ts'
import { countersOf, createSignals, createTotals } from './channels.ts'
import { loadPlant, seeded } from './plant.ts'
import { type Attestor, createOutbox, type Link, type Outbox } from './protocol.ts'
import { createRig, type Rig } from './rig.ts'
import { Setpoints } from './setpoints.ts'
import { openState, type StateFile } from './state.ts'

/** Time as the twin needs it; the gateway's Clock fits. */
export interface TwinClock {
  /** Wall clock, microseconds since 1970: only for rules that count days. */
  nowUs(): number
  monotonicMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface TwinOptions {
  machines: Machines
  profile: Profile
  /** Id of the unit, last but one level of its topics. */
  unit: string
  /** The loop, built for this profile. */
  build: Build
  /** The safety kernel, built for this profile; a profile with `safety` should have it. */
  kernel?: Build
  link: Link
  /** Where the unit keeps its state over restarts. */
  folder: string
  clock: TwinClock
  /** Everything that is random in the plant follows from it and the boot count. */
  seed: number
  /** What the hello states beside boot, uptime and firmware. */
  identity: { profile: string; key?: string; custody?: string }
  attestor?: Attestor
  /** Signs a challenge with the key that the hello states. */
  sign?: Sign
  /** Answers a command of the gateway; the answer is published as a message of `kind`. */
  answer?: (
    command: Uint8Array,
    now: { boot: number; timeUs: number; counters: Readonly<Record<string, number>> },
  ) => { kind: 'claim' | 'entry'; payload: Uint8Array } | undefined
}

export interface Twin {
  readonly boot: number
  readonly rig: Rig
  readonly outbox: Outbox
  /** Simulated uptime, microseconds. */
  uptimeUs(): number
  /** Resolves when the twin has ended; rejects with what ended it, if that was not `stop`. */
  readonly ended: Promise<void>
  /** Motor off, state committed, last report acknowledged where a second is enough for that. */
  stop(): Promise<void>
}

/** How a twin keeps pace and what it bounds. */
export const pace = {
  /** Longest it simulates without giving way, ms. */
  sliceMs: 20,
  /** How long it sleeps between slices, ms. */
  napMs: 8,
  /** What it catches up at most; the rest is time in which the machine stood still, ms. */
  behindMs: 2000,
  /** Longest time between commits while counters move, ms: what a power cut can lose. */
  commitMs: 500,
  /** The same while nothing moves but temperatures. */
  idleCommitMs: 10_000,
  /** Reports kept for a gateway that does not answer: a minute and a half at 20 Hz. */
  reportsMax: 2000,
  /** Reports on the way at once. */
  flyingMax: 16,
  /** How long the last reports may take to be acknowledged before the twin ends without, ms. */
  farewellMs: 1000,
} as const

/** Powers a unit up: counts the boot, says hello, and works until stopped. */
export const startTwin = async (options: TwinOptions): Promise<Twin> => {
  const { machines, profile, build, link, folder, clock, identity } = options
  const { loop, spec } = theLoop(machines, profile)
  const createPlant = await loadPlant(machines, profile)
  const state = openState(folder)
  const { boot } = state.kept
  const random = seeded(options.seed + boot * 0x9e3779b1)
  const constants = profile.twin?.constants ?? {}
  const plant = createPlant({ constants, random, kept: state.kept.plant })
  const { wasm } = build
  const { safety } = profile
  const guard = options.kernel && {
    kernel: options.kernel.wasm,
    latched: state.kept.trip ?? 0,
    opposed: safety === undefined ? [] : opposedOutputs({ safety, loop, spec }),
  }
  const setpoints = new Setpoints({ profile, loop, spec })
  const onSample = (inputs: Int32Array, us: number): void => setpoints.apply(inputs, us)
  const rig = createRig({ wasm, loop, plant, rateHz: spec.rateHz, onSample, ...guard })
  const outbox = createOutbox({
    link,
    topicOf: (kind) => topicOf({ machine: profile.machine, unit: options.unit, kind }),
    ...(options.attestor && { attestor: options.attestor }),
    reportsMax: pace.reportsMax,
    flyingMax: pace.flyingMax,
  })
  const session = new Session({ options, loop, spec, rig, state, outbox, setpoints })
  const sayHello = (): void => {
    const { build: image } = options
    outbox.hello({
      ...{ boot, t: session.uptimeUs(), firmware: image.digest, simulated: true },
      ...identity,
    })
    outbox.pump()
  }
  link.onReconnect(sayHello)
  link.onCommand((command) => session.command(command))
  sayHello()
  const stopping = new AbortController()
  const ended = session.run(clock, stopping.signal)
  return {
    boot,
    rig,
    outbox,
    uptimeUs: () => session.uptimeUs(),
    ended,
    stop: async () => {
      stopping.abort()
      await ended
      for (let naps = pace.farewellMs / pace.napMs; naps > 0 && outbox.waiting > 0; naps -= 1) {
        await clock.sleep(pace.napMs)
      }
    },
  }
}

const theLoop = (machines: Machines, profile: Profile): { loop: LoopKind; spec: LoopSpec } => {
  const [spec, second] = Object.values(profile.loops)
  const loop = spec && machines.loops.get(spec.kind)
  if (spec === undefined || loop === undefined || second !== undefined) {
    throw new Error(`the twin runs machines with one loop; "${profile.machine}" has another number`)
  }
  return { loop, spec }
}

interface SessionParts {
  options: TwinOptions
  loop: LoopKind
  spec: LoopSpec
  rig: Rig
  state: StateFile
  outbox: Outbox
  setpoints: Setpoints
}

/** A hard trip outlasts losing power; the others are cleared by it. */
const tripToKeep = ({ guarded }: Rig): number => {
  const cause = guarded?.safety().cause ?? 0
  return isHard(cause) ? cause : 0
}

/** One boot: steps, reports, events, commits. */
class Session {
  readonly #parts: SessionParts
  readonly #signals: () => Record<string, number | string | boolean>
  readonly #totals: ReturnType<typeof createTotals>
  readonly #detect: ReturnType<typeof compileRules>
  readonly #urgent: readonly number[]
  readonly #stepUs: number
  readonly #reportUs: number
  readonly #challenges: Challenges
  #urgentSeen: number
  #seq = 0
  #stoodStillUs = 0
  #reportDueUs = 0
  #committedUs = 0

  constructor(parts: SessionParts) {
    const { options, loop, spec, rig, state } = parts
    this.#parts = parts
    this.#challenges = new Challenges(options.sign)
    this.#signals = createSignals({ board: rig.board, loop, spec, profile: options.profile })
    this.#totals = createTotals(rig.board, loop, state.kept.counters)
    const events = options.profile.events.filter(({ attest }) => attest === true)
    this.#detect = compileRules({ ...options.profile, events })
    this.#urgent = loop.states.flatMap(({ urgent }, i) => (urgent === true ? [i] : []))
    this.#stepUs = 1e6 / spec.rateHz
    this.#reportUs = 1e6 / options.profile.reportHz
    this.#urgentSeen = this.#urgentNow()
  }

  /** Simulated time, and time in which the process was kept from simulating. */
  uptimeUs(): number {
    return this.#parts.rig.uptimeUs() + this.#stoodStillUs
  }

  async run(clock: TwinClock, signal: AbortSignal): Promise<void> {
    const startMs = clock.monotonicMs()
    try {
      while (!signal.aborted) {
        const behindUs = (clock.monotonicMs() - startMs) * 1000 - this.uptimeUs()
        const excessUs = behindUs - pace.behindMs * 1000
        if (excessUs > 0) this.#stoodStillUs += Math.round(excessUs)
        this.advance(Math.min(behindUs, pace.sliceMs * 1000))
        const isBehind = behindUs > pace.sliceMs * 1000
        await clock.sleep(isBehind ? 0 : pace.napMs, signal)
      }
    } finally {
      this.#end()
    }
  }

  /** Simulates `us` microseconds, with all that falls due in them. */
  advance(us: number): void {
    const { rig } = this.#parts
    for (let steps = Math.floor(us / this.#stepUs); steps > 0; steps -= 1) {
      rig.step()
      const now = this.uptimeUs()
      const isDue = now >= this.#reportDueUs
      // After time standing still one report is due, not all that were missed.
      if (isDue)
        this.#reportDueUs = Math.max(this.#reportDueUs, now - this.#reportUs) + this.#reportUs
      const urgent = this.#urgentNow()
      if (!isDue && urgent === this.#urgentSeen) continue
      this.#urgentSeen = urgent
      this.#report()
    }
  }

  command(command: Uint8Array): void {
    const { options, state, outbox, setpoints, rig } = this.#parts
    const asked = { boot: state.kept.boot, uptimeUs: this.uptimeUs() }
    const said =
      this.#challenges.take(command, asked) ?? setpoints.take(command, rig.board.inputs, asked)
    if (said !== undefined) {
      outbox.send('answer', new TextEncoder().encode(JSON.stringify(said)))
      return
    }
    const counters = this.#committed()
    const now = { boot: state.kept.boot, timeUs: this.uptimeUs(), counters }
    const answer = options.answer?.(command, now)
    if (answer !== undefined) outbox.send(answer.kind, answer.payload)
  }

  /** The urgent states as one number; a state has at most 64 values. */
  #urgentNow(): number {
    const { reported } = this.#parts.rig.board
    let key = 0
    for (const index of this.#urgent) key = key * 64 + (reported[index] ?? 0)
    return key
  }

  /** Counters as a power cut would find them: they never go back. */
  #committed(): Record<string, number> {
    const { loop, spec, state } = this.#parts
    return countersOf(loop, spec, state.kept.counters)
  }

  #report(): void {
    const { state, outbox } = this.#parts
    this.#totals.update()
    this.#commitWhenDue()
    const v = this.#signals()
    const c = this.#committed()
    this.#seq += 1
    outbox.report({ boot: state.kept.boot, seq: this.#seq, t: this.uptimeUs(), v, c })
    this.#attest(v, c)
  }

  #commitWhenDue(): void {
    const { state } = this.#parts
    const sinceUs = this.uptimeUs() - this.#committedUs
    if (sinceUs < pace.commitMs * 1000) return
    const now = this.#totals.totals()
    const moved = Object.entries(now).some(([name, total]) => total !== state.kept.counters[name])
    if (moved || sinceUs >= pace.idleCommitMs * 1000) this.#commit(state.kept.rules)
  }

  #commit(rules: Readonly<Record<string, number>>): void {
    const { state, rig } = this.#parts
    this.#committedUs = this.uptimeUs()
    const counters = this.#totals.totals()
    const trip = tripToKeep(rig)
    const kept = { counters, plant: rig.plant.keep(), rules: { ...rules } }
    state.commit(trip === 0 ? kept : { ...kept, trip })
  }

  /**
   * Signs what the profile wants signed. The rules' memory is kept after the entry: never an entry
   * less.
   */
  #attest(v: Readonly<Record<string, unknown>>, c: Readonly<Record<string, number>>): void {
    const { options, state, outbox } = this.#parts
    if (options.attestor === undefined) return
    const rules = { ...state.kept.rules }
    const before = JSON.stringify(rules)
    const found = this.#detect(rules, this.#observe(v, c))
    const { boot } = state.kept
    for (const { rule, cause } of found) {
      const event = { type: rule.type, cause, boot, timeUs: this.uptimeUs(), counters: c }
      options.attestor.compose(event)
    }
    if (JSON.stringify(rules) !== before) this.#commit(rules)
    if (found.length > 0) outbox.pump()
  }

  #observe(v: Readonly<Record<string, unknown>>, c: Readonly<Record<string, number>>): Observation {
    const { profile, clock } = this.#parts.options
    const values = Object.entries(profile.signals).map(([name, signal]) => {
      const value = v[name]
      if (typeof value === 'string') return signal.values?.indexOf(value)
      return value === undefined ? undefined : Number(value)
    })
    const counters = Object.keys(profile.counters).map((name) => c[name])
    return { timeUs: clock.nowUs(), boot: this.#parts.state.kept.boot, values, counters }
  }

  #end(): void {
    const { rig, state } = this.#parts
    rig.board.stop()
    this.#totals.update()
    this.#commit(state.kept.rules)
    this.#report()
  }
}
