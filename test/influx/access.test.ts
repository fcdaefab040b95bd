// Who may write and what answers: credentials never show, least rights suffice, retention is
// altered where it differs, and an answer that is not InfluxDB's is no verdict on a reading.
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { create } from '../../gateway/sinks/influx1/index.ts'
import { startInfluxd } from '../servers/influxd.ts'
import { deliver, nowUs, reading, sinkFor } from './readings.ts'

const secret = 'correct-horse-battery'
const server = await startInfluxd({ admin: { username: 'root', password: secret } })

const thrownBy = async (work: Promise<unknown>): Promise<OperatingError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(OperatingError)
  return error as OperatingError
}

/** Everything an error would show, its causes included. */
const shown = (error: unknown): string => {
  const parts: string[] = []
  for (let one = error; one instanceof Error; one = one.cause) {
    parts.push(one.message, one.stack ?? '', JSON.stringify(one, Object.getOwnPropertyNames(one)))
  }
  return parts.join('\n')
}

describe.skipIf(server === undefined)('access to InfluxDB', () => {
  if (server === undefined) return
  const admin = { username: 'root', password: secret }
  const batch = { readings: [reading({ timeUs: nowUs() })], events: [] }
  afterAll(() => server.remove())

  test.each([
    ['no name', {}],
    ['a wrong password', { username: 'root', password: `${secret}-wrong` }],
    ['an unknown name', { username: 'nobody', password: secret }],
  ])('%s is refused with a remedy, and the secret does not show', async (_, login) => {
    const error = await thrownBy(sinkFor(server, login).open())
    expect(error.code).toBe('influx_credentials')
    expect(error.remedy).toContain('username and password')
    const text = shown(error)
    expect(text).not.toContain(secret)
    expect(text).not.toContain(Buffer.from(`root:${secret}`).toString('base64').slice(0, 12))
  })

  test('retention policies are made, and altered where the config differs', async () => {
    const policies = async (): Promise<unknown> =>
      (await server.query('SHOW RETENTION POLICIES ON "d"')).map((row) => [
        row['name'],
        row['duration'],
        row['default'],
      ])
    await sinkFor(server, { ...admin, retentionDays: 90 }).open()
    expect(await policies()).toEqual([
      ['autogen', '0s', false],
      ['raw', '2160h0m0s', true],
      ['daily', '0s', false],
      ['event', '0s', false],
    ])
    await sinkFor(server, { ...admin, retentionDays: 0, dailyRetentionDays: 1095 }).open()
    expect(await policies()).toContainEqual(['raw', '0s', true])
    expect(await policies()).toContainEqual(['daily', '26280h0m0s', false])
    await sinkFor(server, { ...admin, retentionDays: 0.25 }).open()
    expect(await policies()).toContainEqual(['raw', '6h0m0s', true])
    expect(await policies()).toContainEqual(['daily', '0s', false])
    await server.query('ALTER RETENTION POLICY "autogen" ON "d" DEFAULT')
    await sinkFor(server, { ...admin, retentionDays: 0.25 }).open()
    expect(await policies()).toContainEqual(['raw', '6h0m0s', true])
  })

  test('a retention that InfluxDB does not allow says so', async () => {
    const error = await thrownBy(sinkFor(server, { ...admin, retentionDays: 0.01 }).open())
    expect(error.code).toBe('influx_setup')
    expect(error.message).toContain('retention policy duration must be at least 1h')
  })

  test('a user with rights on the database alone may write once it is there', async () => {
    await sinkFor(server, { ...admin }).open()
    await server.query(`CREATE USER "writer" WITH PASSWORD 'abc'`)
    const writer = sinkFor(server, { username: 'writer', password: 'abc' })
    const error = await thrownBy(writer.open())
    expect(['influx_setup', 'influx_credentials']).toContain(error.code)
    expect(shown(error)).not.toContain(Buffer.from('writer:abc').toString('base64'))
    await server.query('GRANT ALL ON "d" TO "writer"')
    await writer.open()
    await deliver(writer, batch, 0)
    expect(await server.query('SELECT * FROM "raw"."test_drill"', { db: 'd' })).toHaveLength(1)
    await server.query('GRANT READ ON "d" TO "writer"')
    expect((await thrownBy(writer.write(batch))).code).toBe('influx_credentials')
  })
})

