// `tenfold quarantine`: shows what a running gateway has put aside, and has it taken in again, as
// it was or mended. It asks the gateway, and touches no file of its data folder.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { OperatingError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { QuarantineRow } from '../core/queries.ts'
import type { RequeueOutcome } from '../requeue.ts'
import { type AskValues, ask, askOptions, askUsage } from './ask.ts'
import type { Io } from './io.ts'

export const summary = 'shows records that were put aside, and takes them in again'
export const usage = `usage: tenfold quarantine [list]
       tenfold quarantine show <offset>
       tenfold quarantine requeue <offset> [--payload FILE]
       tenfold quarantine requeue --reason REASON

  --payload FILE   what the message should have been
  --reason REASON  all of one reason, as they were
${askUsage}

A record that is taken in again keeps its time and topic. In the books the old one becomes
dropped(requeued), and the new one counts for itself; what was stored already is not stored twice.
A sink that had stored it already keeps the first payload. Signed entries in conflict stay.`

const options = {
  ...askOptions,
  payload: { type: 'string' },
  reason: { type: 'string' },
} as const

type Values = AskValues & { payload?: string; reason?: string }

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
  const [what = 'list', offset, extra] = positionals
  const isWhole = offset !== undefined && /^\d{1,15}$/.test(offset)
  if (extra !== undefined) throw wrongUse()
  if (what === 'list' && offset === undefined) await list(values, io)
  else if (what === 'show' && isWhole) await show(values, io, offset)
  else if (what === 'requeue' && isWhole !== (values.reason !== undefined)) {
    await requeue(values, io, offset)
  } else throw wrongUse()
  return 0
}

const list = async (values: Values, io: Io): Promise<void> => {
  const path = `/api/quarantine?limit=${limits.listRows}`
  const rows = await ask<QuarantineRow[]>(io, values, { path })
  for (const { offset, sink, reason, detail, topic, receivedUs } of rows) {
    io.out(`${offset}  ${isoTime(receivedUs)}  ${sink}  ${reason}  ${topic}  ${detail}`)
  }
  if (rows.length === 0) io.out('nothing is in quarantine')
  if (rows.length === limits.listRows) io.out(`the newest ${rows.length}; there may be more`)
  // A list is as long as a flood; what a person can do about it is said last, once for each reason.
  for (const [reason, alike] of Map.groupBy(rows, (row) => row.reason)) {
    io.out(`${alike.length} as ${reason}`)
    io.out(`  what to do: ${alike[0]?.remedy}`)
  }
  if (rows.length > 0) {
    io.out('then: tenfold quarantine requeue <offset>, or requeue --reason <reason> for all of it')
  }
}

const isoTime = (us: number): string => new Date(us / 1000).toISOString()

const show = async (values: Values, io: Io, offset: string): Promise<void> => {
  const path = `/api/quarantine?limit=${limits.listRows}&offset=${offset}`
  const rows = await ask<QuarantineRow[]>(io, values, { path })
  const [first] = rows
  if (first === undefined) {
    throw new OperatingError('quarantine_unknown', {
      message: `record ${offset} is not in quarantine`,
      remedy: 'See "tenfold quarantine list"; the oldest go when its room is used up.',
    })
  }
  io.out(`topic     ${first.topic}`)
  io.out(`received  ${isoTime(first.receivedUs)}`)
  for (const { sink, reason, detail, remedy } of rows) {
    io.out(`${sink}: ${reason}: ${detail}`)
    io.out(`  what to do: ${remedy}`)
  }
  io.out(first.payload)
}

const requeue = async (values: Values, io: Io, offset: string | undefined): Promise<void> => {
  const { payload: file, reason } = values
  if (file !== undefined && offset === undefined) throw wrongUse()
  const payload = file === undefined ? undefined : readFileSync(file).toString('base64')
  const body = offset === undefined ? { reason } : { offset: Number(offset), payload }
  const path = '/api/quarantine/requeue'
  const { requeued, more } = await ask<RequeueOutcome>(io, values, { path, body })
  io.out(`${requeued} taken in again${more ? '; there are more: ask again' : ''}`)
}

const wrongUse = (): OperatingError =>
  new OperatingError('usage', {
    message: 'list, "show <offset>", "requeue <offset>" or "requeue --reason REASON" is needed',
    remedy: 'Such as: tenfold quarantine requeue 1234 --payload mended.json',
  })
