// What one server's values become while a connection lasts and between two: samples with their
// marks, gaps as bad quality, history before what is live. Knows nothing of sockets; the link tells
// it what came and what was lost.
import type { DataValue } from 'node-opcua'
import { limits } from '../../core/limits.ts'
import type { NodePlan, ReportRecord, ServerPlan, UnitPlan } from './plan.ts'
import { reportsOf } from './report.ts'
import { bad, hasOverflown, type Sample, timeOf, toSample } from './sample.ts'
import type { LinkState } from './state-file.ts'

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
  state: LinkState | undefined
  nowUs(): number
  /** Hands reports to the log; resolves when they are in it, rejects when they are not. */
  emit(records: ReportRecord[]): Promise<void>
}

/** Values held while history is read; beyond, the server waits. */
const heldMax = 100_000

export class Feed {
  readonly nodes: readonly FeedNode[]
  readonly #parts: FeedParts
  readonly #byNode: ReadonlyMap<NodePlan, FeedNode>
  /** Newest source time in the log by key. */
  readonly #marks: Map<string, number>
  #heardUs: number
  /** Nodes whose first value since the connection began has not come. */
  #awaited = new Set<number>()
  /** From where on each node is unknown; absent while it is known. */
  readonly #gapsUs = new Map<number, number>()
  /** Up to where history has filled, in the present connection. */
  readonly #filledUs = new Map<number, number>()
  /** Gaps of an earlier run, not yet in the log as such. */
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
    this.#marks = new Map(Object.entries(parts.state?.marksUs ?? {}))
    this.#heardUs = parts.state?.heardUs ?? 0
    // Where an earlier run stopped, something may be missing now.
    for (const { handle, key } of this.nodes) {
      const mark = this.#marks.get(key)
      if (mark === undefined) continue
      this.#gapsUs.set(handle, Math.max(mark, this.#heardUs) + 1)
      this.#unmarked.add(handle)
    }
  }

  state(): LinkState {
    return { marksUs: Object.fromEntries(this.#marks), heardUs: this.#heardUs }
  }

  /** A connection begins: live values are held until `release`, history goes first. */
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
      const mark = this.#marks.get(key)
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
      const known = this.#marks.get(node.key) ?? 0
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
    const fresh: number[] = []
    for (const { handle, key } of this.nodes) {
      const mark = this.#marks.get(key)
      // What history has filled is known up to there, also where no live value has come since.
      const isFilled = this.#filledUs.has(handle)
      if (mark === undefined || (this.#gapsUs.has(handle) && !isFilled)) continue
      this.#gapsUs.set(handle, Math.max(mark, this.#heardUs) + 1)
      fresh.push(handle)
    }
    await this.#mark(fresh)
  }

  /** These nodes cannot be had from the server: said once as bad, from now on. */
  async absent(handles: Iterable<number>): Promise<void> {
    const timeUs = this.#heardUs === 0 ? this.#parts.nowUs() : this.#heardUs
    const samples = [...handles].flatMap((handle) => {
      const node = this.nodes[handle - 1]
      return node === undefined ? [] : (bad(node.node, timeUs, 'bad') ?? [])
    })
    await this.#emit(samples, false)
  }

  /** Says of each that it is unknown from the beginning of its gap on. */
  async #mark(handles: readonly number[]): Promise<void> {
    const samples = handles.flatMap((handle) => {
      const { node } = this.nodes[handle - 1] as FeedNode
      return bad(node, this.#gapsUs.get(handle) as number, 'bad') ?? []
    })
    await this.#emit(samples, false)
  }

  /** Values are missing between the last that came and this one. */
  #overflow(handle: number, samples: Sample[]): void {
    const node = this.nodes[handle - 1]
    const mark = node && this.#marks.get(node.key)
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
      const known = this.#marks.get(node.key) ?? 0
      if (timeUs <= known) timeUs = Math.max(gapUs + 1, this.#heardUs)
    }
    return toSample(value, node.node, timeUs)
  }

  #timeOf(value: DataValue): number | undefined {
    return timeOf(value, this.#parts.nowUs() + limits.clockSkewUs)
  }

  /** Marks move only when the reports are in the log, and only by values. */
  async #emit(samples: readonly Sample[], moves = true): Promise<void> {
    if (samples.length === 0) return
    const byUnit = new Map<UnitPlan, Sample[]>()
    for (const sample of samples) {
      const { unit } = this.#byNode.get(sample.node) as FeedNode
      const list = byUnit.get(unit)
      if (list === undefined) byUnit.set(unit, [sample])
      else list.push(sample)
    }
    const records = [...byUnit].flatMap(([unit, list]) => reportsOf(unit, list))
    await this.#parts.emit(records)
    if (!moves) return
    for (const { node, timeUs } of samples) {
      const { key } = this.#byNode.get(node) as FeedNode
      this.#marks.set(key, Math.max(this.#marks.get(key) ?? 0, timeUs))
    }
  }
}
