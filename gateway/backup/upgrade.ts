// Brings a data folder of an earlier program to the present form while no gateway runs: a backup
// first, a check of the log, then the store's own steps, each of them whole or not at all.
import { join } from 'node:path'
import { OperatingError } from '../core/errors.ts'
import { realFiles } from '../log/files.ts'
import { lockFolder } from '../log/lock.ts'
import { verifyLog } from '../log/recover.ts'
import { Database } from '../sinks/store/database.ts'
import { checkVersion, migrate, schemaVersion } from '../sinks/store/schema.ts'
import { backUp } from './backup.ts'

export interface UpgradeAsked {
  data: string
  /** Where the backup of the present state goes. */
  out: string
  nowUs: number
}

export interface Upgraded {
  from: number
  to: number
  /** Records that the log holds. */
  records: number
}

/** Throws log_locked, store_version, upgrade_damaged, and what a backup throws. */
export const upgrade = async ({ data, out, nowUs }: UpgradeAsked): Promise<Upgraded> => {
  const path = join(data, 'store', 'store.sqlite')
  // First, since it says where there is no data folder, and writes nothing there.
  await backUp({ data, out, nowUs })
  const log = join(data, 'log')
  const lock = lockFolder(log)
  try {
    const found = verifyLog(realFiles(), log, Number.MAX_SAFE_INTEGER)
    if (found.damagedCommits + found.chainBreaks > 0) throw damagedLog(log, found)
    const db = Database.open({ path, readOnly: false, busyMs: 0 })
    try {
      const from = checkVersion(db, path)
      migrate(db, path)
      return { from, to: schemaVersion, records: found.records }
    } finally {
      db.close()
    }
  } finally {
    lock.release()
  }
}

const damagedLog = (
  log: string,
  { damagedCommits, chainBreaks }: { damagedCommits: number; chainBreaks: number },
): OperatingError =>
  new OperatingError('upgrade_damaged', {
    message: `${log}: ${damagedCommits} damaged commits, ${chainBreaks} breaks; nothing is changed`,
    remedy: 'Start the former gateway once: it mends what was not finished. Then check the disk.',
  })
