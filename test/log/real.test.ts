// The log on a real disk: another thread reads along, another process is kept out, a folder without
// rights and a disk without space get clear errors.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { realFiles } from '../../gateway/log/files.ts'
import { lockFolder } from '../../gateway/log/lock.ts'
import type { Log, LogOptions } from '../../gateway/log/log.ts'
import { openLog } from '../../gateway/log/open.ts'
import { verifyLog } from '../../gateway/log/recover.ts'
import { Random } from './random.ts'
import { bodyOf, HandClock, unbounded } from './rig.ts'

const script = join(import.meta.dirname, 'child.ts')
let root = ''
let folder = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenfold-log-'))
  chmodSync(root, 0o755)
  folder = join(root, 'data', 'log')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const options = (): LogOptions => ({
  folder,
  files: realFiles(),
  clock: new HandClock(),
  random: (bytes) => new Random(1).fill(new Uint8Array(bytes)),
  lock: lockFolder,
  retention: unbounded,
  limits: { segmentBytes: 256 * 1024 },
})

interface Child {
  next(): Promise<Record<string, unknown>>
  write(text: string): void
  kill(): Promise<void>
  pid: number | undefined
}

const start = (mode: string, extra: { uid?: number } = {}): Child => {
  const child = spawn(process.execPath, [script, mode, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...extra,
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return {
    pid: child.pid,
    next: async () => JSON.parse((await lines.next()).value ?? '{}') as Record<string, unknown>,
    write: (text) => child.stdin.write(text),
    kill: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

const append = (log: Log, body: Uint8Array): Promise<number> =>
  new Promise((resolve, reject) => {
    log.append(body, false, (error, offset) => (error ? reject(error) : resolve(offset)))
  })

test('a reader in another thread follows over segments, byte for byte', async () => {
  const count = 20_000
  const log = await openLog(options())
  const worker = new Worker(join(import.meta.dirname, 'reading-thread.ts'), {
    workerData: { folder, head: log.head, count },
  })
  const answer = once(worker, 'message')
  const random = new Random(5)
  for (let offset = 0; offset < count; ) {
    const group: Promise<number>[] = []
    for (let size = 1 + random.below(400); size > 0 && offset < count; size -= 1) {
      group.push(append(log, bodyOf(offset)))
      offset += 1
    }
    await Promise.all(group)
  }
  expect(await answer).toEqual([{ next: count, faults: [] }])
  expect(log.status().segments).toBeGreaterThan(3)
  expect(verifyLog(realFiles(), folder, count)).toMatchObject({
    records: count,
    damagedCommits: 0,
    chainBreaks: 0,
    ...log.headHash(),
  })
  await log.close()
})

describe('a second log on the same folder', () => {
  test('is refused, naming process and folder; SIGKILL leaves nothing behind', async () => {
    const first = start('hold')
    try {
      expect(await first.next()).toMatchObject({ open: true })
      await expect(openLog(options())).rejects.toMatchObject({
        code: 'log_locked',
        message: `The folder ${folder} is in use by process ${first.pid}.`,
      })
    } finally {
      await first.kill()
    }
    const log = await openLog(options())
    expect(readFileSync(join(folder, 'lock.pid'), 'utf8')).toBe(`${process.pid}\n`)
    // In the same process, too.
    await expect(openLog(options())).rejects.toMatchObject({ code: 'log_locked' })
    await log.close()
    await (await openLog(options())).close()
  })
})

test('a folder without the right to write gets a clear error', async () => {
  mkdirSync(folder, { recursive: true })
  const asRoot = process.getuid?.() === 0
  chmodSync(folder, 0o555)
  // Root may write everywhere; somebody else may not.
  const child = start('hold', asRoot ? { uid: 65_534 } : {})
  const answer = await child.next()
  expect(answer).toMatchObject({ code: 'log_read_only' })
  expect(answer['message']).toContain(folder)
  expect(answer['remedy']).toContain('rights')
  await child.kill().catch(() => {})
  chmodSync(folder, 0o755)
})

const mounted = (): boolean => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'none', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('a full disk withholds acknowledgements until there is space', async (context) => {
  mkdirSync(folder, { recursive: true })
  if (!mounted()) {
    const reason = 'no right to mount a small tmpfs'
    if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
    console.log(`skipped: ${reason}`)
    return context.skip()
  }
  try {
    const ballast = join(folder, 'ballast')
    writeFileSync(ballast, Buffer.alloc(100_000, 1))
    const child = start('fill')
    expect(await child.next()).toMatchObject({ open: true })
    const full = await child.next()
    expect(full).toMatchObject({ code: 'disk_full' })
    expect(full['next']).toBeGreaterThan(50)
    rmSync(ballast)
    child.write('go on\n')
    expect(await child.next()).toEqual({ code: 'acknowledged', next: Number(full['next']) + 1 })
    await child.kill().catch(() => {})
    const log = await openLog(options())
    expect(log.status()).toMatchObject({ next: Number(full['next']) + 1 })
    expect(log.status().recovery).toEqual({ tornBytes: 0, damagedCommits: 0, lostOffsets: 0 })
    await log.close()
  } finally {
    execFileSync('umount', ['-l', folder])
  }
})
