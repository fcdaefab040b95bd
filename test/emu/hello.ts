// What an image says over its UART in the form of the serial protocol, for tests that look at a
// board's hello and nothing else.
import { FrameReader } from '../../gateway/sources/serial/frame.ts'
import {
  type BoardMessage,
  decodeMessage,
  type HelloMessage,
  protocol,
} from '../../gateway/sources/serial/messages.ts'

/** Every message in these bytes, in order. */
export const messagesIn = (bytes: readonly number[]): BoardMessage[] => {
  const found: BoardMessage[] = []
  new FrameReader().push(Uint8Array.from(bytes), (frame) => {
    const decoded = decodeMessage(frame, protocol)
    if (decoded.ok && decoded.message !== undefined) found.push(decoded.message)
  })
  return found
}

export const hellosIn = (bytes: readonly number[]): HelloMessage[] =>
  messagesIn(bytes).flatMap((message) => (message.is === 'hello' ? [message] : []))
