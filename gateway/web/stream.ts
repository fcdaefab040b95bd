// Live values as server-sent events: of one unit every report, of all units the newest of each.
// Nothing is queued without a bound: what a reader did not take is thinned to the newest, and a
// reader that takes nothing is let go; the page then connects again and reads what it missed from
// the store.
import type { ServerResponse } from 'node:http'
import type { LiveFeed, LiveReading } from '../core/live.ts'
import { Refused } from './reply.ts'

export interface Streams {
  /** Turns a response into a stream. Throws Refused when there are too many. */
  open(response: ServerResponse, unit: string | undefined): void
  /** Ends every stream. */
  stop(): void
}

/** One unit's reports between two writes; more than this is thinned to every other one. */
const readingsPerWrite = 256
const unitsPerWrite = 500
const streamsMax = 64
/** A reader that is this far behind takes nothing. */
const bytesBehindMax = 256 * 1024
const periodMs = { unit: 100, all: 1000 }
/** A comment now and then, so that a dead connection is found out. */
const heartbeatMs = 15_000

export const createStreams = (feed: LiveFeed): Streams => {
  const open = new Set<() => void>()
  return {
    open: (response, unit) => {
      if (open.size >= streamsMax) {
        throw new Refused(503, 'too_many_streams', {
          message: `${streamsMax} live views are open already.`,
          remedy: 'Close some of them.',
          headers: { 'Retry-After': '10' },
        })
      }
      const waiting = unit === undefined ? newestOfAll() : allOfOne(unit)
      const close = (): void => {
        if (!open.delete(close)) return
        unsubscribe()
        clearInterval(timer)
        clearInterval(heartbeat)
        response.destroy()
      }
      const write = (text: string): void => {
        if (response.writableLength > bytesBehindMax) close()
        else response.write(text)
      }
      response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
      })
      const unsubscribe = feed.subscribe(waiting.add)
      const timer = setInterval(
        () => {
          const readings = waiting.take()
          if (readings.length > 0) write(`data: ${JSON.stringify(readings)}\n\n`)
        },
        unit === undefined ? periodMs.all : periodMs.unit,
      )
      const heartbeat = setInterval(() => write(': still here\n\n'), heartbeatMs)
      open.add(close)
      response.on('close', close)
      response.on('error', close)
      response.write('retry: 1000\n\n')
    },
    stop: () => {
      for (const close of open) close()
    },
  }
}

interface Waiting {
  add(readings: readonly LiveReading[]): void
  take(): LiveReading[]
}

const allOfOne = (unit: string): Waiting => {
  let kept: LiveReading[] = []
  return {
    add: (readings) => {
      for (const reading of readings) if (reading.unit === unit) kept.push(reading)
      while (kept.length > readingsPerWrite) kept = kept.filter((_, i) => i % 2 === 1)
    },
    take: () => {
      const out = kept
      kept = []
      return out
    },
  }
}

const newestOfAll = (): Waiting => {
  const kept = new Map<string, LiveReading>()
  return {
    add: (readings) => {
      for (const reading of readings) {
        if (kept.size < unitsPerWrite || kept.has(reading.unit)) kept.set(reading.unit, reading)
      }
    },
    take: () => {
      const out = [...kept.values()]
      kept.clear()
      return out
    },
  }
}
