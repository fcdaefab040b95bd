// One line, with a board that does as it should and boards that do not: every row of the table in
// gateway/sources/serial/README.md that is the line's matter.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCommand } from '../../gateway/sources/serial/command.ts'
import { encodeFrame } from '../../gateway/sources/serial/frame.ts'
import { decodeMessage, type Protocol, protocol } from '../../gateway/sources/serial/messages.ts'
import { schemaOf } from './board.ts'
import { bodyOf, profile, type Stand, speaking, stand } from './stand.ts'

test('a board is greeted, known, learnt and accepted; its reports come by name and unit', () => {
  const { board, logged, line } = speaking()
  board.report()
  expect(logged.map(({ topic }) => topic)).toEqual([
    'tenfold/v1/cordless_drill/cordless-drill-e6600102/hello',
    'tenfold/v1/cordless_drill/cordless-drill-e6600102/report',
  ])
  expect(bodyOf(logged[0])).toMatchObject({ boot: 3, t: 1_000_000 })
  expect(bodyOf(logged[1])).toEqual({
    ...{ boot: 3, seq: 1, t: 1_050_000 },
    v: { motor_current: 12.345, pack_voltage: 18.2, state: 'run' },
    c: { starts: 4, run_time: 12 },
  })
  expect(line.unit).toBe('cordless-drill-e6600102')
})

test('nothing is accepted before its hello is durable, nor when it cannot be', () => {
  const { board, settle, line } = stand()
  board.sayHello(7)
  board.saySchema(0, 400)
  expect([board.count('accept'), board.count('askSchema')]).toEqual([0, 0])
  settle(new Error('disk full'))
  expect([board.count('accept'), line.status().state]).toEqual([0, 'silent'])
})

test('a value that was never known is absent, and boot 0 has no sequence', () => {
  const all = stand({ unit: 'drill-1' })
  all.board.boot = 0
  all.board.hello = { 6: new Uint8Array(0) }
  all.board.sayHello(7)
  all.settle()
  for (let at = 0; at < all.board.schema.length; at += 40) all.board.saySchema(at)
  all.board.report([null, 18_200, 1])
  expect(all.logged[1]?.topic).toBe('tenfold/v1/cordless_drill/drill-1/report')
  expect(bodyOf(all.logged[1])).toEqual({
    v: { pack_voltage: 18.2, state: 'idle' },
    c: { starts: 4, run_time: 12 },
  })
})

test('which events a board finds by itself is said by name, of a profile that both have', () => {
  const { board, logged, line } = stand()
  const { events } = profile
  const wanted = ['stalled', 'winding_hot']
  const bits = events.reduce((sum, { type }, i) => sum + (wanted.includes(type) ? 2 ** i : 0), 0)
  board.hello = { 16: bits + 2 ** 31 }
  board.sayHello(Number(board.last('greet')?.[0]))
  expect(bodyOf(logged[0])).toMatchObject({ finds: wanted })
  expect(line.status().state).toBe('learning')
  const other = stand()
  other.board.hello = { 3: new Uint8Array(32), 16: bits }
  other.board.sayHello(Number(other.board.last('greet')?.[0]))
  expect(bodyOf(other.logged[0])).not.toHaveProperty('finds')
})

