// A gateway's data in one file and back: what was acknowledged when the backup began is there, what
// is damaged, newer, another's or older than what was signed is refused, and nothing is half done.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeManifest } from '../../gateway/backup/manifest.ts'
import { restore, restoredNotes } from '../../gateway/backup/restore.ts'
import { readTar, tarEnd, tarHead, tarPadding } from '../../gateway/backup/tar.ts'
import { addAnchorRecord } from '../../gateway/ledger/anchor-records.ts'
import { connectUnit, type UnitConnection } from '../../gateway/mqtt/client.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'

const topic = 'tenfold/v1/cordless_drill/drill-1'
let folder: string
let io: TestIo
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-backup-'))
  io = await testIo()
})
afterEach(async () => {
  await io.remove()
  rmSync(folder, { recursive: true, force: true })
})

const until = async (done: () => Promise<boolean>): Promise<void> => {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20))
}

interface Row {
  stored: number
  received: number
}

const stored = async ({ pageUrl }: GatewayProcess): Promise<Row | undefined> =>
  ((await (await fetch(`${pageUrl}api/books`)).json()) as Row[])[0]

/** A gateway with one unit that speaks to it; `acknowledged` counts what it may forget. */
const running = async (data: string) => {
  mkdirSync(data, { recursive: true })
  const gateway = await startGatewayProcess({ data })
  const url = `mqtt://127.0.0.1:${gateway.mqttPort}`
  const unit: UnitConnection = await connectUnit({ url, clientId: 'drill-1' })
  await unit.publish(`${topic}/hello`, JSON.stringify({ boot: 1, t: 0 }))
  const state = { acknowledged: 1 }
  const report = async (): Promise<void> => {
    const seq = state.acknowledged - 1
    const said = { boot: 1, seq, t: seq * 1e6, v: { motor_current: 1 }, c: { starts: seq } }
    await unit.publish(`${topic}/report`, JSON.stringify(said))
    state.acknowledged += 1
  }
  const stop = async (): Promise<void> => {
    await unit.stop()
    await gateway.stop()
  }
  const passport = async (name: string): Promise<string> => {
    const reply = () => fetch(`${gateway.pageUrl}api/units/drill-1/passport/file`)
    await until(async () => (await reply()).ok)
    writeFileSync(join(io.cwd, name), await (await reply()).text())
    return name
  }
  return { gateway, state, report, stop, passport }
}

const at = (name: string): string => join(folder, name)

