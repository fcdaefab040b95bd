// The simulated power cut: lives of a log on a model disk, recorded at and inside every operation,
// and the check of what a start finds afterwards. The test proves with it that every sync is
// needed.
import type { FileSystem, Log, SyncSite } from '../../gateway/log/log.ts'
import { verifyLog } from '../../gateway/log/recover.ts'
import { type CutMode, ModelDisk } from './model-disk.ts'
import type { Random } from './random.ts'
import { append, bodyOf, folder, HandClock, isKept, open, readAll } from './rig.ts'

/** The disk at one moment, and what the world knew of the log then. */
export interface Moment {
  disk: ModelDisk
  /** Every offset below was acknowledged, or delivered to a reader. */
  known: number
  /** Every offset below may be on disk. */
  appended: number
  /** What the embedded store has consumed. */
  floor: number
  during: string
}

const hourUs = 3_600_000_000
const retention = { maxBytes: 13_000, reserveBytes: 1000, maxAgeMs: hourUs / 1000 }

/** Leaves out the syncs of one place in the code. */
export const without = (files: FileSystem, site: SyncSite | undefined): FileSystem => ({
  ...files,
  fdatasync: async (file, at) => {
    if (at !== site) await files.fdatasync(file, at)
  },
  fsyncFolder: async (path, at) => {
    if (at !== site) await files.fsyncFolder(path, at)
  },
})

/** Calls `before` ahead of every effect, and in the middle of every write. */
const watched = (files: FileSystem, before: (effect: string) => void): FileSystem => {
  const watch =
    <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      before(name)
      return call(...args)
    }
  return {
    ...files,
    makeFolder: watch('makeFolder', files.makeFolder),
    open: watch('open', files.open),
    truncate: watch('truncate', files.truncate),
    fdatasync: watch('fdatasync', files.fdatasync),
    fsyncFolder: watch('fsyncFolder', files.fsyncFolder),
    rename: watch('rename', files.rename),
    unlink: watch('unlink', files.unlink),
    write: async (file, bytes, position) => {
      before('write')
      const half = bytes.length >> 1
      await files.write(file, bytes.subarray(0, half), position)
      before('inside write')
      await files.write(file, bytes.subarray(half), position + half)
    },
  }
}

