// The record at an offset of the killed gateway's log: a hello, reports that count on, a resend now
// and then, and one that is wrong. Whoever knows the offset knows what must be in the store.
import { hello, report } from '../pipeline/feed.ts'

export type Fate = 'hello' | 'report' | 'resend' | 'wrong'

export const fateOf = (offset: number): Fate => {
  if (offset === 0) return 'hello'
  if (offset % 10 === 9) return 'resend'
  return offset % 50 === 21 ? 'wrong' : 'report'
}

export const deliveredRecord = (offset: number): Buffer => {
  const fate = fateOf(offset)
  if (fate === 'hello') return hello({ boot: 1, t: 0 })
  if (fate === 'wrong') return report({ v: { torqe: 1 } })
  const seq = fate === 'resend' ? offset - 3 : offset
  return report({ boot: 1, seq, t: seq * 1000, v: { torque: seq % 90 }, c: { starts: seq } })
}
