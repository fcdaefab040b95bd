// What the broker remembers of its clients over a restart or a kill: subscriptions and unfinished
// deliveries of persistent sessions, QoS 2 messages between PUBREC and PUBREL, retained messages.
// Stands in for aedes' own memory, which it keeps for matching topics. Commands are never kept: a
// unit that is away must not obey later.
import { Readable } from 'node:stream'
import { parseTopic } from '../../../hardware-profiles/names.ts'
import { limits } from '../../core/limits.ts'
import type { LogRecord } from '../../core/record.ts'
import type { Emit, OwnRecords } from '../../core/source.ts'
import type { Refusal } from './access.ts'
import { Exchanges } from './exchanges.ts'
import { decode, encode, type SessionClient, type SessionPacket } from './packets.ts'
import { type WillClient, type WillMemory, Wills, type WillsOptions } from './wills.ts'

export interface SessionSubscription {
  topic: string
  qos: 0 | 1 | 2
}

/** What is used of aedes' memory: topics and their subscribers, retained messages, wills. */
export interface Memory extends WillMemory {
  addSubscriptions(client: SessionClient, subs: readonly SessionSubscription[]): Promise<void>
  removeSubscriptions(client: SessionClient, topics: readonly string[]): Promise<void>
  cleanSubscriptions(client: SessionClient): Promise<void>
  subscriptionsByClient(client: SessionClient): Promise<SessionSubscription[]>
  subscriptionsByTopic(topic: string): Promise<{ clientId: string }[]>
  storeRetained(packet: SessionPacket): Promise<void>
}

interface Delivery {
  key: string
  packet: SessionPacket
}

/** What is not of a session (matching of topics) stays with aedes' memory. */
const ofMemory = [
  'setup',
  'subscriptionsByClient',
  'subscriptionsByTopic',
  'createRetainedStream',
  'createRetainedStreamCombi',
  'getWill',
  'streamWill',
  'getClientList',
  'countOffline',
  'destroy',
]

export interface SessionsOptions extends WillsOptions {
  memory: Memory
  /** What the broker has in the log; absent where its messages go elsewhere. */
  own?: OwnRecords | undefined
  /** Whether this connection may hear it: what it may not is not kept for it. */
  mayHear(client: SessionClient, topic: string): boolean
}

const key = (kind: 'sub' | 'out' | 'in' | 'keep', ...parts: (string | number)[]): string =>
  JSON.stringify([kind, ...parts])

interface Logging {
  record: LogRecord
  emit: Emit
  done(error?: Error | null): void
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly wills: Wills
  readonly #exchanges: Exchanges
  readonly #outgoing = new Map<string, Delivery[]>()
  readonly #incoming = new Map<string, Set<number>>()
  /** Topics of persistent sessions and their QoS, as they stand on the disk. */
  readonly #kept = new Map<string, Map<string, number>>()
  readonly #retained = new Map<string, number>()
  #retainedBytes = 0
  #queuedBytes = 0
  #next = 0

  constructor(options: SessionsOptions) {
    this.#options = options
    this.wills = new Wills(options)
    this.#exchanges = new Exchanges(options)
  }

