// What one server's values become while a connection lasts and between two: samples with their
// marks, gaps as bad quality, history before what is live. Knows nothing of sockets; the link tells
// it what came and what was lost.
import type { DataValue } from 'node-opcua'
import { limits } from '../../core/limits.ts'
import {
  type NodePlan,
  NotTaken,
  type ReportRecord,
  type ServerPlan,
  type UnitPlan,
} from './plan.ts'
import { reportsOf } from './report.ts'
import { bad, hasOverflown, type Sample, timeOf, toSample } from './sample.ts'
import { follow, type Reached, type ServerState } from './state-file.ts'

/** One node of the plan; its handle is its place plus one, as 0 is the heartbeat. */
export interface FeedNode {
  readonly handle: number
  readonly key: string
  readonly unit: UnitPlan
  readonly node: NodePlan
}

export interface Value {
  readonly handle: number
  readonly value: DataValue
}

export interface FeedParts {
  plan: ServerPlan
  state: ServerState | undefined
  nowUs(): number
  /** Hands reports to the log; resolves when they are in it, rejects with NotTaken when not all. */
  emit(records: readonly ReportRecord[]): Promise<void>
}

/** Values held while history is read; beyond, the server waits. */
const heldMax = 100_000

export class Feed {
  readonly nodes: readonly FeedNode[]
  readonly #parts: FeedParts
  readonly #byNode: ReadonlyMap<NodePlan, FeedNode>
  /** What the log has, by key; moved by nothing but reports that are in it. */
  readonly #reached: Reached
  /** The reports handed to the log last, with all before them. */
  #last: Promise<void> = Promise.resolve()
  #heardUs: number
  /** Nodes whose first value since the connection began has not come. */
  #awaited = new Set<number>()
  /** From where on each node is unknown; absent while it is known. */
  readonly #gapsUs = new Map<number, number>()
  /** Up to where history has filled, in the present connection. */
  readonly #filledUs = new Map<number, number>()
  /** Gaps that are not in the log as such. */
  readonly #unmarked = new Set<number>()
  /** Values that came while history was read. */
  #held: Value[] | undefined
  #released = Promise.withResolvers<void>()
  /** Queues at the server that ran over. */
  overflows = 0

  constructor(parts: FeedParts) {
    this.#parts = parts
    this.nodes = parts.plan.units
      .flatMap((unit) => unit.nodes.map((node) => ({ unit, node })))
      .map(({ unit, node }, i) => ({ handle: i + 1, key: `${unit.unit}/${node.name}`, unit, node }))
    this.#byNode = new Map(this.nodes.map((node) => [node.node, node]))
    const { marksUs = {}, gapsUs = {} } = parts.state ?? {}
    this.#reached = { marksUs: { ...marksUs }, gapsUs: { ...gapsUs } }
    this.#heardUs = parts.state?.heardUs ?? 0
    // Where an earlier run stopped, something may be missing now.
    for (const { handle, key } of this.nodes) {
      const mark = marksUs[key]
      if (mark === undefined) continue
      const saidUs = gapsUs[key]
      this.#gapsUs.set(handle, saidUs ?? Math.max(mark, this.#heardUs) + 1)
      if (saidUs === undefined) this.#unmarked.add(handle)
    }
  }

