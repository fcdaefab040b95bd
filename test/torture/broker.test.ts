// A broker outside goes away in every way that it can: killed, restarted, standing still, its cable
// frozen, half open, cut. Data flow again within seconds of its return: into the source that reads
// from it, and from an edge node over it to the Sparkplug host, which is restarted, too.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RawUnit } from '../mqtt/raw-unit.ts'
import { freePort, type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { type Mosquitto, mosquittoInstalled, startMosquitto } from '../servers/mosquitto.ts'
import { awayMs, type Flowing, flowing, freshAgain, later, startsOf } from './flow.ts'
import { type Link, startLink } from './link.ts'
import { machine, report, sleep } from './world.ts'

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'tenfold-flow-'))
  later(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const broker = async (): Promise<Mosquitto> => {
  const outside = await startMosquitto()
  later(() => outside.remove())
  return outside
}

const linkTo = async (port: number): Promise<Link> => {
  const link = await startLink(port)
  later(() => link.close())
  return link
}

/** Ten reports a second: what waits for whoever was away is soon taken. */
const unitAt = (port: number, unit: string): RawUnit => {
  const pace = { inFlight: 1, everyMs: 100, hello: '{"boot":1,"t":0}' }
  const one = new RawUnit({ ...pace, machine, unit, port, report })
  later(() => one.end())
  return one
}

const gatewayWith = async (set: Record<string, unknown>, mqttPort = 0) => {
  const data = folder()
  const start = () => startGatewayProcess({ data, mqttPort, set })
  const one = { gateway: await start(), start }
  later(() => one.gateway.kill())
  return one
}

type Fault = [string, (broker: Mosquitto) => Promise<void>]
const brokerFaults: Fault[] = [
  [
    'is killed and comes back',
    async (outside) => {
      await outside.kill()
      await sleep(awayMs)
      await outside.start()
    },
  ],
  [
    'is restarted',
    async (outside) => {
      await outside.stop()
      await outside.start()
    },
  ],
  [
    'stands still for a while',
    async (outside) => {
      outside.freeze()
      await sleep(awayMs)
      outside.thaw()
    },
  ],
]

type CableFault = [string, (cable: Link) => Promise<void>]
const cableFaults: CableFault[] = [
  [
    'carries nothing for a while',
    async (cable) => {
      cable.freeze()
      await sleep(awayMs)
      cable.thaw()
    },
  ],
  ['has forgotten its connections without a word', async (cable) => cable.forget()],
  ['is cut', async (cable) => cable.cut()],
]

test.runIf(mosquittoInstalled())('a broker outside', { timeout: 600_000 }, async () => {
  const outside = await broker()
  const cable = await linkTo(outside.port)
  const set = { 'sources.mqtt-client.url': `mqtt://127.0.0.1:${cable.port}` }
  const { gateway } = await gatewayWith(set)
  // A hello that comes before it has subscribed is nobody's.
  while (!gateway.printed().includes('connected')) await sleep(20)
  const unit = unitAt(outside.port, 'far-1')
  const flow: Flowing = {
    gateway: () => gateway,
    unit: { name: 'far-1', sent: () => unit.sent },
    pids: () => [gateway.child.pid, outside.pid],
  }
  await flowing(flow)
  for (const [what, fault] of brokerFaults) {
    await fault(outside)
    await freshAgain(`a broker that ${what}`, flow)
  }
  for (const [what, fault] of cableFaults) {
    await fault(cable)
    await freshAgain(`a broker whose cable ${what}`, flow)
  }
  expect(gateway.printed()).toContain('(broker_unreachable): it has not answered for 2 s')
  await exact(flow, unit)
})

const units = [
  {
    ...{ from: 'tenfold/gateway/near-1', unit: 'far-1', machine },
    items: { motor_current: 'motor_current', starts: 'Counters/starts' },
  },
]

test.runIf(mosquittoInstalled())('Sparkplug over one', { timeout: 900_000 }, async () => {
  const outside = await broker()
  const [edgeCable, hostCable] = [await linkTo(outside.port), await linkTo(outside.port)]
  const mqttPort = await freePort()
  const urlOf = ({ port }: Link) => `mqtt://127.0.0.1:${port}`
  const edge = await gatewayWith(
    {
      'sinks.sparkplug.servers': JSON.stringify([urlOf(edgeCable)]),
      'sinks.sparkplug.primaryHost': 'tenfold',
    },
    mqttPort,
  )
  const host = await gatewayWith({
    'sources.sparkplug.url': urlOf(hostCable),
    'sources.sparkplug.units': JSON.stringify(units),
  })
  const unit = unitAt(mqttPort, 'near-1')
  const flow: Flowing = {
    gateway: (): GatewayProcess => host.gateway,
    unit: { name: 'far-1', sent: () => unit.sent },
    pids: () => [edge.gateway.child.pid, host.gateway.child.pid, outside.pid],
  }
  await flowing(flow)
  for (const [what, fault] of brokerFaults) {
    await fault(outside)
    await freshAgain(`Sparkplug over a broker that ${what}`, flow)
  }
  for (const [what, fault] of cableFaults) {
    await fault(edgeCable)
    await freshAgain(`Sparkplug, an edge node whose cable ${what}`, flow)
    await fault(hostCable)
    await freshAgain(`Sparkplug, a host whose cable ${what}`, flow)
  }
  expect(host.gateway.printed()).toContain('(broker_unreachable): it has not answered for 2 s')
  await host.gateway.kill()
  await sleep(awayMs)
  host.gateway = await host.start()
  await freshAgain('Sparkplug, a primary host that is killed and comes back', flow)
  await exact(flow, unit)
})

/** Nothing was counted twice. */
const exact = async ({ gateway, unit: { name } }: Flowing, unit: RawUnit): Promise<void> => {
  unit.pause()
  while (unit.open > 0) await sleep(10)
  const starts = async () => (await startsOf(gateway())).get(name) ?? 0
  while ((await starts()) < unit.sent) await sleep(50)
  expect(await starts()).toBe(unit.sent)
}
