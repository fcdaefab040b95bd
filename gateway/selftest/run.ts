// Runs a self-test: one fault after the other is put in the place of raw samples, and the board
// says what its own kernel made of it and in how many of its own steps. Judges by the profile's
// limits. It moves nothing and keeps nothing.
import {
  type InjectedFault,
  injectedFaults,
  type Machine,
  type NotInjected,
  notInjected,
} from '../../firmware/selftest-faults.ts'
import type { SelftestBoard } from './board.ts'

export interface Outcome {
  what: string
  /** What it had to be called, and what it was. */
  cause: string
  found: string
  /** Stated limit and measured time, s. */
  withinS: number
  tookS: number
  passed: boolean
}

export interface Ran {
  injected: Outcome[]
  /** Left out because it takes too long, by the person's wish; with cause and stated time. */
  leftOut: string[]
  /** No injection makes them. Older reports do not say. */
  notInjected?: readonly NotInjected[]
}

/** How long the line may need beyond what is measured on the board, ms. */
const slackMs = 20_000

/** `mostS`: faults that need longer are left out. Ends the self-test also when it fails. */
export const runSelftest = async (
  board: SelftestBoard,
  machine: Machine,
  { mostS, told }: { mostS: number; told: (outcome: Outcome) => void },
): Promise<Ran> => {
  const faults = injectedFaults(machine)
  const injected: Outcome[] = []
  await board.begin()
  try {
    for (const fault of faults) {
      if (fault.withinS > mostS) continue
      const outcome = await inject(board, fault, machine.spec.rateHz)
      injected.push(outcome)
      told(outcome)
    }
  } finally {
    await board.end()
  }
  const leftOut = faults
    .filter(({ withinS }) => withinS > mostS)
    .map(({ what, cause, withinS }) => `${what}: ${cause}, within ${withinS.toFixed(1)} s`)
  return { injected, leftOut, notInjected }
}

const armed = 1

const inject = async (
  board: SelftestBoard,
  { what, cause, withinS, rest, work, fault }: InjectedFault,
  rateHz: number,
): Promise<Outcome> => {
  const none = { what, cause, withinS, tookS: 0, passed: false }
  await board.apply(rest)
  const rested = await board.until(({ state }) => state === armed, slackMs)
  if (rested.state !== armed) {
    return { ...none, found: `it did not arm: ${board.name(rested.hindrance)}` }
  }
  await board.apply(work)
  const worked = await board.state()
  if (worked.hasEnded) return { ...none, found: `before the fault: ${board.name(worked.cause)}` }
  await board.apply(fault)
  // What stops without a trip, as an emergency stop does, is said as what is in the way.
  const { hasEnded, steps, ...said } = await board.until(
    (one) => one.hasEnded && (one.cause !== 0 || one.hindrance !== 0),
    withinS * 1000 + slackMs,
  )
  const tookS = steps / rateHz
  const found = hasEnded ? board.name(said.cause === 0 ? said.hindrance : said.cause) : 'nothing'
  return { what, cause, found, withinS, tookS, passed: found === cause && tookS <= withinS }
}
