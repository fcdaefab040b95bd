// The board on the bench: who it is, that it is the machine of our profile, and its self-test's
// requests as functions. Turns what a board refuses into what a person can do about it.
import { causeName, isHard } from '../../firmware/kernel-constants.ts'
import type { Given } from '../../firmware/selftest-faults.ts'
import type { SafetySpec } from '../../hardware-profiles/profile.ts'
import type { Clock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { DirectLine } from '../sources/serial/direct.ts'
import type { BoardMessage, HelloMessage, SelftestMessage } from '../sources/serial/messages.ts'

/** As enum selftest_request in firmware/runtime/selftest.h. */
const requests = { begin: 1, end: 2, apply: 6, state: 7 } as const

export interface Unit {
  unit: string
  machine: string
  board: string
  /** Digests as the board states them, hex. */
  profile: string
  firmware: string
  boot: number
  /** Public key, hex; absent where it has none. */
  key?: string
}

export const unitOf = (hello: HelloMessage, given: string | undefined): Unit => ({
  unit: given ?? `${hello.machine.replaceAll('_', '-')}-${hello.id}`,
  ...{ machine: hello.machine, board: hello.board, profile: hello.profile },
  ...{ firmware: hello.firmware, boot: hello.boot },
  ...(hello.key && { key: Buffer.from(hello.key).toString('hex') }),
})

export class SelftestBoard {
  readonly #line: DirectLine
  readonly #safety: SafetySpec
  readonly #clock: Clock

  constructor(parts: { line: DirectLine; safety: SafetySpec; clock: Clock }) {
    this.#line = parts.line
    this.#safety = parts.safety
    this.#clock = parts.clock
  }

  name(cause: number): string {
    return causeName(cause, this.#safety)
  }

  /** Puts the machine to rest for the self-test. Throws what a person must do first. */
  async begin(): Promise<void> {
    let said = await this.#ask(requests.begin)
    // Just started, or the hand has just let go: a moment, and it is ready.
    for (let tries = 0; !said.isOn && this.#isSettling(said) && tries < 20; tries += 1) {
      await this.#line.sleep(100)
      said = await this.#ask(requests.begin)
    }
    if (!said.isOn) throw this.#refusal(said)
  }

  end(): Promise<SelftestMessage> {
    return this.#ask(requests.end)
  }

  state(): Promise<SelftestMessage> {
    return this.#ask(requests.state)
  }

  async apply({ readings, asks, still }: Given): Promise<void> {
    await this.#ask(requests.apply, [readings, asks, still])
  }

  /** Asks for its state until `done` says so, or for that long; gives the last state. */
  async until(done: (said: SelftestMessage) => boolean, mostMs: number) {
    const endMs = this.#clock.monotonicMs() + mostMs
    for (;;) {
      const said = await this.state()
      if (done(said) || this.#clock.monotonicMs() > endMs) return said
      if (!said.isOn) throw ended()
      await this.#line.sleep(20)
    }
  }

  async #ask(request: number, more: readonly (number | readonly number[])[] = []) {
    for (let tries = 0; ; tries += 1) {
      const said = await this.#line.ask('selftest', [request, ...more])
      if (said.is === 'selftest') return said
      if (said.is !== 'result' || said.code !== busyCode || tries > 20) throw notTaken(said)
      await this.#line.sleep(20)
    }
  }

  #isSettling({ cause, hindrance }: SelftestMessage): boolean {
    return cause === 0 && ['settling', 'none'].includes(this.name(hindrance))
  }

  #refusal(said: SelftestMessage): OperatingError {
    const { cause, hindrance, isDriven } = said
    if (cause !== 0) {
      return new OperatingError('trip_latched', {
        message: `a trip is latched: ${this.name(cause)}`,
        remedy: isHard(cause)
          ? 'Find out why and mend it; then clear it: firmware/kernel/README.md says how.'
          : 'Find out why; then take its power for a moment, with the hand off.',
      })
    }
    if (isDriven) {
      return new OperatingError('machine_armed', {
        message: 'the machine is driven now',
        remedy: 'Let go, wait until it stands still, disconnect the motor, and ask again.',
      })
    }
    const why = this.name(hindrance)
    if (why === 'not_released') {
      return new OperatingError('hand_on', {
        message: `the ${this.#safety.hold?.signal ?? 'control'} is pulled`,
        remedy: 'Let go of it, and ask again.',
      })
    }
    return new OperatingError('not_ready', {
      message: `the safety kernel does not find the machine sound: ${why}`,
      remedy: 'Check that sensor and its wires; a self-test needs real ones that are sound.',
    })
  }
}

/** LINK_BUSY of firmware/runtime/link.h. */
const busyCode = 6

const ended = (): OperatingError =>
  new OperatingError('selftest_ended', {
    message: 'the board has ended the self-test, or was reset',
    remedy: 'Check its power, and begin again.',
  })

const notTaken = (said: BoardMessage): OperatingError => {
  const isUnknown = said.is === 'result' && said.code === 1
  return new OperatingError('selftest_unknown', {
    message: isUnknown
      ? 'the firmware of this board knows no self-test'
      : 'the board did not understand the request: its image is not of this machine file',
    remedy: 'Flash it with an image of this version: "tenfold flash".',
  })
}
