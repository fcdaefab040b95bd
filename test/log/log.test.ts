// The log in use: offsets, order, bounds, readers, seals. On the model disk, where
// nothing takes time; test/log/real.test.ts has the real one.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileSystem, SyncSite } from '../../gateway/log/log.ts'
import { openReader } from '../../gateway/log/reader.ts'
import { verifyLog } from '../../gateway/log/recover.ts'
import { ModelDisk } from './model-disk.ts'
import { Random } from './random.ts'
import { append, bodyOf, fill, folder, HandClock, open, readAll } from './rig.ts'

const random = (): Random => new Random(1)

/** Counts syncs by place. */
const counted = (files: FileSystem): { files: FileSystem; syncs: SyncSite[] } => {
  const syncs: SyncSite[] = []
  return {
    syncs,
    files: {
      ...files,
      fdatasync: (file, site) => {
        syncs.push(site)
        return files.fdatasync(file, site)
      },
    },
  }
}

describe('appends', () => {
  test('of any sizes come back as they were, over rotations, starts and seeks', async () => {
    const batches = fc.array(fc.array(fc.nat({ max: 700 }), { maxLength: 12 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(batches, fc.nat(), async (sizes, seed) => {
        const chance = new Random(seed)
        const disk = new ModelDisk()
        const bodies: Buffer[] = []
        let log = await open({ files: disk.files, random: chance })
        for (const batch of sizes) {
          const done = batch.map((size) => {
            const body = Buffer.alloc(size, bodies.length)
            bodies.push(body)
            return append(log, body)
          })
          const first = bodies.length - batch.length
          expect(await Promise.all(done)).toEqual(batch.map((_, index) => first + index))
          if (chance.chance(0.2)) {
            await log.close()
            log = await open({ files: disk.files, random: chance })
          }
        }
        expect(log.status().next).toBe(bodies.length)
        const from = chance.below(bodies.length + 1)
        const found = readAll(disk.files, log, from)
        expect(found.faults).toEqual([])
        expect(found.gaps).toEqual([])
        expect([...found.records.values()]).toEqual(bodies.slice(from))
        expect(verifyLog(disk.files, folder, bodies.length)).toMatchObject({
          records: bodies.length,
          damagedCommits: 0,
          chainBreaks: 0,
        })
      }),
      { numRuns: 60 },
    )
  })

  test('of one turn share a commit; those during a commit share the next one', async () => {
    const disk = new ModelDisk()
    const { files, syncs } = counted(disk.files)
    const log = await open({ files, random: random() })
    await Promise.all([0, 1, 2, 3].map((offset) => append(log, bodyOf(offset))))
    expect(syncs).toEqual(['commit'])
  })

  test('are acknowledged in order, after their sync, before the head moves past them', async () => {
    const disk = new ModelDisk()
    let synced = 0
    const files: FileSystem = {
      ...disk.files,
      fdatasync: async (file, site) => {
        await new Promise((resolve) => setImmediate(resolve))
        await disk.files.fdatasync(file, site)
        synced += 1
      },
    }
    const log = await open({ files, random: random() })
    const order: number[] = []
    await new Promise<void>((resolve) => {
      for (let index = 0; index < 40; index += 1) {
        log.append(bodyOf(index), false, (_error, offset) => {
          expect(synced).toBeGreaterThan(0)
          expect(log.status().next).toBeGreaterThan(offset)
          order.push(offset)
          if (order.length === 40) resolve()
        })
      }
    })
    expect(order).toEqual([...order.keys()])
  })

  test('made inside an acknowledgement are committed too', async () => {
    const disk = new ModelDisk()
    const log = await open({ files: disk.files, random: random() })
    await new Promise<void>((resolve) => {
      const next = (left: number): void => {
        log.append(bodyOf(left), false, () => (left === 0 ? resolve() : next(left - 1)))
      }
      next(20)
    })
    expect(log.status().next).toBe(21)
  })

  test('wait for company where a delay is set, until the group is full', async () => {
    const disk = new ModelDisk()
    const { files, syncs } = counted(disk.files)
    const clock = new HandClock()
    const log = await open({ files, random: random(), clock, limits: { commitDelayMs: 50 } })
    const early = [0, 1, 2].map((offset) => append(log, bodyOf(offset)))
    await new Promise((resolve) => setTimeout(resolve, 5))
    early.push(append(log, bodyOf(3)))
    expect(syncs).toEqual([])
    clock.run()
    expect(await Promise.all(early)).toEqual([0, 1, 2, 3])
    expect(syncs).toEqual(['commit'])
    const full = [900, 900].map((bytes) => append(log, Buffer.alloc(bytes)))
    expect(await full[0]).toBe(4)
    await new Promise((resolve) => setTimeout(resolve, 5))
    clock.run()
    expect(await full[1]).toBe(5)
  })

  test('beyond a bound are refused, each with its reason', async () => {
    const disk = new ModelDisk()
    const log = await open({ files: disk.files, random: random(), limits: { queuedBytes: 2500 } })
    await expect(append(log, Buffer.alloc(1001))).rejects.toMatchObject({
      code: 'record_too_large',
    })
    const answers = await Promise.allSettled([1, 2, 3, 4].map(() => append(log, Buffer.alloc(800))))
    expect(answers.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
    ])
    expect(answers[3]).toMatchObject({ reason: { code: 'log_full' } })
    expect(await append(log, Buffer.alloc(800))).toBe(3)
    await log.close()
    await expect(append(log, Buffer.alloc(1))).rejects.toMatchObject({ code: 'log_closed' })
  })
})

test('closing commits what is queued and leaves no file open', async () => {
  const disk = new ModelDisk()
  const limits = { commitDelayMs: 50 }
  const log = await open({ files: disk.files, random: random(), limits })
  const queued = [0, 1, 2].map((offset) => append(log, bodyOf(offset)))
  await Promise.all([log.close(), log.close()])
  expect(await Promise.all(queued)).toEqual([0, 1, 2])
  expect(disk.openFiles()).toBe(0)
})

test('the last commit is sealed once, when nothing follows it', async () => {
  const disk = new ModelDisk()
  const clock = new HandClock()
  const { files, syncs } = counted(disk.files)
  const log = await open({ files, random: random(), clock })
  await append(log, bodyOf(0))
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2))
    clock.run()
  }
  await log.close()
  expect(syncs).toEqual(['commit', 'seal'])
})

