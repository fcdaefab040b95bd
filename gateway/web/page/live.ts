// The stream of live values: opens, and opens again by itself. It tells when it was away, so that
// the view can read from the store what it missed.
import type { LiveReading } from '../../core/live.ts'

export interface LiveListener {
  readings(readings: readonly LiveReading[]): void
  /** Called at each (re)connection and each loss. */
  connected(yes: boolean): void
}

/**
 * Live readings of one unit, or the newest of every unit. @returns a function that closes the
 * stream
 */
export const openLive = (unit: string | undefined, listener: LiveListener): (() => void) => {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const connect = (): void => {
    const query = unit === undefined ? '' : `?unit=${encodeURIComponent(unit)}`
    source = new EventSource(`/api/live${query}`)
    source.onopen = () => listener.connected(true)
    source.onmessage = ({ data }) => listener.readings(JSON.parse(data))
    source.onerror = () => {
      listener.connected(false)
      // The browser gives up for good on an answer that is no stream.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(connect, 2000)
    }
  }
  connect()
  return () => {
    source?.close()
    clearTimeout(timer)
  }
}
