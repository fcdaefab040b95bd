// One gateway per log folder. SQLite's exclusive lock is a lock of the operating system: it ends
// with the process, SIGKILL included, so no stale file ever has to be judged. `lock.pid` is only
// for the message; it is never read to decide.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LogError } from './log.ts'

const busy = 5 // SQLITE_BUSY

const holder = (folder: string): string => {
  try {
    return readFileSync(join(folder, 'lock.pid'), 'utf8').trim()
  } catch {
    return 'unknown' // The holder has taken the lock and not yet written its id.
  }
}

/** Takes the folder for this process. Throws log_locked, or log_read_only where it cannot write. */
export const lockFolder = (folder: string): { release(): void } => {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(join(folder, 'lock.db'))
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    writeFileSync(join(folder, 'lock.pid'), `${process.pid}\n`)
  } catch (cause) {
    database?.close()
    if ((cause as { errcode?: number }).errcode === busy) {
      throw new LogError('log_locked', {
        message: `The folder ${folder} is in use by process ${holder(folder)}.`,
        remedy: 'Stop that gateway, or give this one another data folder.',
        cause,
      })
    }
    throw new LogError('log_read_only', {
      message: `The folder ${folder} cannot be written: ${(cause as Error).message}.`,
      remedy:
        'Check the owner and rights of the folder, and that its disk is not mounted read-only.',
      cause,
    })
  }
  const held = database
  return { release: () => held.close() }
}

/**
 * Process that holds the folder right now, or undefined where none does. Only looks: takes and
 * writes nothing. Throws what the file system says where it cannot look.
 */
export const lockHolder = (folder: string): string | undefined => {
  const path = join(folder, 'lock.db')
  if (!existsSync(path)) return undefined
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    database.exec('PRAGMA schema_version')
    return undefined
  } catch (cause) {
    if ((cause as { errcode?: number }).errcode === busy) return holder(folder)
    throw cause
  } finally {
    database.close()
  }
}
