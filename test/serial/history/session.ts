// Recorded sessions of boards, as files: what a gateway sent and what a board said, frame by frame,
// and what the gateway of that day made of it. They are history, and never made anew: record.ts
// adds one for a version of the protocol that has none. Here they are read, and played into a line
// and a pipeline of today.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CborMap, decodeCbor } from '../../../gateway/attestation/cbor.ts'
import { type Machine, prepareMachine } from '../../../gateway/core/machine.ts'
import { encodeRecord, type LogRecord } from '../../../gateway/core/record.ts'
import { type Outcome, Pipeline } from '../../../gateway/pipeline/pipeline.ts'
import { encodeFrame, type Frame, FrameReader } from '../../../gateway/sources/serial/frame.ts'
import { Line } from '../../../gateway/sources/serial/line.ts'
import type { LineStatus } from '../../../gateway/sources/serial/line-parts.ts'
import { fromBoard, type Protocol, toBoard } from '../../../gateway/sources/serial/messages.ts'
import type { Profile } from '../../../hardware-profiles/profile.ts'

export const folder = import.meta.dirname

export interface Session {
  /** Facts of the file's head, by their first word. */
  about: ReadonlyMap<string, string>
  /** In the order of time. */
  frames: { from: 'board' | 'gateway'; bytes: Buffer }[]
  machine: Machine
}

/** Names of all sessions that there are. */
export const sessions = (): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.frames'))
    .map((file) => file.slice(0, -'.frames'.length))
    .sort()

const text = (file: string): string => readFileSync(join(folder, file), 'utf8')

/** With the machine file of its day: today's may say something else. */
export const readSession = (name: string): Session => {
  const lines = text(`${name}.frames`).trim().split('\n')
  const about = new Map(
    lines.flatMap((line) => {
      const [, key = '', value = ''] = /^# (\S+) (.*)$/.exec(line) ?? []
      return key === '' ? [] : [[key, value] as const]
    }),
  )
  const frames = lines.flatMap((line): Session['frames'] => {
    const [, way, hex = ''] = /^([<>]) ([0-9a-f]+)$/.exec(line) ?? []
    if (way === undefined) return []
    return [{ from: way === '<' ? 'board' : 'gateway', bytes: Buffer.from(hex, 'hex') }]
  })
  const profile = JSON.parse(text(about.get('file') ?? '')) as Profile
  return { about, frames, machine: prepareMachine(profile) }
}

export const expectedOf = (name: string): string[] => text(`${name}.expected`).trim().split('\n')

export const framesIn = (bytes: Uint8Array): Frame[] => {
  const found: Frame[] = []
  new FrameReader().push(bytes, (frame) => found.push(frame))
  return found
}

/** The greeting that a hello answers; 0 where it is none, or answers nobody. */
const greetingIn = (bytes: Uint8Array): number => {
  const [frame] = framesIn(bytes)
  if (frame?.kind !== fromBoard.hello) return 0
  return Number((decodeCbor(frame.body) as CborMap).get(11))
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/**
 * What a record became, in a line that stays readable. Of a reading what differs from the one
 * before; no times of the wall, and nothing of the forms in which our own log has it.
 */
const teller = ({ profile }: Machine) => {
  const names = [...Object.keys(profile.signals), ...Object.keys(profile.counters)]
  let before: (number | undefined)[] = []
  const changed = (now: (number | undefined)[]): string => {
    const differs = names.flatMap((name, i) =>
      now[i] === before[i] ? [] : [[name, now[i] ?? null] as const],
    )
    before = now
    return JSON.stringify(Object.fromEntries(differs))
  }
  return (outcome: Outcome, { topic, payload }: LogRecord): string => {
    const kind = topic.split('/').at(-1)
    const events = 'events' in outcome ? ` [${outcome.events.map(({ type }) => type)}]` : ''
    const body = (): Record<string, unknown> => JSON.parse(Buffer.from(payload).toString())
    if (outcome.kind === 'reading') {
      const { boot, sequence, values, counters } = outcome.reading
      return `reading ${boot} ${sequence} ${changed([...values, ...counters])}${events}`
    }
    if (outcome.kind === 'quarantine') return `${kind} quarantine ${outcome.reason}`
    if (outcome.kind === 'item') {
      const { boot, number, kind: what, data } = body()
      const bytes = Buffer.from(String(data), 'base64')
      return `item ${boot} ${number} ${what} ${digestOf(bytes)}${events}`
    }
    if (outcome.kind === 'hello') {
      const { boot, t, firmware, key, custody, finds } = body()
      return `hello ${JSON.stringify({ boot, t, firmware, key, custody, finds })}${events}`
    }
    return `${kind} ${outcome.kind} ${digestOf(payload)}${events}`
  }
}

export interface Played {
  /** What the pipeline made of it, record by record. */
  lines: string[]
  status: LineStatus
  /** Versions in which the gateway greeted, and in which it said anything else. */
  greeted: number[]
  spoken: number[]
  notes: string[]
}

/** @param changed what becomes of each of the board's frames before it is heard */
export const play = (
  { frames, machine }: Session,
  protocol: Protocol,
  changed: (frame: Frame) => Frame = (frame) => frame,
): Played => {
  const machines = new Map([[machine.profile.machine, machine]])
  const pipeline = new Pipeline({ machines, enrol: 'hello', load: () => undefined })
  const told = teller(machine)
  const lines: string[] = []
  const [greeted, spoken] = [new Set<number>(), new Set<number>()]
  const notes: string[] = []
  let [at, nowMs] = [0, 0]
  const clock = {
    nowUs: () => 1_767_225_600_000_000 + 1000 * nowMs,
    monotonicMs: () => nowMs,
    sleep: () => Promise.resolve(),
  }
  const line = new Line({
    ...{ unit: undefined, machines, protocol, clock, epoch: 'e', dictionaries: new Map() },
    // The numbers that the gateway of that day drew.
    nonce: () =>
      frames
        .slice(at)
        .map(({ from, bytes }) => (from === 'board' ? greetingIn(bytes) : 0))
        .find((greeting) => greeting !== 0) ?? 1,
    claim: () => true,
    note: (said) => notes.push(said),
    write: (bytes) => {
      for (const { version, kind } of framesIn(bytes))
        (kind === toBoard.greet ? greeted : spoken).add(version)
    },
    emit: (record, done) => {
      const outcome = pipeline.process(lines.length, encodeRecord(record))
      lines.push(told(outcome, record))
      done()
    },
  })
  line.tick()
  for (const [i, { from, bytes }] of frames.entries()) {
    at = i
    nowMs += 20
    line.tick()
    if (from === 'gateway') continue
    for (const frame of framesIn(bytes)) line.receive(encodeFrame(changed(frame)))
  }
  return { lines, status: line.status(), greeted: [...greeted], spoken: [...spoken], notes }
}
