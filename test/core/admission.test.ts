// What is taken in while the disk has little room: events and entries before telemetry, and one
// line for a person where thousands of messages are refused.
import { expect, test } from 'vitest'
import { Admission } from '../../gateway/admission.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { type Done, LogError } from '../../gateway/log/log.ts'
import { type TopicKind, topicOf } from '../../hardware-profiles/names.ts'

const record = (kind: TopicKind): LogRecord => ({
  receivedUs: 1,
  source: 'mqtt',
  session: 's-1',
  topic: topicOf({ machine: 'mill', unit: 'mill-1', kind }),
  payload: new Uint8Array(1),
  retained: false,
})

const made = () => {
  const notes: string[] = []
  const kept: boolean[] = []
  const answer: { error: LogError | undefined } = { error: undefined }
  const admission = new Admission({
    log: {
      append: (_body: Uint8Array, keep: boolean, done: Done) => {
        kept.push(keep)
        done(answer.error, kept.length - 1)
      },
      status: () => ({ failed: undefined }) as never,
    },
    reserveBytes: 1000,
    note: (line) => notes.push(line),
  })
  const send = (kind: TopicKind): Error | undefined => {
    let result: Error | undefined
    admission.emit(record(kind), (error) => {
      result = error
    })
    return result
  }
  return { admission, notes, kept, answer, send }
}

test('with room everything goes to the log, and only telemetry may be given up there', () => {
  const { send, kept, admission } = made()
  expect([send('report'), send('hello'), send('entry'), send('claim')]).toEqual(
    Array(4).fill(undefined),
  )
  expect(kept).toEqual([false, true, true, true])
  expect(admission.notReady()).toEqual([])
})

test('below the reserve telemetry is refused, entries are not', () => {
  const { send, kept, admission, notes } = made()
  admission.room(999)
  expect(send('report')).toMatchObject({ code: 'disk_reserved' })
  expect(send('entry')).toBeUndefined()
  expect(kept).toEqual([true])
  expect(admission.notReady().join()).toContain('less than 1000 bytes')
  admission.room(1000)
  expect(send('report')).toBeUndefined()
  expect(admission.notReady()).toEqual([])
  expect(notes).toHaveLength(2)
})

test('a log that refuses is said once, and that it takes again once', () => {
  const { send, notes, answer, admission } = made()
  answer.error = new LogError('disk_full', { message: 'The disk is full.', remedy: 'Free space.' })
  for (let i = 0; i < 100; i += 1) expect(send('report')).toBe(answer.error)
  expect(notes).toEqual(['log: nothing more is acknowledged: The disk is full. Free space.'])
  expect(admission.notReady()).toEqual(['log: The disk is full.'])
  answer.error = undefined
  for (let i = 0; i < 3; i += 1) send('report')
  expect(notes).toHaveLength(2)
})