describe('of a running gateway', () => {
  test('everything acknowledged comes back, and goes on', async () => {
    const first = await running(at('one'))
    for (let i = 0; i < 50; i++) await first.report()
    // What is signed of its first use comes with the delivery, and would be newer than the backup.
    await until(async () => {
      const row = await stored(first.gateway)
      return row !== undefined && row.stored === row.received
    })
    const early = first.state.acknowledged
    const backup = io.tenfold('backup', '--data', at('one'), '--out', 'one.tar')
    let over = false
    void backup.finally(() => {
      over = true
    })
    while (!over) await first.report()
    expect(await backup).toBe(0)
    expect(io.lines.join('\n')).toMatch(/of did:key:z/)
    const path = join(io.cwd, 'one.tar')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(io.cwd)).toEqual(['one.tar'])
    await first.passport('now.json')
    await first.stop()
    // Any tar reads it.
    const listed = spawnSync('tar', ['tf', path], { encoding: 'utf8' })
    if (listed.error === undefined) {
      expect(listed.stdout).toMatch(/^keys\/gateway.pem$/m)
      expect(listed.stdout).not.toMatch(/lock|wal/)
    }
    expect(await io.tenfold('restore', 'one.tar', '--data', at('two'), '--known', 'now.json')).toBe(
      0,
    )
    const second = await startGatewayProcess({ data: at('two') })
    await until(async () => {
      const row = await stored(second)
      return row !== undefined && row.stored === row.received && row.received >= early
    })
    expect(second.printed()).toMatch(/restored from a backup of 20.* \(root [0-9a-f]{16}/)
    expect(second.printed()).not.toMatch(/nothing was compared/)
    await second.stop()
    // There is data now: it is not written over, by whatever.
    expect(await io.tenfold('restore', 'one.tar', '--data', at('two'))).toBe(1)
    expect(io.errors.join()).toMatch(/is not empty/)
    expect(await io.tenfold('backup', '--data', at('two'), '--out', 'one.tar')).toBe(1)
    expect(io.errors.join()).toMatch(/is there already/)
    expect(readdirSync(folder).sort()).toEqual(['one', 'two'])
  }, 60_000)

  test('a state older than a passport, and another gateway, are refused', async () => {
    const first = await running(at('one'))
    await first.passport('early.json')
    expect(await io.tenfold('backup', '--data', at('one'), '--out', 'old.tar')).toBe(0)
    const url = `mqtt://127.0.0.1:${first.gateway.mqttPort}`
    const other = await connectUnit({ url, clientId: 'drill-2' })
    await other.publish('tenfold/v1/cordless_drill/drill-2/hello', '{"boot":1,"t":0}')
    await other.stop()
    const late = async (): Promise<string> => {
      const reply = await fetch(`${first.gateway.pageUrl}api/units/drill-2/passport/file`)
      return reply.ok ? reply.text() : ''
    }
    await until(async () => (await late()) !== '')
    writeFileSync(join(io.cwd, 'late.json'), await late())
    await first.stop()
    const restore = (...args: string[]): Promise<number> =>
      io.tenfold('restore', 'old.tar', '--data', at('two'), ...args)
    expect(await restore('--known', 'early.json', '--known', 'late.json')).toBe(1)
    expect(io.errors.join()).toMatch(/has 1 signed entries, the passport 2: .* fork the log/)
    const foreign = await running(at('three'))
    await foreign.passport('foreign.json')
    await foreign.stop()
    expect(await restore('--known', 'foreign.json')).toBe(1)
    expect(io.errors.join()).toMatch(/the backup is of tenfold\/\w+, the passport of tenfold\//)
    expect(readdirSync(folder).sort()).toEqual(['one', 'three'])
    expect(await restore('--known', 'late.json', '--older')).toBe(0)
    // One that went on elsewhere, with other entries under the same numbers.
    const second = await running(at('two'))
    const more = await connectUnit({
      url: `mqtt://127.0.0.1:${second.gateway.mqttPort}`,
      clientId: 'drill-7',
    })
    await more.publish('tenfold/v1/cordless_drill/drill-7/hello', '{"boot":1,"t":0}')
    await more.stop()
    await until(
      async () => (await fetch(`${second.gateway.pageUrl}api/units/drill-7/passport/file`)).ok,
    )
    await second.stop()
    expect(await io.tenfold('backup', '--data', at('two'), '--out', 'forked.tar')).toBe(0)
    const forked = ['restore', 'forked.tar', '--data', at('four'), '--known', 'late.json']
    expect(await io.tenfold(...forked)).toBe(1)
    expect(io.errors.join()).toMatch(/at 2 entries the backup has another log/)
  }, 60_000)
})

describe('a file that is no whole backup', () => {
  const file = (name: string, text: string): Buffer => {
    const bytes = Buffer.from(text)
    return Buffer.concat([tarHead({ name, bytes: bytes.length }), bytes, tarPadding(bytes.length)])
  }
  const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' // of "hello"
  const manifest = (more: object = {}): string =>
    writeManifest({
      ...{ store: 1, madeUs: 0, gateway: null, checkpoint: null },
      files: [{ name: 'keys/a', bytes: 5, sha256 }],
      ...more,
    }).toString()
  const whole = (): Buffer =>
    Buffer.concat([file('keys/a', 'hello'), file('manifest.json', manifest()), tarEnd()])
  const attempt = async (bytes: Buffer): Promise<string> => {
    io.errors.length = 0
    writeFileSync(join(io.cwd, 'b.tar'), bytes)
    const code = await io.tenfold('restore', 'b.tar', '--data', at('new'))
    if (code === 0) return readFileSync(at('new/keys/a'), 'utf8')
    expect(code).toBe(1)
    expect(readdirSync(folder)).toEqual([])
    return io.errors.join()
  }

  test('is refused at every length and wherever a byte is wrong', async () => {
    const good = whole()
    // What follows the list is filling.
    const end = 3 * 512 + manifest().length
    for (let length = 0; length < end; length += 97) {
      expect(await attempt(good.subarray(0, length))).toMatch(/no whole backup/)
    }
    for (const at of [0, 130, 156, 512, 516]) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] ?? 0) ^ 1
      expect(await attempt(bad)).toMatch(/no whole backup/)
    }
    expect(await attempt(good)).toBe('hello')
  })

  test('is refused where it would write elsewhere, twice or unlisted', async () => {
    for (const name of ['../a', '/a', 'a/../../b', 'keys//a', 'keys/.', '']) {
      const bytes = [file(name, 'hello'), file('manifest.json', manifest()), tarEnd()]
      expect(await attempt(Buffer.concat(bytes))).toMatch(/it holds a file/)
    }
    const twice = [file('keys/a', 'hello'), whole()]
    expect(await attempt(Buffer.concat(twice))).toMatch(/it holds a file "keys\/a"/)
    const unlisted = [file('keys/b', 'hello'), whole()]
    expect(await attempt(Buffer.concat(unlisted))).toMatch(/files that its list does not have/)
  })

  test('is refused in a newer form', async () => {
    for (const more of [{ store: 99 }, { format: 2 }]) {
      const bytes = [file('keys/a', 'hello'), file('manifest.json', manifest(more)), tarEnd()]
      expect(await attempt(Buffer.concat(bytes))).toMatch(/this program knows/)
    }
  })
})

