// The data of an earlier program: brought to the present form with nothing lost, kept as it was in
// a backup, and left alone where somebody uses it or its log is damaged.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { storeFacts } from '../../gateway/backup/facts.ts'
import { schemaVersion } from '../../gateway/sinks/store/schema.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { startGatewayProcess } from '../servers/gateway.ts'

let folder: string
let data: string
let io: TestIo
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-upgrade-'))
  data = join(folder, 'data')
  mkdirSync(data)
  const golden = join(import.meta.dirname, 'golden', 'store-5.tgz')
  execFileSync('tar', ['xzf', golden, '-C', data])
  io = await testIo()
})
afterEach(async () => {
  await io.remove()
  rmSync(folder, { recursive: true, force: true })
})

const version = (of: string): number => storeFacts(join(of, 'store', 'store.sqlite')).store
const upgrade = (name: string): Promise<number> =>
  io.tenfold('upgrade', '--data', data, '--backup', name)

test('keeps every record, and its backup is the former state', async () => {
  expect(version(data)).toBe(5)
  const before = storeFacts(join(data, 'store', 'store.sqlite'))
  expect(await upgrade('before.tar')).toBe(0)
  expect(io.lines).toContain(`store version 5 -> ${schemaVersion}`)
  expect(io.lines.join()).toMatch(/the log is whole, 22 records/)
  expect(storeFacts(join(data, 'store', 'store.sqlite'))).toEqual({
    ...before,
    store: schemaVersion,
  })
  expect(await upgrade('again.tar')).toBe(0)
  expect(io.lines).toContain(`store version ${schemaVersion}: as it was`)
  const gateway = await startGatewayProcess({ data })
  const books = (await (await fetch(`${gateway.pageUrl}api/books`)).json()) as object[]
  expect(books[0]).toMatchObject({ received: 22, stored: 21, quarantined: 1, duplicate: 0 })
  expect(await upgrade('running.tar')).toBe(1)
  expect(io.errors.join()).toMatch(/is in use by process/)
  await gateway.stop()
  expect(await io.tenfold('export', 'drill-1', '--data', data, '--out', 'all.csv')).toBe(0)
  expect(io.lines.join()).toMatch(/20 readings/)
  const former = join(folder, 'former')
  expect(await io.tenfold('restore', 'before.tar', '--data', former)).toBe(0)
  expect(version(former)).toBe(5)
}, 60_000)

test('changes nothing where the log is damaged', async () => {
  const log = join(data, 'log')
  const path = join(log, readdirSync(log).find((name) => name.endsWith('.seg')) ?? '')
  const bytes = readFileSync(path)
  bytes[1000] = (bytes[1000] ?? 0) ^ 1
  writeFileSync(path, bytes)
  expect(await upgrade('before.tar')).toBe(1)
  expect(io.errors.join()).toMatch(/damaged commits/)
  expect(version(data)).toBe(5)
})
