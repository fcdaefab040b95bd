// The wall clock of the gateway jumps by hours and days, forwards and back, while units report:
// nothing is lost or doubled, the readings keep the times that their boot's mapping gives them, and
// acknowledging, delivering and retrying never stop for it.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { long, machine, sleep, World, within } from './world.ts'

const folder = mkdtempSync(join(tmpdir(), 'tenfold-clock-'))
const file = join(folder, 'off')
const set = (offMs: number): void => {
  // In one step: it is read at any moment.
  writeFileSync(`${file}.new`, String(offMs))
  renameSync(`${file}.new`, file)
}
let world: World
afterEach(() => world.remove())
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const hourMs = 3_600_000
const jumps = [1, -1, 23, -23, 30 * 24, -60 * 24, 0.001, 0]

test('jumps of the clock in both directions lose nothing and move no reading', async () => {
  set(0)
  process.env['TENFOLD_CLOCK'] = file
  world = await World.start({ nodeArgs: ['--import', join(import.meta.dirname, 'moved-clock.ts')] })
  for (let round = 0; round < (long ? 20 : 1); round++) {
    for (const hours of jumps) {
      set(hours * hourMs)
      const { acknowledged } = world
      const beginMs = performance.now()
      if (world.influx) await world.flows('influx1')
      while (world.acknowledged < acknowledged + 100) await sleep(5)
      within(
        performance.now() - beginMs,
        5000,
        `a clock that is off by ${hours} h: data flow after`,
      )
    }
  }
  set(0)
  await world.settle()
  if (world.influx) {
    // The mapping of the only boot: report n is n milliseconds after the first.
    const rows = await world.influx.query(
      `SELECT "report.sequence" AS s FROM "raw"."${machine}" WHERE "unit" = 'torture-0'`,
      { db: 'tenfold' },
    )
    // Where the clock was over a day behind that mapping, the time of receipt was taken instead.
    const recentUs = (Date.now() - 24 * hourMs) * 1000
    const mapped = rows.filter(({ time }) => Number(time) > recentUs)
    const apart = mapped.map(({ time, s }) => Math.round(Number(time) / 1000) - Number(s))
    expect(new Set(apart).size).toBe(1)
    expect(mapped.length).toBeGreaterThan(rows.length / 2)
  }
  await world.check()
})

test('a clock that is set after the start takes a boot along where the settings ask for it', async () => {
  const dayMs = 24 * hourMs
  set(-10 * dayMs)
  process.env['TENFOLD_CLOCK'] = file
  const nodeArgs = ['--import', join(import.meta.dirname, 'moved-clock.ts')]
  world = await World.start({ nodeArgs, units: 1, set: { 'log.clockSetLate': true } })
  const behindMs = async (): Promise<number> => {
    const reply = await fetch(new URL('/api/units', world.gateway.pageUrl))
    const { units } = (await reply.json()) as { units: { lastTimeUs?: number }[] }
    return Date.now() - (units[0]?.lastTimeUs ?? Number.NaN) / 1000
  }
  while (!((await behindMs()) > 9 * dayMs)) await sleep(50)
  set(0)
  while (!((await behindMs()) < dayMs)) await sleep(50)
  expect(world.gateway.printed()).toMatch(/the clock was set by 86\d{4} s/)
  await world.settle()
  await world.check()
}, 120_000)
