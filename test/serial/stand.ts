// A line with a board of a test's own, a clock that a test moves, and a log that it settles.
import { expect } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { Line } from '../../gateway/sources/serial/line.ts'
import { type Protocol, protocol } from '../../gateway/sources/serial/messages.ts'
import type { Shelf } from '../../gateway/sources/serial/shelf.ts'
import { FakeBoard } from './board.ts'

const found = loadProfiles().profiles.get('cordless_drill')
if (found === undefined) throw new Error('no drill')
export const profile = found

export interface Stand {
  line: Line
  board: FakeBoard
  logged: LogRecord[]
  notes: string[]
  /** Acknowledges what was handed to the log, or fails it. */
  settle: (error?: Error) => void
  pass: (ms: number) => void
}

export const stand = (
  options: { unit?: string; taken?: boolean; protocol?: Protocol; shelf?: Shelf } = {},
): Stand => {
  const logged: LogRecord[] = []
  const waiting: ((error?: Error) => void)[] = []
  const notes: string[] = []
  let nowMs = 1000
  const clock = {
    nowUs: () => 1_700_000_000_000_000 + nowMs * 1000,
    monotonicMs: () => nowMs,
    sleep: () => Promise.resolve(),
  }
  let nonce = 6
  const line: Line = new Line({
    ...{ unit: options.unit, protocol: options.protocol ?? protocol, clock, epoch: 'e' },
    machines: new Map([[profile.machine, prepareMachine(profile)]]),
    nonce: () => ++nonce,
    emit: (record, done) => {
      logged.push(record)
      waiting.push(done)
    },
    write: (bytes) => board.hear(bytes),
    claim: () => options.taken !== true,
    note: (text) => notes.push(text),
    dictionaries: new Map(),
    shelf: options.shelf,
  })
  const board: FakeBoard = new FakeBoard(profile, (bytes) => line.receive(bytes))
  const settle = (error?: Error): void => {
    for (const done of waiting.splice(0)) done(error)
  }
  const pass = (ms: number): void => {
    for (let at = 0; at < ms; at += 200) {
      nowMs += 200
      line.tick()
    }
  }
  line.tick()
  return { line, board, logged, notes, settle, pass }
}

/** Greeted, known, accepted. */
export const speaking = (options: Parameters<typeof stand>[0] = {}): Stand => {
  const all = stand(options)
  const { board, settle } = all
  board.sayHello(Number(board.last('greet')?.[0]))
  settle()
  for (let at = 0; at < board.schema.length; at += 40) board.saySchema(at)
  expect(board.last('accept')).toEqual(board.last('greet'))
  return all
}

export const bodyOf = (record: LogRecord | undefined): unknown =>
  JSON.parse(Buffer.from(record?.payload ?? []).toString())
