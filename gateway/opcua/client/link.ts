// The life of one server's connection: connect, fill the gap from history, live, and when anything
// at all is wrong, throw it away and begin again. There is one way to recover, taken for a killed
// server, a frozen one, a refused certificate and a renewed one alike; it is at most a second away.
import type { Clock } from '../../core/clock.ts'
import { type LinkHealth, LinkState } from '../../core/link.ts'
import { type CertificateFolder, expiryWarning, factsOf } from '../certificates.ts'
import type { OwnCertificate } from '../own-certificate.ts'
import type { TrustStore } from '../trust-store.ts'
import { deaf, explain, notDurable } from './errors.ts'
import { Feed } from './feed.ts'
import { readHistory } from './history.ts'
import type { ReportRecord, ServerPlan } from './plan.ts'
import { helloOf } from './report.ts'
import { timeOf } from './sample.ts'
import {
  type OpenSession,
  type OperationLimits,
  openSession,
  readLimits,
  resolveNodes,
} from './session.ts'
import { type ServerState, writeState } from './state-file.ts'
import { heartbeatHandle, type Notified, Subscription } from './subscription.ts'

export interface LinkParts {
  plan: ServerPlan
  clock: Clock
  folder: CertificateFolder
  own: OwnCertificate
  store: TrustStore
  applicationUri: string
  /** Where the link remembers how far it came. */
  stateFile: string
  /** How far it had come. */
  state: ServerState | undefined
  /** All that the log has of this link below that offset was said to be in it. */
  place(): number | undefined
  /** Resolves when all are in the log; rejects with NotTaken when they are not. */
  emit(connection: number, records: readonly ReportRecord[]): Promise<void>
  note(line: string): void
}

/** Wait before the next attempt, milliseconds. */
const retryMs = 500
const lookMs = 250
const stateMs = 5000
const renewMs = 5000
const missingMs = 30_000
/** Longest time from nothing to live, but for history, milliseconds. */
const openMs = 10_000

export class Link {
  readonly #parts: LinkParts
  readonly #feed: Feed
  readonly #state: LinkState
  readonly #stopping = new AbortController()
  #running: Promise<unknown> | undefined
  #connections = 0
  #lastHeardMs = 0
  /** The present connection; what an earlier one still says is not about it. */
  #present: { broken?: Error } = {}

