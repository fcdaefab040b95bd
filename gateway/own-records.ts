// What one source has in the log of its own, for a source that must know after a kill how far it
// came. Reads the log's files; holds one batch at a time.
import { decodeRecord, type LogRecord } from './core/record.ts'
import type { OwnRecords } from './core/source.ts'
import { realFiles } from './log/files.ts'
import type { Log } from './log/log.ts'
import { openReader } from './log/reader.ts'

const batch = { records: 4096, bytes: 1 << 20 }

/** @param folder the log's folder */
export const ownRecords = (
  log: Pick<Log, 'head' | 'status'>,
  { folder, source }: { folder: string; source: string },
): OwnRecords => ({
  next: () => log.status().next,
  *since(offset) {
    const reader = openReader(realFiles(), folder, log.head)
    const end = reader.head()
    try {
      for (let from = offset; from < end; ) {
        const { records, next } = reader.read(from, batch)
        for (const { body } of records) {
          const record = decoded(body)
          if (record?.source === source) yield record
        }
        from = next
      }
    } finally {
      reader.close()
    }
  },
})

/** A record of another version of this software is none that the source of this one knows. */
const decoded = (body: Uint8Array): LogRecord | undefined => {
  try {
    return decodeRecord(body)
  } catch {
    return undefined
  }
}
