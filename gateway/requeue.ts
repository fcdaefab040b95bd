// Takes records out of quarantine: each goes into the log again with its own time and topic, and
// only when that is durable does the books' old entry end. A kill in between leaves it in both: the
// reading is the same by unit, boot and sequence, and is stored once.
import { OperatingError } from './core/errors.ts'
import type { Emit } from './core/source.ts'
import type { AsideAsked, AsideRow } from './pipeline/aside.ts'
import { requeuedRecord } from './pipeline/requeue.ts'

export interface RequeueParts {
  aside(asked: AsideAsked): Promise<AsideRow[]>
  /** Ends them as dropped(requeued) in the books of their sinks. */
  endAside(rows: readonly Pick<AsideRow, 'offset' | 'sinks'>[]): Promise<void>
  emit: Emit
}

/** One record, perhaps with another payload, or all that one reason holds. */
export type RequeueRequest =
  | { offset: number; payload?: Uint8Array | undefined }
  | { reason: string }

export interface RequeueOutcome {
  requeued: number
  /** More of the reason are there: ask again. */
  more: boolean
}

/** Records of one reason in one go; a person asks again for more. */
const roundRecords = 256

/** Throws an OperatingError where there is no such record, or it is evidence. */
export const requeue = async (
  parts: RequeueParts,
  request: RequeueRequest,
): Promise<RequeueOutcome> => {
  const asked = 'offset' in request ? { offset: request.offset } : { reason: request.reason }
  const rows = await parts.aside({ ...asked, limit: roundRecords + 1 })
  const taken = rows.slice(0, roundRecords)
  if (taken.length === 0) throw gone(asked)
  if (taken.some(({ kept }) => kept)) throw evidence()
  const payload = 'payload' in request ? request.payload : undefined
  await Promise.all(taken.map((row) => append(parts.emit, row, payload)))
  await parts.endAside(taken.map(({ offset, sinks }) => ({ offset, sinks })))
  return { requeued: taken.length, more: rows.length > taken.length }
}

const append = (emit: Emit, row: AsideRow, payload: Uint8Array | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const { origin, sinks } = row
    const record = requeuedRecord(
      { offset: origin, sinks },
      { ...row, payload: payload ?? row.payload },
    )
    emit(record, (error) => (error === undefined ? resolve() : reject(error)))
  })

const gone = (asked: object): OperatingError =>
  new OperatingError('quarantine_unknown', {
    message: `nothing in quarantine has ${JSON.stringify(asked)}`,
    remedy: 'See "tenfold quarantine list"; the oldest go when its room is used up.',
  })

const evidence = (): OperatingError =>
  new OperatingError('quarantine_kept', {
    message: 'an entry that its unit has signed is kept as it is: it is evidence',
    remedy: 'One that waits for an earlier entry is taken by itself when that one comes.',
  })
