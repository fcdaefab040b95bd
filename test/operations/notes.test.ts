// What a gateway notes, when somebody makes it note too much: nothing is lost uncounted, no line is
// two, one part's flood hides nothing of another, and a real client cannot fill a disk.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type NoteLine, noteLimits, openNotes } from '../../gateway/operations/notes.ts'
import { testIo } from '../cli/io.ts'

const opened = (form: 'text' | 'json') => {
  const lines: string[] = []
  const due: (() => void)[] = []
  const notes = openNotes({
    clock: { nowUs: () => 1_700_000_000_000_000 },
    after: (_, task) => {
      due.push(task)
      return () => due.splice(due.indexOf(task), 1)
    },
    write: (line) => lines.push(line),
    form,
  })
  const minute = (): void => {
    for (const task of due.splice(0)) task()
  }
  return { ...notes, lines, minute }
}

test('of a burst the first are written, then one line with the count', () => {
  const { note, lines, minute } = opened('text')
  for (let i = 0; i < 5000; i++) note(`mqtt: 10.0.0.${i % 255}:${i} turned away (tls_refused): no`)
  note('log: acknowledging again')
  expect(lines).toHaveLength(noteLimits.linesOfKind + 1)
  minute()
  const summary = '4990 more lines within a minute with tls_refused'
  expect(lines.at(-1)).toContain(`mqtt: ${summary}, like: 10.0.0.10:10 turned away`)
  note('mqtt: 10.0.0.1:7 turned away (tls_refused): no')
  expect(lines).toHaveLength(noteLimits.linesOfKind + 3)
  minute()
  expect(lines).toHaveLength(noteLimits.linesOfKind + 3)
})

test('as JSON a line has time, part, code and text, a summary its count', () => {
  const { note, close, lines } = opened('json')
  note('sparkplug: payload_malformed: not a payload')
  for (let i = 0; i < 12; i++) note('a line of\nits "own"')
  close()
  const parsed = lines.map((line) => JSON.parse(line) as NoteLine)
  const time = '2023-11-14T22:13:20.000Z'
  const text = 'payload_malformed: not a payload'
  expect(parsed[0]).toEqual({ time, part: 'sparkplug', code: 'payload_malformed', text })
  expect(parsed[1]).toEqual({ time, part: 'gateway', text: 'a line of\ufffdits "own"' })
  expect(parsed.at(-1)).toMatchObject({ part: 'gateway', count: 2 })
})

test('whatever strangers make it say: bounded, counted, one line each', () => {
  const word = fc.string({ unit: 'binary', maxLength: 900 })
  const part = fc.constantFrom('mqtt', 'opcua', 'log')
  fc.assert(
    fc.property(fc.array(fc.tuple(part, word), { maxLength: 300 }), (said) => {
      const { note, close, lines } = opened('json')
      for (const [who, what] of said) note(`${who}: ${what}`)
      close()
      const parsed = lines.map((line) => JSON.parse(line) as NoteLine)
      const counted = parsed.reduce((sum, { count = 1 }) => sum + count, 0)
      expect(counted).toBe(said.length)
      for (const who of ['mqtt', 'opcua', 'log']) {
        const of = parsed.filter((line) => line.part === who)
        expect(of.length).toBeLessThanOrEqual(noteLimits.linesOfPart + noteLimits.kindsOfPart + 1)
      }
      for (const line of lines) expect(line).not.toMatch(/[\n\r\u2028]/)
      for (const { text } of parsed) expect(text.length).toBeLessThanOrEqual(noteLimits.characters)
    }),
    { numRuns: 100 },
  )
})

/** A connection that announces a packet of 256 MB; resolves when it is closed. */
const rubbish = (port: number): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('connect', () => socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f])))
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })

test('300 connections full of rubbish are a few lines of a running gateway', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-notes-'))
  const io = await testIo()
  const stop = new AbortController()
  io.signal = stop.signal
  const ports = ['--set', 'http.port=0', '--set', 'mqtt.port=0']
  const ended = io.tenfold('gateway', '--log', 'json', '--data', folder, ...ports)
  try {
    const port = (): string | undefined => /^mqtt .*:(\d+)$/m.exec(io.lines.join('\n'))?.[1]
    while (port() === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
    for (let i = 0; i < 300; i++) await rubbish(Number(port()))
  } finally {
    stop.abort()
    expect(await ended).toBe(0)
    await io.remove()
    rmSync(folder, { recursive: true, force: true })
  }
  const said = io.errors.map((line) => JSON.parse(line) as NoteLine)
  const counted = said.reduce((sum, { count = 1 }) => sum + count, 0)
  expect(said.length).toBeLessThan(40)
  expect(counted).toBeGreaterThanOrEqual(300)
})
