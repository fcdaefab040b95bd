// The web server alone: what it serves, what it refuses, and that it stays up whatever is asked.
import { request } from 'node:http'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LiveReading } from '../../gateway/core/live.ts'
import { hashPassword, parseCredentials } from '../../gateway/credentials.ts'
import type { Web } from '../../gateway/web/server.ts'
import { fakeQueries, profileOf, startFakeGateway } from './fake-gateway.ts'

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** The path goes out as it is: `fetch` would tidy it first. */
const ask = (web: Web, path: string, { method = 'GET', headers = {}, body }: Ask = {}) =>
  new Promise<Answer>((resolve, reject) => {
    const options = { host: web.host, port: web.port, path, method, headers, agent: false }
    const sent = request(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })

/** Whatever comes back to raw bytes, until the server closes. */
const rawAsk = (web: Web, bytes: string): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    const socket = connect(web.port, web.host, () => socket.write(bytes))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
    socket.on('error', () => resolve(text))
    socket.setTimeout(2000, () => socket.destroy())
  })

describe('the web server', () => {
  let web: Web
  const defects: unknown[] = []
  beforeAll(async () => {
    web = await startFakeGateway({ onDefect: (error) => defects.push(error) })
  })
  afterAll(async () => {
    await web.stop()
    expect(defects).toEqual([])
  })

  test('serves the page, its modules without types, and the two packages', async () => {
    const index = await ask(web, '/')
    expect(index.headers['content-type']).toContain('text/html')
    expect(index.text).toContain('"uplot":"/vendor/uplot.js"')
    const paths = [...index.text.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, path = '']) => path)
    expect(paths.length).toBeGreaterThan(15)
    for (const path of paths) {
      const { status, headers, text } = await ask(web, path)
      expect(status, path).toBe(200)
      expect(headers['x-content-type-options']).toBe('nosniff')
      if (!path.endsWith('.ts')) continue
      expect(headers['content-type']).toContain('text/javascript')
      expect(text, path).not.toMatch(/^import type|: string\b|^interface /m)
    }
  })

  test('sends a file again only when it has changed, and packed to who takes it so', async () => {
    const path = '/vendor/uplot.js'
    const { headers, text } = await ask(web, path)
    const again = await ask(web, path, { headers: { 'If-None-Match': String(headers['etag']) } })
    expect(again.status).toBe(304)
    expect(again.text).toBe('')
    const packed = await ask(web, path, { headers: { 'Accept-Encoding': 'br, gzip' } })
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(Number(packed.headers['content-length'])).toBeLessThan(text.length / 2)
  })

  test('answers every question of the page', async () => {
    for (const path of [
      '/api/profiles',
      '/api/units',
      '/api/units/drill-1/series?from=1000000&to=2000000&points=10',
      '/api/units/drill-1/events?limit=5',
      '/api/units/drill-1/passport',
      '/api/books',
      '/api/links',
      '/api/written',
      '/api/quarantine?unit=drill-1',
      '/api/register',
      '/live',
      '/ready',
    ]) {
      const { status, headers, text } = await ask(web, path)
      expect(status, path).toBe(200)
      expect(headers['content-type']).toContain('application/json')
      expect(() => JSON.parse(text)).not.toThrow()
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  test('gives the passport as a file to keep', async () => {
    const { headers, text } = await ask(web, '/api/units/drill-1/passport/file')
    expect(headers['content-disposition']).toBe('attachment; filename="drill-1.passport.json"')
    expect(text).toBe('passport of drill-1\n')
  })

  test.each([
    ['/nothing', 404, 'path_unknown'],
    ['/api/units/none/events', 404, 'unit_unknown'],
    ['/api/units/A/events', 400, 'unit_wrong'],
    ['/api/units/drill-1/secrets', 404, 'path_unknown'],
    ['/api/units/drill-1/constructor', 404, 'path_unknown'],
    ['/api/units/drill-1/series?points=0', 400, 'parameter_wrong'],
    ['/api/units/drill-1/series?points=99999', 400, 'parameter_wrong'],
    ['/api/units/drill-1/series?from=NaN', 400, 'parameter_wrong'],
    ['/api/units/drill-1/series?from=-1', 400, 'parameter_wrong'],
    ['/api/units/drill-1/series?from=5&to=5', 400, 'parameter_wrong'],
    ['/api/quarantine?unit=..', 400, 'unit_wrong'],
    ['/constructor', 404, 'path_unknown'],
    ['/__proto__', 404, 'path_unknown'],
  ])('%s gets %i %s, with a remedy', async (path, status, code) => {
    const answer = await ask(web, path)
    const said = JSON.parse(answer.text) as { code: string; message: string; remedy: string }
    expect([answer.status, said.code]).toEqual([status, code])
    expect(said.message).not.toBe('')
    expect(said.remedy).not.toBe('')
  })

  test.each([
    '/../../package.json',
    '/gateway/web/page/../server.ts',
    '/gateway/web/page/%2e%2e/server.ts',
    '/gateway/web/page/..%2fserver.ts',
    '/gateway/web/page/..\\server.ts',
    '//etc/passwd',
    '/gateway/config.ts',
    '/gateway/web/page/tsconfig.json',
    '/vendor/../package.json',
    '/package.json',
    '/.git/config',
    'file:///etc/passwd',
    '/gateway/web/page/main.ts%00.css',
  ])('no path leaves the page: %s', async (path) => {
    expect((await ask(web, path)).status).toBe(404)
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is refused', async (method) => {
    const answer = await ask(web, '/api/units', { method })
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD'])
  })

  test('a body is refused; HEAD has none', async () => {
    const headers = { 'Content-Length': '2' }
    expect((await ask(web, '/live', { headers, body: '{}' })).status).toBe(413)
    const head = await ask(web, '/', { method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
  })

  test.each([
    ['evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost:1', 421],
    [' ', 421],
    ['127.0.0.1:PORT', 200],
    ['localhost:PORT', 200],
    ['[::1]:PORT', 200],
    ['192.168.1.4:PORT', 200],
    ['192.168.1.4', 421],
    ['127.0.0.1.:PORT', 421],
    ['LOCALHOST:PORT', 200],
    ['user@localhost:PORT', 421],
  ])('asked for as "%s" it answers %i: no name but its own', async (host, status) => {
    const Host = host.replace('PORT', String(web.port))
    expect((await ask(web, '/api/units', { headers: { Host } })).status).toBe(status)
  })

  test('another site gets nothing in the background, a person on a link does', async () => {
    const cross = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }
    expect((await ask(web, '/api/units', { headers: cross })).status).toBe(403)
    const link = { ...cross, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }
    expect((await ask(web, '/', { headers: link })).status).toBe(200)
  })

  test('every reply carries the policy; no inline script but the import map', async () => {
    for (const path of ['/', '/nothing', '/api/units']) {
      const policy = String((await ask(web, path)).headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toMatch(/script-src 'self' 'sha256-[A-Za-z0-9+/=]{44}'/)
      expect(policy).not.toContain('unsafe')
    }
  })

  test('survives what is no HTTP, and heads without end', async () => {
    expect(await rawAsk(web, 'nonsense\r\n\r\n')).toContain('400')
    expect(await rawAsk(web, `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)).toContain('431')
    await fc.assert(
      fc.asyncProperty(fc.webUrl({ withQueryParameters: true }), fc.string(), async (url, text) => {
        const path = `${new URL(url).pathname}${encodeURI(text.toWellFormed()).replaceAll(' ', '')}`
        expect([200, 304, 400, 404]).toContain((await ask(web, path)).status)
      }),
      { numRuns: 60 },
    )
    expect((await ask(web, '/live')).status).toBe(200)
  })

  test('a taken port is named with its setting', async () => {
    await expect(startFakeGateway({ port: web.port })).rejects.toMatchObject({
      code: 'port_busy',
      message: expect.stringContaining(String(web.port)),
      remedy: expect.stringContaining('http.port'),
    })
    await expect(startFakeGateway({ host: '203.0.113.9' })).rejects.toMatchObject({
      code: 'address_wrong',
    })
  })
})

test('an image that is not there is not found, whatever its name', async () => {
  const web = await startFakeGateway()
  try {
    for (const name of ['none.uf2', '..', 'cordless-drill-rp2040-pico.elf', 'readme', '.']) {
      expect((await ask(web, `/api/images/${name}`)).status).toBe(404)
    }
  } finally {
    await web.stop()
  }
})

describe('what is not well', () => {
  test('is said by /ready, and a defect is told without its inside', async () => {
    const defects: unknown[] = []
    const queries = fakeQueries([profileOf('cordless-drill'), profileOf('nutrunner')])
    const web = await startFakeGateway({
      notReady: () => ['log: the disk is full'],
      onDefect: (error) => defects.push(error),
      queries: { ...queries, books: () => Promise.reject(new TypeError('secret inside')) },
    })
    try {
      const ready = await ask(web, '/ready')
      expect([ready.status, ready.text]).toEqual([503, expect.stringContaining('disk is full')])
      expect((await ask(web, '/live')).status).toBe(200)
      const books = await ask(web, '/api/books')
      expect(books.status).toBe(500)
      expect(books.text).not.toContain('secret')
      expect(defects).toHaveLength(1)
    } finally {
      await web.stop()
    }
  })
})

describe('with credentials', () => {
  const basic = (text: string) => ({
    Authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  })

  test('nothing but /live and /ready is open to who has no name', async () => {
    const hash = await hashPassword('open sesame', new Uint8Array(16).fill(3))
    const credentials = parseCredentials('users.json', JSON.stringify({ ann: hash }))
    const web = await startFakeGateway({ credentials: () => credentials, names: ['farm.example'] })
    try {
      for (const path of ['/', '/api/units', '/api/live', '/vendor/uplot.js', '/nothing']) {
        const { status, headers } = await ask(web, path)
        expect([path, status]).toEqual([path, 401])
        expect(headers['www-authenticate']).toContain('Basic')
      }
      expect((await ask(web, '/ready')).status).toBe(200)
      for (const wrong of ['ann:', 'ann:open', ':', 'bob:open sesame', 'ann', '__proto__:x']) {
        expect((await ask(web, '/', { headers: basic(wrong) })).status, wrong).toBe(401)
      }
      const right = basic('ann:open sesame')
      expect((await ask(web, '/', { headers: right })).status).toBe(200)
      expect((await ask(web, '/', { headers: { ...right, Host: 'farm.example' } })).status).toBe(
        200,
      )
      const many = Array.from({ length: 12 }, (_, i) => ask(web, '/', { headers: basic(`a:${i}`) }))
      const statuses = (await Promise.all(many)).map(({ status }) => status)
      expect(statuses).toContain(429)
    } finally {
      await web.stop()
    }
  })
})

describe('live values', () => {
  const reading = (unit: string, timeUs: number): LiveReading => ({
    machine: 'cordless_drill',
    unit,
    timeUs,
    values: Array.from({ length: 14 }, () => 1),
    quality: Array.from({ length: 14 }, () => 0),
    counters: [1],
  })

  test('of one unit are all sent, in order, and the feed is let go with the reader', async () => {
    const listeners = new Set<(readings: readonly LiveReading[]) => void>()
    const live = {
      subscribe: (listener: (readings: readonly LiveReading[]) => void) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    }
    const web = await startFakeGateway({ live })
    try {
      const stop = new AbortController()
      const response = await fetch(`${web.url}api/live?unit=drill-1`, { signal: stop.signal })
      expect(response.headers.get('content-type')).toContain('text/event-stream')
      for (const listener of listeners) {
        listener([reading('drill-1', 1), reading('drill-2', 2), reading('drill-1', 3)])
      }
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      let text = ''
      while (!text.includes('data: ')) text += (await reader?.read())?.value ?? ''
      const sent = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '') as LiveReading[]
      expect(sent.map(({ timeUs }) => timeUs)).toEqual([1, 3])
      stop.abort()
      await expect.poll(() => listeners.size).toBe(0)
    } finally {
      await web.stop()
    }
  })

  test('a reader that takes nothing is let go, and streams are bounded', async () => {
    const listeners = new Set<(readings: readonly LiveReading[]) => void>()
    const live = {
      subscribe: (listener: (readings: readonly LiveReading[]) => void) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    }
    const web = await startFakeGateway({ live })
    const sockets = Array.from({ length: 70 }, () => connect(web.port, web.host))
    try {
      for (const socket of sockets) {
        socket.pause()
        socket.on('error', () => {})
        socket.write(`GET /api/live?unit=u HTTP/1.1\r\nHost: 127.0.0.1:${web.port}\r\n\r\n`)
      }
      await expect.poll(() => listeners.size).toBe(64)
      const flood = Array.from({ length: 256 }, (_, i) => reading('u', i))
      const timer = setInterval(() => {
        for (const listener of listeners) listener(flood)
      }, 20)
      await expect.poll(() => listeners.size, { timeout: 30_000 }).toBe(0)
      clearInterval(timer)
    } finally {
      for (const socket of sockets) socket.destroy()
      await web.stop()
    }
  })
})
