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

/** A board's answers, by their numbers on the wire (`enum update_result`). */
export const updateResults = [
  ...['ok', 'armed', 'no_key', 'format', 'foreign', 'slot', 'too_long', 'old', 'signature'],
  ...['order', 'flash', 'digest', 'idle'],
] as const
export type UpdateResult = (typeof updateResults)[number]

export interface UpdateLink {
  /** One message, its answer's number; undefined where none came in time. */
  ask: (message: UpdateMessage) => Promise<number | undefined>
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
  progress?: (sent: number, total: number) => void
}

/**
 * Sends the image for the slot that does not run. Afterwards a restart of the board begins the
 * trial; `confirmUpdate` ends it well. Throws ToolError with the board's own reason.
 */
export const sendUpdate = async (request: UpdateRequest): Promise<void> => {
  const { images, running, link, chunkBytes = 256, patience = 20, progress } = request
  const file = running === 0 ? images.b : images.a
  const { slot, bytes } = readHead(file)
  if (slot === running) throw refused('slot')
  const expectOk = async (message: UpdateMessage): Promise<void> => {
    const result = await told(link, patience, message)
    if (result !== 'ok') throw refused(result)
  }
  await expectOk({ kind: 'begin', head: file.slice(0, headBytes) })
  for (let offset = 0; offset < bytes; offset += chunkBytes) {
    const from = headBytes + offset
    await expectOk({ kind: 'chunk', offset, data: file.slice(from, from + chunkBytes) })
    progress?.(Math.min(offset + chunkBytes, bytes), bytes)
  }
  await expectOk({ kind: 'finish' })
}

/** Says that the new image works: it stays, and nothing older may come. Throws ToolError. */
export const confirmUpdate = async (link: UpdateLink, patience = 20): Promise<void> => {
  const result = await told(link, patience, { kind: 'confirm' })
  if (result !== 'ok') throw refused(result)
}

/** Asks until there is an answer other than "the machine is at work". */
const told = async (
  link: UpdateLink,
  patience: number,
  message: UpdateMessage,
): Promise<UpdateResult> => {
  let answered = false
  for (let tries = 0; tries <= patience; tries += 1) {
    const number = await link.ask(message)
    const result = number === undefined ? undefined : (updateResults[number] ?? 'format')
    answered ||= result !== undefined
    if (result !== undefined && result !== 'armed') return result
    await link.pause()
  }
  if (answered) return 'armed'
  throw new ToolError('update_silent', {
    message: 'the board does not answer',
    remedy: 'Check its cable and power; begin again: nothing has changed on it.',
  })
}

const reasons: Record<Exclude<UpdateResult, 'ok'>, [what: string, remedy: string]> = {
  armed: ['the machine may move', 'Let go of its trigger, and try again.'],
  no_key: ['no release key is pinned on it', 'Flash an image that "tenfold build --sign" made.'],
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
}

const refused = (result: Exclude<UpdateResult, 'ok'>): ToolError => {
  const [what, remedy] = reasons[result]
  return new ToolError(`update_${result}`, { message: `the board refuses: ${what}`, remedy })
}
