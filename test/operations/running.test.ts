// A running gateway as its keeper sees it: metrics for Prometheus, readings as CSV, and systemd
// that is told when it is ready, alive and stopping.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connectUnit } from '../../gateway/mqtt/client.ts'
import { openService } from '../../gateway/operations/service.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { startGatewayProcess } from '../servers/gateway.ts'

let folder: string
let io: TestIo
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-operations-'))
  io = await testIo()
})
afterEach(async () => {
  await io.remove()
  rmSync(folder, { recursive: true, force: true })
})

const until = async <T>(ask: () => Promise<T>, done: (value: T) => boolean): Promise<T> => {
  for (;;) {
    const value = await ask()
    if (done(value)) return value
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('metrics count what came, and the same comes out as CSV', async () => {
  const gateway = await startGatewayProcess({ data: folder })
  const unit = await connectUnit({
    ...{ url: `mqtt://127.0.0.1:${gateway.mqttPort}`, clientId: 'drill-9' },
  })
  try {
    const topic = 'tenfold/v1/cordless_drill/drill-9'
    await unit.publish(`${topic}/hello`, JSON.stringify({ boot: 1, t: 0 }))
    for (let seq = 0; seq < 20; seq++) {
      const v = seq === 7 ? {} : { motor_current: seq / 4 }
      const q = seq === 7 ? { motor_current: 'bad:open' } : {}
      const c = { starts: seq }
      await unit.publish(`${topic}/report`, JSON.stringify({ boot: 1, seq, t: seq * 1e6, v, c, q }))
    }
    await unit.publish(`${topic}/report`, 'rubbish')
    const metrics = async (): Promise<string> => (await fetch(`${gateway.pageUrl}metrics`)).text()
    const text = await until(metrics, (each) =>
      /tenfold_sink_records_total\{sink="store",end="stored"\} 21/.test(each),
    )
    expect(text).toMatch(/tenfold_sink_records_total\{sink="store",end="quarantined"\} 1\n/)
    expect(text).toMatch(/tenfold_log_records_total 22\n/)
    expect(text).toMatch(/tenfold_ready 1\n/)
    expect(text).toMatch(/tenfold_mqtt_connections 1\n/)
    expect(text).toMatch(/tenfold_units\{lifecycle="[a-z_]+"\} 1\n/)
    expect(text).toMatch(/process_resident_memory_bytes \d+/)
    expect(text).not.toContain('drill-9')
    for (const line of text.split('\n').filter((each) => each !== '')) {
      expect(line).toMatch(/^(# (HELP|TYPE) |[a-z][a-z0-9_:]*(\{[^}]*\})? -?(\d[\d.e+-]*|Nan)$)/)
    }
  } finally {
    await unit.stop()
    await gateway.stop()
  }
  expect(await io.tenfold('export', 'drill-9', '--data', folder, '--out', 'all.csv')).toBe(0)
  const lines = readFileSync(join(io.cwd, 'all.csv'), 'utf8').split('\r\n')
  const columns = lines[0]?.split(',') ?? []
  expect(lines).toHaveLength(22)
  const at = (name: string): number => columns.indexOf(name)
  const row = (i: number): string[] => lines[i + 1]?.split(',') ?? []
  expect(row(6)[at('motor_current_a')]).toBe('1.5')
  expect(row(6)[at('starts')]).toBe('6')
  expect(lines[8]).toContain('""motor_current"":""bad_open""')
  expect(await io.tenfold('export', 'drill-8', '--data', folder)).toBe(1)
  expect(io.errors.join()).toMatch(/no unit "drill-8"/)
  const later = ['--from', '2090-01-01', '--data', folder]
  io.lines.length = 0
  expect(await io.tenfold('export', 'drill-9', ...later)).toBe(0)
  expect(io.lines).toHaveLength(1)
})

const installed = (tool: string, from: string): boolean => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return true
    const reason = `${tool} is not installed (Debian: apt-get install ${from})`
    if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
    console.log(`skipped: ${reason}`)
    return false
  }
}

describe('systemd', () => {
  test('without it nothing is started', () => {
    const notes: string[] = []
    const service = openService({ env: {}, note: (line) => notes.push(line) })
    service.ready()
    service.stopping()
    service.stop()
    expect(notes).toEqual([])
  })

  test('the unit notes in the form that was asked for, and in no other', async () => {
    const io = await testIo()
    expect(await io.tenfold('service', '--data', io.cwd, '--log', 'json')).toBe(0)
    expect(io.lines.join('\n')).toMatch(/^ExecStart=.* gateway --data \S+ --log json$/m)
    io.lines.length = 0
    expect(await io.tenfold('service', '--data', io.cwd)).toBe(0)
    expect(io.lines.join('\n')).not.toContain('--log')
    expect(io.lines.join('\n')).toContain(`#   sudo install -d -o tenfold -m 700 ${io.cwd}`)
    expect(await io.tenfold('service', '--data', io.cwd, '--log', 'yaml')).toBe(2)
    await io.remove()
  })

  test.skipIf(!installed('systemd-notify', 'systemd') || !installed('socat', 'socat'))(
    'hears that it is ready, alive and stopping, from its own program',
    async () => {
      const socket = join(folder, 'notify')
      const heard = spawn('socat', ['-u', `UNIX-RECV:${socket}`, 'STDOUT'])
      let text = ''
      heard.stdout.on('data', (bytes: Buffer) => {
        text += bytes.toString()
      })
      await until(async () => readable(socket), Boolean)
      const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000', PATH: process.env['PATH'] }
      const notes: string[] = []
      const service = openService({ env, note: (line) => notes.push(line) })
      service.ready()
      await until(
        async () => text,
        (each) => /READY=1/.test(each) && /WATCHDOG=1/.test(each),
      )
      service.stopping()
      service.stop()
      await until(
        async () => text,
        (each) => /STOPPING=1/.test(each),
      )
      heard.kill()
      expect(notes).toEqual([])
    },
  )

  test('its program missing is said once', async () => {
    const notes: string[] = []
    const env = { NOTIFY_SOCKET: '/nowhere', PATH: '/nowhere' }
    const service = openService({ env, note: (line) => notes.push(line) })
    service.ready()
    service.stopping()
    await until(
      async () => notes.length,
      (count) => count > 0,
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(notes).toHaveLength(1)
    service.stop()
  })

  test('the unit that is printed is one, blanks and percents in paths as well', async () => {
    writeFileSync(join(io.cwd, 'tenfold.json'), '{"http":{"port":8099}}')
    const data = join(folder, 'a b%c')
    expect(await io.tenfold('service', '--data', data, '--user', 'coop')).toBe(0)
    const text = io.lines.join('\n')
    expect(text).toContain(`"${join(folder, 'a b%%c')}"`)
    expect(text).toMatch(/^User=coop$/m)
    if (!installed('systemd-analyze', 'systemd')) return
    const path = join(folder, 'tenfold.service')
    writeFileSync(path, `${text.replace('User=coop', 'User=root')}\n`)
    const verify = (): string =>
      execFileSync('systemd-analyze', ['verify', '--man=no', path], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    expect(verify()).toBe('')
  })
})

const readable = (path: string): boolean => {
  try {
    execFileSync('test', ['-S', path])
    return true
  } catch {
    return false
  }
}
