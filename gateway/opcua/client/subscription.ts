// One subscription with its publish loop. A notification is acknowledged to the server only after
// its reports are in the log. While the log is slow the server keeps the values in its queues,
// which are long enough for as long as a silence is borne; a queue that has run over is reported as
// a gap.
import * as opcua from 'node-opcua'
import { inChunks, type OperationLimits } from './session.ts'

export interface Item {
  /** Names the item in what comes; above `heartbeatHandle`. */
  readonly handle: number
  readonly nodeId: opcua.NodeId
  readonly samplingMs: number
}

export interface SubscriptionParts {
  session: opcua.ClientSession
  publishMs: number
  /** Silence that the queues must bear, milliseconds. */
  bearMs: number
  /**
   * Called with the values of one notification, by handle; resolves when they may be acknowledged.
   * `heartbeat` is the server's time where it came along.
   */
  onValues(values: readonly Notified[]): Promise<void>
  /** The subscription has ended, and why. */
  onEnd(reason: Error): void
}

export interface Notified {
  readonly handle: number
  readonly value: opcua.DataValue
}

/** Handle of the server's own clock. */
export const heartbeatHandle = 0
const heartbeatMs = 1000
/** Publish requests that wait at the server: one in use, one on its way, one to spare. */
const requests = 3

/** Values that a queue must hold so that none is lost in `bearMs` beyond a publishing interval. */
export const queueSizeFor = (times: {
  samplingMs: number
  publishMs: number
  bearMs: number
}): number => Math.ceil((times.publishMs + times.bearMs) / Math.max(times.samplingMs, 1)) + 1

/**
 * Services of a session that the library's interface keeps to itself, in favour of its own loop.
 */
interface Services {
  createSubscription(
    request: opcua.CreateSubscriptionRequestOptions,
  ): Promise<opcua.CreateSubscriptionResponse>
  createMonitoredItems(
    request: opcua.CreateMonitoredItemsRequestOptions,
  ): Promise<opcua.CreateMonitoredItemsResponse>
  publish(
    request: opcua.PublishRequest,
    callback: (error: Error | null, response?: opcua.PublishResponse) => void,
  ): void
}

export class Subscription {
  readonly #parts: SubscriptionParts
  readonly #services: Services
  #id = 0
  #publishMs = 0
  #limits: Pick<OperationLimits, 'monitoredItems'> = { monitoredItems: 1 }
  #ended = false
  #lastSequence: number | undefined
  #acknowledge: number[] = []

  constructor(parts: SubscriptionParts) {
    this.#parts = parts
    this.#services = parts.session as unknown as Services
  }

  /** Creates it with the heartbeat in it, and begins to publish. */
  async start(limits: Pick<OperationLimits, 'monitoredItems'>): Promise<void> {
    const { publishMs } = this.#parts
    this.#limits = limits
    const answer = await this.#services.createSubscription({
      requestedPublishingInterval: publishMs,
      requestedLifetimeCount: Math.max(30, Math.ceil(30_000 / publishMs)),
      requestedMaxKeepAliveCount: Math.max(3, Math.ceil(heartbeatMs / publishMs)),
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 1,
    })
    this.#id = answer.subscriptionId
    this.#publishMs = answer.revisedPublishingInterval
    const clock = opcua.resolveNodeId(opcua.VariableIds.Server_ServerStatus_CurrentTime)
    await this.add([{ handle: heartbeatHandle, nodeId: clock, samplingMs: heartbeatMs }])
    for (let i = 0; i < requests; i++) this.#publish()
  }

  /** Adds items, as many in a call as the server takes. Returns why some could not be. */
  async add(items: readonly Item[]): Promise<Map<number, string>> {
    const { bearMs } = this.#parts
    const failed = new Map<number, string>()
    for (const chunk of inChunks(items, this.#limits.monitoredItems)) {
      const answer = await this.#services.createMonitoredItems({
        subscriptionId: this.#id,
        timestampsToReturn: opcua.TimestampsToReturn.Both,
        itemsToCreate: chunk.map(({ handle, nodeId, samplingMs }) => ({
          itemToMonitor: { nodeId, attributeId: opcua.AttributeIds.Value },
          monitoringMode: opcua.MonitoringMode.Reporting,
          requestedParameters: {
            clientHandle: handle,
            samplingInterval: samplingMs,
            queueSize: queueSizeFor({ samplingMs, publishMs: this.#publishMs, bearMs }),
            discardOldest: true,
          },
        })),
      })
      for (const [i, { handle }] of chunk.entries()) {
        const { statusCode } = answer.results?.[i] ?? {}
        if (statusCode?.isGood() !== true) failed.set(handle, statusCode?.name ?? 'no result')
      }
    }
    return failed
  }

  /** No more is asked for, and nothing that still comes is passed on. */
  end(): void {
    this.#ended = true
  }

  #publish(): void {
    if (this.#ended) return
    const acknowledgements = this.#acknowledge.splice(0)
    const request = new opcua.PublishRequest({
      // A server without news answers after its keep-alive time only.
      requestHeader: { timeoutHint: 60_000 },
      subscriptionAcknowledgements: acknowledgements.map((sequenceNumber) => ({
        subscriptionId: this.#id,
        sequenceNumber,
      })),
    })
    this.#services.publish(request, (error, response) => {
      if (this.#ended) return
      if (error || response === undefined) this.#fail(error ?? new Error('no answer'))
      else this.#take(response)
    })
  }

  #take({ notificationMessage }: opcua.PublishResponse): void {
    const { sequenceNumber, notificationData } = notificationMessage
    const parts = (notificationData ?? []).filter((part) => part !== null)
    // A keep-alive carries the number of the next message (OPC 10000-4, 5.14.5).
    if (parts.length > 0) {
      const last = this.#lastSequence
      if (
        last !== undefined &&
        sequenceNumber !== last + 1 &&
        !(last > 4e9 && sequenceNumber < 2)
      ) {
        this.#fail(new Error(`notifications ${last + 1} to ${sequenceNumber - 1} did not come`))
        return
      }
      this.#lastSequence = sequenceNumber
    }
    const values: Notified[] = []
    for (const part of parts) {
      if (part instanceof opcua.DataChangeNotification) {
        for (const { clientHandle, value } of part.monitoredItems ?? []) {
          values.push({ handle: clientHandle, value })
        }
      } else if (part instanceof opcua.StatusChangeNotification && part.status.isNotGood()) {
        this.#fail(new Error(`the server ended the subscription: ${part.status.name}`))
        return
      }
    }
    // The next request goes out with what is durable by then; a slow log slows the asking down.
    this.#parts.onValues(values).then(
      () => {
        if (parts.length > 0) this.#acknowledge.push(sequenceNumber)
        this.#publish()
      },
      (error: Error) => this.#fail(error),
    )
  }

  #fail(reason: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#parts.onEnd(reason)
  }
}
