// From readings to a signed table: units that worked and failed in a real store, the command that
// writes their table beside it, and the command that adds it up.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { decodeTable } from '../../gateway/lifecycle/table-file.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { hello, report, startUs } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

let made: StoreFolder | undefined
let io: TestIo | undefined
afterEach(async () => {
  made?.remove()
  await io?.remove()
})

/** A unit that works `hours`, and whose controller fails then. */
const life = (unit: string, hours: number, more: object = {}): Buffer[] => [
  hello({ boot: 1, t: 0, ...more }, { unit }),
  report({ boot: 1, seq: 0, t: 1, v: { fault: 'none' }, c: { run_time: 0 } }, { unit }),
  report(
    { boot: 1, seq: 1, t: 9, v: { fault: 'sensor' }, c: { run_time: hours * 3.6e6 } },
    { unit, receivedUs: startUs + 9 },
  ),
]

test('a gateway writes the table of its units, and anybody adds it up', async () => {
  made = new StoreFolder()
  io = await testIo()
  const units = Array.from({ length: 20 }, (_, i) => life(`drill-${i}`, 100 + 20 * i))
  await made.feed([...units.flat(), ...life('twin', 50, { simulated: true })])
  const data = ['--data', made.folder]
  expect(await io.tenfold('durability', 'table', '--out', 'here.table', ...data)).toBe(0)
  expect(io.lines).toEqual([
    'here.table: cordless_drill version 1, 20 units',
    'silent: 0; left out: 1 simulated, 0 unused',
  ])
  const note = await readFile(join(io.cwd, 'here.table'), 'utf8')
  expect(note).not.toContain('drill-1')
  const { modes, known } = decodeTable('here', note)
  const failed = known.map((row) => row.failed[modes.indexOf('controller')]?.units ?? 0)
  expect(failed.reduce((sum, n) => sum + n, 0)).toBe(20)
  expect(await io.tenfold('durability', 'add', 'here.table', '--reference-b10', '10')).toBe(0)
  expect(io.lines.slice(2)).toEqual([
    'cordless_drill version 1: 20 units of 1 gateways, 20 failures',
    'silent: 0; in no row, too few to publish: 0',
    expect.stringMatching(/^B10: 1[0-9]{2}/),
    expect.stringMatching(/^ten times longer: /),
  ])
})

test('a gateway of simulated units has no table to give', async () => {
  made = new StoreFolder()
  io = await testIo()
  await made.feed(life('twin', 50, { simulated: true }))
  const args = ['--out', 'here.table', '--data', made.folder]
  expect(await io.tenfold('durability', 'table', ...args)).toBe(1)
  expect(io.errors.join('\n')).toContain('no unit counts yet')
})