  constructor(parts: LinkParts) {
    this.#parts = parts
    const { clock, note, plan } = parts
    this.#state = new LinkState({ peer: plan.name, nowUs: () => clock.nowUs(), note })
    this.#feed = new Feed({
      plan: parts.plan,
      state: parts.state,
      nowUs: () => parts.clock.nowUs(),
      emit: (records) => parts.emit(this.#connections, records),
    })
  }

  start(): void {
    this.#running = Promise.all([this.#run(), this.#remember()])
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    await this.#feed.settle()
    this.#save()
  }

  /** Also while there is no connection: the log goes on, and less of it is to be read again. */
  async #remember(): Promise<void> {
    const { clock } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#save()
      await clock.sleep(stateMs, signal)
    }
  }

  /** A full disk costs no connection: an older file only means more of the log to follow. */
  #save(): void {
    const { stateFile, place, note, plan } = this.#parts
    const offset = place()
    try {
      const state = this.#feed.state()
      writeState(stateFile, { ...state, ...(offset !== undefined && { offset }) })
      this.#unsaved = ''
    } catch (error) {
      const why = `${plan.name}: how far it came is not written: ${(error as Error).message}`
      if (why !== this.#unsaved) note(why)
      this.#unsaved = why
    }
  }

  #unsaved = ''

  async #run(): Promise<void> {
    const { clock, plan } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#connection()
      } catch (error) {
        const { code, message, remedy } = explain(error, plan.url)
        if (!signal.aborted) this.#state.lost(`${message} (${code}). ${remedy}`, code)
      }
      await clock.sleep(retryMs, signal)
    }
  }

  health(): LinkHealth {
    return this.#state.health()
  }

  /** One connection from its beginning to its end; throws why it ended, unless it was stopped. */
  async #connection(): Promise<void> {
    const { plan, own, clock } = this.#parts
    // First it must be known what of the connection before is in the log.
    await this.#feed.settle()
    own.refresh()
    this.#warnOfEnd()
    this.#connections++
    const present: { broken?: Error } = {}
    this.#present = present
    const opening = openSession(this.#parts)
    const open = await this.#within(openMs, opening).catch((error) => {
      // It may still come: then it is not wanted any more.
      opening.then(
        ({ close }) => close(),
        () => {},
      )
      throw error
    })
    open.onLost((reason) => {
      present.broken ??= new Error(`${reason}: no answer`)
    })
    this.#lastHeardMs = clock.monotonicMs()
    this.#feed.begin()
    const subscription = this.#subscription(open)
    let isLive = false
    try {
      const limits = await this.#within(openMs, readLimits(open.session))
      const missing = await this.#within(openMs, this.#subscribe(open, { subscription, limits }))
      await this.#parts.emit(this.#connections, plan.units.map(helloOf))
      await this.#fill(open, limits)
      isLive = true
      this.#state.connected(`connected to ${plan.url}, ${plan.mode}, ${plan.policy}`)
      await this.#watch(open, { subscription, limits, missing })
    } finally {
      subscription.end()
      open.close()
      if (isLive && !this.#stopping.signal.aborted) await this.#feed.lost().catch(() => {})
    }
  }

  #subscription({ session }: OpenSession): Subscription {
    const { plan, clock } = this.#parts
    const present = this.#present
    return new Subscription({
      session,
      publishMs: plan.publishMs,
      bearMs: plan.deafMs,
      onValues: async (values) => {
        this.#lastHeardMs = clock.monotonicMs()
        this.#state.heard()
        await this.#take(values)
      },
      onEnd: (reason) => {
        present.broken ??= reason
      },
    })
  }

  async #take(values: readonly Notified[]): Promise<void> {
    const latestUs = Number.MAX_SAFE_INTEGER
    for (const { handle, value } of values) {
      if (handle !== heartbeatHandle) continue
      const date: unknown = value.value?.value
      if (date instanceof Date) this.#feed.heard(date.getTime() * 1000)
      else this.#feed.heard(timeOf(value, latestUs) ?? 0)
    }
    const overflows = this.#feed.overflows
    try {
      await this.#feed.live(values.filter(({ handle }) => handle !== heartbeatHandle))
    } catch (error) {
      throw notDurable(this.#parts.plan.url, (error as Error).message)
    }
    if (this.#feed.overflows > overflows) {
      const lost = this.#feed.overflows - overflows
      this.#parts.note(
        `${this.#parts.plan.name}: ${lost} queues at the server ran over; the gaps are marked. ` +
          'Sample more slowly, or publish more often.',
      )
    }
  }

  /** Subscribes what can be found; returns the handles of what cannot. */
  async #subscribe(
    { session }: OpenSession,
    { subscription, limits }: { subscription: Subscription; limits: OperationLimits },
    only?: ReadonlySet<number>,
  ): Promise<Set<number>> {
    if (only === undefined) await subscription.start(limits)
    const nodes = this.#feed.nodes.filter(({ handle }) => only?.has(handle) !== false)
    const places = nodes.map(({ node, unit }) => ({ node, namespace: unit.namespace }))
    const resolved = await resolveNodes(session, places, limits)
    const items = nodes.flatMap(({ handle, unit }, i) => {
      const found = resolved[i]
      if (found === undefined || 'missing' in found) return []
      this.#ids.set(handle, found.nodeId)
      return [{ handle, nodeId: found.nodeId, samplingMs: unit.samplingMs }]
    })
    const failed = await subscription.add(items)
    const missing = new Set(failed.keys())
    nodes.forEach(({ handle }, i) => {
      const found = resolved[i]
      if (found === undefined || !('missing' in found)) return
      failed.set(handle, found.missing)
      missing.add(handle)
    })
    if (only === undefined && missing.size > 0) this.#nameMissing(failed)
    return missing
  }

  readonly #ids = new Map<number, Parameters<typeof readHistory>[0]['nodes'][number]['nodeId']>()

  #nameMissing(failed: ReadonlyMap<number, string>): void {
    const [first, why] = [...failed][0] ?? [0, '']
    const node = this.#feed.nodes[first - 1]
    this.#parts.note(
      `${this.#parts.plan.name}: ${failed.size} nodes cannot be had, such as ${node?.key} at ` +
        `${node?.node.address}: ${why} (opcua_node_missing). Compare with the server's address ` +
        'space; they are looked for again every 30 s.',
    )
  }

  /** Asks for what came in a gap, then lets live values pass. */
  async #fill({ session }: OpenSession, limits: OperationLimits): Promise<void> {
    const { plan, clock } = this.#parts
    const wanted = this.#feed.wanted().flatMap(({ handle, afterUs }) => {
      const nodeId = this.#ids.get(handle)
      return nodeId === undefined ? [] : [{ handle, afterUs, nodeId }]
    })
    let filled = new Set<number>()
    if (plan.history && wanted.length > 0) {
      try {
        filled = await readHistory({
          session,
          nodes: wanted,
          untilUs: clock.nowUs(),
          limit: limits.historyRead,
          onPage: (values) => this.#feed.history(values),
        })
      } catch (error) {
        // A server without history may refuse the service as a whole; a broken link shows by
        // itself.
        if (this.#present.broken !== undefined) throw error
      }
      if (filled.size < wanted.length) {
        this.#parts.note(
          `${plan.name}: the server has no history of ${wanted.length - filled.size} of ` +
            `${wanted.length} values; the time without a connection stays marked as bad`,
        )
      }
    }
    await this.#feed.release(filled)
  }

  /** Until the connection is broken, silent, or its certificate is replaced; throws which. */
  async #watch(
    open: OpenSession,
    parts: { subscription: Subscription; limits: OperationLimits; missing: Set<number> },
  ): Promise<void> {
    const { clock, plan, own } = this.#parts
    const { signal } = this.#stopping
    await this.#feed.absent(parts.missing)
    let { missing } = parts
    let renewedMs = clock.monotonicMs()
    let lookedMs = renewedMs
    this.#lastHeardMs = renewedMs
    while (!signal.aborted) {
      await clock.sleep(lookMs, signal)
      const nowMs = clock.monotonicMs()
      if (this.#present.broken !== undefined) throw this.#present.broken
      const silentMs = nowMs - this.#lastHeardMs
      if (silentMs > plan.deafMs) throw deaf(plan.url, silentMs)
      if (nowMs - renewedMs >= renewMs) {
        renewedMs = nowMs
        if (own.refresh()) throw new Error('own certificate renewed: no answer is wanted')
        this.#warnOfEnd()
      }
      if (missing.size > 0 && nowMs - lookedMs >= missingMs) {
        lookedMs = nowMs
        missing = await this.#within(openMs, this.#subscribe(open, parts, missing))
      }
    }
  }

  #warnOfEnd(): void {
    const { own, clock } = this.#parts
    const warning = expiryWarning(factsOf(own.getCertificate()), clock.nowUs() / 1000)
    if (warning === undefined || this.#warned === warning) return
    this.#warned = warning
    this.#parts.note(`own ${warning}; make a new one with "tenfold trust --renew client"`)
  }

  #warned = ''

  async #within<T>(ms: number, work: Promise<T>): Promise<T> {
    const { clock } = this.#parts
    const ending = new AbortController()
    const late = clock.sleep(ms, AbortSignal.any([ending.signal, this.#stopping.signal]))
    try {
      return await Promise.race([
        work,
        late.then(() => Promise.reject(new Error(`no answer within ${ms} ms`))),
      ])
    } finally {
      ending.abort()
    }
  }
}
