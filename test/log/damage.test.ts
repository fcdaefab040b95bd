// Damage: counted, bounded to its commit, never mended in silence, never in the way of what is
// whole. And the line between corruption and an unfinished write.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headerBytes, segmentName } from '../../gateway/log/format.ts'
import { Group } from '../../gateway/log/group.ts'
import type { FileSystem, Log } from '../../gateway/log/log.ts'
import { openReader } from '../../gateway/log/reader.ts'
import { verifyLog } from '../../gateway/log/recover.ts'
import { ModelDisk, systemError } from './model-disk.ts'
import { freshSeed, Random } from './random.ts'
import { append, bodyOf, folder, HandClock, open, readAll } from './rig.ts'

const path = (first: number): string => `${folder}/${segmentName(first)}`

/** A log of commits of three records each, the last one sealed or not. */
const written = async (
  commits: number,
  options: { sealed: boolean; segmentBytes?: number },
): Promise<ModelDisk> => {
  const disk = new ModelDisk()
  const clock = new HandClock()
  const { segmentBytes = 1e6 } = options
  const random = new Random(1)
  const log = await open({ files: disk.files, random, clock, limits: { segmentBytes } })
  for (let commit = 0; commit < commits; commit += 1) {
    await Promise.all([0, 1, 2].map((index) => append(log, bodyOf(commit * 3 + index))))
  }
  if (options.sealed) await log.close()
  return disk
}

const flip = (at: number) => (bytes: Buffer) => {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  return bytes
}

/** Where each commit begins. */
const commitStarts = (bytes: Buffer): number[] => {
  const magic = bytes.subarray(0, 4)
  const starts: number[] = []
  for (let at = 0; at >= 0; at = bytes.indexOf(magic, at + 1)) starts.push(at)
  return starts
}

const reopened = (disk: ModelDisk, floor = 0): Promise<Log> =>
  open({ files: disk.files, random: new Random(2), retention: { floor: () => floor } })

describe('a flipped bit in a body in the middle', () => {
  test('loses that record only, and is counted', async () => {
    const disk = await written(5, { sealed: true })
    const starts = commitStarts(disk.bytes(path(0)))
    const second = (starts[1] ?? 0) + headerBytes + 12
    disk.damage(path(0), flip(second))
    const log = await reopened(disk)
    expect(log.status()).toMatchObject({
      next: 15,
      recovery: { damagedCommits: 1, tornBytes: 0, lostOffsets: 0 },
    })
    const found = readAll(disk.files, log)
    expect(found.gaps).toEqual([{ from: 3, to: 4, reason: 'corrupt' }])
    expect([...found.records.keys()]).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    expect(found.damagedCommits).toBe(1)
    expect(verifyLog(disk.files, folder, 15)).toMatchObject({ damagedCommits: 1, records: 14 })
    expect(await append(log, bodyOf(15))).toBe(15)
  })

  test('is still there after the next start: nothing was mended in silence', async () => {
    const disk = await written(5, { sealed: true })
    disk.damage(path(0), flip(headerBytes + 20))
    const before = disk.bytes(path(0))
    await (await reopened(disk)).close()
    expect(disk.bytes(path(0)).subarray(0, before.length)).toEqual(before)
    expect((await reopened(disk)).status().recovery.damagedCommits).toBe(1)
  })
})

test('a damaged header loses its commit, and no other', async () => {
  const disk = await written(5, { sealed: true })
  const starts = commitStarts(disk.bytes(path(0)))
  disk.damage(path(0), flip((starts[2] ?? 0) + 40))
  const log = await reopened(disk)
  expect(log.status().recovery.damagedCommits).toBe(1)
  expect(readAll(disk.files, log).gaps).toEqual([{ from: 6, to: 9, reason: 'corrupt' }])
})

test('an earlier commit in the place of a later one is damage, counted', async () => {
  const disk = new ModelDisk()
  const first = await open({ files: disk.files, random: new Random(1) })
  for (let offset = 0; offset < 5; offset += 1) await append(first, Buffer.alloc(40, offset))
  await first.close()
  const [, second = 0] = commitStarts(disk.bytes(path(0)))
  disk.damage(path(0), (bytes) => {
    bytes.copy(bytes, 2 * second, 0, second)
    return bytes
  })
  const log = await reopened(disk)
  expect(log.status().recovery.damagedCommits).toBe(1)
  const found = readAll(disk.files, log)
  expect(found.damagedCommits).toBe(1)
  expect(found.gaps).toEqual([{ from: 2, to: 3, reason: 'corrupt' }])
})

test('a whole commit of another past at the end is cut off: it is not in the chain', async () => {
  const start = await written(2, { sealed: false })
  const first = start.clone()
  const log = await reopened(first)
  await append(log, Buffer.alloc(50, 1))
  const { length } = first.bytes(path(0))
  await append(log, Buffer.alloc(50, 2))
  const stale = first.bytes(path(0)).subarray(length)
  const second = start.clone()
  await append(await reopened(second), Buffer.alloc(50, 3))
  second.damage(path(0), (bytes) => Buffer.concat([bytes, stale]))
  expect(second.bytes(path(0)).length).toBe(length + stale.length)
  const after = await reopened(second)
  expect(after.status()).toMatchObject({ next: 7, recovery: { tornBytes: stale.length } })
})

