// What a host application knows of the edge nodes that it hears: births, aliases, sequence, deaths.
// Turns messages into reports of ours, and says when a node must be asked for its birth again. Pure
// but for the clock that it is given; it neither connects nor stores.
import { topicOf } from '../../hardware-profiles/names.ts'
import {
  type Binding,
  type Bindings,
  isStructure,
  type Report,
  type Resolved,
  reportsOf,
  staleReport,
} from './binding.ts'
import { decode, type Incoming, type Item } from './payload.ts'
import { Heard } from './sequence.ts'
import { type NodeName, parseTopic, type SparkplugTopic } from './topics.ts'

export interface HostOptions {
  bindings: Bindings
  /** How long a missing message may still come, milliseconds. */
  reorderMs: number
  /** At most one request for a birth of a node in this time, milliseconds. */
  rebirthMs: number
  monotonicMs(): number
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number
}

export type RefusalCode =
  | 'topic_unknown'
  | 'payload_malformed'
  | 'birth_incomplete'
  | 'sequence_lost'
  | 'node_unborn'
  | 'alias_unknown'
  | 'death_other'
  | 'template_refused'
  | 'nodes_many'

export interface Outcome {
  /** Messages of ours for the log. */
  records: { topic: string; payload: string }[]
  /** What was wrong, in words that begin with its code. */
  refused: { code: RefusalCode; said: string }[]
  /** The message as a whole is of no use: it goes aside as it came. */
  aside: boolean
  /** Node that must be asked for its birth now. */
  rebirth: NodeName | undefined
}

interface Known {
  name: string
  datatype: number | undefined
  /** Below the node; undefined: of the node itself. */
  unit: string | undefined
}

interface Node extends NodeName {
  online: boolean
  bdSeq: number | undefined
  heard: Heard
  aliases: Map<number, Known>
  /** Datatypes by name of those without an alias, by unit; '' is the node itself. */
  names: Map<string, Map<string, number | undefined>>
  /** When a number was missed first. */
  waitingSinceMs: number | undefined
}

type Told = Exclude<SparkplugTopic, { kind: 'STATE' }>

/** Bounds of what strangers can make a host remember. */
const nodesMax = 10_000
const itemsMax = 20_000

export class Host {
  readonly #options: HostOptions
  readonly #nodes = new Map<string, Node>()
  readonly #askedMs = new Map<string, number>()
  readonly #seen = new Map<Binding, Seen>()

  constructor(options: HostOptions) {
    this.#options = options
  }

  /** At a new connection nothing that was heard before is sure. */
  forget(): void {
    this.#nodes.clear()
    // What was asked on the connection before may never have come to the node.
    this.#askedMs.clear()
  }

  isOnline(name: NodeName, unit?: string): boolean {
    const node = this.#nodes.get(keyOf(name))
    return node?.online === true && (unit === undefined || node.names.has(unit))
  }

  take(topic: string, payload: Uint8Array): Outcome {
    const out: Outcome = { records: [], refused: [], aside: false, rebirth: undefined }
    const told = parseTopic(topic)
    if (told?.kind === 'STATE' || told?.kind === 'NCMD' || told?.kind === 'DCMD') return out
    if (told === undefined) {
      refuse(out, 'topic_unknown', `${topic.slice(0, 200)} is not of Sparkplug B`)
      out.aside = true
      return out
    }
    const message = decode(payload)
    if (typeof message === 'string') {
      refuse(out, 'payload_malformed', `${topic}: ${message}`)
      out.aside = true
      return out
    }
    if (told.kind === 'NBIRTH') this.#nodeBirth(told, message, out)
    else if (told.kind === 'NDEATH') this.#nodeDeath(told, message, out)
    else this.#inSequence(told, message, out)
    return out
  }

