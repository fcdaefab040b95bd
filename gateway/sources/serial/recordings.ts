// Fetches the recordings of a board's black box while its line has nothing better to do: asks which
// there are, takes those that are not kept yet in pieces, goes on where it was after a lost line or
// a restart. A recording counts only when it is whole and has the digest that the board stated. It
// changes nothing on the board. Must never keep a line from anything else.
import type { Clock } from '../../core/clock.ts'
import { limits } from '../../core/limits.ts'
import type { Session } from './line-parts.ts'
import type { BoardMessage, Field } from './messages.ts'
import type { Kept, Shelf } from './shelf.ts'

export const fetchPace = {
  /** How often a board is asked for what is new. */
  everyMs: 20_000,
  /** After an answer that did not come, or a board that is at work. */
  againMs: 2000,
  /** After a disk that does not take it. */
  troubleMs: 60_000,
} as const

/** Bytes of a part, as LINK_PART_BYTES in firmware/runtime/link.h. */
const partBytes = 256
/** A digest that a board stated and did not keep to is asked for so often. */
const attempts = 2
const ways = { which: 0, part: 1 } as const
const codes = { unknown: 1, stale: 3, busy: 6 } as const

export interface FetchParts {
  shelf: Shelf
  /** The board that is heard and taken. */
  speaking(): Session | undefined
  /** Something else is asked of the board. */
  isTaken(): boolean
  ask(fields: readonly Field[]): Promise<BoardMessage | undefined>
  /** Resolves when the log has the event. */
  tell(session: Session, kept: Kept): Promise<void>
  clock: Pick<Clock, 'nowUs' | 'monotonicMs'>
  note(line: string): void
}

type Shown = Extract<BoardMessage, { is: 'blackBox' }>

/** When to look again, milliseconds; undefined: go on now. */
type Wait = number | undefined

export class RecordingFetch {
  readonly #parts: FetchParts
  readonly #failures = new Map<string, number>()
  #session: Session | undefined
  /** The recording that was dealt with last. */
  #after = 0
  #dueMs = Number.NEGATIVE_INFINITY
  #isBusy = false

  constructor(parts: FetchParts) {
    this.#parts = parts
  }

  tick(nowMs: number): void {
    const session = this.#parts.speaking()
    if (session !== this.#session) {
      this.#session = session
      this.#after = 0
      this.#dueMs = Number.NEGATIVE_INFINITY
      this.#failures.clear()
    }
    if (session === undefined || this.#isBusy || nowMs < this.#dueMs) return
    if (this.#parts.isTaken()) return
    this.#isBusy = true
    void this.#round(session)
      .catch((error: Error) => {
        this.#parts.note(`a recording of ${session.unit} cannot be kept: ${error.message}`)
        return fetchPace.troubleMs
      })
      .then((waitMs) => {
        this.#isBusy = false
        if (session === this.#session) this.#dueMs = this.#parts.clock.monotonicMs() + waitMs
      })
  }

  /** All that the board has and that is not kept. */
  async #round(session: Session): Promise<number> {
    for (;;) {
      const shown = await this.#asked(session, [ways.which, this.#after, 0])
      if (typeof shown === 'number') return shown
      if (shown.recording === 0) return fetchPace.everyMs
      const wait = await this.#one(session, shown)
      if (wait !== undefined) return wait
      this.#after = shown.recording
    }
  }

  /** The answer to a question, or how long to wait before it is asked again. */
  async #asked(session: Session, fields: readonly number[]): Promise<Shown | number> {
    const { speaking, isTaken, ask } = this.#parts
    if (session !== speaking() || isTaken()) return fetchPace.againMs
    const answer = await ask(fields)
    if (session !== speaking()) return fetchPace.againMs
    if (answer?.is === 'result' && answer.code === codes.unknown) return Number.POSITIVE_INFINITY
    const isOne = answer?.is === 'blackBox' && answer.what === fields[0]
    return isOne ? answer : fetchPace.againMs
  }

  async #one(session: Session, shown: Shown): Promise<Wait> {
    const { shelf, note, clock } = this.#parts
    const { unit } = session
    const digest = Buffer.from(shown.bytes).toString('hex')
    const { recording: number, at: total } = shown
    if (shown.bytes.length !== 32 || number <= this.#after || total > limits.recordingBytes) {
      note(`${unit} states a recording ${number} of ${total} bytes that cannot be one`)
      return Number.POSITIVE_INFINITY
    }
    const known = await shelf.find(unit, digest)
    if (known !== undefined) return this.#told(session, known)
    const failures = this.#failures.get(digest) ?? 0
    if (failures >= attempts) return undefined
    const wait = await this.#fetch(session, { number, digest, total })
    if (wait !== undefined) return wait
    const { machine } = session.hello
    const stated = { machine, number, digest, receivedUs: clock.nowUs() }
    const kept = await shelf.finish(unit, stated)
    if (kept !== undefined) return this.#told(session, kept)
    this.#failures.set(digest, failures + 1)
    note(`recording ${number} of ${unit} is not what the board stated, and was not kept`)
    return fetchPace.againMs
  }

  /** Takes what is not there yet; undefined when all of it is. */
  async #fetch(
    session: Session,
    { number, digest, total }: { number: number; digest: string; total: number },
  ): Promise<Wait> {
    const { shelf } = this.#parts
    const { unit } = session
    let at = await shelf.begun(unit, { digest, part: partBytes })
    while (at < total) {
      const part = await this.#asked(session, [ways.part, number, at])
      if (typeof part === 'number') return part
      const { recording, bytes } = part
      const isNext = recording === number && part.at === at
      if (!isNext || bytes.length !== Math.min(partBytes, total - at)) return fetchPace.againMs
      await shelf.add(unit, digest, bytes)
      at += bytes.length
    }
    return undefined
  }

  async #told(session: Session, kept: Kept): Promise<Wait> {
    if (kept.isTold) return undefined
    await this.#parts.tell(session, kept)
    await this.#parts.shelf.told(kept)
    this.#parts.note(`recording ${kept.number} of ${kept.unit} is kept: ${kept.file}`)
    return undefined
  }
}

/** As gateway/pipeline/recorded.ts reads it. */
export const recordedPayload = ({ hello, uptimeUs }: Session, kept: Kept): Uint8Array => {
  const { number, boot: of, cause, digest } = kept
  return Buffer.from(JSON.stringify({ boot: hello.boot, t: uptimeUs, number, of, cause, digest }))
}
