// One line to one board, from greeting to silence: judges its hello, learns its dictionary, hands
// reports and items to the log, and acknowledges an item only when the log has it. It opens no port
// and reads no clock: bytes, time and a way to write are passed in. Must never wait for a board or
// keep more of one than a frame and an item.
import { type TopicKind, topicOf } from '../../../hardware-profiles/names.ts'
import { readDictionary, schemaDigest } from './dictionary.ts'
import { encodeFrame, FrameReader } from './frame.ts'
import { helloPayload, isSameRun, type Judged, judge, type RefusalCode } from './hello.ts'
import { ItemTray } from './items.ts'
import {
  type LineParts,
  type LineStatus,
  pace,
  payloadOf,
  resultCodes,
  type Session,
} from './line-parts.ts'
import {
  type BoardMessage,
  decodeMessage,
  encodeMessage,
  type HelloMessage,
  type ToBoard,
  understood,
} from './messages.ts'
import { Prover } from './prover.ts'
import { Questions } from './questions.ts'
import { RecordingFetch, recordedPayload } from './recordings.ts'
import type { Kept } from './shelf.ts'

export class Line {
  readonly #parts: LineParts
  readonly #reader = new FrameReader()
  readonly #status: LineStatus
  /** What is asked of the board. */
  readonly questions: Questions
  readonly #recordings: RecordingFetch | undefined
  #session: Session | undefined
  /** Refused for its profile only: its firmware can be brought up to date. */
  #outdated: { hello: HelloMessage; unit: string } | undefined
  #greeting: number
  #version: number
  #heardMs: number
  #greetedMs = Number.NEGATIVE_INFINITY
  #budgetMs: number
  #sessions = 0
  #flying = 0
  #said = ''
  #refused = ''
  #isClosed = false

  constructor(parts: LineParts) {
    this.#parts = parts
    this.questions = new Questions(parts, {
      speaking: () => (this.unit === undefined ? undefined : this.#session),
      outdated: () => this.#outdated,
      greeting: () => this.#greeting,
      reports: () => this.#status.reports,
      send: (kind, fields) => this.#send(kind, fields),
      log: (session, kind, payload) => {
        this.#emit({ ...this.#place(session, kind), payload }, () => {})
      },
    })
    this.#recordings = this.#fetching()
    this.#greeting = parts.nonce()
    this.#version = parts.protocol.newest
    this.#heardMs = parts.clock.monotonicMs()
    this.#budgetMs = this.#heardMs
    this.#status = {
      ...{ state: 'silent', unit: undefined, board: undefined, refusal: undefined },
      ...{ frames: 0, damaged: 0, malformed: 0, reports: 0, dropped: 0, items: 0 },
      ...{ boardDamaged: 0, boardLost: 0 },
    }
  }

