// Lines to an InfluxDB until each is durable or refused by name. InfluxDB 1.6 says of a partial
// write only how many lines it dropped and one reason, and with several shards it answers at the
// first that failed (coordinator/points_writer.go): so a line counts as refused only when it was
// refused alone or with all of its request, and as durable only after a 204. Everything may be sent
// twice: that changes nothing.
import type { DeliveryResult, Refusal } from '../core/delivery.ts'
import { escapeKey } from './line-protocol.ts'
import type { Point } from './points.ts'
import type { Policy, Refused, Transport } from './sink.ts'

/** Lines that InfluxDB will never take, and its words. */
export interface Failed {
  readonly offsets: readonly number[]
  readonly reason: string
}

export type Deliver = (policy: Policy, points: readonly Point[]) => Promise<Failed[]>

export const createDelivery = (transport: Pick<Transport, 'write'>): Deliver => {
  const deliver: Deliver = async (policy, points) => {
    if (points.length === 0) return []
    const refused = await transport.write(
      policy,
      points.map(({ line }) => line),
    )
    if (refused === undefined) return []
    const { reason, dropped } = refused
    if (points.length === 1 || dropped === points.length) {
      return points.map(({ offsets }) => ({ offsets, reason }))
    }
    const [one, other] = split(points, refused)
    return [...(await deliver(policy, one)), ...(await deliver(policy, other))]
  }
  return deliver
}

/**
 * Those that the server names, by line or by field, and the rest; in halves where that is no help.
 */
const split = (points: readonly Point[], { reason, lines }: Refused): [Point[], Point[]] => {
  const named = new Set(lines)
  const [accused, others] = [
    points.filter((_, i) => named.has(i)),
    points.filter((_, i) => !named.has(i)),
  ]
  if (accused.length > 0 && others.length > 0) return [accused, others]
  const field = /input field "([^"\\]+)" on measurement/.exec(reason)?.[1]
  if (field !== undefined) {
    const carries = new RegExp(`[ ,]${RegExp.escape(escapeKey(field))}=`)
    const suspects = points.filter(({ line }) => carries.test(line))
    if (suspects.length > 0 && suspects.length < points.length) {
      return [suspects, points.filter((point) => !suspects.includes(point))]
    }
  }
  const middle = points.length >> 1
  return [points.slice(0, middle), points.slice(middle)]
}

/** How the records of one batch end, gathered while they are written. */
export interface Outcome {
  refuse(offset: number, detail: string): void
  /** The record is older than the database's retention. */
  drop(offset: number): void
  failed(list: readonly Failed[]): void
  isRefused(offset: number): boolean
  result(): DeliveryResult
}

const tooOld = /points beyond retention policy|pending deletion/

export const createOutcome = (): Outcome => {
  const refused = new Map<number, string>()
  const dropped = new Set<number>()
  return {
    refuse: (offset, detail) => void refused.set(offset, detail),
    drop: (offset) => void dropped.add(offset),
    failed(list) {
      for (const { offsets, reason } of list) {
        for (const offset of offsets) {
          if (tooOld.test(reason)) dropped.add(offset)
          else refused.set(offset, reason)
        }
      }
    },
    isRefused: (offset) => refused.has(offset),
    result: () => ({
      refused: [...refused].map(
        ([offset, detail]): Refusal => ({ offset, reason: 'sink_refused', detail }),
      ),
      dropped: [...dropped]
        .filter((offset) => !refused.has(offset))
        .map((offset) => ({ offset, reason: 'retention' as const })),
    }),
  }
}
