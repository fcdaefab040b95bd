// Every outside effect fails twice: not done, and done but reported failed. Whatever happens, an
// acknowledged record stays, errors say what to do, and nothing is acknowledged after a failed
// sync.
import { describe, expect, test } from 'vitest'
import { type FileSystem, type Log, LogError } from '../../gateway/log/log.ts'
import { openReader } from '../../gateway/log/reader.ts'
import { verifyLog } from '../../gateway/log/recover.ts'
import { ModelDisk, systemError } from './model-disk.ts'
import { freshSeed, Random } from './random.ts'
import { append, bodyOf, folder, HandClock, isKept, open, readAll } from './rig.ts'

interface Fault {
  /** Which effect fails, counted from 0; how many after it fail too. */
  index: number
  times: number
  code: 'EIO' | 'ENOSPC'
  done: boolean
  /** Runs at the failure, with the name of the effect and its first argument. */
  hit?: (name: string, target: unknown) => void
}

/** Lets some effects fail. */
const faulty = (files: FileSystem, fault: Fault): FileSystem => {
  let index = -1
  const may =
    <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      index += 1
      if (index < fault.index || index >= fault.index + fault.times) return call(...args)
      fault.hit?.(name, args[0])
      const result = fault.done ? await call(...args) : undefined
      // The file may be there now; the number of an open one was never told.
      if (name === 'open' && typeof result === 'number') files.close(result)
      throw systemError(fault.code)
    }
  return {
    ...files,
    makeFolder: may('makeFolder', files.makeFolder),
    open: may('open', files.open),
    write: may('write', files.write),
    truncate: may('truncate', files.truncate),
    fdatasync: may('fdatasync', files.fdatasync),
    fsyncFolder: may('fsyncFolder', files.fsyncFolder),
    rename: may('rename', files.rename),
    unlink: may('unlink', files.unlink),
  }
}

const retention = (floor: () => number) => ({ maxBytes: 12_000, reserveBytes: 1000, floor })

interface Course {
  acknowledged: Map<number, Buffer>
  attempted: Set<string>
  errors: LogError[]
  log: Log | undefined
}

/** Opens and appends; notes what was acknowledged and every error. */
const run = async (files: FileSystem, random: Random): Promise<Course> => {
  const course: Course = {
    acknowledged: new Map(),
    attempted: new Set(),
    errors: [],
    log: undefined,
  }
  const note = (error: unknown): void => {
    if (!(error instanceof LogError)) throw error
    course.errors.push(error)
  }
  const floor = (): number => Math.max(0, course.acknowledged.size - 5)
  const clock = new HandClock()
  try {
    course.log = await open({ files, random, clock, retention: retention(floor) })
  } catch (error) {
    note(error)
    return course
  }
  const { log } = course
  for (let step = 0; step < 40; step += 1) {
    const stopped = log.status().failed !== undefined
    const bodies = [bodyOf(step, 1), bodyOf(step, 2)]
    await Promise.all(
      bodies.map(async (body) => {
        course.attempted.add(body.toString('hex'))
        try {
          const offset = await append(log, body, step % 5 === 0)
          expect(stopped, 'acknowledged after a failed sync').toBe(false)
          expect(course.acknowledged.has(offset)).toBe(false)
          course.acknowledged.set(offset, body)
        } catch (error) {
          note(error)
        }
      }),
    )
    if (step % 9 === 0) clock.run()
    await log.retain()
  }
  return course
}

/** Starts again without faults; the acknowledged records are there, and appends work. */
const checkAfter = async (disk: ModelDisk, course: Course): Promise<void> => {
  const log = await open({ files: disk.files, random: new Random(3) })
  const found = readAll(disk.files, log)
  expect(found.faults).toEqual([])
  expect(log.status().recovery).toMatchObject({ damagedCommits: 0, lostOffsets: 0 })
  expect(verifyLog(disk.files, folder, log.status().next)).toMatchObject({
    damagedCommits: 0,
    chainBreaks: 0,
  })
  for (const body of found.records.values()) {
    expect(course.attempted.has(body.toString('hex'))).toBe(true)
  }
  for (const [offset, body] of course.acknowledged) {
    const trimmed = found.gaps.some(
      ({ from, to, reason }) => reason === 'trimmed' && from <= offset && offset < to,
    )
    if (!trimmed) expect(found.records.get(offset)).toEqual(body)
  }
  expect(found.gaps.filter(({ reason }) => reason === 'corrupt')).toEqual([])
  await append(log, bodyOf(0))
  await log.close()
}

const seed = freshSeed()

