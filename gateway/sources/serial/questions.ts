// What a gateway asks of the board on a line: setpoints, claims, its key and its proof, an update.
// Every question has a number, and an answer or a moment after which none is waited for; it is sent
// once, to a board that is heard now. Turns the answers to commands, and a proof, into records for
// the log.
import { didOf } from '../../attestation/did.ts'
import type { UnitFacts } from '../../core/source.ts'
import { proofPayload } from '../../proof.ts'
import { Asking, answerMs } from './asking.ts'
import { factsOf, refusals } from './hello.ts'
import { type LineParts, resultWords, type Session } from './line-parts.ts'
import type { BoardMessage, Field, HelloMessage, ToBoard } from './messages.ts'
import { readResponse } from './prover.ts'

/** What the line lends. */
export interface Lent {
  /** While the board is heard and taken. */
  speaking(): Session | undefined
  /** Refused for its profile only: its firmware can be brought up to date. */
  outdated(): { hello: HelloMessage; unit: string } | undefined
  greeting(): number
  /** Reports that the log has taken. */
  reports(): number
  send(kind: ToBoard, fields: readonly Field[]): void
  log(session: Session, kind: 'proof' | 'answer', payload: Uint8Array): void
}

export class Questions {
  readonly #parts: LineParts
  readonly #lent: Lent
  readonly #asking = new Asking()
  #number = 0

  constructor(parts: LineParts, lent: Lent) {
    this.#parts = parts
    this.#lent = lent
  }

  /** An answer is waited for: while it signs or erases, a board may be silent for long. */
  get areOpen(): boolean {
    return this.#asking.size > 0
  }

  /** Whether it was the answer to a question. */
  heard(message: BoardMessage): boolean {
    return this.#asking.heard(message)
  }

  tick(nowMs: number): void {
    this.#asking.expire(nowMs)
    const session = this.#lent.speaking()
    if (session?.prover?.isDue(nowMs) === true) void this.#prove(session)
  }

  close(): void {
    this.#asking.expire(Number.POSITIVE_INFINITY)
  }

  /** A claim or a reset, whose answer nobody waits for; false where it cannot be sent. */
  command(kind: ToBoard, fields: readonly Field[]): boolean {
    if (this.#lent.speaking() === undefined) return false
    this.#lent.send(kind, [this.#next(), ...fields])
    return true
  }

  /**
   * Values of the unit's setpoints in SI units; gives what is wrong with them. With an id, what
   * became of them goes to the log as the unit's answer.
   */
  setpoint(
    values: Readonly<Record<string, unknown>>,
    holdsMs: number,
    id?: string,
  ): string | undefined {
    const session = this.#lent.speaking()
    const list = session?.dictionary?.setpoint(values)
    if (session === undefined || list === undefined) return 'the unit is not heard'
    if (typeof list === 'string') return list
    void this.ask('setpoint', [session.hello.boot, holdsMs, list]).then((answer) => {
      if (answer?.is !== 'result' || id === undefined) return
      this.#answered(session, { id, kind: 'setpoint', ...resultOf(answer.code), values })
    })
    return undefined
  }

  /**
   * A challenge that somebody else judges; gives what is wrong with it. What the board signed goes
   * to the log as the unit's answer.
   */
  challenge(nonce: Uint8Array, { id, boot }: { id: string; boot: number }): string | undefined {
    const session = this.#lent.speaking()
    if (session === undefined) return 'the unit is not heard'
    if (boot !== session.hello.boot) return 'it is for another start of the unit'
    void this.ask('challenge', [nonce]).then((answer) => {
      const about = { id, kind: 'challenge' }
      if (answer?.is === 'result') {
        this.#answered(session, { ...about, ...resultOf(answer.code) })
      } else if (answer?.is === 'response') {
        const { signature, ...place } = readResponse(answer.bytes)
        const signed = signature.length > 0 && { signature: Buffer.from(signature).toString('hex') }
        this.#answered(session, {
          ...about,
          accepted: true,
          ...(signed && { ...place, ...signed }),
        })
      }
    })
    return undefined
  }

  #answered(session: Session, said: object): void {
    const { hello, uptimeUs: t } = session
    const payload = JSON.stringify({ boot: hello.boot, t, ...said })
    this.#lent.log(session, 'answer', Buffer.from(payload))
  }

  /** What the board of this unit said of itself, also one with a profile that is not ours. */
  facts(unit: string): UnitFacts | undefined {
    const session = this.#lent.speaking()
    const outdated = this.#lent.outdated()
    const reports = this.#lent.reports()
    if (session?.unit === unit) return factsOf(session.hello, { isTaken: true, reports })
    return outdated?.unit === unit
      ? factsOf(outdated.hello, { isTaken: false, reports })
      : undefined
  }

  /** A question to the board and its answer; undefined where none came in time. */
  async ask(kind: ToBoard, fields: readonly Field[]): Promise<BoardMessage | undefined> {
    const { send, greeting } = this.#lent
    const isRefused = this.#lent.outdated() !== undefined
    if (this.#lent.speaking() === undefined && !isRefused) return undefined
    const number = this.#next()
    // It takes messages only from a gateway that has accepted it; what it reports is let go.
    if (isRefused) send('accept', [greeting()])
    // Before it is sent: an answer may be there at once.
    const waiting = this.#asking.wait(number, this.#parts.clock.monotonicMs() + answerMs)
    send(kind, [number, ...fields])
    const answer = await waiting
    if (isRefused) send('refuse', [greeting(), refusals.profile_mismatch])
    return answer
  }

  /** Has the board show that it has its key, and logs what came of it. */
  async #prove(session: Session): Promise<void> {
    const { hello, prover } = session
    const { nonce: word, clock } = this.#parts
    const nonce = Buffer.from(Uint32Array.from({ length: 8 }, () => word()).buffer)
    const verdict = await prover?.prove(hello, nonce, {
      ask: (fields) => this.ask('challenge', fields),
      nowMs: () => clock.monotonicMs(),
    })
    if (verdict === undefined || session !== this.#lent.speaking()) return
    const { boot, uptimeUs: t, key } = hello
    if (key === undefined) return
    this.#lent.log(session, 'proof', proofPayload({ boot, t, key: didOf(key) }, verdict))
  }

  /** Grows over restarts of the gateway, too: it begins at the second. */
  #next(): number {
    const seconds = Math.floor(this.#parts.clock.nowUs() / 1e6)
    this.#number = Math.max(this.#number + 1, seconds)
    return this.#number
  }
}

/** A board's code as every unit answers. */
const resultOf = (code: number): { accepted: boolean; reason?: string } => {
  const reason = resultWords[code]
  return { accepted: code === 0, ...(reason !== undefined && { reason }) }
}
