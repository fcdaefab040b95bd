// How often a second a board can take a step: the bound of loop and kernel, what was measured of
// all else, and a margin for each. Says where a machine asks for more. Pure.
import type { LoopSpec, Profile } from '../hardware-profiles/profile.ts'
import type { Board } from './boards.ts'
import { cyclesOf } from './core-cycles.ts'
import { type Finding, inMachine } from './finding.ts'
import type { StepBound } from './step-bound.ts'

/**
 * So many times its bound is what loop and kernel get. It has every path at its dearest; what is
 * left is that another master of the bus may hold the memory for a moment. Of the project's own
 * machines none gets a greater rate by it than by `measuredMargin` of what random steps took.
 */
export const boundMargin = 1.2
/** The same of what was measured, on an emulator and not on every path: a lower bound. */
export const measuredMargin = 1.4

/** What a manifest says of an image's longest step; all but the rate in cycles. */
export interface WorstStep extends StepBound {
  /** Of all else in a step: pins, converter, usage, black box. */
  sampling: number
  /** The greatest rate that this allows. */
  mostHz: number
  how: string
}

/** undefined where nothing was measured on the board. */
export const worstStepOf = (
  board: Board,
  kind: string,
  bound: StepBound,
): WorstStep | undefined => {
  const known = Object.values(board.sampling)
  const [greatest] = known.sort((a, b) => b.cycles - a.cycles)
  const sampling = board.sampling[kind] ?? greatest
  if (sampling === undefined) return undefined
  const { loop, kernel } = bound
  const cycles = (loop + kernel) * boundMargin + sampling.cycles * measuredMargin
  const source = cyclesOf(board.flags, board.waits)?.source ?? ''
  const foreign = sampling === board.sampling[kind] ? '' : 'the greatest of the other loops: '
  const how =
    `loop, kernel: a bound over every path of this image's machine code, ${source}; ` +
    `${board.waits.how}. Sampling, measured: ${foreign}${sampling.how}`
  return {
    ...bound,
    ...{ sampling: sampling.cycles, mostHz: Math.floor(board.clockHz / cycles), how },
  }
}

/** Empty where the machine's rate is one that the longest step allows. */
export const tooFast = (
  worst: WorstStep,
  { profile, spec, board }: { profile: Profile; spec: LoopSpec; board: Board },
): Finding[] => {
  if (spec.rateHz <= worst.mostHz) return []
  const { loop, kernel, sampling, mostHz } = worst
  const name = Object.keys(profile.loops)[0]
  const what =
    `${spec.rateHz} Hz is too fast for ${board.title}: the longest step takes ${loop} cycles of ` +
    `the loop and ${kernel} of the kernel at most, and ${sampling} were measured of all else; ` +
    `with margins of ${boundMargin} and ${measuredMargin} that allows ${mostHz} Hz`
  const remedy =
    "Lower rateHz, take a faster board, or make the loop's longest step shorter: do what is slow " +
    '(a division, a loop) in pieces, one in each step.'
  return [inMachine(profile.machine, `/loops/${name}/rateHz`, { what, remedy })]
}