const settle = async (log: Log): Promise<void> => {
  await log.retain()
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Three lives of one log: ended by SIGKILL, by a clean stop, by nothing. All their moments. */
export const live = async (random: Random, site?: SyncSite): Promise<Moment[]> => {
  const disk = new ModelDisk()
  const moments: Moment[] = []
  const now = { known: 0, appended: 0, floor: 0 }
  let { timeUs } = new HandClock()
  const files = watched(without(disk.files, site), (during) => {
    moments.push({ disk: disk.clone(), ...now, during })
  })
  for (const end of ['kill', 'close', 'stay'] as const) {
    const clock = Object.assign(new HandClock(), { timeUs })
    const log = await open({
      files,
      random,
      clock,
      retention: { ...retention, floor: () => now.floor },
    })
    now.known = log.status().next
    now.appended = now.known
    for (let step = 0; step < 10; step += 1) {
      const acknowledged: Promise<number>[] = []
      for (let count = 1 + random.below(6); count > 0; count -= 1) {
        const offset = now.appended
        now.appended += 1
        const done = append(log, bodyOf(offset), isKept(offset))
        acknowledged.push(done)
        void done.then((at) => {
          if (at !== offset) throw new Error(`record ${offset} was acknowledged as ${at}`)
          now.known = offset + 1
          if (random.chance(0.1)) now.floor = now.known
        })
        if (random.chance(0.2)) await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all(acknowledged)
      if (random.chance(0.3)) clock.run()
      if (step === 8) {
        // The store catches up and everything is old: several segments go at once.
        now.floor = now.known
        timeUs += 2 * hourUs
        clock.timeUs = timeUs
      }
      await settle(log)
    }
    if (end === 'close') await log.close()
    moments.push({ disk: disk.clone(), ...now, during: end })
  }
  return moments
}

/** Everything that is wrong with the log as a start finds it; empty if nothing is. */
const faultsOf = (log: Log, files: FileSystem, moment: Moment): string[] => {
  const { recovery, next } = log.status()
  const found = readAll(files, log)
  const faults = [...found.faults]
  if (recovery.damagedCommits > 0 || recovery.lostOffsets > 0) {
    faults.push(`recovery counts damage: ${JSON.stringify(recovery)}`)
  }
  if (next < moment.known) faults.push(`goes on at ${next}, ${moment.known} were acknowledged`)
  if (next > moment.appended) faults.push(`goes on at ${next}, only ${moment.appended} are known`)
  for (const [offset, body] of found.records) {
    if (!body.equals(bodyOf(offset))) faults.push(`offset ${offset} has other bytes`)
  }
  for (const gap of found.gaps) {
    if (gap.reason === 'corrupt') faults.push(`offsets ${gap.from} to ${gap.to} are corrupt`)
    for (let offset = gap.from; offset < gap.to; offset += 1) {
      if (isKept(offset)) faults.push(`kept record ${offset} was dropped`)
      else if (offset >= moment.floor) faults.push(`record ${offset} was dropped unread`)
    }
  }
  const verified = verifyLog(files, folder, next)
  if (verified.damagedCommits > 0 || verified.chainBreaks > 0) {
    faults.push(`the chain does not verify: ${JSON.stringify(verified)}`)
  }
  return faults
}

/** Starts on this disk, checks, appends two records, checks again after another power cut. */
export const checkStart = async (
  moment: Moment,
  random: Random,
  site?: SyncSite,
): Promise<string[]> => {
  const { disk } = moment
  const files = without(disk.files, site)
  const floor = (): number => moment.floor
  const start = (on: FileSystem): Promise<Log> =>
    open({ files: on, random, retention: { ...retention, floor } })
  const log = await start(files)
  await log.retain()
  const faults = faultsOf(log, files, moment)
  if (faults.length > 0) return faults
  // What a reader has seen by now must outlast a cut, whether or not anything is appended.
  const delivered = log.status().next
  const seen: Moment = { ...moment, known: delivered, appended: delivered + 2 }
  // What was unsynced and is not written again is gone.
  const worst: CutMode = { bytes: 'none', entries: 'none', fill: 'zeros' }
  const early = disk.cut(worst, random)
  for (const offset of [delivered, delivered + 1]) {
    const at = await append(log, bodyOf(offset), isKept(offset))
    if (at !== offset) return [`record ${offset} was acknowledged as ${at}`]
  }
  const late = disk.cut(worst, random)
  const after: Moment = { ...seen, known: delivered + 2 }
  for (const [state, world] of [
    [early, seen],
    [late, after],
  ] as const) {
    const again = without(state.files, site)
    const second = await start(again)
    await second.retain()
    faults.push(...faultsOf(second, again, world).map((fault) => `after a second cut: ${fault}`))
  }
  return faults
}

/** Disks that this moment may leave: after SIGKILL, and after cuts of every kind. */
export const disksAfter = (
  moment: Moment,
  random: Random,
  mixtures: number,
): { name: string; disk: ModelDisk }[] => {
  const disks = [{ name: 'kill', disk: moment.disk.clone() }]
  const add = (mode: CutMode): void => {
    disks.push({ name: Object.values(mode).join(' '), disk: moment.disk.cut(mode, random) })
  }
  add({ bytes: 'none', entries: 'none', fill: 'zeros' })
  add({ bytes: 'none', entries: 'all', fill: 'zeros' })
  add({ bytes: 'all', entries: 'none', fill: 'zeros' })
  add({ bytes: 'all', entries: 'last', fill: 'zeros' })
  for (let count = 0; count < mixtures; count += 1) {
    add({
      bytes: 'mixed',
      entries: random.pick(['none', 'all', 'mixed', 'last'] as const),
      fill: random.pick(['zeros', 'garbage', 'stale'] as const),
    })
  }
  return disks
}