describe(`every effect fails once (seed ${seed})`, () => {
  const forms = [
    { code: 'EIO', done: false },
    { code: 'EIO', done: true },
    { code: 'ENOSPC', done: false },
    { code: 'ENOSPC', done: true },
  ] as const
  test.each(forms)('%o', async (form) => {
    const seen = new Set<string>()
    for (let index = 0; ; index += 1) {
      const disk = new ModelDisk()
      const hit = (name: string): void => {
        seen.add(name)
        struck = true
      }
      let struck = false
      const fault = { ...form, index, times: 1, hit }
      const course = await run(faulty(disk.files, fault), new Random(seed + index))
      for (const { code, message, remedy } of course.errors) {
        expect(['log_failed', 'disk_full', 'log_unreadable', 'log_full']).toContain(code)
        expect(message.length * remedy.length).toBeGreaterThan(0)
      }
      // Nobody closes after a crash; the next process finds the disk as it is.
      await checkAfter(disk.clone(), course)
      await course.log?.close()
      expect(disk.openFiles()).toBe(0)
      if (!struck) break
    }
    const names = ['makeFolder', 'open', 'write', 'fdatasync', 'fsyncFolder', 'rename', 'unlink']
    expect([...seen]).toEqual(expect.arrayContaining(names))
  })
})

describe('a failed fdatasync', () => {
  const failing = async (): Promise<{ disk: ModelDisk; log: Log; error: LogError }> => {
    const disk = new ModelDisk()
    let broken = false
    const files: FileSystem = {
      ...disk.files,
      fdatasync: async (file, site) => {
        if (!broken) return disk.files.fdatasync(file, site)
        broken = false
        // As Linux does it: the pages are clean now, and not on the medium.
        disk.forget(file)
        throw systemError('EIO')
      },
    }
    const log = await open({ files, random: new Random(1) })
    await append(log, bodyOf(0))
    broken = true
    const error: unknown = await append(log, bodyOf(1)).catch((cause: unknown) => cause)
    if (!(error instanceof LogError)) throw new Error('was acknowledged')
    return { disk, log, error }
  }

  test('stops acknowledgements for good, although the next one would succeed', async () => {
    const { log, error } = await failing()
    expect(error.code).toBe('log_failed')
    await expect(append(log, bodyOf(2))).rejects.toBe(error)
    expect(log.status().failed).toBe(error)
    expect(log.status().next).toBe(1)
    await log.close()
  })

  test('does not make the next start show what a power cut would take away again', async () => {
    const { disk } = await failing()
    const log = await open({ files: disk.files, random: new Random(2) })
    const seen = readAll(disk.files, log).records.size
    const after = disk.cut({ bytes: 'none', entries: 'none', fill: 'zeros' }, new Random(1))
    const later = await open({ files: after.files, random: new Random(3) })
    expect(readAll(after.files, later).records.size).toBe(seen)
  })
})

describe('a failed write', () => {
  test('stops acknowledgements for good, unless the disk is only full', async () => {
    const disk = new ModelDisk()
    let broken = true
    const files: FileSystem = {
      ...disk.files,
      write: async (file, bytes, position) => {
        if (!broken) return disk.files.write(file, bytes, position)
        broken = false
        throw systemError('EIO')
      },
    }
    const log = await open({ files, random: new Random(1) })
    for (const offset of [0, 1]) {
      await expect(append(log, bodyOf(offset))).rejects.toMatchObject({ code: 'log_failed' })
    }
  })
})

/** Files whose next write is done, short of `missing` bytes, and then fails for want of space. */
const fullOnce = (disk: ModelDisk, missing: number) => {
  const state = { full: false, during: (): void => {} }
  const files: FileSystem = {
    ...disk.files,
    write: async (file, bytes, position) => {
      if (!state.full) return disk.files.write(file, bytes, position)
      state.full = false
      await disk.files.write(file, bytes.subarray(0, bytes.length - missing), position)
      state.during()
      throw systemError('ENOSPC')
    },
  }
  return { files, state }
}

