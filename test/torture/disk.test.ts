// Disks that fail: full and back, read-only, taken by another gateway. Nothing acknowledged is
// lost, nothing is acknowledged that is not on the disk, and the message says what to do.
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Books } from '../../gateway/core/delivery.ts'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { RawUnit } from '../mqtt/raw-unit.ts'
import { freePort, type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { mountTmpfs } from '../servers/tmpfs.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'tenfold-disk-'))
  stops.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const until = async (check: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await check())) await sleep(20)
}
const get = async <T>(gateway: GatewayProcess, path: string): Promise<T> =>
  (await (await fetch(new URL(path, gateway.pageUrl))).json()) as T

const startOrSay = async (data: string, set: Record<string, unknown> = {}): Promise<string> => {
  try {
    const gateway = await startGatewayProcess({ data, set })
    await gateway.stop()
    return 'started'
  } catch (error) {
    return (error as Error).message
  }
}

describe('a disk that is full', () => {
  test('withholds acknowledgements, and takes them up again when there is room', async () => {
    const disk = mountTmpfs(24)
    if (disk === undefined) return
    stops.push(() => disk.unmount())
    const mqttPort = await freePort()
    const gateway = await startGatewayProcess({
      ...{ data: disk.path, mqttPort },
      set: { 'log.reserveBytes': 0 },
    })
    stops.push(() => gateway.kill())
    const machine = 'cordless_drill'
    const report = (seq: number): string =>
      JSON.stringify({
        boot: 1,
        seq,
        t: seq * 1000,
        v: { motor_current: 1 },
        c: { starts: seq + 1 },
      })
    const base = { machine, port: mqttPort, inFlight: 32, hello: '{"boot":1,"t":0}', report }
    const unit = new RawUnit({ ...base, unit: 'full-1' })
    stops.push(() => unit.end())
    await until(() => unit.acknowledged > 500)

    const filler = join(disk.path, 'filler')
    for (let part = 0; statfsSync(disk.path).bavail > 0; part += 1) {
      try {
        writeFileSync(`${filler}-${part}`, Buffer.alloc(4096))
      } catch {
        break
      }
    }
    const parts = (): number => unit.acknowledged
    await until(() => /disk|space/i.test(gateway.printed()))
    const stuck = parts()
    await sleep(500)
    expect(parts() - stuck).toBeLessThan(32)

    for (let part = 0; ; part += 1) {
      try {
        rmSync(`${filler}-${part}`)
      } catch {
        break
      }
    }
    await until(() => unit.acknowledged > stuck + 500)
    unit.pause()
    await until(() => unit.open === 0)
    await until(async () =>
      (await get<Books[]>(gateway, '/api/books')).every((b) => b.pending === 0),
    )
    const { units } = await get<{ units: UnitSummary[] }>(gateway, '/api/units')
    expect(units[0]).toMatchObject({ counters: { starts: unit.sent }, missing: 0 })
  })
})

describe('a data folder', () => {
  test('that is read-only is refused, with what to check', async () => {
    const disk = mountTmpfs(8)
    if (disk === undefined) return
    stops.push(() => disk.unmount())
    mkdirSync(join(disk.path, 'data'))
    disk.readOnly(true)
    const said = await startOrSay(join(disk.path, 'data'))
    expect(said).toMatch(/what to do: .*(read-only|rights|who may write)/i)
  })

  test('that another gateway uses is refused, with who that is', async () => {
    const data = folder()
    const first = await startGatewayProcess({ data })
    stops.push(() => first.kill())
    const said = await startOrSay(data)
    expect(said).toContain(`in use by process ${first.child.pid}`)
    expect(said).toMatch(/what to do: .*data folder/)
  })

  test('of a killed gateway is free at once', async () => {
    const data = folder()
    const first = await startGatewayProcess({ data })
    await first.kill()
    expect(await startOrSay(data)).toBe('started')
  })
})

test.each(['http', 'mqtt'])('a busy %s port is named, with the setting', async (which) => {
  const first = await startGatewayProcess({ data: folder() })
  stops.push(() => first.kill())
  const port = which === 'mqtt' ? first.mqttPort : Number(new URL(first.pageUrl).port)
  const said = await startOrSay(folder(), { [`${which}.port`]: port })
  expect(said).toContain(String(port))
  expect(said).toContain(`${which}.port`)
})
