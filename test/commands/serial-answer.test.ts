// A setpoint to a board on a line, from the desk to the board's own result and back: what the board
// said is the answer, in its word, and what it did not say is never taken for a yes.
import { expect, test } from 'vitest'
import { CommandDesk } from '../../gateway/commands/desk.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import type { Emit } from '../../gateway/core/source.ts'
import { readCommand } from '../../gateway/sources/serial/command.ts'
import { schemaOf } from '../serial/board.ts'
import { bodyOf, profile, stand } from '../serial/stand.ts'

const ring = profile.signals['clutch_setting']
if (ring === undefined) throw new Error('no clutch')
const asked = { ...profile, signals: { ...profile.signals } }
asked.signals['clutch_setting'] = { ...ring, direction: 'setpoint', range: [0, 30] }
const request = { kind: 'setpoint', values: { clutch_setting: 4.25 }, holdsMs: 500 } as const
const setpointKind = 33

/** Board, line and desk; the desk hears what the line logs. */
const joined = () => {
  const all = stand()
  const { board, line, settle, logged } = all
  board.schema = schemaOf([['clutch_setting', -3]], [], [0])
  board.sayHello(7)
  settle()
  board.saySchema(0, 200)
  const desk = new CommandDesk({
    profiles: [asked],
    clock: { monotonicMs: () => 0 },
    random: (bytes) => new Uint8Array(bytes).fill(9),
    machineOf: async () => profile.machine,
    send: ({ payload }) => readCommand(payload)(line.questions) === undefined,
  })
  let seen = logged.length
  const hear: Emit = desk.tap(() => {})
  const pump = async (): Promise<void> => {
    for (; seen < logged.length; seen += 1) hear(logged[seen] as LogRecord, () => {})
    await new Promise((resolve) => setImmediate(resolve))
  }
  /** Asks, and has the board heard: the command is on the line afterwards. */
  const ask = async () => {
    const outcome = desk.send('cordless-drill-e6600102', request)
    outcome.catch(() => {})
    await pump()
    board.report([4000], [])
    await pump()
    return { outcome, number: Number(board.last('setpoint')?.[0]) }
  }
  const answers = () => logged.filter(({ topic }) => topic.endsWith('/answer')).map(bodyOf)
  return { ...all, ask, pump, answers }
}

test.each([
  [0, true, undefined],
  [3, false, 'stale'],
  [4, false, 'beyond'],
  [5, false, 'disarmed'],
  [6, false, 'busy'],
])('the result %i of the board is its answer', async (code, accepted, reason) => {
  const { ask, pump, board, answers } = joined()
  const { outcome, number } = await ask()
  expect(board.last('setpoint')?.slice(1)).toEqual([3, 500, [4250]])
  board.say('result', [setpointKind, number, code])
  await pump()
  await pump()
  const said = { accepted, ...(reason && { reason }) }
  expect(await outcome).toEqual({ id: '09'.repeat(8), ...said })
  expect(answers()).toMatchObject([{ ...said, kind: 'setpoint', boot: 3, values: request.values }])
})

test('a result of another question, or none in time, is no answer', async () => {
  const { ask, pump, board, answers, pass, settle } = joined()
  const { number } = await ask()
  board.say('result', [setpointKind, number + 1, 0])
  await pump()
  for (let second = 0; second < 12; second += 1) {
    board.report([4000], [])
    settle()
    pass(1000)
  }
  board.say('result', [setpointKind, number, 0])
  await pump()
  expect(answers()).toEqual([])
})