describe('refusals', () => {
  const cases = [
    {
      what: 'another profile',
      hello: { 3: new Uint8Array(32) },
      code: 'profile_mismatch',
      logs: 1,
    },
    { what: 'a machine without profile', hello: { 2: 'mill' }, code: 'machine_unknown', logs: 1 },
    { what: 'a name that is none', hello: { 2: 'a/+/b' }, code: 'machine_unknown', logs: 0 },
    { what: 'no number', hello: { 6: new Uint8Array(0) }, code: 'unit_unnamed', logs: 0 },
  ]
  test.each(cases)('$what: $code', ({ hello, code, logs }) => {
    const { board, line, logged, notes, settle, pass } = stand()
    board.hello = hello
    for (let times = 0; times < 3; times += 1) {
      board.sayHello(Number(board.last('greet')?.[0]))
      pass(1000)
    }
    settle()
    expect(line.status()).toMatchObject({ state: 'refused', refusal: { code } })
    expect([board.count('accept'), board.last('refuse')?.[0]]).toEqual([0, 7])
    expect(notes).toHaveLength(1)
    expect(logged.length).toBe(logs)
    board.report()
    board.item(1, Uint8Array.of(1))
    expect([logged.length, board.count('ack')]).toEqual([logs, 0])
  })

  test('a unit that another port has', () => {
    const { board, line } = stand({ taken: true })
    board.sayHello(7)
    expect(line.status().refusal?.code).toBe('unit_twice')
  })

  test('a dictionary with a name that the profile does not have', () => {
    const { board, line, settle } = stand()
    board.schema = schemaOf([['warp', -3]], [])
    board.sayHello(7)
    settle()
    board.saySchema(0, 200)
    expect(line.status().refusal).toMatchObject({ code: 'schema' })
    expect(board.count('accept')).toBe(0)
  })
})

test('a dictionary in pieces: lost, doubled, of another board, and whole at last', () => {
  const { board, line, settle, pass } = stand()
  board.sayHello(7)
  settle()
  expect(board.last('askSchema')).toEqual([0])
  board.saySchema(40)
  board.saySchema(0)
  board.saySchema(0)
  pass(1200)
  expect(board.last('askSchema')).toEqual([40])
  const sound = board.schema
  board.schema = Uint8Array.from(sound, (byte, at) => (at > 60 ? byte ^ 1 : byte))
  for (let at = 40; at < sound.length; at += 40) board.saySchema(at)
  expect([line.status().state, line.status().malformed]).toEqual(['learning', 1])
  board.schema = sound
  for (let at = 0; at < sound.length; at += 40) board.saySchema(at)
  expect(line.status().state).toBe('speaking')
})

test('an old hello is greeted again, and one out of turn ends what was before', () => {
  const { board, line, settle } = stand()
  board.sayHello(6)
  expect([line.status().state, board.count('greet')]).toEqual(['silent', 2])
  const after = speaking()
  after.board.boot = 4
  after.board.sayHello(0)
  after.board.report()
  expect(after.logged).toHaveLength(1)
  expect(Number(after.board.last('greet')?.[0])).toBeGreaterThan(7)
  settle()
})

test('a hello that comes again, because the answer was lost, is answered again', () => {
  const { board } = speaking()
  board.sayHello(7)
  expect(board.count('accept')).toBe(2)
})

test('bodies that are wrong are counted, and the line goes on', () => {
  const { board, line, logged } = speaking()
  const wrong = [
    ['report', [3, 1, 1, [1], [2]]],
    ['report', [4, 1, 1, [1, 2, 3], [1, 2]]],
    ['report', [3, 1, 1, 'no list', [1, 2]]],
    ['report', [3, -1, 1, [1, 2, 3], [1, 2]]],
    ['report', [3, 1, 1, [2 ** 31, 2, 3], [1, 2]]],
    ['item', [1, 3, 1, 4, 0, 'text']],
    ['hello', [1]],
  ] as const
  for (const [kind, fields] of wrong) board.say(kind, fields)
  // A map that is not deterministic: keys in the wrong order, and a long form of 1.
  for (const hex of ['a201000000', 'a1001801', 'ff', '']) {
    line.receive(encodeFrame({ version: 1, kind: 3, body: Buffer.from(hex, 'hex') }))
  }
  expect([line.status().malformed, logged.length]).toEqual([wrong.length + 4, 1])
  board.report()
  expect(logged).toHaveLength(2)
})

test('an unknown kind is let go', () => {
  const { line } = speaking()
  line.receive(encodeFrame({ version: 1, kind: 31, body: Buffer.from('a0', 'hex') }))
  expect(line.status()).toMatchObject({ malformed: 0, state: 'speaking' })
})