test('damage under a running log does not make a reader look beyond the head', async () => {
  const disk = new ModelDisk()
  let during: (() => void) | undefined
  const files: FileSystem = {
    ...disk.files,
    write: async (file, bytes, position) => {
      await disk.files.write(file, bytes, position)
      if (during === undefined) return
      during()
      during = undefined
      throw systemError('ENOSPC')
    },
  }
  const log = await open({ files, random: new Random(1) })
  await append(log, bodyOf(0))
  disk.damage(path(0), flip(40))
  const reader = openReader(disk.files, folder, log.head)
  const read = (from: number) => reader.read(from, { records: 9, bytes: 1e6 })
  during = () => {
    expect(read(0).gaps).toEqual([{ from: 0, to: 1, reason: 'corrupt' }])
  }
  await expect(append(log, bodyOf(1, 1))).rejects.toMatchObject({ code: 'disk_full' })
  await append(log, bodyOf(1, 2))
  expect(read(1).records.map(({ body }) => Buffer.from(body))).toEqual([bodyOf(1, 2)])
  reader.close()
})

test('damage in a closed segment is found by whoever reads it', async () => {
  const disk = await written(20, { sealed: true, segmentBytes: 2000 })
  disk.damage(path(0), flip(10))
  const log = await reopened(disk)
  expect(log.status().recovery.damagedCommits).toBe(0)
  const found = readAll(disk.files, log)
  expect(found.gaps).toEqual([{ from: 0, to: 3, reason: 'corrupt' }])
  expect(found.damagedCommits).toBe(1)
})

test('a segment that vanished is a corrupt gap', async () => {
  const disk = await written(20, { sealed: true, segmentBytes: 2000 })
  const names = disk.list(folder).sort()
  const [, second = '', third = ''] = names
  await disk.files.unlink(`${folder}/${second}`)
  const log = await reopened(disk)
  const [from, to] = [second, third].map((name) => Number.parseInt(name, 10))
  expect(readAll(disk.files, log).gaps).toEqual([{ from, to, reason: 'corrupt' }])
})

describe('the last commit, damaged', () => {
  const lastStart = (disk: ModelDisk, back: number): number =>
    commitStarts(disk.bytes(path(0))).at(-back) ?? 0

  test('is corruption when it was sealed: a seal proves it durable', async () => {
    for (const place of [0, 30, headerBytes + 14]) {
      const disk = await written(4, { sealed: true })
      disk.damage(path(0), flip(lastStart(disk, 2) + place))
      const log = await reopened(disk)
      expect(log.status().next).toBe(12)
      expect(log.status().recovery).toMatchObject({ damagedCommits: 1, tornBytes: 0 })
      const [gap] = readAll(disk.files, log).gaps
      expect(gap).toMatchObject({ from: 9, reason: 'corrupt' })
    }
  })

  test('is an unfinished write when nothing after it says otherwise', async () => {
    const disk = await written(4, { sealed: false })
    const start = lastStart(disk, 1)
    const { length } = disk.bytes(path(0))
    disk.damage(path(0), flip(start + headerBytes + 14))
    const log = await reopened(disk)
    expect(log.status().next).toBe(9)
    expect(log.status().recovery).toMatchObject({ damagedCommits: 0, tornBytes: length - start })
  })

  test('is lost, and its offsets are not given again, when the store had read it', async () => {
    const disk = await written(4, { sealed: false })
    disk.damage(path(0), flip(lastStart(disk, 1) + headerBytes + 14))
    const log = await reopened(disk, 12)
    expect(log.status().recovery).toMatchObject({ lostOffsets: 3 })
    expect(await append(log, bodyOf(12))).toBe(12)
    const found = readAll(disk.files, log)
    expect(found.gaps).toEqual([{ from: 9, to: 12, reason: 'corrupt' }])
    expect(found.records.get(12)).toEqual(bodyOf(12))
  })

  test('is corruption when a segment after it exists', async () => {
    const disk = await written(4, { sealed: false })
    const file = await disk.files.open(path(12))
    disk.files.close(file)
    disk.damage(path(0), flip(lastStart(disk, 1) + headerBytes + 14))
    const log = await reopened(disk)
    expect(log.status()).toMatchObject({ next: 12, recovery: { damagedCommits: 1, tornBytes: 0 } })
    await append(log, bodyOf(12))
    expect(readAll(disk.files, log).gaps).toEqual([{ from: 9, to: 10, reason: 'corrupt' }])
  })

  test('is corruption when the header of an unfinished one follows', async () => {
    const disk = await written(4, { sealed: false })
    const start = lastStart(disk, 1)
    disk.damage(path(0), (bytes) => flip(lastStart(disk, 2) + 130)(flip(start + 130)(bytes)))
    const log = await reopened(disk)
    expect(log.status()).toMatchObject({ next: 9, recovery: { damagedCommits: 1 } })
    await append(log, bodyOf(9))
    expect(readAll(disk.files, log).gaps).toEqual([{ from: 6, to: 7, reason: 'corrupt' }])
    expect(verifyLog(disk.files, folder, 10)).toMatchObject({ chainBreaks: 0 })
  })
})

