// Runs a recording of a black box through the twin: the same two modules, from the state in which
// the recording begins, with what the board read. Compares every step with what the board said, and
// tells where loop and kernel decided what. Simulates no plant: the readings are the board's own.
import type { LoopSpec, SafetySpec } from '../../hardware-profiles/profile.ts'
import { causeKinds, causeName, opposedOutputs, safetyStates } from '../kernel-constants.ts'
import type { LoopKind } from '../loop-kind.ts'
import type { BoxStep, Recording } from './black-box.ts'
import { type GuardedBoard, startGuarded } from './guarded-board.ts'
import { openState, setState } from './wasm-state.ts'

export interface Moment {
  /** Of the recording, from 0. */
  step: number
  /** What was decided, such as `kernel: armed -> tripped (over_current: motor_current)`. */
  what: string
  /** In the loop's integers, by index; `outputs` is what passed to the pins. */
  inputs: readonly number[]
  outputs: readonly number[]
}

export interface Replayed {
  /** Steps that were compared. */
  compared: number
  /** The first step in which the twin said something else; absent where there is none. */
  differs?: number
  /** The step in which the kernel tripped, or the last one. */
  fault: number
  moments: readonly Moment[]
  /** What passed to the pins in each step, in the loop's integers. */
  passed: readonly (readonly number[])[]
  /** The last step never ended on the board; what the twin did in it. A hang is not run again. */
  open?: 'trapped' | 'ended' | 'not run'
}

export interface ReplayParts {
  recording: Recording
  /** The modules with the digests that the recording names. */
  wasm: Uint8Array<ArrayBuffer>
  kernel: Uint8Array<ArrayBuffer>
  loop: LoopKind
  spec: Pick<LoopSpec, 'rateHz' | 'channels'>
  safety: SafetySpec
}

/** Throws RangeError where the recording's state does not fit the modules. */
export const replayFault = (parts: ReplayParts): Replayed => {
  const { recording, loop, safety } = parts
  const board = restored(parts)
  const watch = watcher(board, loop, safety)
  const moments: Moment[] = []
  const passed: number[][] = []
  let { turn } = recording.start
  let compared = 0
  let differs: number | undefined
  let fault: number | undefined
  let open: Replayed['open']
  for (const [i, step] of recording.steps.entries()) {
    turn = read(board.inputs, recording, { step, turn })
    if (step.check === undefined && !trapKinds.includes(recording.cause & 31)) {
      open = 'not run'
      break
    }
    const before = board.told[1]
    board.step()
    if (step.check === undefined) open = board.trapped() ? 'trapped' : 'ended'
    else {
      compared += 1
      if (checkOf(board) !== step.check) differs ??= i
    }
    if (before === 0 && board.told[1] !== 0) fault ??= i
    passed.push([...board.outputs])
    const [inputs, outputs] = [[...board.inputs], [...board.outputs]]
    for (const what of watch()) moments.push({ step: i, what, inputs, outputs })
  }
  return {
    ...{ compared, moments, passed },
    fault: fault ?? recording.steps.length - 1,
    ...(differs !== undefined && { differs }),
    ...(open !== undefined && { open }),
  }
}

/** Causes after which the last step can be run again without an end: it had one. */
const trapKinds: readonly (number | undefined)[] = [causeKinds['loop_trap'], causeKinds['kernel']]

/** Both modules as they were on the board when the recording begins. */
const restored = ({ recording, wasm, kernel, ...machine }: ReplayParts): GuardedBoard => {
  const { start } = recording
  const { loop } = machine
  const [opened, guard] = [openState(wasm), openState(kernel)]
  if (opened.bytes !== start.loop.length || guard.bytes !== start.kernel.length) {
    throw new RangeError('the state in the recording has another size than these modules have')
  }
  const micros = (): number => {
    throw new RangeError('this loop reads the clock, which the black box does not record')
  }
  const opposed = opposedOutputs(machine)
  const board = startGuarded({ wasm: opened.wasm, kernel: guard.wasm, loop, micros, opposed })
  setState(opened, board.exports, start.loop)
  setState(guard, board.kernelExports, start.kernel)
  board.inputs.set(start.inputs)
  board.asked.set(start.outputs)
  board.told.set(start.told)
  return board
}

/** A step's readings, as runtime/machine.h takes them; gives whose turn is next. */
const read = (
  inputs: Int32Array,
  { lines, digitals, setpoints }: Recording,
  { step, turn }: { step: BoxStep; turn: number },
): number => {
  const take = (index: number, counts: number): void => {
    const line = lines[index]
    if (line === undefined) return
    inputs[line.input] = line.offset + (Math.imul(counts, line.gain) >> line.shift)
  }
  take(turn, (step.raw >>> 12) & 0xfff)
  digitals.forEach((input, bit) => {
    inputs[input] = (step.raw >>> (24 + bit)) & 1
  })
  take(0, step.raw & 0xfff)
  setpoints.forEach((input, i) => {
    inputs[input] = step.setpoints[i] ?? 0
  })
  if (turn + 1 < lines.length) return turn + 1
  return lines.length > 1 ? 1 : 0
}

/** As box_check in runtime/black-box.h. */
const checkOf = ({ asked, outputs, told }: GuardedBoard): number => {
  let check = 0x811c9dc5 | 0
  for (const word of [...asked, ...outputs, ...told]) check = Math.imul(check ^ word, 0x01000193)
  return check >>> 0
}

/** Gives, after each step, what changed of what kernel and loop say. */
const watcher = (board: GuardedBoard, loop: LoopKind, safety: SafetySpec): (() => string[]) => {
  const seen = new Map<string, string>()
  const kernelNow = (): string => {
    const [state = 0, cause = 0, hindrance = 0] = board.told
    const why = cause !== 0 ? cause : hindrance
    return (safetyStates[state] ?? `${state}`) + (why === 0 ? '' : ` (${causeName(why, safety)})`)
  }
  const now = (): [name: string, value: string][] => [
    ['kernel', kernelNow()],
    ...loop.states.flatMap(({ name, values }, i): [string, string][] =>
      values === undefined || board.known[i] !== 1
        ? []
        : [[`loop ${name}`, values[board.reported[i] ?? 0] ?? `${board.reported[i]}`]],
    ),
  ]
  seen.set('kernel', kernelNow())
  return () =>
    now().flatMap(([name, value]) => {
      const before = seen.get(name)
      if (before === value) return []
      seen.set(name, value)
      return [before === undefined ? `${name}: ${value}` : `${name}: ${before} -> ${value}`]
    })
}