describe('a full disk', () => {
  test('withholds the acknowledgement of all that waits: none overtakes another', async () => {
    const disk = new ModelDisk()
    const { files, state } = fullOnce(disk, 1)
    const log = await open({ files, random: new Random(1) })
    state.full = true
    // Each is a group of its own, and only the first one's write fails.
    const answers = await Promise.allSettled(
      [1, 2, 3].map((n) => append(log, Buffer.alloc(900, n))),
    )
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'disk_full' } })
    }
    expect(log.status().failed).toBeUndefined()
    expect(await append(log, bodyOf(0))).toBe(0)
    const again = await open({ files: disk.clone().files, random: new Random(1) })
    expect(again.status()).toMatchObject({ next: 1, recovery: { tornBytes: 0 } })
  })

  test('never lets a reader see bytes of a write that was taken back', async () => {
    const disk = new ModelDisk()
    const { files, state } = fullOnce(disk, 0)
    const log = await open({ files, random: new Random(1) })
    await append(log, bodyOf(0))
    const reader = openReader(disk.files, folder, log.head)
    state.full = true
    state.during = () => {
      expect(reader.read(0, { records: 9, bytes: 1e6 }).next).toBe(1)
    }
    await expect(append(log, bodyOf(1, 1))).rejects.toMatchObject({ code: 'disk_full' })
    await append(log, bodyOf(1, 2))
    const [record] = reader.read(1, { records: 9, bytes: 1e6 }).records
    expect(Buffer.from(record?.body ?? [])).toEqual(bodyOf(1, 2))
    reader.close()
  })

  test('at the start of a segment leaves no offset in two files', async () => {
    const disk = new ModelDisk()
    let full = false
    const files: FileSystem = {
      ...disk.files,
      open: async (path) => {
        const file = await disk.files.open(path)
        if (!full) return file
        disk.files.close(file)
        throw systemError('ENOSPC')
      },
    }
    const log = await open({ files, random: new Random(1) })
    for (let offset = 0; offset < 3; offset += 1) await append(log, Buffer.alloc(700, offset))
    full = true
    await expect(append(log, Buffer.alloc(700))).rejects.toMatchObject({ code: 'disk_full' })
    full = false
    // Small enough for the old segment, whose end is settled by the name of the new one.
    expect(await append(log, bodyOf(3))).toBe(3)
    expect(readAll(files, log).records.get(3)).toEqual(bodyOf(3))
    const again = await open({ files: disk.clone().files, random: new Random(1) })
    expect(again.status()).toMatchObject({ next: 4, recovery: { damagedCommits: 0 } })
  })

  test('that stays full for a while loses nothing', async () => {
    const disk = new ModelDisk()
    const fault: Fault = { index: 12, times: 9, code: 'ENOSPC', done: false }
    const course = await run(faulty(disk.files, fault), new Random(1))
    expect(course.errors.map(({ code }) => code)).toContain('disk_full')
    expect(course.acknowledged.size).toBeGreaterThan(60)
    await checkAfter(disk, course)
  })
})

test('a compaction that fails leaves nothing behind, and the next pass does it', async () => {
  const disk = new ModelDisk()
  let broken = true
  const files: FileSystem = {
    ...disk.files,
    fdatasync: async (file, site) => {
      if (site !== 'compact' || !broken) return disk.files.fdatasync(file, site)
      broken = false
      throw systemError('EIO')
    },
  }
  let next = 0
  const floor = (): number => next
  const log = await open({ files, random: new Random(1), retention: retention(floor) })
  for (; log.status().retention.failures === 0; next += 1) {
    await append(log, bodyOf(next), isKept(next))
  }
  expect(disk.list(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  expect(log.status().failed).toBeUndefined()
  await log.retain()
  const found = readAll(files, log)
  expect(found.faults).toEqual([])
  expect(found.gaps[0]).toMatchObject({ from: 1, reason: 'trimmed' })
})

test('a start that fails gives the folder back', async () => {
  const disk = new ModelDisk()
  let held = 0
  const lock = (): { release(): void } => {
    held += 1
    return { release: () => (held -= 1) }
  }
  const files = faulty(disk.files, { index: 3, times: 1, code: 'EIO', done: false })
  await expect(open({ files, random: new Random(1), lock })).rejects.toBeInstanceOf(LogError)
  expect(held).toBe(0)
  const log = await open({ files: disk.files, random: new Random(1), lock })
  expect(held).toBe(1)
  await log.close()
  expect(held).toBe(0)
})

test('a disk that cannot be read stops the start and changes nothing', async () => {
  const disk = new ModelDisk()
  const log = await open({ files: disk.files, random: new Random(1) })
  await append(log, bodyOf(0))
  await log.close()
  const before = disk.bytes(`${folder}/${disk.list(folder)[0]}`)
  const files: FileSystem = {
    ...disk.files,
    read: () => {
      throw systemError('EIO')
    },
  }
  await expect(open({ files, random: new Random(2) })).rejects.toMatchObject({
    code: 'log_unreadable',
  })
  expect(disk.bytes(`${folder}/${disk.list(folder)[0]}`)).toEqual(before)
  expect(disk.openFiles()).toBe(0)
})

test('a reader takes an unreadable sector for damage and goes on', async () => {
  const disk = new ModelDisk()
  const limits = { segmentBytes: 1e6 }
  const log = await open({ files: disk.files, random: new Random(1), limits })
  for (let offset = 0; offset < 200; offset += 1) await append(log, bodyOf(offset))
  const files: FileSystem = {
    ...disk.files,
    read: (file, into, position) => {
      const end = position + into.length
      if (position < 12_288 && end > 8192) throw systemError('EIO')
      return disk.files.read(file, into, position)
    },
  }
  const found = readAll(files, log)
  expect(found.faults).toEqual([])
  expect(found.gaps).toHaveLength(1)
  expect(found.gaps[0]).toMatchObject({ reason: 'corrupt' })
  expect(found.records.size).toBeGreaterThan(150)
})
