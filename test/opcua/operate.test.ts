// An operator's setpoints through a whole gateway: from an OPC UA client over the server's thread,
// the delivery worker and the desk to a unit at the broker, and its answer back; and what is left
// of that when a reload takes the role away.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { AttributeIds, type ClientSession, DataType } from 'node-opcua'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashPassword } from '../../gateway/credentials.ts'
import { CertificateFolder } from '../../gateway/opcua/certificates.ts'
import { makeGatewayCertificate } from '../../gateway/opcua/own-certificate.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { testIo } from '../cli/io.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { freePort, temporary, until } from './stand.ts'
import { approveAll, nodeOf, visit } from './visitor.ts'

const place = temporary()
const data = place.path
const other = new CertificateFolder(join(data, 'client'))
const server = new CertificateFolder(join(data, 'sinks', 'opcua', 'pki'))
const otto = { name: 'otto', password: 'hot iron' }
const unit = 'hot-7'
const topic = (kind: 'hello' | 'report' | 'command' | 'answer') =>
  topicOf({ machine: 'hot_end', unit, kind })
/** What the unit got; it takes anything up to 250 degrees. */
const got: Record<string, unknown>[] = []
let port = 0
let gateway: GatewayProcess
let client: MqttClient
let reporting: NodeJS.Timeout
let report: () => Promise<unknown>

const configure = (roles: Record<string, string>): void =>
  writeFileSync(
    join(data, 'tenfold.json'),
    JSON.stringify({ data, sinks: { opcua: { port, credentials: 'users.json', roles } } }),
  )

const as = <T>(what: (session: ClientSession) => Promise<T>): Promise<T> =>
  visit({ port, folder: other, user: otto }, what)

const give = (target: number, holdsMs = 2000): Promise<string> =>
  as(async (session) => {
    const [objectId, methodId] = await Promise.all(
      [unit, `${unit}/GiveSetpoints`].map((path) => nodeOf(session, path)),
    )
    const inputArguments = [target, holdsMs].map((value) => ({ dataType: DataType.Double, value }))
    return (await session.call({ objectId, methodId, inputArguments } as never)).statusCode.name
  })

/** The same; a unit that this machine is too busy to let speak is asked again. */
const giveHeard = async (target: number, holdsMs = 2000): Promise<string> => {
  for (;;) {
    const status = await give(target, holdsMs)
    if (status !== 'BadNoCommunication') return status
  }
}

/** The unit stands at the server once a report of it has come that far. */
const stands = async (): Promise<void> => {
  let isThere = false
  const look = async (): Promise<void> => {
    isThere = await as(async (session) => {
      const nodeId = await nodeOf(session, `${unit}/GiveSetpoints`)
      const { statusCode } = await session.read({ nodeId, attributeId: AttributeIds.BrowseName })
      return statusCode.isGood()
    }).catch(() => false)
    if (!isThere) await new Promise((resolve) => setTimeout(resolve, 200))
  }
  while (!isThere) await look()
}

beforeAll(async () => {
  port = await freePort()
  await makeGatewayCertificate(other, 'client', Date.now())
  const hash = await hashPassword(otto.password, new Uint8Array(16).fill(3))
  writeFileSync(join(data, 'users.json'), JSON.stringify({ otto: hash }))
  configure({ otto: 'operator' })
  gateway = await startGatewayProcess({ data })
  client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`)
  client.on('message', (_, payload) => {
    const command = JSON.parse(payload.toString()) as { id: string; values: { target: number } }
    got.push(command)
    const { id, values } = command
    const isTaken = values.target <= 250
    const reason = isTaken ? {} : { reason: 'disarmed' }
    const answer = { boot: 1, t: 9_000_000, id, kind: 'setpoint', accepted: isTaken, ...reason }
    client.publish(topic('answer'), JSON.stringify(answer), { qos: 1 })
  })
  await client.subscribeAsync(topic('command'), { qos: 1 })
  await client.publishAsync(topic('hello'), '{"boot":1,"t":0}', { qos: 1 })
  let seq = 0
  report = () => {
    seq += 1
    const said = { boot: 1, seq, t: seq * 100_000, v: { temperature: 20 } }
    return client.publishAsync(topic('report'), JSON.stringify(said), { qos: 1 })
  }
  reporting = setInterval(report, 100)
  await until("the server's certificate", () => server.own() !== undefined)
  server.offer(other.own() as Buffer)
  other.offer(server.own() as Buffer)
  approveAll(server, other)
  await stands()
}, 120_000)

afterAll(async () => {
  clearInterval(reporting)
  await client?.endAsync(true)
  await gateway?.stop()
  place.remove()
})

describe('an operator at a running gateway', { timeout: 120_000 }, () => {
  test('gives a setpoint, which the unit takes with its boot and an end', async () => {
    expect(await giveHeard(200)).toBe('Good')
    expect(got).toHaveLength(1)
    expect(got[0]).toMatchObject({ kind: 'setpoint', boot: 1, holds_ms: 2000 })
    expect(got[0]).toMatchObject({ values: { target: 200 } })
    const said = 'otto gives "hot-7" target = 200, for 2000 ms at a time'
    await until('the line', () => gateway.printed().includes(said))
  })

  test('hears the unit refuse, and the profile: beyond it nothing is sent', async () => {
    expect(await giveHeard(260)).toBe('BadInvalidState')
    expect(got).toHaveLength(2)
    expect(await give(271)).toBe('BadOutOfRange')
    expect(await give(200, 5001)).toBe('BadOutOfRange')
    expect(got).toHaveLength(2)
    const events = async (): Promise<string> =>
      (await fetch(new URL(`/api/units/${unit}/events`, gateway.pageUrl))).text()
    while (!(await events()).includes('command_refused')) await give(271)
  })

  test('is told of a unit that has fallen silent; nothing waits for it', async () => {
    clearInterval(reporting)
    // Acknowledged, and so all before it: nothing of the unit is on its way any more.
    await report()
    expect(await give(200)).toBe('BadNoCommunication')
    expect(got).toHaveLength(2)
  })

  test('is none any more after a reload that takes the role away', async () => {
    configure({})
    const io = await testIo()
    expect(await io.tenfold('reload', '--gateway', gateway.pageUrl)).toBe(0)
    expect(io.lines.join('\n')).toContain('sinks: delivery restarts')
    await io.remove()
    await stands()
    expect(await give(200)).toBe('BadUserAccessDenied')
    const said = /otto may not call .*GiveSetpoints": BadUserAccessDenied/
    await until('the line', () => said.test(gateway.printed()))
    expect(got).toHaveLength(2)
  })
})
