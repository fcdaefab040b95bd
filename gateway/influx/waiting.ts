// Requests to a server for as long as patience lasts, for every version's transport, and the errors
// that say that nobody answered. It sends nothing and knows no answer.
import type { Clock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import { Patience } from './patience.ts'

/** Breaks off when the signal aborts; throws `unreachable` where no answer came. */
export type Request<T> = (signal: AbortSignal) => Promise<T>

export interface Waiting {
  /** A small question, which a server that is there answers at once. */
  ask<T>(request: Request<T>): Promise<T>
  write<T>(request: Request<T>): Promise<T>
  /** Breaks off what is on its way. */
  stop(): void
}

export interface WaitingParts {
  /** The server's address, for errors. */
  readonly base: string
  /** Longest wait, milliseconds. */
  readonly mostMs: number
  readonly clock: Clock
}

export const createWaiting = ({ base, mostMs, clock }: WaitingParts): Waiting => {
  const patience = new Patience(mostMs)
  /** Requests on their way; undefined after a stop. */
  let open: Set<AbortController> | undefined = new Set()

  const within = async <T>(timeoutMs: number, request: Request<T>): Promise<T> => {
    const one = new AbortController()
    let isOver = false
    const timer = setTimeout(() => {
      isOver = true
      one.abort()
    }, timeoutMs)
    if (open === undefined) one.abort()
    open?.add(one)
    try {
      return await request(one.signal)
    } catch (error) {
      // What was broken off looks to a client like a connection that was lost.
      throw isOver && isUnreachable(error) ? timedOut(base) : error
    } finally {
      // What has ended is not broken off later: the connection may be another request's by then.
      clearTimeout(timer)
      open?.delete(one)
    }
  }

  return {
    async ask(request) {
      try {
        return await within(patience.shortMs, request)
      } catch (error) {
        if (isTimeout(error) || isUnreachable(error)) patience.alone()
        throw error
      }
    },
    async write(request) {
      const beginMs = clock.monotonicMs()
      const answered = (): void => patience.answered(clock.monotonicMs() - beginMs)
      try {
        const answer = await within(patience.waitMs, request)
        answered()
        return answer
      } catch (error) {
        if (isTimeout(error)) patience.ranOut()
        // An answer that is no good is one, too.
        else if (!isUnreachable(error)) answered()
        throw error
      }
    },
    stop() {
      const left = open ?? []
      open = undefined
      for (const one of left) one.abort()
    },
  }
}

const codes = { timeout: 'influx_timeout', unreachable: 'influx_unreachable' } as const

const isTimeout = (error: unknown): boolean =>
  error instanceof OperatingError && error.code === codes.timeout

const isUnreachable = (error: unknown): boolean =>
  error instanceof OperatingError && error.code === codes.unreachable

export const timedOut = (base: string): OperatingError =>
  new OperatingError(codes.timeout, {
    message: `InfluxDB at ${base} gave no answer in time`,
    remedy: 'Nothing is lost, it is tried again; look at the load and the disk of the server.',
  })

/** @param reason why, such as a system's error code: never a header or a URL with a password */
export const unreachable = (base: string, reason: string): OperatingError =>
  new OperatingError(codes.unreachable, {
    message: `cannot reach InfluxDB at ${base}: ${reason}`,
    remedy: 'Nothing is lost, it is tried again; check that it runs, its address and its port.',
  })
