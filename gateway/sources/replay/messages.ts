// Cycles to the messages of a unit. Boot and sequence come from the records alone, so that playing
// a file twice sends the same messages: the boot is the tool's counter at its first record, the
// sequence counts points from there.
import { topicOf } from '../../../hardware-profiles/names.ts'
import type { Machine } from '../../core/machine.ts'
import type { RecordForm } from './form.ts'
import type { Cycle } from './records.ts'

export interface Message {
  readonly topic: string
  readonly payload: string
  /** The source's wall clock, microseconds since 1970. */
  readonly timeUs: number
}

/** What is known of one tool. */
export interface ToolTotals {
  readonly unit: string
  readonly boot: number
  /** Start of its first cycle, microseconds since 1970. */
  readonly firstUs: number
  readonly firstCycle: number
  lastCycle: number
  cycles: number
  points: number
  /** Times the counter went on by more than one. */
  gaps: number
}

/** Cycles that the tool's counter has counted and the file does not have. */
export const missingCycles = ({ firstCycle, lastCycle, cycles }: ToolTotals): number =>
  lastCycle - firstCycle + 1 - cycles

export class Messages {
  readonly tools = new Map<string, ToolTotals>()
  readonly #machine: Machine
  readonly #form: RecordForm

  constructor(machine: Machine, form: RecordForm) {
    this.#machine = machine
    this.#form = form
  }

  /** Messages of one cycle, in order; the first of a tool begins with its hello. */
  *of(cycle: Cycle): Generator<Message> {
    const { unit, startUs } = cycle
    const known = this.tools.get(unit)
    const tool = known ?? this.#meet(cycle)
    if (known !== undefined && cycle.cycle > tool.lastCycle + 1) tool.gaps++
    if (known === undefined) yield { ...this.hello(tool), timeUs: startUs }
    tool.lastCycle = cycle.cycle
    tool.cycles++
    const topic = this.#topic(unit, 'report')
    for (const [i, offsetUs] of cycle.timesUs.entries()) {
      const timeUs = startUs + offsetUs
      yield { topic, payload: JSON.stringify(this.#report({ tool, cycle, i, timeUs })), timeUs }
      tool.points++
    }
  }

  hello({ unit, boot }: ToolTotals): Pick<Message, 'topic' | 'payload'> {
    const body = { boot, t: 0, profile: this.#machine.digest }
    return { topic: this.#topic(unit, 'hello'), payload: JSON.stringify(body) }
  }

  #meet({ unit, cycle, startUs }: Cycle): ToolTotals {
    const tool: ToolTotals = {
      ...{ unit, boot: cycle, firstUs: startUs },
      ...{ firstCycle: cycle, lastCycle: cycle, cycles: 0, points: 0, gaps: 0 },
    }
    this.tools.set(unit, tool)
    return tool
  }

  #report({ tool, cycle, i, timeUs }: Point): object {
    const values: Record<string, number | undefined> = {}
    for (const { signal } of this.#form.curve) values[signal] = cycle.curve[signal]?.[i]
    // The counter counts cycles that have ended: only a cycle's last point carries it.
    const isLast = i === cycle.timesUs.length - 1
    return {
      boot: tool.boot,
      seq: tool.points,
      t: timeUs - tool.firstUs,
      time: timeUs,
      v: { ...values, ...cycle.constant },
      ...(isLast ? { c: { [this.#form.cycle.counter]: cycle.cycle } } : {}),
    }
  }

  #topic(unit: string, kind: 'hello' | 'report'): string {
    return topicOf({ machine: this.#machine.profile.machine, unit, kind })
  }
}

interface Point {
  tool: ToolTotals
  cycle: Cycle
  i: number
  timeUs: number
}
