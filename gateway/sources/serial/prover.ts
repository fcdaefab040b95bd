// When a board is challenged, and what the log is told of it: at its hello, then every hour. No
// answer is told of only after three tries: a line may be bad for a while. A wrong one is at once.
import { didOf } from '../../attestation/did.ts'
import type { BoardMessage, Field, HelloMessage } from './messages.ts'
import { judgeProof, type Verdict } from './proof.ts'

export const provePace = { everyMs: 3_600_000, againMs: 30_000, tries: 3 } as const

interface Line {
  ask(fields: readonly Field[]): Promise<BoardMessage | undefined>
  nowMs(): number
}

export class Prover {
  readonly #key: Uint8Array
  #dueMs = Number.NEGATIVE_INFINITY
  #unanswered = 0

  constructor(key: Uint8Array) {
    this.#key = key
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs
  }

  /** What to log, or undefined where it is to be tried again first. */
  async prove(hello: HelloMessage, nonce: Uint8Array, line: Line): Promise<Verdict | undefined> {
    this.#dueMs = Number.POSITIVE_INFINITY
    const said = await line.ask([nonce])
    const answer = said?.is === 'response' ? said.bytes : undefined
    const { boot, uptimeUs } = hello
    const verdict = judgeProof({ boot, uptimeUs, key: this.#key }, nonce, answer)
    this.#unanswered = answer === undefined ? this.#unanswered + 1 : 0
    const again = answer === undefined && this.#unanswered < provePace.tries
    this.#dueMs = line.nowMs() + (again ? provePace.againMs : provePace.everyMs)
    if (again) return undefined
    this.#unanswered = 0
    return verdict
  }
}

/** As gateway/pipeline/proof.ts reads it. */
export const proofPayload = (hello: HelloMessage, verdict: Verdict): Uint8Array => {
  const { boot, uptimeUs, key = new Uint8Array() } = hello
  const { proven } = verdict
  const t = proven ? verdict.t : uptimeUs
  const why = proven ? {} : { why: verdict.why }
  return Buffer.from(JSON.stringify({ boot, t, key: didOf(key), proven, ...why }))
}