  status(): LineStatus {
    const { frames, damaged } = this.#reader
    return { ...this.#status, frames, damaged }
  }

  /** The unit that is heard now. */
  get unit(): string | undefined {
    return this.#status.state === 'speaking' ? this.#session?.unit : undefined
  }

  receive(bytes: Uint8Array): void {
    this.#reader.push(bytes, (frame) => {
      if (this.#isClosed) return
      const decoded = decodeMessage(frame, this.#parts.protocol)
      if (!decoded.ok) {
        this.#status.malformed += 1
        if (decoded.why === 'version') this.#refuse('version', decoded.detail)
        return
      }
      this.#heardMs = this.#parts.clock.monotonicMs()
      if (decoded.message !== undefined) this.#take(decoded.message, frame.version)
    })
  }

  /** Several times a second: greets, asks again, notices silence. */
  tick(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    this.questions.tick(nowMs)
    this.#recordings?.tick(nowMs)
    const isSilent = nowMs - this.#heardMs > pace.silentMs && !this.questions.areOpen
    if (isSilent && this.#status.state !== 'silent') {
      this.#forget()
      this.#heardMs = nowMs
      this.#status.state = 'silent'
    }
    this.#refill(nowMs)
    if (nowMs - this.#greetedMs < pace.greetMs) return
    this.#greetedMs = nowMs
    this.#greet()
    if (this.#status.state === 'learning') this.#askSchema()
  }

  close(): void {
    this.#isClosed = true
    this.questions.close()
    this.#forget()
  }

  /** Until a board has said its version, in each that is understood: it hears only its own. */
  #greet(): void {
    const { protocol, write } = this.#parts
    if (this.#session !== undefined) this.#send('greet', [this.#greeting])
    else if (!this.#isClosed)
      for (const version of understood(protocol))
        write(encodeFrame(encodeMessage('greet', [this.#greeting], version)))
  }

  #send(kind: ToBoard, fields: Parameters<typeof encodeMessage>[1]): void {
    if (!this.#isClosed) this.#parts.write(encodeFrame(encodeMessage(kind, fields, this.#version)))
  }

  #forget(): void {
    this.#session = undefined
    this.#outdated = undefined
    this.#greeting = this.#parts.nonce()
    this.#status.unit = undefined
  }

  #take(message: BoardMessage, version: number): void {
    if (message.is === 'hello') {
      this.#hello(message, version)
      return
    }
    const session = this.#session
    if (this.questions.heard(message) || session === undefined) return
    if (message.is === 'schema') this.#learn(session, message)
    else if (this.#status.state !== 'speaking') return
    else if (message.is === 'report') this.#report(session, message)
    else if (message.is === 'item') this.#item(session, message)
    else if (message.is === 'result' && message.code !== 0) {
      const why = resultCodes[message.code] ?? `code ${message.code}`
      this.#parts.note(`${session.unit} refused message ${message.of}: ${why}`)
    }
  }

  #hello(hello: HelloMessage, version: number): void {
    if (hello.greeting !== this.#greeting) {
      // It has started anew, or answers a greeting of before: what it said until now is over.
      if (hello.greeting === 0) this.#forget()
      this.#greetedMs = Number.NEGATIVE_INFINITY
      this.tick()
      return
    }
    this.#version = version
    this.#status.board = hello.board
    this.#status.boardDamaged = hello.damaged
    this.#status.boardLost = hello.lost
    if (this.#session !== undefined && isSameRun(this.#session.hello, hello)) {
      // Said again because our answer was lost.
      if (this.#status.state === 'speaking') this.#send('accept', [this.#greeting])
      return
    }
    const judged = judge(hello, this.#parts)
    const name = `${this.#parts.epoch}-${++this.#sessions}`
    if (judged.refusal !== undefined) {
      const { refusal } = judged
      // Once a boot, though the board answers every greeting.
      const logged = `${hello.boot} ${hello.machine} ${hello.profile}`
      if (judged.unit !== undefined && this.#refused !== logged) this.#log(judged, hello, name)
      this.#refused = logged
      this.#refuse(refusal.code, refusal.detail)
      const { unit } = judged
      if (refusal.code === 'profile_mismatch' && unit !== undefined)
        this.#outdated = { hello, unit }
      this.#send('refuse', [this.#greeting, refusal.number])
      return
    }
    const { unit, machine } = judged
    const tray = new ItemTray()
    this.#session = {
      ...{ hello, unit, machine, name, dictionary: undefined, tray },
      ...{ schema: Buffer.alloc(Math.min(hello.schemaBytes, schemaBytesMax)), gathered: 0 },
      ...{ budget: pace.urgentHz, uptimeUs: hello.uptimeUs, isLogged: false },
      prover: hello.key && new Prover(hello.key),
    }
    this.#outdated = undefined
    Object.assign(this.#status, { state: 'learning', unit, refusal: undefined })
    this.#log(judged, hello, name)
  }

  /** The hello goes to the log whatever we think of it: what is refused is seen in quarantine. */
  #log(judged: Judged, hello: HelloMessage, name: string): void {
    const payload = helloPayload(hello, judged.refusal === undefined ? judged.machine : undefined)
    const topic = topicOf({ machine: hello.machine, unit: judged.unit ?? '', kind: 'hello' })
    const session = this.#session
    this.#emit({ topic, payload, name }, (error) => {
      if (session === undefined || session !== this.#session) return
      if (error !== undefined) {
        this.#forget()
        this.#status.state = 'silent'
        return
      }
      session.isLogged = true
      const known = this.#parts.dictionaries.get(hello.schema)
      if (known === undefined) this.#askSchema()
      else this.#accept(session, known)
    })
  }

  #askSchema(): void {
    const session = this.#session
    if (session?.isLogged === true) this.#send('askSchema', [session.gathered])
  }

  #learn(session: Session, { at, bytes }: Extract<BoardMessage, { is: 'schema' }>): void {
    if (this.#status.state !== 'learning' || !session.isLogged) return
    if (at !== session.gathered) return
    if (bytes.length === 0 || at + bytes.length > session.schema.length) return
    session.schema.set(bytes, at)
    session.gathered += bytes.length
    if (session.gathered < session.schema.length) {
      this.#askSchema()
      return
    }
    if (schemaDigest(session.schema) === session.hello.schema) {
      this.#accept(session, session.schema)
      return
    }
    // Parts of two boards, or a board that is wrong about itself: begin again.
    session.gathered = 0
    this.#status.malformed += 1
  }

  #accept(session: Session, schema: Uint8Array): void {
    const dictionary = readDictionary(schema, session.machine.profile)
    if (typeof dictionary === 'string') {
      this.#refuse('schema', dictionary)
      this.#send('refuse', [this.#greeting, 4])
      return
    }
    const { dictionaries, note } = this.#parts
    if (dictionaries.size >= dictionariesMax) dictionaries.clear()
    dictionaries.set(session.hello.schema, schema)
    session.dictionary = dictionary
    this.#status.state = 'speaking'
    this.#send('accept', [this.#greeting])
    this.#said = ''
    note(`${session.unit} is heard, a ${session.hello.machine}, boot ${session.hello.boot}`)
  }

  #report(session: Session, report: Extract<BoardMessage, { is: 'report' }>): void {
    const { boot, seq, t, v, c } = report
    const values = session.dictionary?.report(v, c)
    if (values === undefined || boot !== session.hello.boot) {
      this.#status.malformed += 1
      return
    }
    if (session.budget < 1 || this.#flying >= pace.flyingMax) {
      this.#status.dropped += 1
      return
    }
    session.budget -= 1
    session.uptimeUs = t
    this.#flying += 1
    // A board that cannot count its boots has no sequence that would be its own for ever.
    const counted = boot === 0 ? {} : { boot, seq, t }
    const payload = Buffer.from(JSON.stringify({ ...counted, ...values }))
    this.#emit({ ...this.#place(session, 'report'), payload }, (error) => {
      this.#flying -= 1
      if (error === undefined) this.#status.reports += 1
      else this.#status.dropped += 1
    })
  }

  #item(session: Session, part: Extract<BoardMessage, { is: 'item' }>): void {
    if (session.tray.isDurable(part)) {
      // Our acknowledgement was lost.
      this.#send('ack', [part.number])
      return
    }
    const item = session.tray.add(part)
    if (item === undefined) return
    const record = { ...this.#place(session, item.topic), payload: payloadOf(item) }
    this.#emit(record, (error) => {
      session.tray.done(item.number, error === undefined)
      // Not durable: not acknowledged, and the board says it again.
      if (error !== undefined || session !== this.#session) return
      this.#status.items += 1
      this.#send('ack', [item.number])
    })
  }

  #fetching(): RecordingFetch | undefined {
    const { shelf, clock, note } = this.#parts
    if (shelf === undefined) return undefined
    return new RecordingFetch({
      ...{ shelf, clock, note },
      speaking: () => (this.unit === undefined ? undefined : this.#session),
      isTaken: () => this.questions.areOpen,
      ask: (fields) => this.questions.ask('askBlackBox', fields),
      tell: (session, kept) => this.#tell(session, kept),
    })
  }

  #tell(session: Session, kept: Kept): Promise<void> {
    const record = { ...this.#place(session, 'recording'), payload: recordedPayload(session, kept) }
    return new Promise((resolve, reject) => {
      this.#emit(record, (error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  #place(session: Session, kind: Exclude<TopicKind, 'hello' | 'claim' | 'command'>) {
    const { unit, name } = session
    return { topic: topicOf({ machine: session.hello.machine, unit, kind }), name }
  }

  #emit(what: { topic: string; payload: Uint8Array; name: string }, done: Done): void {
    const receivedUs = this.#parts.clock.nowUs()
    const { topic, payload, name: session } = what
    this.#parts.emit(
      { receivedUs, source: 'serial', session, topic, payload, retained: false },
      done,
    )
  }

  #refuse(code: RefusalCode, detail: string): void {
    Object.assign(this.#status, { state: 'refused', refusal: { code, detail } })
    this.#session = undefined
    this.#outdated = undefined
    // Once for each reason, not once a second.
    if (this.#said !== detail) this.#parts.note(`refused: ${detail}`)
    this.#said = detail
  }

  #refill(nowMs: number): void {
    const session = this.#session
    const seconds = (nowMs - this.#budgetMs) / 1000
    this.#budgetMs = nowMs
    if (session === undefined) return
    const hz = 1.5 * session.machine.profile.reportHz + pace.urgentHz
    session.budget = Math.min(hz, session.budget + hz * seconds)
  }
}

type Done = (error?: Error) => void

/** Longest dictionary that is taken, and how many are remembered. */
const schemaBytesMax = 16_384
const dictionariesMax = 256
