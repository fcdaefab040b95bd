// The config: defaults, every mistake at once, secrets that never show, bindings that are refused.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ConfigSources, isLoopback, loadConfig, resolveSecret } from '../../gateway/config.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { checkPassword, hashPassword, parseCredentials } from '../../gateway/credentials.ts'

const sources = (value: unknown, more: Partial<ConfigSources> = {}): ConfigSources => ({
  file: '/farm/tenfold.json',
  text: value === undefined ? undefined : JSON.stringify(value),
  env: {},
  readFile: (path) => {
    throw new Error(`ENOENT: no such file, open '${path}'`)
  },
  ...more,
})

const mistakesOf = (value: unknown, more: Partial<ConfigSources> = {}): string => {
  try {
    loadConfig(sources(value, more))
  } catch (error) {
    expect(error).toBeInstanceOf(OperatingError)
    return (error as OperatingError).message
  }
  return ''
}

describe('defaults', () => {
  test('without a file every setting has its default and binds loopback only', () => {
    const { config, settings } = loadConfig(sources(undefined))
    expect(config.http.host).toBe('127.0.0.1')
    expect(config.mqtt.host).toBe('127.0.0.1')
    expect(config.data).toBe('/farm/.tenfold/gateway')
    expect(config.sinks.influx1).toBeUndefined()
    expect(new Set(settings.map(({ origin }) => origin))).toEqual(new Set(['default', 'not set']))
  })

  test('every setting says what it is', () => {
    const { settings } = loadConfig(sources({ sinks: { influx1: {} } }))
    expect(settings.length).toBeGreaterThan(20)
    for (const { key, description } of settings) expect(description, key).not.toBe('')
  })

  test('a section that is there gets its defaults', () => {
    const { config } = loadConfig(sources({ sinks: { influx1: { database: 'shop' } } }))
    expect(config.sinks.influx1).toEqual({
      url: 'http://127.0.0.1:8086',
      database: 'shop',
      retentionDays: 0,
      dailyRetentionDays: 0,
      eventRetentionDays: 0,
    })
  })

  test('where a value came from is said; the command line wins over the file', () => {
    const overrides = { 'http.port': 9001 }
    const { config, settings } = loadConfig(
      sources({ http: { port: 9000 }, store: { retentionDays: 7 } }, { overrides }),
    )
    const origin = (key: string) => settings.find((setting) => setting.key === key)?.origin
    expect(config.http.port).toBe(9001)
    expect(origin('http.port')).toBe('command line')
    expect(origin('store.retentionDays')).toBe('file')
    expect(origin('mqtt.port')).toBe('default')
    expect(origin('http.credentials')).toBe('not set')
  })
})

describe('mistakes', () => {
  test('an unknown key is an error with the nearest known name', () => {
    expect(mistakesOf({ http: { prot: 1 } })).toContain('did you mean "port"?')
    expect(mistakesOf({ htpt: {} })).toContain('did you mean "http"?')
  })

  test('all are listed, those of schema and of meaning', () => {
    const text = mistakesOf({
      http: { host: '0.0.0.0' },
      mqtt: { port: 70_000 },
      log: { bytesMax: 'much' },
      units: { enrol: 'helo' },
      colour: 'red',
    })
    for (const part of ['/http/host', '/mqtt/port', '/log/bytesMax', '/units/enrol', '/colour']) {
      expect(text).toContain(`/farm/tenfold.json: ${part}: `)
    }
    expect(text).toContain('did you mean "hello"?')
  })

  test.each(['0.0.0.0', '192.168.1.4', '::', 'gateway.local', '127.0.0.1.evil.org', ''])(
    'binding %s without credentials is refused, with a remedy',
    (host) => {
      if (host !== '') expect(mistakesOf({ mqtt: { host } })).toContain('set mqtt.credentials')
      if (host !== '') expect(mistakesOf({ http: { host } })).toContain('set http.credentials')
      expect(isLoopback(host)).toBe(false)
    },
  )

  test('binding wider with credentials is taken, with a broken credentials file not', async () => {
    const good = JSON.stringify({ 'drill-1': await hashPassword('secret', new Uint8Array(16)) })
    const value = { mqtt: { host: '0.0.0.0', credentials: 'users.json' } }
    const read = (text: string) => ({ readFile: () => text })
    expect(loadConfig(sources(value, read(good))).config.mqtt.credentials).toBe('/farm/users.json')
    expect(mistakesOf(value, read('{"drill-1":"secret"}'))).toContain(
      'no scrypt hash for "drill-1"',
    )
    expect(mistakesOf(value, read('{"drill-1":"secret"}'))).not.toContain('"secret"')
    expect(mistakesOf(value)).toContain('/mqtt/credentials')
    // The way out leads through a command that reads the same settings: it must be one.
    const open = mistakesOf({ http: { host: '0.0.0.0' } })
    expect(open).toContain('set http.credentials to the name of a file')
    expect(open).toContain('tenfold config user <name> --for http')
    const gone = Object.assign(new Error('no such file'), { code: 'ENOENT' })
    const readFile = (): string => {
      throw gone
    }
    expect(mistakesOf(value, { readFile })).toContain(
      'users.json is not there yet: "tenfold config',
    )
  })

  test('an OPC UA server without security stays on loopback and takes no password', () => {
    const open = { port: 4840, modes: ['None'] }
    expect(mistakesOf({ sinks: { opcua: open } })).toBe('')
    for (const more of [{ host: '0.0.0.0' }, { credentials: 'users.json' }]) {
      const mistakes = mistakesOf({ sinks: { opcua: { ...open, ...more } } })
      expect(mistakes).toContain('/sinks/opcua/modes')
    }
  })

  test('roles at the OPC UA server are for users with a password, and there is no other', async () => {
    const hash = await hashPassword('secret', new Uint8Array(16))
    const read = () => ({ readFile: () => JSON.stringify({ otto: hash }) })
    const of = (opcua: object) => mistakesOf({ sinks: { opcua } }, read())
    const credentials = 'users.json'
    expect(of({ credentials, roles: { otto: 'operator' } })).toBe('')
    expect(of({ roles: { otto: 'operator' } })).toContain(
      '/sinks/opcua/roles: gives roles to nobody',
    )
    expect(of({ credentials, roles: { anna: 'operator' } })).toContain('"anna" has no entry in')
    expect(of({ credentials, roles: { otto: 'supervisor' } })).toContain('/sinks/opcua/roles')
    expect(of({ credentials, roles: { __proto__: null, constructor: 'operator' } })).toContain(
      '"constructor"',
    )
    expect(mistakesOf({ sinks: { opcua: { credentials } } })).toContain('/sinks/opcua/credentials')
  })

  test('a broken file is named, with the place', () => {
    expect(mistakesOf(undefined, { text: '{"http": {port: 1}}' })).toMatch(
      /is not JSON: .*position/,
    )
  })

  test.each([[1], ['x'], [null], [[]]])('%j is no config', (value) => {
    expect(mistakesOf(value)).not.toBe('')
  })

  test('equal ports, contradicting rules', () => {
    expect(mistakesOf({ http: { port: 1883 } })).toContain('is http.port, too')
    const founder = `did:key:z${'6'.repeat(40)}`
    expect(mistakesOf({ ledger: { rules: 'r.json', founder } })).toContain('one or the other')
  })

  test('no input gets anything but a config or an OperatingError', () => {
    const keys = fc.constantFrom(
      'http',
      'mqtt',
      'port',
      'host',
      '__proto__',
      'sinks',
      'influx1',
      'x',
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(fc.jsonValue(), fc.dictionary(keys, tie('tree'), { maxKeys: 4 })),
    }))
    fc.assert(
      fc.property(tree, fc.dictionary(fc.string(), fc.jsonValue()), (value, overrides) => {
        mistakesOf(value, { overrides })
      }),
      { numRuns: 300 },
    )
    expect(({} as Record<string, unknown>)['port']).toBeUndefined()
  })
})

