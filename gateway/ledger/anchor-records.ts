// What was anchored from a data folder, and where: so that the next anchor finds its contract, and
// a passport can join itself to the anchored states. A memory, not a proof: the chain is asked for
// that.
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** One anchored checkpoint. */
export interface AnchorRecord {
  chainId: number
  /** Address of the contract, 0x and 40 hex digits. */
  contract: string
  origin: string
  size: number
  /** RFC 6962 root in hex. */
  root: string
}

const fileOf = (dataFolder: string): string => join(dataFolder, 'anchors.ndjson')

/** Records in the order of anchoring; none when nothing was anchored from this folder. */
export const readAnchorRecords = (dataFolder: string): AnchorRecord[] => {
  let text: string
  try {
    text = readFileSync(fileOf(dataFolder), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return text.split('\n').flatMap((line) => parse(line) ?? [])
}

/** Adds a record; durable when it returns. The same checkpoint at the same place is kept once. */
export const addAnchorRecord = (dataFolder: string, record: AnchorRecord): void => {
  const line = JSON.stringify(record)
  if (readAnchorRecords(dataFolder).some((known) => JSON.stringify(known) === line)) return
  const file = openSync(fileOf(dataFolder), 'a')
  try {
    // The line break before it ends a line that was torn.
    writeSync(file, `\n${line}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/**
 * A line that was torn by a power cut is left out: its anchor is on the chain and found again
 * there.
 */
const parse = (line: string): AnchorRecord | undefined => {
  try {
    const { chainId, contract, origin, size, root } = JSON.parse(line) as AnchorRecord
    const isWhole = Number.isSafeInteger(chainId) && Number.isSafeInteger(size)
    const isText = [contract, origin, root].every((part) => typeof part === 'string')
    return isWhole && isText ? { chainId, contract, origin, size, root } : undefined
  } catch {
    return undefined
  }
}
