// Entry of the OPC UA client's thread: certificates, one link a server, and what it says to the
// gateway's main thread. The library runs here only, so that its work never delays a broker's
// acknowledgement. No value is kept here longer than it takes to hand it over.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../core/clock.ts'
import { CertificateFolder } from '../certificates.ts'
import { silenceLibrary } from '../library.ts'
import { applicationUri, makeGatewayCertificate, OwnCertificate } from '../own-certificate.ts'
import { TrustStore } from '../trust-store.ts'
import { Link } from './link.ts'
import {
  type ClientOrder,
  type FromClient,
  NotTaken,
  type ReportRecord,
  type ToClient,
} from './plan.ts'
import { statePath } from './state-file.ts'

assert(parentPort !== null, 'worker.ts runs in a worker thread')
const port = parentPort
const clock = systemClock()
const { folder, servers, left } = workerData as ClientOrder
const say = (message: FromClient): void => port.postMessage(message)
const note = (line: string): void => say({ kind: 'note', line })
/** How often the links' health is told, milliseconds. */
const tellMs = 1000

/** Messages whose records are not known to be in the log. */
const pending = new Map<number, PromiseWithResolvers<void>>()

interface Said {
  server: string
  connection: number
  records: readonly ReportRecord[]
}

const emitter = (): ((said: Said) => Promise<void>) => {
  let id = 0
  return (said) => {
    const durable = Promise.withResolvers<void>()
    id += 1
    pending.set(id, durable)
    say({ kind: 'records', id, ...said })
    return durable.promise
  }
}

const run = async (): Promise<void> => {
  silenceLibrary()
  const certificates = new CertificateFolder(join(folder, 'pki'))
  const uri = applicationUri('client')
  const nowMs = (): number => clock.nowUs() / 1000
  if (certificates.own() === undefined) {
    await makeGatewayCertificate(certificates, 'client', nowMs())
  }
  const own = new OwnCertificate(certificates)
  const emit = emitter()
  const warned = new Set<string>()
  const store = new TrustStore({
    folder: certificates,
    nowMs,
    onStranger: ({ thumbprint, subject }) =>
      note(`waits for approval: certificate ${thumbprint} (${subject}); see "tenfold trust"`),
    onWarning: (line) => {
      if (!warned.has(line)) note(line)
      warned.add(line)
    },
  })
  let place: number | undefined
  const links = servers.map((plan) => {
    if (plan.mode === 'None') {
      note(`${plan.name}: WITHOUT SECURITY: anybody on the way can read and change what it says`)
    }
    const state = left[plan.name]
    place ??= state?.offset
    return new Link({
      ...{ plan, clock, folder: certificates, own, store, applicationUri: uri, state, note },
      stateFile: statePath(folder, plan.name),
      place: () => place,
      emit: (connection, records) => emit({ server: plan.name, connection, records }),
    })
  })
  const tell = (): void => say({ kind: 'links', links: links.map((link) => link.health()) })
  const telling = setInterval(tell, tellMs)
  port.on('message', (message: ToClient) => {
    if (message.kind === 'durable') {
      const { id, taken, refused } = message
      const waiting = pending.get(id)
      pending.delete(id)
      if (refused === undefined) waiting?.resolve()
      else waiting?.reject(new NotTaken(refused, taken))
      return
    }
    if (message.kind === 'place') {
      place = message.offset
      return
    }
    clearInterval(telling)
    void Promise.all(links.map((link) => link.stop())).then(() => {
      say({ kind: 'stopped' })
      port.close()
    })
  })
  for (const link of links) link.start()
  tell()
  say({ kind: 'ready' })
}

await run()
