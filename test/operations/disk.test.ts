// What a gateway says it wrote to its disk: the log's pages, its thread's and its own bytes as the
// kernel counts them, and the amount of a day from it; and where the newest reading is by now.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Books } from '../../gateway/core/delivery.ts'
import type { Written } from '../../gateway/core/queries.ts'
import { realFiles } from '../../gateway/log/files.ts'
import { connectUnit } from '../../gateway/mqtt/client.ts'
import { openDisk, writtenBy, writtenFinding } from '../../gateway/operations/disk.ts'
import { traceOf } from '../../gateway/trace.ts'
import { testIo } from '../cli/io.ts'
import { startGatewayProcess } from '../servers/gateway.ts'

test('a write counts in the pages that it touches', async () => {
  const files = { ...realFiles(), write: async () => {} }
  const disk = openDisk(files, { nowUs: () => 0 })
  const write = (position: number, bytes: number): Promise<void> =>
    disk.files.write(0, new Uint8Array(bytes), position)
  await write(0, 200)
  await write(200, 200)
  await write(4000, 200)
  expect(disk.written(undefined).logBytes).toBe(4 * 4096)
})

test("a day's amount is said once a minute is measured", () => {
  const some = { sinceUs: 0, totalBytes: 3_000_000, logBytes: 1_000_000, storeBytes: undefined }
  const { text } = writtenFinding({ ...some, nowUs: 3600e6 })
  expect(text).toContain('a day, by the 3,600 s since its start: 72 MB (log 24 MB')
  expect(text).toContain('store and sinks not counted here')
  expect(writtenFinding({ ...some, nowUs: 10e6 }).text).toContain('in the 10 s since its start: 3 ')
})

test('a sink that is not past the newest reading of a unit is a note, one that is has it', () => {
  const books = { received: 40, stored: 0, pending: 0, quarantined: 0, duplicate: 0, dropped: {} }
  const sinks = [
    { ...books, sink: 'store', cursor: 40, lagUs: 0 },
    { ...books, sink: 'influx1', cursor: 30, lagUs: 5e6 },
  ]
  const newest = { offset: 30, boot: 1, sequence: 29, timeUs: 0 }
  const found = traceOf(newest, { sinks, nowUs: 2e6 })
  expect(found.map(({ verdict }) => verdict)).toEqual(['good', 'good', 'good', 'good', 'note'])
  expect(found[0]?.text).toContain('1970-01-01T00:00:00.000Z, 2.0 s ago')
  expect(found[1]?.text).toContain('the log no longer has its record')
  expect(found[4]?.text).toBe('influx1 is at 30, 0 records before it, lag 5.0 s')
})

test('a running gateway counts, and doctor and Prometheus are told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-disk-'))
  const io = await testIo()
  const gateway = await startGatewayProcess({ data: folder })
  const url = `mqtt://127.0.0.1:${gateway.mqttPort}`
  const unit = await connectUnit({ url, clientId: 'drill-9' })
  try {
    const topic = 'tenfold/v1/cordless_drill/drill-9'
    await unit.publish(`${topic}/hello`, JSON.stringify({ boot: 1, t: 0 }))
    for (let seq = 0; seq < 30; seq++) {
      await unit.publish(
        `${topic}/report`,
        JSON.stringify({ boot: 1, seq, t: seq, c: { starts: 1 } }),
      )
    }
    const stored = async (): Promise<number> => {
      const [store] = (await (await fetch(`${gateway.pageUrl}api/books`)).json()) as Books[]
      return store?.cursor ?? 0
    }
    while ((await stored()) < 31) await new Promise((resolve) => setTimeout(resolve, 20))
    const written = (await (await fetch(`${gateway.pageUrl}api/written`)).json()) as Written
    expect(written.logBytes).toBeGreaterThanOrEqual(31 * 4096)
    if (writtenBy('self') !== undefined) {
      const { storeBytes = Number.NaN, totalBytes = Number.NaN } = written
      // A temporary folder in memory writes nothing that the kernel would count.
      const isOnDisk = totalBytes > 0
      expect(storeBytes > 0).toBe(isOnDisk)
      expect(totalBytes > storeBytes).toBe(isOnDisk)
    }
    const metrics = await (await fetch(`${gateway.pageUrl}metrics`)).text()
    expect(metrics).toMatch(/tenfold_disk_written_bytes_total\{part="log"\} \d{6,}/)
    const port = `http.port=${new URL(gateway.pageUrl).port}`
    await io.tenfold('doctor', 'drill-9', '--data', folder, '--set', port)
    expect(io.lines.join('\n')).toMatch(/newest reading: boot 1, sequence 29, /)
    expect(io.lines.join('\n')).toMatch(
      /it came by mqtt, session [0-9a-f]{12}-\d+, at 20\d\d-\S+Z, on \S+\/drill-9\/report/,
    )
    expect(io.lines.join('\n')).toMatch(/it is record 30 of the log, which has 31 now/)
    expect(io.lines.join('\n')).toMatch(/store is past it, at 31, lag 0\.0 s/)
    expect(io.lines.join('\n')).toMatch(
      /written to the disk in the \d+ s since its start: [\d.]+ MB/,
    )
  } finally {
    await unit.stop()
    await gateway.stop()
    await io.remove()
    rmSync(folder, { recursive: true, force: true })
  }
})
