// The person at the bench of a machine without a bridge, for tests of `tenfold commission`: does as
// asked, reads instruments, and answers, but for what a test lets be wrong.
import { runOn } from '../../gateway/cli/commission.ts'
import type { Subject } from '../boards/stand.ts'
import { desk, type switchedStand } from './stand.ts'

/** What each sensor is brought to, as an instrument shows it; without a second one, "none". */
export interface Case {
  machine: string
  rest: Readonly<Record<string, number>>
  known: Readonly<Record<string, readonly [number, number?]>>
  loads: number
  left: readonly string[]
  /** Watched signal that is too high for a unit without a calibration, and not for one with. */
  high: readonly [signal: string, value: number]
}
export interface Off {
  gain?: number
  zero?: number
  /** Answers that are other than a sound machine's, by a word of the question. */
  says?: readonly (readonly [word: string, answer: string])[]
  /** A contact that does not move. */
  stands?: string
  /** Answers of one who sees the machine move; undefined for what is no question about that. */
  watches?: (question: string) => Promise<string> | undefined
}

type Board = ReturnType<typeof switchedStand>

/** The person at its bench, who does as asked but for what is off. */
export const bringUp = async (
  { one, subject, board }: { one: Case; subject: Subject; board: Board },
  { gain = 1.05, zero = 2, says = [], stands, watches }: Off = {},
) => {
  const seen = (value: number): number => value * gain + zero
  const io = await desk()
  const { override } = board.wires
  const { hold, stop } = subject.profile.safety ?? {}
  const put = (signal: string | undefined, value: number): void => {
    if (signal !== undefined && signal !== stands) override.set(signal, value)
  }
  const asked: string[] = []
  const ask = (question: string): Promise<string> => {
    asked.push(question)
    const said = says.find(([word]) => question.includes(word))
    if (said !== undefined) return Promise.resolve(said[1])
    const watched = watches?.(question)
    if (watched !== undefined) return watched
    if (question.includes('are to move')) return Promise.resolve('later')
    if (question.includes('leave it so: is it on')) put(hold?.signal, 1)
    if (question.includes('off again')) put(hold?.signal, 0)
    if (question.startsWith('Press the')) put(stop?.signal, 0)
    if (question.startsWith('Release the')) put(stop?.signal, 1)
    const [signal = '', [low, high] = [0]] =
      Object.entries(one.known).find(([name]) => question.includes(` ${name} `)) ?? []
    if (question.includes('at rest, as cold')) {
      override.set(signal, seen(low))
      return Promise.resolve(`${low}`)
    }
    if (question.includes('another known value')) {
      if (high !== undefined) override.set(signal, seen(high))
      return Promise.resolve(high === undefined ? 'none' : `${high}`)
    }
    if (question.includes('how many volts')) return Promise.resolve('0.02')
    return Promise.resolve(question.includes('Ohm') ? `${one.loads}` : 'yes')
  }
  const done = runOn(['--port', 'x', '--key', io.key], io, { ...board.outside, ask })
  return { io, asked, done }
}
