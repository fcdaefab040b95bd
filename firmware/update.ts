// The gateway's side of an update: from two signed images and a way to talk to a board, to a board
// that is about to try the right one. What the messages look like on a wire is the carrier's own;
// what they mean is in runtime/update.h. A lost answer is asked for again, and never harms.
import { headBytes, readHead } from './signed-image.ts'
import { ToolError } from './tool-error.ts'

/** What a board is told. Offsets are from the image's first byte behind its head. */
export type UpdateMessage =
  | { kind: 'begin'; head: Uint8Array }
  | { kind: 'chunk'; offset: number; data: Uint8Array }
  | { kind: 'finish' }
  | { kind: 'confirm' }
  | { kind: 'restart' }
  /** Changes nothing. */
  | { kind: 'state' }
  /** Pins the first release key, 32 bytes, of a board that has none. */
  | { kind: 'trust'; key: Uint8Array }

/** Their numbers on the wire. */
export const updateKinds = {
  ...{ begin: 0, chunk: 1, finish: 2, confirm: 3, restart: 4, state: 5, trust: 6 },
} as const

/** Offset and bytes of a message as it is on the wire. */
export const updateBody = (message: UpdateMessage): [offset: number, bytes: Uint8Array] => {
  if (message.kind === 'begin') return [0, message.head]
  if (message.kind === 'chunk') return [message.offset, message.data]
  return [0, message.kind === 'trust' ? message.key : new Uint8Array()]
}

/** A board's answers, by their numbers on the wire (`enum update_result`). */
export const updateResults = [
  ...['ok', 'armed', 'no_key', 'format', 'foreign', 'slot', 'too_long', 'old', 'signature'],
  ...['order', 'flash', 'digest', 'idle', 'pinned', 'absent'],
] as const
export type UpdateResult = (typeof updateResults)[number]

/** A board's answer. */
export interface UpdateAnswer {
  /** Number of an UpdateResult. */
  result: number
  /** Bytes of the image that are there. */
  next: number
}

export interface UpdateLink {
  /** One message and its answer; undefined where none came in time. */
  ask: (message: UpdateMessage) => Promise<UpdateAnswer | undefined>
  /** Waits a while: the machine is at work, or the line is down. */
  pause: () => Promise<void>
}

export interface UpdateRequest {
  /** The signed image of each slot. */
  images: { a: Uint8Array; b: Uint8Array }
  /** Which slot the board runs from now, as its hello says. */
  running: 0 | 1
  link: UpdateLink
  /** Bytes of a chunk; whole words, so that one fits into the carrier's frame. */
  chunkBytes?: number
  /** How often a message is tried again before giving up; each after a pause. */
  patience?: number
  /** The same for the very first message: a machine at work is told of at once. */
  firstPatience?: number
  progress?: (sent: number, total: number) => void
}

/**
 * Sends the image for the slot that does not run, from where an earlier try of the very same image
 * has ended, as long as the board has not started anew. Afterwards a restart of the board begins
 * the trial; `confirmUpdate` ends it well. Throws ToolError with the board's own reason.
 */
export const sendUpdate = async (request: UpdateRequest): Promise<void> => {
  const { images, running, link, chunkBytes = 256, patience = 20, progress } = request
  const file = running === 0 ? images.b : images.a
  const { slot, bytes } = readHead(file)
  if (slot === running) throw refused('slot')
  const head = file.slice(0, headBytes)
  const first = await expectOk(link, request.firstPatience ?? patience, { kind: 'begin', head })
  // What is there ends at a chunk's end of that other try, whose chunks may have been others.
  for (let offset = Math.min(first.next, bytes); offset < bytes; offset += chunkBytes) {
    const from = headBytes + offset
    const data = file.slice(from, from + chunkBytes)
    await expectOk(link, patience, { kind: 'chunk', offset, data })
    progress?.(Math.min(offset + chunkBytes, bytes), bytes)
  }
  await expectOk(link, patience, { kind: 'finish' })
}

/** Says that the new image works: it stays, and nothing older may come. Throws ToolError. */
export const confirmUpdate = async (link: UpdateLink, patience = 20): Promise<void> => {
  await expectOk(link, patience, { kind: 'confirm' })
}

/** Throws ToolError with the board's own reason where it is not "ok". */
export const expectOk = async (
  link: UpdateLink,
  patience: number,
  message: UpdateMessage,
): Promise<UpdateAnswer> => {
  const answer = await told(link, patience, message)
  const result = resultOf(answer)
  if (result !== 'ok') throw refused(result)
  return answer
}

const resultOf = ({ result }: UpdateAnswer): UpdateResult => updateResults[result] ?? 'format'

/** Asks until there is an answer other than "the machine is at work". */
const told = async (
  link: UpdateLink,
  patience: number,
  message: UpdateMessage,
): Promise<UpdateAnswer> => {
  let last: UpdateAnswer | undefined
  for (let tries = 0; tries <= patience; tries += 1) {
    const answer = await link.ask(message)
    if (answer !== undefined && resultOf(answer) !== 'armed') return answer
    last = answer ?? last
    await link.pause()
  }
  if (last !== undefined) return last
  throw new ToolError('update_silent', {
    message: 'the board does not answer',
    remedy: 'Check its cable and power; begin again: nothing has changed on it.',
  })
}

const reasons: Record<Exclude<UpdateResult, 'ok'>, [what: string, remedy: string]> = {
  armed: ['the machine may move', 'Let go of its trigger, and try again.'],
  no_key: [
    'no release key is pinned on it',
    'Pin one: "tenfold command <unit> trust <key>", with the machine\'s control held.',
  ],
  format: ['it does not know this form of image', 'Flash it once with the board in hand.'],
  foreign: ['the image is for another board or machine', 'Build it for this one.'],
  slot: ['the image is linked for the slot that runs', 'Send the image of the other slot.'],
  too_long: ['the image is longer than a slot', 'Build a smaller one.'],
  old: ['the image is older than what has run here', 'Flash it with the board in hand.'],
  signature: ['the signature is not by the key pinned on it', 'Sign with that key.'],
  order: ['bytes are missing, or came twice in parts', 'Begin again.'],
  flash: ['its flash does not keep what is written', 'Begin again; if it stays, change the board.'],
  digest: ['the image arrived damaged', 'Begin again.'],
  idle: ['it knows of no update, or has gone back already', 'Begin again.'],
  pinned: [
    'another release key is pinned on it',
    'Only who has the board in hand changes it: flash it anew.',
  ],
  absent: [
    'nobody holds its control',
    'Give it power with the control pulled, keep pulling, and ask again; nothing can start so.',
  ],
}

const refused = (result: Exclude<UpdateResult, 'ok'>): ToolError => {
  const [what, remedy] = reasons[result]
  return new ToolError(`update_${result}`, { message: `the board refuses: ${what}`, remedy })
}
