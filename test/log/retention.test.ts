// The retention: the oldest go, what is kept stays, what is unread waits, and each gap says why.
import { describe, expect, test } from 'vitest'
import { segmentName } from '../../gateway/log/format.ts'
import type { FileSystem } from '../../gateway/log/log.ts'
import { openReader } from '../../gateway/log/reader.ts'
import { listSegments, verifyLog } from '../../gateway/log/recover.ts'
import { ModelDisk } from './model-disk.ts'
import { Random } from './random.ts'
import { append, bodyOf, fill, folder, HandClock, isKept, open, readAll } from './rig.ts'

const random = (): Random => new Random(1)

describe('retention', () => {
  const retention = { maxBytes: 12_000, reserveBytes: 2000 }

  test('by bytes lets the oldest go, keeps what is to be kept, and says so', async () => {
    const disk = new ModelDisk()
    const all = { ...retention, floor: () => Number.MAX_SAFE_INTEGER }
    let next = 0
    // Nothing is consumed that was not appended: the floor follows the log.
    const floor = (): number => Math.min(next, all.floor())
    const log = await open({ files: disk.files, random: random(), retention: { ...all, floor } })
    for (; next < 200; next += 1) await append(log, bodyOf(next), isKept(next))
    await log.retain()
    const { bytes, trimmedBelow } = log.status()
    expect(bytes).toBeLessThan(10_000)
    expect(trimmedBelow).toBeGreaterThan(100)
    const found = readAll(disk.files, log)
    expect(found.faults).toEqual([])
    expect(found.damagedCommits).toBe(0)
    for (const { from, to, reason } of found.gaps) {
      expect(reason).toBe('trimmed')
      expect(to).toBeLessThanOrEqual(trimmedBelow)
      for (let offset = from; offset < to; offset += 1) expect(isKept(offset)).toBe(false)
    }
    for (const [offset, body] of found.records) expect(body).toEqual(bodyOf(offset))
    expect(verifyLog(disk.files, folder, 200)).toMatchObject({ damagedCommits: 0, chainBreaks: 0 })
    await log.close()
    const again = await open({ files: disk.files, random: random(), retention: { ...all, floor } })
    expect(readAll(disk.files, again)).toEqual(found)
  })

  test('never touches what the store has not read; events go on', async () => {
    const disk = new ModelDisk()
    let floor = 0
    const log = await open({
      files: disk.files,
      random: random(),
      retention: { ...retention, floor: () => floor },
    })
    const until = async (keep: boolean): Promise<number> => {
      for (let count = 0; ; count += 1) {
        const error: unknown = await append(log, Buffer.alloc(100), keep).then(
          () => undefined,
          (cause: unknown) => cause,
        )
        if (error === undefined) continue
        expect(error).toMatchObject({ code: 'log_full' })
        return count
      }
    }
    const telemetry = await until(false)
    expect(telemetry).toBeGreaterThan(20)
    expect(log.status().bytes).toBeLessThanOrEqual(10_000)
    const events = await until(true)
    expect(events).toBeGreaterThan(3)
    expect(log.status().bytes).toBeLessThanOrEqual(12_000)
    expect(log.status().trimmedBelow).toBe(0)
    floor = log.status().next
    await append(log, Buffer.alloc(100)).catch(() => {})
    await log.retain()
    expect(await append(log, Buffer.alloc(100))).toBe(telemetry + events)
    const found = readAll(disk.files, log)
    expect(found.faults).toEqual([])
    const kept = [...found.records.keys()].filter((offset) => offset >= telemetry)
    expect(kept).toHaveLength(events + 1)
  })

  test('by age lets go of what is too old, and closes a segment that gets old', async () => {
    const disk = new ModelDisk()
    const clock = new HandClock()
    let next = 0
    const log = await open({
      files: disk.files,
      random: random(),
      clock,
      limits: { segmentBytes: 1e6 },
      retention: { maxAgeMs: 1000, floor: () => next },
    })
    for (; next < 40; next += 1) {
      clock.timeUs += 100_000
      await append(log, bodyOf(next), isKept(next))
      await log.retain()
    }
    const found = readAll(disk.files, log)
    const oldest = Math.min(...[...found.records.keys()].filter((offset) => !isKept(offset)))
    expect(oldest).toBeGreaterThan(40 - 18)
    expect(oldest).toBeLessThanOrEqual(40 - 10)
    expect([...found.records.keys()].filter(isKept)).toEqual([0, 7, 14, 21, 28])
  })

  // The second commit of the log; first and last one of a segment that has nothing to keep.
  test.each(['early', 'first', 'last'] as const)(
    'keeps a hole (%s) from damage apart from what it let go',
    async (kind) => {
      const disk = new ModelDisk()
      const { files } = disk
      const limits = { segmentBytes: 2000 }
      const first = await open({ files, random: random(), limits })
      await fill(first, 90)
      await first.close()
      const firsts = listSegments(files, folder)
      const bare = firsts.findIndex(
        (from, index) => from >= 30 && (firsts[index + 1] ?? 0) < 60 && index > 0,
      )
      const from = firsts[kind === 'early' ? 0 : bare] ?? 0
      const end = firsts[bare + 1] ?? 0
      disk.damage(`${folder}/${segmentName(from)}`, (bytes) => {
        const magic = bytes.subarray(0, 4)
        const places = { early: bytes.indexOf(magic, 4), last: bytes.lastIndexOf(magic) }
        const at = kind === 'first' ? 0 : places[kind]
        return Buffer.from(bytes).fill(0, at, at + 30)
      })
      const log = await open({
        files,
        random: random(),
        limits,
        retention: { ...retention, maxAgeMs: 1, floor: () => 90 },
        clock: Object.assign(new HandClock(), { timeUs: 1.8e15 }),
      })
      await log.retain()
      const found = readAll(files, log)
      expect(found.faults).toEqual([])
      const at = { early: 1, first: from, last: end - 1 }[kind]
      expect(found.gaps.filter(({ reason }) => reason === 'corrupt')).toEqual([
        { from: at, to: at + 1, reason: 'corrupt' },
      ])
      expect(log.status().retention.failures).toBe(0)
      expect([...found.records.keys()].filter(isKept)).toEqual(
        [...Array(90).keys()].filter((offset) => isKept(offset)),
      )
    },
  )

  test('is not tried again for each append that is refused', async () => {
    const disk = new ModelDisk()
    let opened = 0
    const files: FileSystem = {
      ...disk.files,
      openRead: (path) => {
        opened += 1
        return disk.files.openRead(path)
      },
    }
    const log = await open({ files, random: random(), retention: { ...retention, maxAgeMs: 1e6 } })
    const refused = async (): Promise<boolean> =>
      (await append(log, Buffer.alloc(100)).catch(() => -1)) < 0
    while (!(await refused()));
    await log.retain()
    const before = opened
    for (let count = 0; count < 50; count += 1) expect(await refused()).toBe(true)
    expect(opened - before).toBeLessThan(20)
  })

  test('is over when the log is closed', async () => {
    const disk = new ModelDisk()
    let next = 0
    const files: FileSystem = {
      ...disk.files,
      fdatasync: async (file, site) => {
        if (site === 'compact') await new Promise((resolve) => setTimeout(resolve, 5))
        await disk.files.fdatasync(file, site)
      },
    }
    const log = await open({
      files,
      random: random(),
      retention: { ...retention, floor: () => next },
    })
    await fill(log, 40)
    next = 40
    const pass = log.retain()
    await log.close()
    expect(disk.openFiles()).toBe(0)
    await pass
    expect(log.status().retention).toEqual({ failures: 0, last: undefined })
  })

  test('does not disturb a reader that is in the middle of it', async () => {
    const disk = new ModelDisk()
    let next = 0
    const log = await open({
      files: disk.files,
      random: random(),
      retention: { ...retention, floor: () => next },
    })
    const reader = openReader(disk.files, folder, log.head)
    let at = 0
    const seen = new Map<number, Buffer>()
    for (; next < 200; next += 1) {
      await append(log, bodyOf(next), isKept(next))
      // The reader is slower than the writer: it is overtaken by the retention.
      if (next % 4 !== 0) continue
      const batch = reader.read(at, { records: 2, bytes: 1e6 })
      for (const { offset, body } of batch.records) seen.set(offset, Buffer.from(body))
      for (const gap of batch.gaps) expect(gap.reason).toBe('trimmed')
      at = batch.next
    }
    for (const [offset, body] of seen) expect(body).toEqual(bodyOf(offset))
    const kept = [...seen.keys()].filter(isKept)
    expect(kept).toEqual([...Array(at).keys()].filter((offset) => isKept(offset)))
    reader.close()
  })
})