test('the head hash stands for everything before it', async () => {
  const hashes = await Promise.all(
    [0, 0, 1].map(async (salt) => {
      const disk = new ModelDisk()
      const log = await open({ files: disk.files, random: random() })
      await append(log, bodyOf(0, salt))
      for (let offset = 1; offset < 30; offset += 1) await append(log, bodyOf(offset))
      const head = log.headHash()
      expect(verifyLog(disk.files, folder, 30)).toMatchObject(head)
      await log.close()
      const again = await open({ files: disk.files, random: random() })
      expect(again.headHash().hash).toBe(verifyLog(disk.files, folder, 30).hash)
      return head.hash
    }),
  )
  expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/)
  expect(hashes[0]).toBe(hashes[1])
  expect(hashes[0]).not.toBe(hashes[2])
})

describe('a reader', () => {
  test('keeps to its limits, and gives at least one record', async () => {
    const disk = new ModelDisk()
    const log = await open({ files: disk.files, random: random() })
    await fill(log, 50)
    const reader = openReader(disk.files, folder, log.head)
    expect(reader.read(0, { records: 7, bytes: 1e9 })).toMatchObject({ next: 7 })
    expect(reader.read(7, { records: 100, bytes: 1 })).toMatchObject({ next: 8 })
    expect(reader.read(50, { records: 100, bytes: 1e9 })).toEqual({
      records: [],
      gaps: [],
      next: 50,
    })
    reader.close()
  })

  test('that follows the writer opens a segment once, reads a byte few times', async () => {
    const disk = new ModelDisk()
    const log = await open({ files: disk.files, random: random() })
    let opened = 0
    let read = 0
    const files: FileSystem = {
      ...disk.files,
      openRead: (path) => {
        opened += 1
        return disk.files.openRead(path)
      },
      read: (file, into, position) => {
        const bytes = disk.files.read(file, into, position)
        read += bytes
        return bytes
      },
    }
    const reader = openReader(files, folder, log.head)
    for (let offset = 0; offset < 300; offset += 1) {
      await append(log, bodyOf(offset))
      const batch = reader.read(offset, { records: 100, bytes: 1e6 })
      expect(batch.records.map(({ body }) => Buffer.from(body))).toEqual([bodyOf(offset)])
    }
    reader.close()
    expect(opened).toBe(log.status().segments + 1)
    expect(read).toBeLessThan(4 * log.status().bytes)
  })

  test('shows nothing that is not yet durable', async () => {
    const disk = new ModelDisk()
    let release: (() => void) | undefined
    const files: FileSystem = {
      ...disk.files,
      fdatasync: async (file, site) => {
        if (site === 'commit') await new Promise<void>((resolve) => (release = resolve))
        await disk.files.fdatasync(file, site)
      },
    }
    const log = await open({ files, random: random() })
    const reader = openReader(disk.files, folder, log.head)
    const pending = append(log, bodyOf(0))
    while (release === undefined) await new Promise((resolve) => setImmediate(resolve))
    expect(reader.read(0, { records: 9, bytes: 1e6 }).next).toBe(0)
    expect(await reader.wait(0, 1)).toBe(false)
    const waiting = reader.wait(0, 60_000)
    release()
    await pending
    expect(await waiting).toBe(true)
    expect(reader.read(0, { records: 9, bytes: 1e6 }).next).toBe(1)
    reader.close()
  })
})
