// The gateway is killed (SIGKILL) at random points while units report from another process, again
// and again. Afterwards: every acknowledged report is in the log at least once and in the store
// once, the counters are exact, the books balance, and no start needed a person. TENFOLD_KILLS=1000
// kills more often; TENFOLD_SEED=7 repeats a run's points.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { Books } from '../../gateway/core/delivery.ts'
import { decodeRecord } from '../../gateway/core/record.ts'
import { realFiles } from '../../gateway/log/files.ts'
import { lockFolder } from '../../gateway/log/lock.ts'
import { openLog } from '../../gateway/log/open.ts'
import { openReader } from '../../gateway/log/reader.ts'
import { tableOf } from '../../hardware-profiles/names.ts'
import { RawUnit } from '../mqtt/raw-unit.ts'
import { freePort, startGatewayProcess } from '../servers/gateway.ts'

const kills = Number(process.env['TENFOLD_KILLS'] ?? 100)
const seed = Number(process.env['TENFOLD_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const machine = 'cordless_drill'
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** mulberry32: small, and the same everywhere for one seed. */
const randomOf = (start: number) => {
  let state = start
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const report = (seq: number): string =>
  JSON.stringify({
    boot: 1,
    seq,
    t: seq * 1000,
    v: { motor_current: (seq % 100) / 10, pack_voltage: 18 },
    c: { starts: seq + 1, run_time: (seq + 1) * 7 },
  })

const books = async (pageUrl: string): Promise<Books[]> =>
  (await (await fetch(new URL('/api/books', pageUrl))).json()) as Books[]

test(`${kills} kills lose nothing that was acknowledged and store nothing twice (seed ${seed})`, async () => {
  const random = randomOf(seed)
  const data = mkdtempSync(join(tmpdir(), 'tenfold-kill-'))
  const mqttPort = await freePort()
  const names = ['kill-a', 'kill-b', 'kill-c', 'kill-d']
  const acknowledged = names.map(() => new Set<number>())
  const units = names.map(
    (unit, i) =>
      new RawUnit(
        { unit, machine, port: mqttPort, inFlight: 64, hello: '{"boot":1,"t":0}', report },
        (seq) => acknowledged[i]?.add(seq),
      ),
  )
  const total = (): number => units.reduce((sum, unit) => sum + unit.acknowledged, 0)
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const gateway = await startGatewayProcess({ data, mqttPort })
      const before = total()
      // Some kills fall before the first acknowledgement, most into the middle of the traffic.
      if (random() < 0.9) while (total() === before) await sleep(1)
      await sleep(random() * 60)
      await gateway.kill()
    }
    const gateway = await startGatewayProcess({ data, mqttPort })
    for (const unit of units) unit.pause()
    while (units.some(({ open }) => open > 0)) await sleep(10)
    let kept = await books(gateway.pageUrl)
    while (kept.some(({ pending }) => pending > 0)) {
      await sleep(20)
      kept = await books(gateway.pageUrl)
    }
    for (const one of kept) {
      const dropped = Object.values(one.dropped).reduce((sum, n) => sum + n, 0)
      const { received, stored, pending, quarantined, duplicate } = one
      expect(received).toBe(stored + pending + quarantined + duplicate + dropped)
      expect(quarantined + dropped).toBe(0)
    }
    const shown = (await (await fetch(new URL('/api/units', gateway.pageUrl))).json()) as {
      units: { unit: string; counters: Record<string, number>; missing: number }[]
    }
    for (const [i, unit] of names.entries()) {
      const sent = units[i]?.sent ?? 0
      const { counters, missing } = shown.units.find((one) => one.unit === unit) ?? {}
      expect(counters).toMatchObject({ starts: sent, run_time: sent * 7 })
      expect(missing).toBe(0)
    }
    expect(await gateway.stop()).toBe(0)
    checkStore(data, names, acknowledged)
    await checkLog(data, names, acknowledged)
    console.log(`${kills} kills, ${total()} reports acknowledged, seed ${seed}`)
  } finally {
    for (const unit of units) unit.end()
    rmSync(data, { recursive: true, force: true })
  }
}, 7_200_000)

const checkStore = (data: string, names: string[], acknowledged: Set<number>[]): void => {
  const store = new DatabaseSync(join(data, 'store', 'store.sqlite'), { readOnly: true })
  for (const [i, unit] of names.entries()) {
    const rows = store
      .prepare(
        `SELECT sequence FROM ${tableOf(machine)}
         WHERE unit = (SELECT id FROM unit WHERE unit = ?) ORDER BY sequence`,
      )
      .all(unit) as { sequence: number }[]
    const sequences = rows.map(({ sequence }) => sequence)
    // Once: no number twice, and no row that was never sent.
    expect(new Set(sequences).size).toBe(sequences.length)
    const missing = [...(acknowledged[i] ?? [])].filter((seq) => sequences[seq] !== seq)
    expect(missing).toEqual([])
  }
  store.close()
}

const checkLog = async (
  data: string,
  names: string[],
  acknowledged: Set<number>[],
): Promise<void> => {
  const left = acknowledged.map((set) => new Set(set))
  const log = await openedLog(join(data, 'log'))
  const reader = openReader(realFiles(), join(data, 'log'), log.head)
  for (let from = 0; from < reader.head(); ) {
    const batch = reader.read(from, { records: 1000, bytes: 1 << 20 })
    expect(batch.gaps).toEqual([])
    for (const { body } of batch.records) {
      const { topic, payload } = decodeRecord(body)
      const unit = topic.split('/')[3] ?? ''
      if (!topic.endsWith('/report')) continue
      const { seq } = JSON.parse(Buffer.from(payload).toString()) as { seq: number }
      left[names.indexOf(unit)]?.delete(seq)
    }
    from = batch.next
  }
  reader.close()
  await log.close()
  expect(left.map((set) => [...set])).toEqual(names.map(() => []))
}

const openedLog = (folder: string) =>
  openLog({
    folder,
    files: realFiles(),
    clock: { nowUs: () => Date.now() * 1000, after: () => () => {} },
    random: (bytes) => randomBytes(bytes),
    lock: lockFolder,
    retention: {
      maxBytes: 2 ** 40,
      reserveBytes: 0,
      maxAgeMs: Number.POSITIVE_INFINITY,
      floor: () => 0,
    },
  })
