// How far a store had read the log when it was last closed or killed. The log is opened with it, so
// that an offset which the store has consumed is never given to another record, whatever the disk
// lost.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Database } from './database.ts'
import { storeName } from './local-stage.ts'
import { readSink } from './sink-books.ts'
import { storeFile } from './store.ts'

/** Next log offset that the store in `folder` will read; 0 where there is no store yet. */
export const storedCursor = (folder: string): number => {
  const path = join(folder, storeFile)
  if (!existsSync(path)) return 0
  const db = Database.open({ path, readOnly: true, busyMs: 5000 })
  try {
    const table = db.get("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sink'")
    if (table === undefined) return 0
    return readSink(db.get('SELECT * FROM sink WHERE name = ?', storeName)).cursor
  } finally {
    db.close()
  }
}
