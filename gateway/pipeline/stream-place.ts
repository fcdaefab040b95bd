// Where a record stands in a stream that several gateways share: its identity there, the same for
// every gateway that takes it in, while its offset is each gateway's own. Pure.
import type { LogRecord } from '../core/record.ts'

export const streamSource = 'nats'

/** Above every offset of a log, so that the two are never taken for one another. */
const base = 2 ** 50

export const streamSession = (place: { epoch: number; sequence: number }): string =>
  `${place.epoch}:${place.sequence}`

/** Of an item that a board numbers by itself: the same, however often and wherever it is said. */
export const itemIdentity = (number: number): number => 2 ** 51 + (number % 2 ** 32)

/** undefined for a record that came from no shared stream. */
export const identityOf = ({ source, session }: LogRecord): number | undefined => {
  if (source !== streamSource) return undefined
  const sequence = Number(session.split(':')[1])
  return Number.isSafeInteger(sequence) ? base + sequence : undefined
}
