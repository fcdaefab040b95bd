// When a board is challenged by itself, and what the log is told of it: at its hello, then every
// hour. No answer is told of only after three tries: a line may be bad for a while. A wrong one is
// at once.
import { didOf } from '../../attestation/did.ts'
import { judgeProof, type SignedAnswer, type Verdict } from '../../proof.ts'
import type { BoardMessage, Field, HelloMessage } from './messages.ts'

export const provePace = { everyMs: 3_600_000, againMs: 30_000, tries: 3 } as const

interface Line {
  ask(fields: readonly Field[]): Promise<BoardMessage | undefined>
  nowMs(): number
}

/** Boot, 4 bytes, and uptime in microseconds, 8 bytes, least significant first; signature. */
const placeBytes = 12

/** What a board sends to a challenge; of another length it is signed by nobody. */
export const readResponse = (bytes: Uint8Array): SignedAnswer => {
  if (bytes.length !== placeBytes + 64) return { boot: 0, t: 0, signature: new Uint8Array() }
  const view = new DataView(bytes.buffer, bytes.byteOffset, placeBytes)
  const t = Number(view.getBigUint64(4, true))
  return { boot: view.getUint32(0, true), t, signature: bytes.slice(placeBytes) }
}

export class Prover {
  readonly #key: string
  #dueMs = Number.NEGATIVE_INFINITY
  #unanswered = 0

  constructor(key: Uint8Array) {
    this.#key = didOf(key)
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs
  }

  /** What to log, or undefined where it is to be tried again first. */
  async prove(hello: HelloMessage, nonce: Uint8Array, line: Line): Promise<Verdict | undefined> {
    this.#dueMs = Number.POSITIVE_INFINITY
    const said = await line.ask([nonce])
    const answer = said?.is === 'response' ? readResponse(said.bytes) : undefined
    const { boot, uptimeUs: t } = hello
    const verdict = judgeProof({ boot, t, key: this.#key }, nonce, answer)
    this.#unanswered = answer === undefined ? this.#unanswered + 1 : 0
    const again = answer === undefined && this.#unanswered < provePace.tries
    this.#dueMs = line.nowMs() + (again ? provePace.againMs : provePace.everyMs)
    if (again) return undefined
    this.#unanswered = 0
    return verdict
  }
}