  /** Nodes whose missing messages have not come in time. */
  overdue(): NodeName[] {
    const nowMs = this.#options.monotonicMs()
    const late: NodeName[] = []
    for (const node of this.#nodes.values()) {
      const { waitingSinceMs } = node
      if (waitingSinceMs === undefined || nowMs - waitingSinceMs < this.#options.reorderMs) continue
      const asked = this.#ask(node)
      if (asked !== undefined) {
        node.waitingSinceMs = undefined
        late.push(asked)
      }
    }
    return late
  }

  #nodeBirth(told: NodeName, message: Incoming, out: Outcome): void {
    const key = keyOf(told)
    const { seq, items } = message
    const found = items.find(({ name }) => name === 'bdSeq')?.raw
    const bdSeq = found === undefined || found === null ? undefined : Number(found)
    if (seq === undefined || seq > 255 || bdSeq === undefined || items.length > itemsMax) {
      refuse(out, 'birth_incomplete', `NBIRTH of ${key} without seq or bdSeq, or with too much`)
      out.aside = true
      return
    }
    if (!this.#nodes.has(key) && this.#nodes.size >= nodesMax) {
      refuse(out, 'nodes_many', `${key}: more than ${nodesMax} nodes`)
      return
    }
    const { group, node } = told
    const born: Node = {
      ...{ group, node, online: true, bdSeq, heard: new Heard(seq), waitingSinceMs: undefined },
      ...{ aliases: new Map(), names: new Map() },
    }
    this.#nodes.set(key, born)
    this.#learn(born, { unit: undefined, message, out })
  }

  #nodeDeath(told: NodeName, { items }: Incoming, out: Outcome): void {
    const key = keyOf(told)
    const node = this.#nodes.get(key)
    const bdSeq = items.find(({ name }) => name === 'bdSeq')?.raw
    if (node === undefined || !node.online) return
    if (bdSeq === undefined || bdSeq === null || Number(bdSeq) !== node.bdSeq) {
      refuse(out, 'death_other', `NDEATH of ${key} belongs to bdSeq ${bdSeq}, not ${node.bdSeq}`)
      return
    }
    node.online = false
    node.waitingSinceMs = undefined
    const nowMs = this.#options.nowMs()
    for (const unit of node.names.keys()) this.#stale(node, { unit, timeMs: nowMs, out })
    node.names.clear()
    node.aliases.clear()
  }

  #inSequence(told: Told, message: Incoming, out: Outcome): void {
    const node = this.#nodes.get(keyOf(told))
    if (node === undefined || !node.online) {
      refuse(out, 'node_unborn', `${told.kind} of ${keyOf(told)}, whose birth was not heard`)
      out.rebirth = this.#ask(told)
      return
    }
    const order = node.heard.take(message.seq)
    if (order === 'wrong') {
      refuse(out, 'sequence_lost', `${told.kind} of ${keyOf(told)} with seq ${message.seq}`)
      out.rebirth = this.#ask(told)
    }
    if (node.heard.missing === 0) node.waitingSinceMs = undefined
    else node.waitingSinceMs ??= this.#options.monotonicMs()
    const unit = 'unit' in told ? told.unit : undefined
    if (told.kind === 'DBIRTH') this.#learn(node, { unit, message, out })
    else if (told.kind === 'DDEATH') {
      const timeMs = message.timestampMs ?? this.#options.nowMs()
      this.#stale(node, { unit: unit ?? '', timeMs, out })
      node.names.delete(unit ?? '')
    } else this.#data(node, { unit, message, out })
  }

  #learn(node: Node, { unit, message, out }: Telling): void {
    const names = new Map<string, number | undefined>()
    node.names.set(unit ?? '', names)
    for (const [alias, known] of node.aliases) if (known.unit === unit) node.aliases.delete(alias)
    for (const { name, alias, datatype } of message.items.slice(0, itemsMax)) {
      if (name === undefined) continue
      names.set(name, datatype)
      if (alias !== undefined) node.aliases.set(alias, { name, datatype, unit })
    }
    const binding = this.#bindingOf(node, unit)
    if (binding !== undefined) {
      const topic = topicOf({ ...binding, kind: 'hello' })
      out.records.push({ topic, payload: JSON.stringify({ boot: 0, t: 0 }) })
    }
    this.#data(node, { unit, message, out, isBirth: true })
  }

  #data(node: Node, { unit, message, out, isBirth = false }: Telling): void {
    const names = node.names.get(unit ?? '')
    if (names === undefined) {
      refuse(out, 'node_unborn', `DDATA of ${keyOf(node)}/${unit}, whose birth was not heard`)
      out.rebirth = this.#ask(node)
      return
    }
    const binding = this.#bindingOf(node, unit)
    const resolved: Resolved[] = []
    for (const item of message.items) {
      const known = resolve(item, { node, unit, names })
      if (known === undefined) {
        refuse(out, 'alias_unknown', `${keyOf(node)} has no item ${item.name ?? item.alias}`)
        out.rebirth = this.#ask(node)
        continue
      }
      if (isStructure(item, known.datatype)) {
        refuse(out, 'template_refused', `${keyOf(node)}: "${known.name}" is no single value`)
      }
      const timeMs = item.timestampMs ?? message.timestampMs ?? this.#options.nowMs()
      resolved.push({ ...known, item, timeMs })
    }
    if (binding === undefined) return
    const bornMs = isBirth ? (message.timestampMs ?? this.#options.nowMs()) : undefined
    const fresh = this.#fresh(resolved, { binding, bornMs })
    for (const report of reportsOf(fresh, binding)) pushReport(out, binding, report)
  }

  /**
   * A birth says again what was said before: nothing is stored twice by it. After a death a
   * signal's value is true again, from the birth on. A counter's never ceased to be: moved to the
   * birth it would come behind what has been counted since, and look like one that was set back.
   */
  #fresh(resolved: readonly Resolved[], { binding, bornMs }: Birth): Resolved[] {
    const seen = this.#seen.get(binding) ?? { stale: false, newestMs: new Map<string, number>() }
    this.#seen.set(binding, seen)
    const fresh = resolved.flatMap((one) => {
      const { name, timeMs, item } = one
      const isKnown = timeMs <= (seen.newestMs.get(name) ?? Number.NEGATIVE_INFINITY)
      if (!item.historical && !isKnown) seen.newestMs.set(name, timeMs)
      if (bornMs === undefined || !isKnown) return [one]
      const isSaidAnew = seen.stale && binding.targets.get(name)?.kind === 'v'
      return isSaidAnew ? [{ ...one, timeMs: bornMs }] : []
    })
    if (bornMs !== undefined) seen.stale = false
    return fresh
  }

  #stale(node: Node, { unit, timeMs, out }: { unit: string; timeMs: number; out: Outcome }): void {
    const binding = this.#bindingOf(node, unit === '' ? undefined : unit)
    const report = binding === undefined ? undefined : staleReport(binding, timeMs)
    if (binding === undefined || report === undefined) return
    pushReport(out, binding, report)
    this.#seen.set(binding, { newestMs: new Map(), ...this.#seen.get(binding), stale: true })
  }

  #bindingOf(node: NodeName, unit: string | undefined): Binding | undefined {
    return this.#options.bindings.get(unit === undefined ? keyOf(node) : `${keyOf(node)}/${unit}`)
  }

  /** The node, where it may be asked: a flood of wrong messages must not become one of births. */
  #ask({ group, node }: NodeName): NodeName | undefined {
    const key = keyOf({ group, node })
    const nowMs = this.#options.monotonicMs()
    if (nowMs - (this.#askedMs.get(key) ?? Number.NEGATIVE_INFINITY) < this.#options.rebirthMs) {
      return undefined
    }
    if (this.#askedMs.size >= nodesMax) this.#askedMs.clear()
    this.#askedMs.set(key, nowMs)
    return { group, node }
  }
}