test('versions: the newest and two before it, each by its own decoder', () => {
  const decoders = {
    2: () => undefined,
    3: () => undefined,
    4: () => undefined,
    5: () => undefined,
  }
  const later: Protocol = { newest: 5, decoders }
  const verdict = (version: number) =>
    decodeMessage({ version, kind: 1, body: new Uint8Array(0) }, later).ok
  expect([1, 2, 3, 4, 5, 6].map(verdict)).toEqual([false, false, true, true, true, false])
  const decode1 = protocol.decoders[1]
  const grown: Protocol = { newest: 3, decoders: { 1: decode1 as never, 3: () => undefined } }
  const { board, line } = speaking({ protocol: grown })
  // Spoken to in its own version, two versions old.
  expect(line.status().state).toBe('speaking')
  board.version = 9
  board.report()
  expect(line.status().refusal?.code).toBe('version')
})

test('items: acknowledged when durable, logged once a session, again where the log failed', () => {
  const { board, logged, settle } = speaking()
  const bytes = Uint8Array.from({ length: 700 }, (_, i) => i)
  board.item(1, bytes)
  board.item(1, bytes)
  expect([logged.length, board.count('ack')]).toEqual([2, 0])
  expect(bodyOf(logged[1])).toEqual({
    ...{ boot: 3, number: 1, kind: 'event', data: Buffer.from(bytes).toString('base64') },
  })
  settle(new Error('disk full'))
  expect(board.count('ack')).toBe(0)
  board.item(1, bytes)
  settle()
  expect([logged.length, board.last('ack')]).toEqual([3, [1]])
  board.item(1, Uint8Array.of(1))
  expect([logged.length, board.count('ack')]).toEqual([3, 2])
  board.item(2, Uint8Array.of(0xd2), 3)
  expect(logged.at(-1)?.topic).toMatch(/\/entry$/)
})

test('items whose parts are lost, swapped or too many become nothing', () => {
  const { board, logged, settle } = speaking()
  const part = (...[number, at, total, bytes]: [number, number, number, number]): void =>
    board.say('item', [number, 3, 1, total, at, new Uint8Array(bytes)])
  part(1, 256, 512, 256)
  part(1, 0, 512, 256)
  part(2, 256, 512, 256)
  part(1, 256, 300, 44)
  part(1, 300, 512, 212)
  part(1, 256, 512, 300)
  part(3, 0, 5000, 256)
  settle()
  expect([logged.length, board.count('ack')]).toEqual([1, 0])
  part(1, 256, 512, 256)
  settle()
  expect([logged.length, board.last('ack')]).toEqual([2, [1]])
  const { data } = bodyOf(logged[1]) as { data: string }
  expect(Buffer.from(data, 'base64')).toHaveLength(512)
})

test('a flood of reports is cut to the rate, and the log is never given too many at once', () => {
  const { board, line, logged, settle, pass } = speaking()
  for (let i = 0; i < 5000; i += 1) board.report()
  expect(logged.length).toBeLessThan(260)
  expect(line.status().dropped).toBe(5001 - logged.length)
  settle()
  pass(1000)
  const before = logged.length
  for (let i = 0; i < 5000; i += 1) board.report()
  expect(logged.length - before).toBeLessThanOrEqual(250)
})

test('a board that falls silent is forgotten; its late report is not taken for a session', () => {
  const { board, line, logged, pass } = speaking()
  pass(6000)
  expect([line.status().state, line.unit]).toEqual(['silent', undefined])
  board.report()
  expect(logged).toHaveLength(1)
})