test('what is no data folder, and what cannot be read, is said', async () => {
  expect(await io.tenfold('backup', '--data', folder, '--out', 'a.tar')).toBe(1)
  expect(io.errors.join()).toMatch(/is no data folder of a gateway/)
  expect(await io.tenfold('restore', 'nowhere.tar', '--data', at('new'))).toBe(1)
  expect(io.errors.join()).toMatch(/nowhere.tar cannot be read/)
  expect([...readdirSync(folder), ...readdirSync(io.cwd)]).toEqual([])
})

test('a restored folder is durable under its name, and says what was not compared', async () => {
  const first = await running(at('one'))
  await first.report()
  await first.stop()
  const anchor = { chainId: 5, contract: `0x${'ab'.repeat(20)}`, origin: 'o', size: 7, root: 'r' }
  addAnchorRecord(at('one'), anchor)
  const from = join(io.cwd, 'b.tar')
  expect(await io.tenfold('backup', '--data', at('one'), '--out', 'b.tar')).toBe(0)
  const data = at('two')
  const synced: string[] = []
  await restore({ from, data, known: [], older: false, nowUs: 0 }, async (path) => {
    synced.push(`${existsSync(data) ? 'named' : 'staged'} ${path.replace(/(restoring)-\w+/, '$1')}`)
  })
  // What names the files before the rename, and what names the folder after it.
  expect(synced).toContain(`staged ${data}.restoring/store`)
  expect(synced.slice(-2)).toEqual([`staged ${data}.restoring`, `named ${folder}`])
  expect(restoredNotes(data).join('\n')).toMatch(
    /nothing was compared with it.*\n.*7 entries at 0x(ab){20} on chain 5; "tenfold ledger show/,
  )
}, 60_000)

test('a tar holds sizes beyond octal, as other programs write them', async () => {
  const head = tarHead({ name: 'big', bytes: 9 * 1024 ** 3 })
  const chunks = async function* (): AsyncGenerator<Buffer> {
    yield head
  }
  const first = await readTar(chunks()).next()
  expect(first.value).toMatchObject({ name: 'big', bytes: 9 * 1024 ** 3 })
})
