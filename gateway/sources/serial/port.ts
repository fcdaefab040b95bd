// A serial port that comes and goes: opens it by path or by the serial number of its USB plug, and
// again with back-off when it is gone. Takes at most so many bytes a second: what babbles is made
// to wait. Knows no frames.
import type { Clock } from '../../core/clock.ts'
import { operatingError } from '../../core/errors.ts'
import { type FlowPort, findPort, openFlowPort } from '../../serial/port.ts'
import type { PortSettings } from './settings.ts'

export interface PortParts {
  readonly settings: PortSettings
  readonly clock: Clock
  /** 0 to 1. */
  random(): number
  /** Called at every opening; what it gives hears the bytes until `closed`. */
  opened(write: (bytes: Uint8Array) => void): {
    receive(bytes: Uint8Array): void
    closed(): void
  }
}

export interface PortStatus {
  /** As a person names it in the settings. */
  name: string
  /** Where it was found. */
  path: string | undefined
  isOpen: boolean
  /** Why it is not open. */
  trouble: string | undefined
  openings: number
  bytes: number
  /** Times it was made to wait because it sent too much. */
  heldBack: number
}

export const portPace = {
  firstMs: 250,
  /** A port that is back is open again, its board greeted, and reports flow within 5 s. */
  capMs: 2000,
  /** More than a board sends over USB in its fastest second of work. */
  bytesPerSecond: 128 * 1024,
  /** What may wait for a board that does not read. */
  unsentBytesMax: 16 * 1024,
} as const

/** Runs until `signal` says stop; never throws. */
export const keepOpen = async (
  parts: PortParts,
  status: PortStatus,
  signal: AbortSignal,
): Promise<void> => {
  for (let failures = 0; !signal.aborted; ) {
    const openings = status.openings
    await once(parts, status, signal)
    failures = status.openings > openings ? 0 : failures + 1
    const longest = Math.min(portPace.capMs, portPace.firstMs * 2 ** Math.min(failures, 10))
    await parts.clock.sleep(longest * (0.5 + parts.random() / 2), signal)
  }
}

/** One opening, to its end. */
const once = async (parts: PortParts, status: PortStatus, signal: AbortSignal): Promise<void> => {
  const { path: given, serialNumber, baud = 115_200 } = parts.settings
  const path = serialNumber === undefined ? given : await findPort(serialNumber)
  status.path = path
  if (path === undefined) {
    status.trouble = `no USB port has the serial number ${serialNumber}`
    return
  }
  let port: FlowPort
  try {
    port = await openFlowPort({ path, baud })
  } catch (error) {
    const known = operatingError(error)
    if (known === undefined) throw error
    status.trouble = `${known.message} (${known.code})`
    return
  }
  const { promise: gone, resolve: end } = Promise.withResolvers<string | undefined>()
  const stop = (): void => end(undefined)
  port.onClose((why) => end(why ?? 'it was closed'))
  signal.addEventListener('abort', stop, { once: true })
  Object.assign(status, { isOpen: true, trouble: undefined, openings: status.openings + 1 })
  const heard = parts.opened((bytes) => {
    if (port.unsentBytes < portPace.unsentBytesMax) port.write(bytes)
  })
  port.onData(throttled({ parts, status, port }, (bytes) => heard.receive(bytes)))
  status.trouble = await gone
  signal.removeEventListener('abort', stop)
  status.isOpen = false
  heard.closed()
  await port.close()
}

/** Passes bytes on, and pauses the port for the rest of a second in which it sent too many. */
const throttled = (
  { parts, status, port }: { parts: PortParts; status: PortStatus; port: FlowPort },
  pass: (bytes: Uint8Array) => void,
): ((bytes: Uint8Array) => void) => {
  const { clock } = parts
  let sinceMs = clock.monotonicMs()
  let taken = 0
  let isHeld = false
  const hold = async (): Promise<void> => {
    isHeld = true
    status.heldBack += 1
    port.pause()
    await clock.sleep(Math.max(0, 1000 - (clock.monotonicMs() - sinceMs)))
    isHeld = false
    port.resume()
  }
  return (bytes) => {
    const nowMs = clock.monotonicMs()
    if (nowMs - sinceMs >= 1000) {
      sinceMs = nowMs
      taken = 0
    }
    taken += bytes.length
    status.bytes += bytes.length
    pass(bytes)
    if (taken > portPace.bytesPerSecond && !isHeld) void hold()
  }
}
