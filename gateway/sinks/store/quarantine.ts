// What stands in quarantine: as lists for a person to read, and whole for whoever takes a record
// out again. It reads only: the books of a sink (sink-books.ts) put in and take out.
import { quarantineReasons } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { QuarantineQuery, QuarantineRow } from '../../core/queries.ts'
import type { AsideAsked, AsideRow } from '../../pipeline/aside.ts'
import type { Database, Row } from './database.ts'

/** Newest first. */
export const readQuarantine = (
  db: Database,
  { limit, unit, offset }: QuarantineQuery,
): QuarantineRow[] => {
  const payloadBytes = offset === undefined ? readableBytes : limits.payloadBytes
  return db
    .all(
      `SELECT * FROM quarantine WHERE (?1 IS NULL OR unit = ?1) AND (?2 IS NULL OR "offset" = ?2)
        ORDER BY "offset" DESC LIMIT ?3`,
      ...([unit ?? null, offset ?? null, limit] as const),
    )
    .map((row) => ({
      sink: String(row['sink']),
      offset: Number(row['offset']),
      receivedUs: Number(row['received_us']),
      topic: String(row['topic']),
      payload: readable(row['payload'] as Uint8Array, payloadBytes),
      reason: String(row['reason']),
      detail: String(row['detail']),
      remedy: quarantineReasons[row['reason'] as keyof typeof quarantineReasons] ?? '',
    }))
}

/** Records to be taken out, each once with all the sinks that have it aside. */
export const readAside = (db: Database, { offset, reason, limit }: AsideAsked): AsideRow[] => {
  // One more record than a round takes may stand in as many sinks as there are.
  const offsets = db.all(
    `SELECT DISTINCT "offset" FROM quarantine
      WHERE "offset" = ?1 OR (reason = ?2 AND keep = 0) ORDER BY "offset" LIMIT ?3`,
    ...([offset ?? null, reason ?? null, limit] as const),
  )
  return offsets.flatMap(({ offset: at }) => {
    const rows = db.all('SELECT * FROM quarantine WHERE "offset" = ?', Number(at))
    const [first] = rows
    return first === undefined ? [] : [asideOf(first, rows)]
  })
}

const asideOf = (first: Row, rows: readonly Row[]): AsideRow => ({
  offset: Number(first['offset']),
  origin: Number(first['origin'] ?? first['offset']),
  receivedUs: Number(first['received_us']),
  topic: String(first['topic']),
  payload: first['payload'] as Uint8Array,
  sinks: rows.map((row) => String(row['sink'])),
  kept: rows.some((row) => Number(row['keep']) === 1),
})

const readableBytes = 512

/** Text with escapes for what cannot be printed. */
const readable = (payload: Uint8Array, bytesMax: number): string =>
  Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.length, bytesMax))
    .toString('utf8')
    .replace(/[\p{Cc}\ufffd]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
