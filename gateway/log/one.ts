// One record of the log, read from its files by whoever is not its writer: for `tenfold doctor`,
// beside a gateway that runs or not. It must know that the record was durable.
import { SharedHead } from './head.ts'
import type { ReadFiles } from './log.ts'
import { openReader } from './reader.ts'

/** A copy of its body; undefined where it is no longer there, or cannot be read. */
export const readOne = (
  files: ReadFiles,
  folder: string,
  offset: number,
): Uint8Array | undefined => {
  const head = new SharedHead()
  head.set('head', offset + 1)
  const reader = openReader(files, folder, head.shared)
  try {
    const [record] = reader.read(offset, { records: 1, bytes: 1 << 20 }).records
    return record?.offset === offset ? Uint8Array.from(record.body) : undefined
  } catch {
    // The writer may have let go of the segment while it was read.
    return undefined
  } finally {
    reader.close()
  }
}