describe('secrets', () => {
  const influx1 = { username: 'w', password: { env: 'INFLUX_PASSWORD' } }

  test('are named, not held: nothing loaded or printed carries one', () => {
    const loaded = loadConfig(
      sources({ sinks: { influx1 } }, { env: { INFLUX_PASSWORD: 'hunter2' } }),
    )
    expect(JSON.stringify(loaded)).not.toContain('hunter2')
    const { env, readFile } = sources({}, { env: { INFLUX_PASSWORD: 'hunter2' } })
    expect(resolveSecret({ env: 'INFLUX_PASSWORD' }, { env, readFile })).toBe('hunter2')
  })

  test('one that is not there is a mistake at start, not at the first write', () => {
    expect(mistakesOf({ sinks: { influx1 } })).toContain('INFLUX_PASSWORD is not set')
    const file = { username: 'w', password: { file: 'pw' } }
    expect(mistakesOf({ sinks: { influx1: file } })).toContain('/farm/pw cannot be read')
    const read = { readFile: () => 'hunter2\n' }
    const { config } = loadConfig(sources({ sinks: { influx1: file } }, read))
    expect(config.sinks.influx1?.password).toEqual({ file: '/farm/pw' })
    expect(resolveSecret({ file: '/farm/pw' }, { env: {}, ...read })).toBe('hunter2')
  })

  test.each([
    { password: 'hunter2' },
    { password: { value: 'hunter2' } },
    { pasword: 'hunter2' },
    { url: 'http://me:hunter2@db:8086' },
  ])('one in the wrong place is refused and not repeated: %j', (wrong) => {
    const text = mistakesOf({ sinks: { influx1: { username: 'w', ...wrong } } })
    expect(text).not.toBe('')
    expect(text).not.toContain('hunter2')
  })
})

describe('passwords', () => {
  test('the right one opens, any other does not, nor does an unknown name', async () => {
    const salt = new Uint8Array(16).fill(7)
    const text = JSON.stringify({ 'drill-1': await hashPassword('pa\u0308ss', salt) })
    const credentials = parseCredentials('users.json', text)
    expect(text).not.toContain('ss"')
    expect(await checkPassword(credentials, 'drill-1', 'p\u00e4ss')).toBe(true)
    expect(await checkPassword(credentials, 'drill-1', 'pass')).toBe(false)
    expect(await checkPassword(credentials, 'drill-1', '')).toBe(false)
    expect(await checkPassword(credentials, 'drill-2', 'p\u00e4ss')).toBe(false)
    expect(await checkPassword(credentials, '__proto__', '')).toBe(false)
  })

  test.each(['', 'null', '[]', '{"a":1}', '{"a":"scrypt$30$8$1$x$y"}', '{"a":""}'])(
    'a credentials file of %j is refused',
    (text) => {
      expect(() => parseCredentials('users.json', text)).toThrow(OperatingError)
    },
  )
})
