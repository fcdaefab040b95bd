// Records out of quarantine through the pages' server: only as JSON from a page of its own or from
// a program, in bounds, and `tenfold quarantine` over it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { OperatingError } from '../../gateway/core/errors.ts'
import type { RequeueRequest } from '../../gateway/requeue.ts'
import type { Web } from '../../gateway/web/server.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { noUpdates, startFakeGateway } from './fake-gateway.ts'

let web: Web
let io: TestIo
let asked: RequeueRequest[]

beforeAll(async () => {
  io = await testIo()
  web = await startFakeGateway({
    actions: {
      command: async () => ({ id: '0', accepted: true }),
      reload: async () => ({ changes: [], applied: false }),
      ...noUpdates,
      requeue: async (request) => {
        asked.push(request)
        if (!('offset' in request) || request.offset !== 404) return { requeued: 1, more: false }
        throw new OperatingError('quarantine_unknown', { message: 'nothing', remedy: 'Look.' })
      },
    },
  })
})
beforeEach(() => {
  asked = []
  io.lines.length = 0
  io.errors.length = 0
})
afterAll(async () => {
  await web.stop()
  await io.remove()
})

const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(new URL('/api/quarantine/requeue', web.url), {
    ...{ method: 'POST', body },
    headers: { 'content-type': 'application/json', ...headers },
  })

test.each([
  ['of another site', '{"offset":1}', { origin: 'http://elsewhere.test' }, 403],
  ['as a form', '{"offset":1}', { 'content-type': 'text/plain' }, 403],
  ['with a payload that is no base64', '{"offset":1,"payload":"{}"}', {}, 400],
  ['of nothing', '{}', {}, 400],
  ['of both', '{"offset":1,"reason":"type_wrong"}', {}, 400],
  ['too long', JSON.stringify({ offset: 1, payload: 'A'.repeat(100_000) }), {}, 400],
])('a request %s is refused', async (...[, body, headers, status]) => {
  expect((await post(body, headers as Record<string, string>)).status).toBe(status)
  expect(asked).toEqual([])
})

test('a payload as long as a message may be goes through', async () => {
  const payload = Buffer.alloc(64 * 1024, 'a')
  const answer = await post(JSON.stringify({ offset: 1, payload: payload.toString('base64') }))
  expect(answer.status).toBe(200)
  expect(asked).toEqual([{ offset: 1, payload }])
})

test('the command lists, shows, mends and takes in', async () => {
  const quarantine = (...args: string[]): Promise<number> =>
    io.tenfold('quarantine', ...args, '--gateway', web.url)
  expect(await quarantine()).toBe(0)
  const [offset = ''] = io.lines[0]?.split(' ') ?? []
  // Said once for a reason, however many there are, and last.
  const remedies = io.lines.filter((line) => line.startsWith('  what to do: '))
  expect(remedies.length).toBeGreaterThan(0)
  expect(new Set(remedies).size).toBe(remedies.length)
  expect(io.lines.at(-1)).toContain('requeue --reason')
  io.lines.length = 0
  expect(await quarantine('show', offset)).toBe(0)
  expect(io.lines.join('\n')).toContain('what to do: ')
  const file = join(io.cwd, 'mended.json')
  writeFileSync(file, '{"v":{}}')
  expect(await quarantine('requeue', '17', '--payload', file)).toBe(0)
  expect(await quarantine('requeue', '--reason', 'type_wrong')).toBe(0)
  expect(asked).toEqual([
    { offset: 17, payload: Buffer.from('{"v":{}}') },
    { reason: 'type_wrong' },
  ])
  expect(await quarantine('requeue', '404')).toBe(1)
  expect(io.errors.join('\n')).toContain('quarantine_unknown')
  expect(await quarantine('requeue')).toBe(2)
  expect(await quarantine('requeue', '1', '--reason', 'type_wrong')).toBe(2)
})

test('without --gateway it asks the one of the settings here, and no other', async () => {
  const { port } = new URL(web.url)
  const file = join(io.cwd, 'tenfold.json')
  writeFileSync(file, JSON.stringify({ http: { port: Number(port) } }))
  expect(await io.tenfold('quarantine', 'requeue', '17')).toBe(0)
  expect(asked).toEqual([{ offset: 17 }])
  writeFileSync(file, JSON.stringify({ http: { port: 1 } }))
  expect(await io.tenfold('quarantine', 'requeue', '17')).toBe(1)
  expect(io.errors.join('\n')).toContain('no gateway answers at http://127.0.0.1:1/')
  // A secret that only the service's environment has must not shut this shell out.
  const influx1 = { username: 'w', password: { env: 'NOWHERE_SET' } }
  writeFileSync(file, JSON.stringify({ sinks: { influx1 } }))
  expect(await io.tenfold('quarantine')).toBe(1)
  expect(io.errors.join('\n')).toMatch(/NOWHERE_SET is not set[\s\S]*with --gateway URL/)
  expect(await io.tenfold('quarantine', '--gateway', web.url)).toBe(0)
})
