// An OPC UA server that goes and comes back, again and again: data flow within 5 s of its return,
// the books balance, and the gateway's memory stays flat, while somebody subscribes to the
// gateway's own server and goes away as well. TENFOLD_LONG=1 keeps it up for a quarter of an hour
// (TENFOLD_SOAK_MINUTES); TENFOLD_SEED repeats a run's faults.
import { MessageSecurityMode, OPCUAClient, SecurityPolicy } from 'node-opcua'
import { describe, expect, test } from 'vitest'
import { silenceLibrary } from '../../gateway/opcua/library.ts'
import { limitMs } from '../torture/flow.ts'
import { long, randomOf, sleep, within } from '../torture/world.ts'
import { Hall } from './hall.ts'
import { freePort } from './stand.ts'
import { nodeOf } from './visitor.ts'

const seed = Number(process.env['TENFOLD_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const soakMs = Number(process.env['TENFOLD_SOAK_MINUTES'] ?? 15) * 60_000
const awayMs = long ? 20_000 : 500

let hall: Hall

const outages = {
  /** Killed, and started again; its return is when it listens. */
  killed: async (away: number): Promise<void> => {
    await hall.says('connected')
    await hall.server.kill()
    await hall.says('away')
    await sleep(away)
    await hall.server.start()
  },
  /** Stopped by a signal: its sockets stay, and say nothing. */
  frozen: async (away: number): Promise<void> => {
    await hall.says('connected')
    hall.server.signal('SIGSTOP')
    await hall.says('away')
    await sleep(away)
    hall.server.signal('SIGCONT')
  },
} as const
type Outage = keyof typeof outages

/** What is measured is the gateway's and the server's: other programs' processors are not. */
const flowsAfter = async (what: string): Promise<void> => {
  const { tookMs, waitedMs } = await hall.flow()
  const said = `${what}: data flow after ${Math.round(tookMs)} ms, with a processor`
  within(Math.max(0, tookMs - waitedMs), limitMs, said)
}

describe('an OPC UA server that was away', () => {
  test.each(Object.keys(outages) as Outage[])(
    '%s: data flow within 5 s of its return',
    async (how) => {
      hall = await Hall.start(2)
      for (let n = 0; n < (long ? 5 : 1); n++) {
        await outages[how](awayMs)
        await flowsAfter(`a server that was ${how}`)
      }
      await hall.check()
    },
    3_600_000,
  )
})

/** Subscribes to a value of the gateway's own server until one has come, and goes. */
const watch = async (port: number): Promise<void> => {
  silenceLibrary()
  const client = OPCUAClient.create({
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0 },
  })
  try {
    await client.connect(`opc.tcp://127.0.0.1:${port}`)
    const session = await client.createSession()
    const nodeId = await nodeOf(session, 'hall-0/Signals/trigger')
    const subscription = await session.createSubscription2({
      ...{ publishingEnabled: true, requestedPublishingInterval: 100 },
    })
    const item = await subscription.monitor(
      { nodeId, attributeId: 13 },
      { samplingInterval: 0, queueSize: 10 },
      0,
    )
    let heard = 0
    item.on('changed', () => heard++)
    while (heard < 5) await sleep(25)
  } finally {
    await client.disconnect()
  }
}

test(`faults for a while leave the memory flat (seed ${seed})`, async () => {
  const random = randomOf(seed)
  const port = await freePort()
  hall = await Hall.start(10, { sinks: { opcua: { port, modes: ['None'] } } })
  // Its thread comes up beside the gateway.
  while (!hall.gateway.printed().includes('listens at opc.tcp')) await sleep(50)
  const names = Object.keys(outages) as Outage[]
  const endMs = performance.now() + (long ? soakMs : 0)
  let faults = 0
  do {
    const how = names[Math.floor(random() * names.length)] as Outage
    await outages[how](random() * 2000)
    await flowsAfter(`fault ${faults} (${how})`)
    await watch(port)
    faults += 1
    await sleep(random() * (long ? 5000 : 200))
  } while (performance.now() < endMs)
  const { early, late } = hall.memory.thirds()
  console.log(`${faults} faults; memory ${Math.round(early)}, ${Math.round(late)} MiB`)
  expect(faults).toBeGreaterThan(0)
  await hall.check()
}, 7_200_000)