describe('an answer that is not InfluxDB 1.x', () => {
  const running: Server[] = []
  afterEach(async () => {
    for (const one of running.splice(0)) {
      one.closeAllConnections()
      await once(one.close(), 'close')
    }
  })

  const sinkAt = async (listener: RequestListener) => {
    const fake = createServer(listener).listen(0, '127.0.0.1')
    running.push(fake)
    await once(fake, 'listening')
    const address = fake.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    return create(
      {
        url: `http://127.0.0.1:${port}/`,
        database: 'd',
        retentionDays: 0,
        username: 'me',
        password: secret,
        timeoutMs: 300,
      },
      { clock: systemClock() },
    )
  }
  /** Answers everything as InfluxDB would, except a write. */
  const influxExcept =
    (write: RequestListener): RequestListener =>
    (request, response) => {
      const path = request.url?.split('?')[0]
      if (path === '/write') return write(request, response)
      response.setHeader('x-influxdb-version', '1.6.7')
      if (path === '/ping') return response.writeHead(204).end()
      const policies = ['raw', 'daily', 'event'].map((name) => [
        name,
        '0s',
        '168h0m0s',
        1,
        name === 'raw',
      ])
      const columns = ['name', 'duration', 'shardGroupDuration', 'replicaN', 'default']
      const series = [
        { name: 'databases', columns: ['name'], values: [['d']] },
        { columns, values: policies },
      ]
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        const isList = decodeURIComponent(request.url + body).includes('databases')
        response.end(JSON.stringify({ results: [{ series: [series[isList ? 0 : 1]] }] }))
      })
      return undefined
    }
  const batch = { readings: [reading({ timeUs: nowUs() })], events: [] }

  test.each([
    ['an InfluxDB 2', { 'x-influxdb-version': 'v2.7.1' }, 204],
    ['a web server', {}, 200],
    ['a login page', { location: 'http://127.0.0.1:1/' }, 302],
  ])('%s is named at open', async (_, headers, status) => {
    const sink = await sinkAt((_request, response) => response.writeHead(status, headers).end())
    const error = await thrownBy(sink.open())
    expect(error.code).toBe('influx_unexpected')
    expect(shown(error)).not.toContain(secret)
  })

  test.each([
    [500, 'influx_failed'],
    [503, 'influx_failed'],
    [429, 'influx_failed'],
    [401, 'influx_credentials'],
    [403, 'influx_credentials'],
    [302, 'influx_unexpected'],
    [200, 'influx_unexpected'],
    [400, 'influx_unexpected'],
    [413, 'influx_unexpected'],
  ])('%d from something before InfluxDB quarantines nothing', async (status, code) => {
    const sink = await sinkAt(
      influxExcept((request, response) => {
        request.resume()
        response
          .writeHead(status, { location: '/login' })
          .end(`<p>${request.headers.authorization}</p>`)
      }),
    )
    const error = await thrownBy(sink.write(batch))
    expect(error.code).toBe(code)
    expect(shown(error)).not.toMatch(/Basic|correct-horse/)
  })

  test('no answer within the time is an operating error', async () => {
    const sink = await sinkAt(influxExcept(() => {}))
    expect((await thrownBy(sink.write(batch))).code).toBe('influx_timeout')
  })

  test('a broken connection is an operating error', async () => {
    const sink = await sinkAt(influxExcept((request) => request.socket.destroy()))
    expect((await thrownBy(sink.write(batch))).code).toBe('influx_unreachable')
  })

  test('stop breaks off what is on its way', async () => {
    const sink = await sinkAt(influxExcept(() => {}))
    const written = thrownBy(sink.write(batch))
    await new Promise((resolve) => setTimeout(resolve, 50))
    await sink.stop()
    expect((await written).code).toBe('influx_unreachable')
  })
})
