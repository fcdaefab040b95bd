// SIGKILL of log and delivery at random moments: every acknowledged record is accounted for exactly
// once, the books balance, and what the kills left is what an undisturbed run of the same log
// makes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import type { Books } from '../../gateway/core/delivery.ts'
import type { PassportSummary, UnitSummary } from '../../gateway/core/queries.ts'
import { fateOf } from './delivered-record.ts'

const folder = mkdtempSync(join(tmpdir(), 'tenfold-crash-'))
const kills = Math.ceil(Number(process.env['TENFOLD_KILLS'] ?? 100) / 8)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Found {
  next: number
  books: Books[]
  unit: UnitSummary
  passport: PassportSummary
}

const start = (dataDir: string, mode: 'append' | 'catch up'): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, 'delivery-child.ts'), dataDir, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })

/** Last line of what the child has said when it ended. */
const lastLine = async (child: ChildProcess): Promise<string> => {
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += String(chunk)
  })
  await once(child, 'close')
  return text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1) ?? ''
}

const catchUp = async (dataDir: string): Promise<Found> =>
  JSON.parse(await lastLine(start(dataDir, 'catch up'))) as Found

test(`nothing is lost or counted twice over ${kills} kills`, { timeout: 300_000 }, async () => {
  const dataDir = join(folder, 'killed')
  let acknowledged = 0
  for (let kill = 0; kill < kills; kill++) {
    const child = start(dataDir, 'append')
    const said = lastLine(child)
    const stdout = child.stdout as NonNullable<typeof child.stdout>
    const ready = await Promise.race([once(stdout, 'data'), said.then(() => undefined)])
    if (ready === undefined) throw new Error('the child ended by itself; see its message')
    await setTimeout(Math.random() * 300)
    child.kill('SIGKILL')
    acknowledged = Math.max(acknowledged, Number(await said))
  }
  const found = await catchUp(dataDir)
  expect(found.next).toBeGreaterThanOrEqual(acknowledged)
  expect(acknowledged).toBeGreaterThan(kills * 40)

  const fates = Array.from({ length: found.next }, (_, offset) => fateOf(offset))
  const count = (fate: string): number => fates.filter((one) => one === fate).length
  expect(found.books).toEqual([
    {
      ...{ sink: 'store', received: found.next, cursor: found.next, pending: 0, dropped: {} },
      stored: count('hello') + count('report'),
      duplicate: count('resend'),
      quarantined: count('wrong'),
    },
  ])
  expect(found.unit).toMatchObject({
    ...{ readings: count('report'), duplicates: count('resend'), quarantined: count('wrong') },
    counters: { starts: fates.lastIndexOf('report') },
  })

  // The same log and keys, an empty store, nobody who kills.
  const replayed = join(folder, 'replayed')
  cpSync(join(dataDir, 'log'), join(replayed, 'log'), { recursive: true })
  cpSync(join(dataDir, 'keys'), join(replayed, 'keys'), { recursive: true })
  const { passport, unit } = await catchUp(replayed)
  expect(unit).toEqual(found.unit)
  expect(passport.entries).toEqual(found.passport.entries)
  expect(passport.entries.map(({ type }) => type)).toEqual(['made', 'first_used'])
})
