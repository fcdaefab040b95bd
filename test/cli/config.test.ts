// `tenfold config`: says every setting and where it comes from, checks, and adds passwords it
// never shows.
import { readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkPassword, parseCredentials } from '../../gateway/credentials.ts'
import { refused, type TestIo, testIo } from './io.ts'

let io: TestIo
beforeEach(async () => {
  io = await testIo({ INFLUX: 'hunter2', PASSWORD: 'open sesame' })
})
afterEach(() => io.remove())
const write = (name: string, value: unknown) =>
  writeFile(join(io.cwd, name), typeof value === 'string' ? value : JSON.stringify(value))

describe('settings', () => {
  test('--check finds a mapping to what no machine has, before a restart does', async () => {
    const mapped = (machine: string, signal: string) => ({
      mqtt: {
        foreign: [{ machine, topics: { 'tele/{unit}/S': { values: { [signal]: { at: '/A' } } } } }],
      },
    })
    const check = async (settings: object): Promise<number> => {
      await writeFile(join(io.cwd, 'tenfold.json'), JSON.stringify(settings))
      return io.tenfold('config', '--check')
    }
    expect(await check(mapped('smart_plug', 'power'))).toBe(1)
    expect(io.errors.join('\n')).toContain('there is no machine "smart_plug"')
    expect(await check(mapped('cordless_drill', 'motor_curent'))).toBe(1)
    expect(io.errors.join('\n')).toContain('"motor_curent" is no signal')
    expect(await check(mapped('cordless_drill', 'motor_current'))).toBe(0)
  })

  test('with an empty data folder are refused, not put where the config is', async () => {
    expect(await io.tenfold('config', '--check', '--set', 'data=')).toBe(1)
    expect(await io.tenfold('config', '--check', '--data', '')).toBe(1)
  })

  test('without a file are the defaults, and bind loopback only', async () => {
    expect(await io.tenfold('config')).toBe(0)
    const text = io.lines.join('\n')
    expect(text).toContain('(not there: every setting has its default)')
    expect(text).toContain('loopback only')
    expect(text).toContain('http.port = 8080    [default 8080]')
  })

  test('say where they come from, and never what is secret', async () => {
    await write('tenfold.json', {
      http: { port: 9000 },
      sinks: { influx1: { username: 'w', password: { env: 'INFLUX' } } },
    })
    expect(await io.tenfold('config', '--set', 'mqtt.port=1884')).toBe(0)
    const text = io.lines.join('\n')
    expect(text).toContain('http.port = 9000    [from file, default 8080]')
    expect(text).toContain('mqtt.port = 1884    [from command line, default 1883]')
    expect(text).toContain('sinks.influx1.password = {"env":"INFLUX"}')
    expect(text).not.toContain('hunter2')
  })

  test('that are wrong are all said', async () => {
    await write('tenfold.json', { htpp: {}, mqtt: { port: -1, host: '0.0.0.0' } })
    expect(await io.tenfold('config', '--check')).toBe(1)
    const text = io.errors.join('\n')
    expect(text).toContain('did you mean "http"?')
    expect(text).toContain('/mqtt/port: -1 is outside the allowed range')
  })

  test.each([
    [['--config', 'no.json'], 'cannot be read'],
    [['--set', 'http.port'], 'not of the form KEY=VALUE'],
    [['--set', 'http.prot=1'], 'did you mean "port"?'],
    [['now'], '"now" is not something that config can do'],
  ])('%j is refused', async (args, said) => {
    expect(await io.tenfold('config', ...args)).toBe(refused(io))
    expect(io.errors.join('\n')).toContain(said)
  })
})

describe('users', () => {
  test('begin the file that the config names where it is not there yet', async () => {
    await write('tenfold.json', { mqtt: { credentials: 'users.json', host: '0.0.0.0' } })
    expect(await io.tenfold('config', '--check')).toBe(1)
    expect(await io.tenfold('config', 'user', 'drill-7', '--password-env', 'PASSWORD')).toBe(0)
    expect(await io.tenfold('config', '--check')).toBe(0)
    const path = join(io.cwd, 'users.json')
    const entries = parseCredentials(path, readFileSync(path, 'utf8'))
    expect(await checkPassword(entries, 'drill-7', 'open sesame')).toBe(true)
  })

  test('of the OPC UA server get their password after their role', async () => {
    const opcua = { credentials: 'people.json', roles: { otto: 'operator' } }
    await write('tenfold.json', { sinks: { opcua } })
    expect(await io.tenfold('config', '--check')).toBe(1)
    expect(io.errors.join('\n')).toContain('people.json')
    expect(await io.tenfold('config', 'user', 'otto', '--for', 'opcua')).toBe(0)
    expect(await io.tenfold('config', '--check')).toBe(0)
  })

  test('get a random password, shown once, when none is given', async () => {
    expect(await io.tenfold('config', 'user', 'drill-7')).toBe(0)
    const credentials = parseCredentials('line', io.lines[0] ?? '')
    const password = /: (\S+)$/.exec(io.lines[1] ?? '')?.[1] ?? ''
    expect(password.length).toBeGreaterThanOrEqual(20)
    expect(await checkPassword(credentials, 'drill-7', password)).toBe(true)
  })

  test('are added to the file that the config names, which stays private', async () => {
    await write('users.json', '{}')
    await write('tenfold.json', { mqtt: { credentials: 'users.json', host: '0.0.0.0' } })
    for (const name of ['drill-1', 'drill-2']) {
      expect(await io.tenfold('config', 'user', name, '--password-env', 'PASSWORD')).toBe(0)
    }
    const path = join(io.cwd, 'users.json')
    const credentials = parseCredentials(path, readFileSync(path, 'utf8'))
    expect(Object.keys(credentials)).toEqual(['drill-1', 'drill-2'])
    expect(credentials['drill-1']).not.toBe(credentials['drill-2'])
    expect(await checkPassword(credentials, 'drill-2', 'open sesame')).toBe(true)
    expect(statSync(path).mode & 0o077).toBe(0)
    expect([...io.lines, ...io.errors].join('\n')).not.toContain('sesame')
  })

  test.each(['', 'Drill', 'a/b', '../x'])('cannot be called "%s"', async (name) => {
    expect(await io.tenfold('config', 'user', name)).toBe(1)
    expect(io.errors.join('\n')).toContain('cannot be a name')
  })
})
