// What a gateway says it wrote to its disk: the log's pages, its thread's and its own bytes as the
// kernel counts them, and the amount of a day from it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { realFiles } from '../../gateway/log/files.ts'
import { connectUnit } from '../../gateway/mqtt/client.ts'
import { openDisk, type Written, writtenBy, writtenFinding } from '../../gateway/operations/disk.ts'
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
    await io.tenfold('doctor', '--data', folder, '--set', port)
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