  /** Takes up what the map holds, then answers aedes in place of its memory. */
  static async open(options: SessionsOptions): Promise<Sessions> {
    const sessions = new Sessions(options)
    for (const [name, value] of options.map.entries()) await sessions.#restore(name, value)
    for (const name of await sessions.#exchanges.settle()) await sessions.#restore(name, '')
    const own = sessions as unknown as Record<string, unknown>
    const memory = options.memory as unknown as Record<string, (...args: unknown[]) => unknown>
    // Bound once: two of them are called for every message.
    for (const name of ofMemory) own[name] = memory[name]?.bind(memory)
    return sessions
  }

  /** What is remembered of subscriptions, as client id and topic. */
  *subscriptions(): Iterable<[id: string, topic: string]> {
    for (const [id, topics] of this.#kept) for (const topic of topics.keys()) yield [id, topic]
  }

  putWill(client: WillClient, packet: SessionPacket): Promise<void> {
    return this.wills.put(client, packet)
  }

  delWill(client: WillClient): Promise<SessionPacket | undefined> {
    return this.wills.delete(client)
  }

  /** Why a session may not have this subscription, too; undefined where it has room for it. */
  refuse({ id }: SessionClient, topic: string): Refusal | undefined {
    const topics = this.#kept.get(id)
    const { sessions, subscriptionsPerClient } = limits
    if (topics === undefined) {
      if (this.#kept.size < sessions) return undefined
      return { code: 'sessions_many', said: `there are ${sessions} persistent sessions` }
    }
    if (topics.has(topic) || topics.size < subscriptionsPerClient) return undefined
    const said = `its session has ${subscriptionsPerClient} subscriptions`
    return { code: 'subscriptions_many', said }
  }

  /** aedes gives all of a SUBSCRIBE, once for each that is granted: also those that are not. */
  async addSubscriptions(client: SessionClient, subs: readonly SessionSubscription[]) {
    const { map, memory, mayHear } = this.#options
    const fresh: SessionSubscription[] = []
    for (const { topic, qos } of subs) {
      if (!mayHear(client, topic) || this.refuse(client, topic) !== undefined) continue
      const topics = this.#kept.get(client.id) ?? new Map<string, number>()
      if (topics.get(topic) === qos) continue
      this.#kept.set(client.id, topics.set(topic, qos))
      fresh.push({ topic, qos })
    }
    if (fresh.length === 0) return
    try {
      await memory.addSubscriptions(client, fresh)
      await Promise.all(
        fresh.map(({ topic, qos }) => map.set(key('sub', client.id, topic), String(qos))),
      )
    } catch (error) {
      // Not on the disk: asked for again, it is to be written.
      for (const { topic } of fresh) this.#kept.get(client.id)?.delete(topic)
      throw error
    }
  }

  async removeSubscriptions(client: SessionClient, topics: readonly string[]) {
    await this.#options.memory.removeSubscriptions(client, topics)
    const kept = this.#kept.get(client.id)
    for (const topic of topics) kept?.delete(topic)
    if (kept?.size === 0) this.#kept.delete(client.id)
    const { map } = this.#options
    await Promise.all(topics.map((topic) => map.delete(key('sub', client.id, topic))))
  }

  /** A clean connect ends the session: nothing of it is delivered any more. */
  async cleanSubscriptions(client: SessionClient) {
    const topics = [...(this.#kept.get(client.id)?.keys() ?? [])]
    await this.#options.memory.cleanSubscriptions(client)
    this.#kept.delete(client.id)
    const waiting = this.#outgoing.get(client.id) ?? []
    this.#outgoing.delete(client.id)
    const { map } = this.#options
    await Promise.all([
      ...topics.map((topic) => map.delete(key('sub', client.id, topic))),
      ...waiting.map((delivery) => this.#forget(delivery)),
    ])
  }

  outgoingEnqueue(sub: { clientId: string }, packet: SessionPacket): Promise<void> {
    return this.outgoingEnqueueCombi([sub], packet)
  }

  async outgoingEnqueueCombi(subs: readonly { clientId: string }[], packet: SessionPacket) {
    if (subs.length === 0 || parseTopic(packet.topic ?? '')?.kind === 'command') return
    await Promise.all(subs.map(({ clientId }) => this.#enqueue(clientId, packet)))
  }

  /** Gives a delivery its message id, or puts the PUBREL in its place. */
  async outgoingUpdate(client: SessionClient, packet: SessionPacket): Promise<void> {
    const found = this.#outgoing
      .get(client.id)
      ?.find(({ packet: kept }) =>
        packet.brokerId !== undefined && kept.brokerId === packet.brokerId
          ? kept.brokerCounter === packet.brokerCounter
          : kept.messageId === packet.messageId,
      )
    // A command, or one whose session was full: delivered now or not at all.
    if (found === undefined) return
    this.#queuedBytes -= sizeOf(found.packet)
    found.packet =
      packet.cmd === 'pubrel'
        ? { cmd: 'pubrel', messageId: packet.messageId }
        : { ...found.packet, messageId: packet.messageId }
    this.#queuedBytes += sizeOf(found.packet)
    // At QoS 1 another id after a restart does no harm; at QoS 2 it would deliver twice.
    if (packet.cmd === 'pubrel' || packet.qos === 2) {
      await this.#options.map.set(found.key, encode(found.packet))
    }
  }

  async outgoingClearMessageId(client: SessionClient, packet: SessionPacket) {
    const waiting = this.#outgoing.get(client.id) ?? []
    const at = waiting.findIndex(({ packet: { messageId } }) => messageId === packet.messageId)
    const [found] = at < 0 ? [] : waiting.splice(at, 1)
    if (waiting.length === 0) this.#outgoing.delete(client.id)
    if (found !== undefined) await this.#forget(found)
    return found?.packet
  }

  outgoingStream(client: SessionClient): Readable {
    return Readable.from((this.#outgoing.get(client.id) ?? []).map(({ packet }) => packet))
  }

  /**
   * A message to the log: one of QoS 2 of a persistent session so that it is known when it comes
   * again, after a kill too.
   */
  log({ id, clean }: SessionClient, packet: SessionPacket, { record, emit, done }: Logging): void {
    const { qos, messageId = 0, dup = false } = packet
    if (qos !== 2 || clean === true) emit(record, done)
    else this.#exchanges.take(key('in', id, messageId), { record, isAgain: dup, emit }, done)
  }

  /** Whether a QoS 2 message was taken and its PUBREL has not come yet. */
  hasIncoming(clientId: string, messageId: number | undefined): boolean {
    return messageId !== undefined && this.#incoming.get(clientId)?.has(messageId) === true
  }

  async incomingStorePacket({ id, clean }: SessionClient, { messageId = 0 }: SessionPacket) {
    const ids = this.#incoming.get(id) ?? new Set()
    this.#incoming.set(id, ids.add(messageId))
    if (clean !== true) await this.#options.map.set(key('in', id, messageId), '')
  }

  async incomingGetPacket(client: SessionClient, packet: SessionPacket) {
    if (!this.hasIncoming(client.id, packet.messageId)) throw new Error('no such packet')
    return packet
  }

  async incomingDelPacket({ id }: SessionClient, { messageId = 0 }: SessionPacket) {
    const ids = this.#incoming.get(id)
    ids?.delete(messageId)
    if (ids?.size === 0) this.#incoming.delete(id)
    await this.#options.map.delete(key('in', id, messageId))
  }

  async cleanIncoming({ id }: SessionClient) {
    const ids = [...(this.#incoming.get(id) ?? [])]
    this.#incoming.delete(id)
    await Promise.all([
      ...ids.map((messageId) => this.#options.map.delete(key('in', id, messageId))),
      this.#exchanges.forget(key('in', id, '').slice(0, -3)),
    ])
  }

  /** Bounded, since nobody ever has to take a retained message back. */
  async storeRetained(packet: SessionPacket) {
    const { topic = '', payload = '' } = packet
    const bytes = Buffer.byteLength(payload)
    const before = this.#retained.get(topic)
    if (bytes > 0 && before === undefined && !this.#hasRoom(bytes)) {
      this.#options.note(`mqtt: ${topic} is not kept as retained: too many are`)
      return
    }
    await this.#options.memory.storeRetained(packet)
    this.#retainedBytes += bytes - (before ?? 0)
    const { map } = this.#options
    if (bytes === 0) this.#retained.delete(topic)
    else this.#retained.set(topic, bytes)
    await (bytes === 0
      ? map.delete(key('keep', topic))
      : map.set(key('keep', topic), encode(packet)))
  }

  #hasRoom(bytes: number): boolean {
    const { retainedMessages, retainedBytes } = limits
    return this.#retained.size < retainedMessages && this.#retainedBytes + bytes <= retainedBytes
  }

  async #enqueue(clientId: string, packet: SessionPacket): Promise<void> {
    const waiting = this.#outgoing.get(clientId) ?? []
    this.#outgoing.set(clientId, waiting)
    const delivery = { key: key('out', clientId, this.#next++), packet: { ...packet } }
    waiting.push(delivery)
    this.#queuedBytes += sizeOf(packet)
    const { map, note } = this.#options
    const changes = [map.set(delivery.key, encode(packet))]
    const { queuedPerSession, queuedBytes } = limits
    while (waiting.length > queuedPerSession || this.#queuedBytes > queuedBytes) {
      const lost = waiting.shift()
      if (lost === undefined) break
      note(`mqtt: ${clientId} has been away too long: its oldest message is dropped`)
      changes.push(this.#forget(lost))
    }
    const written = Promise.all(changes)
    // aedes has sent the PUBACK of QoS 1 already: to wait would only let the delivery come late.
    if (packet.qos === 2) await written
    else written.catch((error: Error) => note(`mqtt: a message is not kept: ${error.message}`))
  }

  #forget({ key: name, packet }: Delivery): Promise<void> {
    this.#queuedBytes -= sizeOf(packet)
    return this.#options.map.delete(name)
  }

  async #restore(name: string, value: string): Promise<void> {
    const [kind, id, third] = JSON.parse(name) as [string, string, string | number]
    const { memory } = this.#options
    if (kind === 'sub') {
      const sub = { topic: String(third), qos: Number(value) as 0 | 1 | 2 }
      const topics = this.#kept.get(id) ?? new Map<string, number>()
      this.#kept.set(id, topics.set(sub.topic, sub.qos))
      await memory.addSubscriptions({ id, clean: false }, [sub])
    } else if (kind === 'in' && value !== '') {
      this.#exchanges.restore(name, value)
    } else if (kind === 'in') {
      const ids = this.#incoming.get(id) ?? new Set()
      this.#incoming.set(id, ids.add(Number(third)))
    } else if (kind === 'out') {
      this.#next = Math.max(this.#next, Number(third) + 1)
      const waiting = this.#outgoing.get(id) ?? []
      this.#outgoing.set(id, waiting)
      const packet = decode(value)
      waiting.push({ key: name, packet })
      this.#queuedBytes += sizeOf(packet)
    } else if (kind === 'keep') {
      const packet = decode(value)
      const bytes = Buffer.byteLength(packet.payload ?? '')
      this.#retained.set(id, bytes)
      this.#retainedBytes += bytes
      await memory.storeRetained(packet)
    } else if (kind === 'will') this.wills.restore(id, value)
  }
}

const sizeOf = ({ payload = '' }: SessionPacket): number => Buffer.byteLength(payload)
