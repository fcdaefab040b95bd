// Months without a gateway, in small: a drill with its own key works, loses its pack at work, works
// again and trips, heard by nobody. Then a gateway comes, is killed, and comes again. The store has
// all that the board kept, once; the unit's passport verifies and states its custody.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { causeKinds, causeName, places } from '../../firmware/kernel-constants.ts'
import { usagePlan } from '../../firmware/usage-plan.ts'
import { receiveEntry } from '../../gateway/attestation/entry.ts'
import type { StoredEvent, UnitSummary } from '../../gateway/core/queries.ts'
import { readTrip } from '../../gateway/pipeline/trip.ts'
import { storeFile } from '../../gateway/sinks/store/store.ts'
import { BoardLine } from '../boards/line.ts'
import { ms, pin } from '../boards/pins.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { testIo } from '../cli/io.ts'
import { Pico } from '../emu/pico.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { sleep, socatInstalled } from '../serial/wire.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { JoinedPico } from './joined.ts'

const ready = compilerInstalled() && socatInstalled()
const unit = 'cordless-drill-e6605838832d912a'
const subject = drill()
const overCurrent = (causeKinds['over_current'] ?? 0) + (places.current << 5)
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** A boot that counted usage and put a snapshot of it into the outbox. */
const usedFlash = async (): Promise<W25q> => {
  const { bin } = await imageOf(subject, 'rp2040-pico', 'exercise')
  const flash = new W25q({ times: quickTimes })
  const pico = new Pico({ bin, flash })
  const second = 1000 * ms
  expect(pico.ask('', second)).toBe('ready')
  pico.ask('B\n', 60 * second)
  pico.ask('L\n', second)
  pico.ask(`U 4d ${(4000).toString(16)}\n`, 60 * second)
  pico.ask('V\n', 60 * second)
  pico.cutPower()
  return flash
}

/** Its key is made at the bench; then it is alone. */
const workAlone = (image: Image, flash: W25q): void => {
  const bench = new BoardLine(image, flash)
  bench.pico.run(150 * ms)
  bench.meet()
  const host = Uint8Array.from({ length: 32 }, (_, i) => i * 3)
  expect(bench.ask('makeKey', [host])).toBe(0)
  bench.pico.cutPower()

  const alone = new BoardLine(image, flash)
  alone.pico.run(1900 * ms)
  alone.volts.trigger = 1.8
  alone.pico.run(700 * ms)
  expect(alone.pico.level(pin.gate)).toBe(true)
  alone.pico.cutPower()

  const again = new BoardLine(image, flash)
  again.pico.run(1900 * ms)
  again.volts.trigger = 1.8
  again.pico.run(300 * ms)
  expect(again.pico.level(pin.gate)).toBe(true)
  again.volts.current = 1.65 + 1.2
  again.pico.run(20 * ms)
  expect(again.pico.level(pin.gate)).toBe(false)
  again.volts.current = 1.65
  again.volts.trigger = 0.3
  again.pico.run(2500 * ms)
  again.pico.cutPower()
}

interface Row extends Record<string, unknown> {
  kind?: string
}
const rowsOf = (data: string, sql: string): Row[] => {
  const db = new DatabaseSync(join(data, 'store', storeFile), { readOnly: true })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}
const until = async (check: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await check())) await sleep(50)
}

/** Joined to a gateway that is killed as soon as it has acknowledged something. */
const deliver = async (flash: W25q, data: string): Promise<GatewayProcess> => {
  const pico = new JoinedPico(flash)
  await pico.start()
  stops.push(() => pico.stop())
  const set = { 'sources.serial': JSON.stringify({ ports: [{ path: pico.wire.path }] }) }
  const first = await startGatewayProcess({ data, set })
  await until(() => rowsOf(data, 'SELECT * FROM item').length > 2)
  await first.kill()
  const before = rowsOf(data, 'SELECT * FROM item ORDER BY number')
  const gateway = await startGatewayProcess({ data, set })
  stops.push(() => gateway.kill())
  await until(() => rowsOf(data, "SELECT 1 FROM entry WHERE type = 'trip_cleared'").length > 0)
  const after = rowsOf(data, 'SELECT * FROM item ORDER BY number')
  expect(after.slice(0, before.length)).toEqual(before)
  expect(pico.rose.has(pin.gate)).toBe(false)
  return gateway
}

test.runIf(ready)(
  'what a drill kept while nobody heard it arrives once, over a killed gateway, and verifies',
  async () => {
    const flash = await usedFlash()
    const image = await imageOf(subject, 'rp2040-pico', 'machine')
    workAlone(image, flash)
    const data = mkdtempSync(join(tmpdir(), 'tenfold-offline-'))
    stops.push(() => rmSync(data, { recursive: true, force: true }))
    const gateway = await deliver(flash, data)
    const get = async <T>(path: string): Promise<T> =>
      (await fetch(new URL(path, gateway.pageUrl))).json() as Promise<T>
    const summary = async (): Promise<UnitSummary | undefined> =>
      (await get<{ units: UnitSummary[] }>('api/units')).units.find((one) => one.unit === unit)
    await until(async () => (await summary())?.proof?.proven === true)

    // Counters go on over the pulled pack; the signed ones are what the gateway hears live.
    const entries = rowsOf(data, 'SELECT type, bytes, fork FROM entry ORDER BY seq')
    const told = entries.map(({ type, fork }) => `${type} ${fork}`)
    // A trip that is not hard ends with the power; the chain says that, too.
    expect(told).toEqual(['made 0', 'first_used 0', 'tripped 0', 'trip_cleared 0'])
    expect(rowsOf(data, 'SELECT * FROM waiting_entry')).toEqual([])
    const signed = receiveEntry(entries[2]?.['bytes'] as Uint8Array).entry.counters
    const { counters, custody } = (await summary()) ?? {}
    expect(signed['starts']).toBe(2)
    expect(signed['run_time']).toBeGreaterThan(0)
    expect(counters).toMatchObject({ ...signed })
    expect(custody).toBe('controller_flash')

    const plan = usagePlan(subject.profile, subject.loop, subject.spec).plan
    const items = rowsOf(data, 'SELECT kind, number, data FROM item')
    const usage = items.filter(({ kind }) => kind === 'usage')
    expect(usage.length).toBe((plan?.bands.length ?? 0) + 10 * (plan?.cycles.length ?? 0))
    const { safety } = subject.profile
    const cause = safety === undefined ? '' : causeName(overCurrent, safety)
    const events = await get<StoredEvent[]>(`api/units/${unit}/events?limit=100`)
    const trips = items.filter(({ data: bytes }) => readTrip(bytes as Uint8Array) !== undefined)
    expect(trips.length).toBe(1)
    expect(events.filter((event) => event.cause.includes(cause)).length).toBe(1)
    expect(await gateway.stop()).toBe(0)

    const io = await testIo()
    stops.push(() => io.remove())
    const pass = ['passport', unit, '--data', data, '--trust', 'trust.txt', '--out', 'p.json']
    expect(await io.tenfold(...pass)).toBe(0)
    expect(await io.tenfold('verify', 'p.json', '--trust', 'trust.txt')).toBe(0)
    expect(io.lines.join('\n')).toMatch(/^VALID/m)
    expect(io.lines.join('\n')).toMatch(/^custody controller_flash: extractable/m)
  },
  300_000,
)