  state(): Omit<ServerState, 'offset'> {
    return { ...this.#reached, heardUs: this.#heardUs }
  }

  /** Resolves when it is known of all that was handed to the log whether it is in it. */
  async settle(): Promise<void> {
    await this.#last.catch(() => {})
    this.#last = Promise.resolve()
  }

  /**
   * A connection begins, settled: live values are held until `release`, history goes first.
   */
  begin(): void {
    this.#held = []
    this.#filledUs.clear()
    this.#released = Promise.withResolvers()
    this.#awaited = new Set(this.nodes.map(({ handle }) => handle))
  }

  /** The server's clock as it came along, microseconds since 1970. */
  heard(timeUs: number): void {
    this.#heardUs = Math.max(this.#heardUs, timeUs)
  }

  /** Nodes with a gap, and from where on their values are wanted. */
  wanted(): { handle: number; afterUs: number }[] {
    return this.nodes.flatMap(({ handle, key }) => {
      const mark = this.#reached.marksUs[key]
      return this.#gapsUs.has(handle) && mark !== undefined ? [{ handle, afterUs: mark }] : []
    })
  }

  /** Values from the server's history; those known already, or to come live, are left out. */
  async history(values: readonly Value[]): Promise<void> {
    const firstLive = new Map<number, number>()
    for (const { handle, value } of this.#held ?? []) {
      if (!firstLive.has(handle)) firstLive.set(handle, this.#timeOf(value) ?? Infinity)
    }
    const fresh = values.filter(({ handle, value }) => {
      const node = this.nodes[handle - 1]
      if (node === undefined) return false
      const timeUs = this.#timeOf(value) ?? 0
      const known = this.#reached.marksUs[node.key] ?? 0
      const live = firstLive.get(handle) ?? Infinity
      // A live value that is older than the gap is only said again.
      return timeUs > known && (timeUs < live || live <= known)
    })
    await this.#emit(fresh.flatMap((value) => this.#sample(value) ?? []))
    for (const { handle, value } of fresh) {
      const timeUs = this.#timeOf(value) ?? 0
      this.#filledUs.set(handle, Math.max(timeUs, this.#filledUs.get(handle) ?? 0))
    }
  }

  /**
   * History has been read: what it did not fill is marked as an interval of bad quality; then what
   * was held follows.
   */
  async release(filled: ReadonlySet<number>): Promise<void> {
    await this.#mark([...this.#unmarked].filter((handle) => !filled.has(handle)))
    this.#unmarked.clear()
    const held = this.#held ?? []
    this.#held = undefined
    this.#released.resolve()
    await this.live(held)
  }

  /** Live values, in the order in which they came. */
  async live(values: readonly Value[]): Promise<void> {
    if (this.#held !== undefined) {
      for (const value of values) this.#held.push(value)
      // History is slow: the server keeps the rest in its queues.
      if (this.#held.length > heldMax) await this.#released.promise
      return
    }
    const samples: Sample[] = []
    for (const value of values) {
      if (hasOverflown(value.value.statusCode)) this.#overflow(value.handle, samples)
      const sample = this.#sample(value)
      if (sample !== undefined) samples.push(sample)
    }
    await this.#emit(samples)
  }

  /** The connection is lost: from the last sign of life on nothing is known. */
  async lost(): Promise<void> {
    this.#held = undefined
    this.#released.resolve()
    await this.settle()
    const fresh: number[] = []
    for (const { handle, key } of this.nodes) {
      const mark = this.#reached.marksUs[key]
      // What history has filled is known up to there, also where no live value has come since.
      const isFilled = this.#filledUs.has(handle)
      if (mark === undefined || (this.#gapsUs.has(handle) && !isFilled)) continue
      this.#gapsUs.set(handle, Math.max(mark, this.#heardUs) + 1)
      fresh.push(handle)
      this.#unmarked.add(handle)
    }
    await this.#mark(fresh)
  }

  /** These nodes cannot be had from the server: said once as bad, from now on. */
  async absent(handles: Iterable<number>): Promise<void> {
    const timeUs = this.#heardUs === 0 ? this.#parts.nowUs() : this.#heardUs
    const samples = [...handles].flatMap((handle) => {
      const node = this.nodes[handle - 1]
      // Where the log says already that it is unknown, that still holds.
      if (node === undefined || this.#reached.gapsUs[node.key] !== undefined) return []
      return bad(node.node, timeUs, 'bad') ?? []
    })
    await this.#emit(samples, true)
  }

  /** Says of each that it is unknown from the beginning of its gap on. */
  async #mark(handles: readonly number[]): Promise<void> {
    const samples = handles.flatMap((handle) => {
      const { node } = this.nodes[handle - 1] as FeedNode
      return bad(node, this.#gapsUs.get(handle) as number, 'bad') ?? []
    })
    await this.#emit(samples, true)
    for (const handle of handles) this.#unmarked.delete(handle)
  }

  /** Values are missing between the last that came and this one. */
  #overflow(handle: number, samples: Sample[]): void {
    const node = this.nodes[handle - 1]
    const mark = node && this.#reached.marksUs[node.key]
    this.overflows++
    const sample = node && mark !== undefined ? bad(node.node, mark + 1, 'bad') : undefined
    if (sample !== undefined) samples.push(sample)
  }

  #sample({ handle, value }: Value): Sample | undefined {
    const node = this.nodes[handle - 1]
    if (node === undefined) return undefined
    let timeUs = this.#timeOf(value) ?? this.#parts.nowUs()
    const isFirst = this.#held === undefined && this.#awaited.delete(handle)
    const gapUs = this.#gapsUs.get(handle)
    if (isFirst) this.#gapsUs.delete(handle)
    const filledUs = this.#filledUs.get(handle) ?? 0
    if (this.#held === undefined && timeUs <= filledUs) return undefined
    if (isFirst && gapUs !== undefined) {
      // The server says again what was known before the gap: it holds at its own time of saying.
      const known = this.#reached.marksUs[node.key] ?? 0
      if (timeUs <= known) timeUs = Math.max(gapUs + 1, this.#heardUs)
    }
    return toSample(value, node.node, timeUs)
  }

  #timeOf(value: DataValue): number | undefined {
    return timeOf(value, this.#parts.nowUs() + limits.clockSkewUs)
  }

  /** @param isGap they only say from where on their nodes are unknown */
  async #emit(samples: readonly Sample[], isGap = false): Promise<void> {
    if (samples.length === 0) return
    const byUnit = new Map<UnitPlan, Sample[]>()
    for (const sample of samples) {
      const { unit } = this.#byNode.get(sample.node) as FeedNode
      const list = byUnit.get(unit)
      if (list === undefined) byUnit.set(unit, [sample])
      else list.push(sample)
    }
    const reports = [...byUnit].flatMap(([unit, list]) => reportsOf(unit, list))
    const records = isGap ? reports.map((one) => ({ ...one, gap: true as const })) : reports
    this.#last = this.#follow(records, { sent: this.#parts.emit(records), before: this.#last })
    await this.#last
  }

  /** Where earlier reports were refused, later ones do not make them known. */
  async #follow(
    records: readonly ReportRecord[],
    { sent, before }: { sent: Promise<void>; before: Promise<void> },
  ): Promise<void> {
    let taken = records.length
    let refused: unknown
    try {
      await sent
    } catch (error) {
      taken = error instanceof NotTaken ? error.taken : 0
      refused = error
    }
    await before
    for (const record of records.slice(0, taken)) follow(this.#reached, record)
    if (refused !== undefined) throw refused
  }
}