interface Telling {
  unit: string | undefined
  message: Incoming
  out: Outcome
  isBirth?: boolean
}

/** What was last said of a unit's items, by name. */
interface Seen {
  stale: boolean
  newestMs: Map<string, number>
}

interface Birth {
  binding: Binding
  /** When the birth was said; undefined: it is none. */
  bornMs: number | undefined
}

const keyOf = ({ group, node }: NodeName): string => `${group}/${node}`

const refuse = (out: Outcome, code: RefusalCode, said: string): void => {
  // One message with a thousand unknown aliases is one refusal.
  if (!out.refused.some((one) => one.code === code)) out.refused.push({ code, said })
}

const resolve = (
  item: Item,
  at: { node: Node; unit: string | undefined; names: ReadonlyMap<string, number | undefined> },
): Known | undefined => {
  const { node, unit, names } = at
  if (item.name !== undefined) {
    if (!names.has(item.name)) return undefined
    return { name: item.name, unit, datatype: item.datatype ?? names.get(item.name) }
  }
  const known = item.alias === undefined ? undefined : node.aliases.get(item.alias)
  return known?.unit === unit ? known : undefined
}

const pushReport = (out: Outcome, binding: Binding, report: Report): void => {
  if (report.v === undefined && report.c === undefined && report.q === undefined) return
  out.records.push({
    topic: topicOf({ ...binding, kind: 'report' }),
    payload: JSON.stringify(report),
  })
}
