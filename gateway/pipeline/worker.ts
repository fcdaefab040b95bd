// Entry of the delivery worker thread: starts the host, passes questions to it and answers back.
// All logic is in host.ts, where a test can reach it without a thread.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { getPriority, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import type { CommandOutcome } from '../core/command.ts'
import { type Host, startHost, type World } from './host.ts'
import {
  type DeliveryOptions,
  errorOf,
  type FromWorker,
  plainError,
  type ToWorker,
} from './protocol.ts'

assert(parentPort !== null, 'worker.ts runs in a worker thread')
// Acknowledging comes before delivering: what is acknowledged waits in the log. On Linux the
// priority is the calling thread's; elsewhere it would be the whole process's.
if (process.platform === 'linux') setPriority(0, Math.min(19, getPriority(0) + 10))
const port = parentPort
const say = (message: FromWorker): void => port.postMessage(message)

const answer = async (
  { answers }: Host,
  { id, method, args }: Extract<ToWorker, { kind: 'call' }>,
): Promise<void> => {
  try {
    const ask = Object.hasOwn(answers, method) ? answers[method] : undefined
    assert(ask !== undefined, `nobody answers ${method}`)
    say({ kind: 'answer', id, value: await ask(...(args as never[])) })
  } catch (error) {
    say({ kind: 'failure', id, error: plainError(error) })
  }
}

/** What the desk is asked, and its answers, by number. */
const openAsking = () => {
  const asking = new Map<number, PromiseWithResolvers<CommandOutcome>>()
  let id = 0
  const command: World['command'] = (unit, request) => {
    id += 1
    const answer = Promise.withResolvers<CommandOutcome>()
    asking.set(id, answer)
    say({ kind: 'ask', id, unit, request })
    return answer.promise
  }
  const settle = (message: Extract<ToWorker, { kind: 'told' | 'refused' }>): void => {
    const waiting = asking.get(message.id)
    asking.delete(message.id)
    if (message.kind === 'told') waiting?.resolve(message.outcome)
    else waiting?.reject(errorOf(message.error))
  }
  return { command, settle }
}

const run = async (): Promise<void> => {
  const asking = openAsking()
  const host = await startHost(workerData as DeliveryOptions, {
    clock: systemClock(),
    random: Math.random,
    randomBytes: (bytes) => randomBytes(bytes),
    say,
    command: asking.command,
  })
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'call') void answer(host, message)
    else if (message.kind === 'listen') host.listen(message.on)
    else if (message.kind === 'told' || message.kind === 'refused') asking.settle(message)
    else {
      port.removeAllListeners('message')
      host.stop().then(
        () => say({ kind: 'stopped' }),
        (error) => say({ kind: 'fault', error: plainError(error) }),
      )
    }
  })
  say({ kind: 'ready' })
}

run().catch((error) => say({ kind: 'fault', error: plainError(error) }))