describe('a tail', () => {
  const tails: [string, Buffer][] = [
    ['of zeros', Buffer.alloc(5000)],
    ['of noise', Buffer.from(new Random(4).fill(new Uint8Array(5000)))],
    ['of half a header', Buffer.from('TFL1 and so on')],
    ['that is all magic', Buffer.from('TFL1'.repeat(3000))],
  ]
  test.each(tails)('%s is cut off and counted', async (_name, tail) => {
    const disk = await written(4, { sealed: true })
    disk.damage(path(0), (bytes) => Buffer.concat([bytes, tail]))
    const log = await reopened(disk)
    expect(log.status()).toMatchObject({ next: 12, recovery: { tornBytes: tail.length } })
    expect(await append(log, bodyOf(12))).toBe(12)
    expect(readAll(disk.files, log).records.size).toBe(13)
  })
})

test('a body that claims to be a commit is not one, even beside damage', async () => {
  const forged = new Group().begin(1)
  forged.add(Buffer.from('forged'), 0, true)
  const guess = { id: Buffer.alloc(16, 1), previous: Buffer.alloc(32), timeUs: 0 }
  const bait = forged.seal({ ...guess, flags: 0, first: 1, span: 1, trimmedBelow: 0 })
  const disk = new ModelDisk()
  const log = await open({ files: disk.files, random: new Random(1) })
  await append(log, bodyOf(0))
  await append(log, Buffer.from(bait))
  await append(log, bodyOf(2))
  await log.close()
  const [, second = 0] = commitStarts(disk.bytes(path(0)))
  disk.damage(path(0), flip(second + 20))
  const found = readAll(disk.files, await reopened(disk))
  expect(found.gaps).toEqual([{ from: 1, to: 2, reason: 'corrupt' }])
  expect([...found.records.keys()]).toEqual([0, 2])
})

test('unfinished files of the retention are removed', async () => {
  const disk = await written(2, { sealed: true })
  disk.files.close(await disk.files.open(`${path(0)}.tmp`))
  await reopened(disk)
  expect(disk.list(folder)).toEqual([segmentName(0)])
})

test('a log without one whole header starts, and goes on where the store was', async () => {
  const disk = await written(1, { sealed: false })
  disk.damage(path(0), flip(20))
  const log = await reopened(disk, 3)
  expect(await append(log, bodyOf(3))).toBe(3)
  const found = readAll(disk.files, log)
  expect(found.gaps).toEqual([{ from: 0, to: 3, reason: 'corrupt' }])
  expect(found.records.get(3)).toEqual(bodyOf(3))
})

const seed = freshSeed()
test(`random damage never stops a start nor gives a wrong record (seed ${seed})`, async () => {
  const random = new Random(seed)
  const pristine = await written(30, { sealed: true, segmentBytes: 2500 })
  for (let round = 0; round < 400; round += 1) {
    const disk = pristine.clone()
    for (let count = 1 + random.below(4); count > 0; count -= 1) {
      const file = `${folder}/${random.pick(disk.list(folder))}`
      disk.damage(file, (bytes) => damaged(bytes, random))
    }
    const log = await open({ files: disk.files, random })
    const { next } = log.status()
    await append(log, bodyOf(next, 9))
    const found = readAll(disk.files, log)
    expect(found.faults).toEqual([])
    for (const [offset, body] of found.records) {
      expect(body).toEqual(offset === next ? bodyOf(next, 9) : bodyOf(offset))
    }
    const lost = found.gaps.reduce((sum, { from, to }) => sum + to - from, 0)
    expect(lost + found.records.size).toBe(next + 1)
    await log.close()
    const again = await open({ files: disk.files, random })
    expect(again.status().next).toBe(next + 1)
  }
})

const damaged = (bytes: Buffer, random: Random): Buffer => {
  if (bytes.length === 0) return bytes
  const at = random.below(bytes.length)
  const kind = random.below(5)
  if (kind === 0) return bytes.subarray(0, at)
  if (kind === 1) return bytes.fill(0, at, Math.min(bytes.length, at + random.below(600)))
  if (kind === 2) {
    random.fill(bytes.subarray(at, at + random.below(600)))
    return bytes
  }
  if (kind === 3) {
    // Bytes of another place of the same file: whole commits, but not here.
    const from = random.below(bytes.length)
    bytes.copy(bytes, at, from, Math.min(bytes.length, from + random.below(900)))
    return bytes
  }
  return flip(at)(bytes)
}

test('a segment of noise is read as one gap', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 3000 }), async (noise) => {
      const disk = await written(12, { sealed: true, segmentBytes: 2000 })
      disk.damage(path(0), () => Buffer.from(noise))
      const log = await reopened(disk)
      const [gap, ...rest] = readAll(disk.files, log).gaps
      expect(gap).toMatchObject({ from: 0, reason: 'corrupt' })
      expect(rest).toEqual([])
    }),
    { numRuns: 30 },
  )
})
