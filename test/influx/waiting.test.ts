// A server that says nothing is given up soon and waited for longer the next time; what was given
// up is broken off. The same for every version, against small servers of HTTP.
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import { operatingError } from '../../gateway/core/errors.ts'
import { createTransport } from '../../gateway/sinks/influx1/transport.ts'
import { create as create2 } from '../../gateway/sinks/influx2/index.ts'
import { create as create3 } from '../../gateway/sinks/influx3/index.ts'
import { nowUs, reading } from './readings.ts'

const clock = systemClock()
const readings = [reading({ timeUs: nowUs(), v: { motor_current: 1 } })]

interface Sending {
  open(): Promise<void>
  write(): Promise<unknown>
  stop(): void
}

const sendingTo = (version: 1 | 2 | 3, url: string, more: object): Sending => {
  const shared = { url, retentionDays: 0, setUp: false, token: 'a-token', ...more }
  if (version === 1) {
    const transport = createTransport({ ...shared, database: 'd' }, clock)
    const write = () => transport.write('reports', ['m f=1 1'])
    return { open: () => transport.ping(), write, stop: () => transport.stop() }
  }
  const sink =
    version === 2
      ? create2({ ...shared, org: 'coop', bucket: 'b' }, { clock })
      : create3({ ...shared, database: 'b' }, { clock })
  const write = () => sink.write({ readings, events: [] })
  return { open: () => sink.open(), write, stop: () => void sink.stop() }
}

const codeOf = async (work: Promise<unknown>): Promise<string | undefined> =>
  operatingError(
    await work.then(
      () => undefined,
      (error: unknown) => error,
    ),
  )?.code

describe.each([1, 2, 3] as const)('influx%i', (version) => {
  const running: Server[] = []
  const sending: Sending[] = []
  afterEach(async () => {
    for (const one of sending.splice(0)) one.stop()
    for (const one of running.splice(0)) {
      one.closeAllConnections()
      await once(one.close(), 'close')
    }
  })

  /** Writes are left to `onWrite`; `given` counts those that the other side has given up. */
  const start = async (onWrite: (response: ServerResponse) => void, more: object = {}) => {
    const given = { up: 0 }
    const server = createServer((request, response) => {
      request.resume()
      response.setHeader('x-influxdb-version', version === 1 ? '1.6.7' : `v${version}.2.1`)
      if (request.url === '/ping') return response.writeHead(204).end()
      response.on('close', () => {
        if (!response.writableFinished) given.up += 1
      })
      return onWrite(response)
    }).listen(0, '127.0.0.1')
    running.push(server)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const sink = sendingTo(version, `http://127.0.0.1:${port}`, more)
    sending.push(sink)
    await sink.open()
    return { sink, given }
  }

  test('no answer within the time is an operating error, and the connection is cut', async () => {
    const { sink, given } = await start(() => {}, { timeoutMs: 300 })
    expect(await codeOf(sink.write())).toBe('influx_timeout')
    await expect.poll(() => given.up, { timeout: 30_000 }).toBe(1)
  }, 60_000)

  test('a server that needs longer than the first wait gets what it needs', async () => {
    // Longer than the first wait; had every wait been the first one, it would never be done.
    const { sink, given } = await start((response) => {
      setTimeout(() => response.writeHead(204).end(), 3600)
    })
    const codes: (string | undefined)[] = []
    do codes.push(await codeOf(sink.write()))
    while (codes.at(-1) !== undefined)
    expect(codes.slice(0, -1)).not.toEqual([])
    expect(new Set(codes.slice(0, -1))).toEqual(new Set(['influx_timeout']))
    await expect.poll(() => given.up, { timeout: 30_000 }).toBe(codes.length - 1)
  }, 120_000)

  test('an answer without its end is none', async () => {
    const { sink, given } = await start((response) => response.writeHead(500).write('{'), {
      timeoutMs: 300,
    })
    expect(await codeOf(sink.write())).toBe('influx_timeout')
    await expect.poll(() => given.up, { timeout: 30_000 }).toBe(1)
  }, 60_000)

  test('stop breaks off what is on its way', async () => {
    let arrived = (): void => {}
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const { sink, given } = await start(() => arrived())
    const written = codeOf(sink.write())
    await arrival
    sink.stop()
    expect(await written).toBe('influx_unreachable')
    await expect.poll(() => given.up, { timeout: 30_000 }).toBe(1)
  }, 60_000)
})
