// Entry of the OPC UA server's thread: what the sink hands over is shown, and said to be shown. The
// library and its nodesets are loaded here only.
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../core/clock.ts'
import { operatingError } from '../../core/errors.ts'
import { silenceLibrary } from '../library.ts'
import type { FromServer, ShowPlan, Told, ToServer } from './plan.ts'
import { Show, type ShowParts } from './server.ts'

assert(parentPort !== null, 'worker.ts runs in a worker thread')
const port = parentPort
const say = (message: FromServer): void => port.postMessage(message)

silenceLibrary()
/** Who waits for what became of setpoints, by number. */
const asking = new Map<number, (told: Told) => void>()

const asker = (): ShowParts['ask'] => {
  let id = 0
  return (unit, request) =>
    new Promise((resolve) => {
      id += 1
      asking.set(id, resolve)
      say({ kind: 'ask', id, unit, request })
    })
}

const show = new Show({
  plan: workerData as ShowPlan,
  clock: systemClock(),
  note: (line) => say({ kind: 'note', line }),
  ask: asker(),
})

port.on('message', (message: ToServer) => {
  if (message.kind === 'standing') show.stand(message.standings)
  else if (message.kind === 'told') {
    asking.get(message.id)?.(message.told)
    asking.delete(message.id)
  } else if (message.kind === 'show') {
    show.show(message.readings, message.events)
    say({ kind: 'shown', id: message.id })
  } else {
    void show.stop().finally(() => {
      say({ kind: 'stopped' })
      port.close()
    })
  }
})

try {
  say({ kind: 'ready', port: await show.start() })
} catch (error) {
  const known = operatingError(error)
  if (known === undefined) throw error
  const { code, message, remedy } = known
  say({ kind: 'failed', code, message, remedy })
}
