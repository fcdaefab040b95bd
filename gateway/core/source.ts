// What a source is: the edge of the gateway towards machines. It receives, hands each message to
// the log, and acknowledges only what the log has made durable. It never knows a sink.
import type { LogRecord } from './record.ts'

/**
 * Hands one received message to the log. `done` is called once: without an error when the message
 * is durable and may be acknowledged; with one when it must not be acknowledged.
 */
export type Emit = (record: LogRecord, done: (error?: Error) => void) => void

export interface Source {
  readonly name: string
  /** Begins to receive. Throws an OperatingError where it cannot (a port that is taken). */
  start(emit: Emit): Promise<void>
  /** Stops receiving; what was handed to `emit` before is still acknowledged. */
  stop(): Promise<void>
}