test('whatever is done to its bytes, nothing but what the board said reaches the log', () => {
  const flip = fc.record({ at: fc.nat(), mask: fc.integer({ min: 1, max: 255 }) })
  fc.assert(
    fc.property(fc.array(flip, { maxLength: 30 }), fc.nat(), (flips, seed) => {
      const { board, line, logged } = speaking()
      const sent = Array.from({ length: 20 }, (_, i) =>
        board.frame('report', [3, i + 1, i, [i, seed % 9999, 2], [i, i]]),
      )
      // Swapped and doubled.
      const order = sent.flatMap((frame, i) => ((seed + i) % 5 === 0 ? [frame, frame] : [frame]))
      if (seed % 2 === 1) order.reverse()
      const bytes = Buffer.concat(order)
      for (const { at, mask } of flips) {
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ mask
      }
      line.receive(bytes)
      for (const record of logged.slice(1)) {
        const { seq, t, v, c } = bodyOf(record) as { seq: number; t: number; v: object; c: object }
        expect([t, v, c]).toMatchObject([
          seq - 1,
          { motor_current: (seq - 1) / 1000, pack_voltage: (seed % 9999) / 1000 },
          { starts: seq - 1 },
        ])
      }
    }),
    // Twenty frames a run.
    { numRuns: Math.ceil(Number(process.env['TENFOLD_FUZZ'] ?? 1200) / 20) },
  )
})

describe('commands', () => {
  const send = (payload: unknown, all: Stand): string | undefined =>
    readCommand(typeof payload === 'string' ? payload : JSON.stringify(payload))(all.line.questions)

  test('a challenge and a claim go in the form of the wire, numbered', () => {
    const all = speaking()
    const nonce = 'ab'.repeat(32)
    const { boot } = all.board
    expect(send({ kind: 'challenge', nonce, id: 'a1', boot }, all)).toBeUndefined()
    expect(send({ kind: 'challenge', nonce, boot }, all)).toMatch(/"id" is missing/)
    expect(send({ kind: 'challenge', nonce, id: 'a1', boot: boot + 1 }, all)).toMatch(/start/)
    expect(send({ kind: 'include_claim', claim: nonce, type: 'repaired' }, all)).toBeUndefined()
    expect(send({ kind: 'reset_trip', cause: 34 }, all)).toBeUndefined()
    expect(all.board.last('resetTrip')?.[1]).toBe(34)
    expect(send({ kind: 'reset_trip', cause: 0 }, all)).toMatch(/no code/)
    const [first, second] = [all.board.last('challenge'), all.board.last('claim')]
    expect(first?.[1]).toEqual(Uint8Array.from(Buffer.from(nonce, 'hex')))
    expect(Number(second?.[0])).toBe(Number(first?.[0]) + 1)
  })

  test('setpoints go in whole numbers, all at once, and what is wrong is said', () => {
    const all = stand()
    all.board.schema = schemaOf([['clutch_setting', -3]], [], [0])
    const setpoint = (values: object, holds_ms: unknown = 500) =>
      send({ kind: 'setpoint', values, holds_ms }, all)
    expect(setpoint({ clutch_setting: 4 })).toMatch(/not heard/)
    all.board.sayHello(7)
    all.settle()
    all.board.saySchema(0, 200)
    expect(setpoint({ clutch_setting: 4.25 })).toBeUndefined()
    expect(all.board.last('setpoint')?.slice(1)).toEqual([3, 500, [4250]])
    expect(setpoint({})).toMatch(/missing/)
    expect(setpoint({ duty: 3 })).toMatch(/no setpoint "duty": it has clutch_setting/)
    expect(setpoint({ clutch_setting: 1 }, 0)).toMatch(/holds_ms/)
    expect(send('{', all)).toMatch(/JSON/)
    expect(send({ kind: 'reboot' }, all)).toMatch(/no command "reboot"/)
  })
})

test('a board that has started anew within one greeting is met anew', () => {
  const { board, logged, settle } = speaking()
  board.boot = 4
  board.sayHello(Number(board.last('greet')?.[0]))
  settle()
  board.report()
  expect(bodyOf(logged.at(-2))).toMatchObject({ boot: 4, t: 1_000_000 })
  expect(bodyOf(logged.at(-1))).toMatchObject({ boot: 4, seq: 1 })
})
