// What the log does at start, without a person: finds the end of what was acknowledged, cuts off an
// unfinished write behind it, and makes sure that what a reader will see is on the medium. Damage
// that a valid commit follows is left as it is and counted: it is corruption, and not ours to mend.
import { dirname, join } from 'node:path'
import {
  carriedHash,
  compactedFlag,
  hashBytes,
  idBytes,
  RecordCursor,
  segmentFirst,
  segmentName,
  unfinishedSuffix,
} from './format.ts'
import type { FileSystem, LogOptions, ReadFiles, Recovery, Segment } from './log.ts'
import { type Found, Walker, Window } from './scan.ts'

/** Where the writer goes on. */
export interface LogState {
  id: Uint8Array
  segments: Segment[]
  /** The last segment, open; undefined before the first commit of a new log. */
  active: { file: number; position: number } | undefined
  next: number
  hash: Uint8Array
  trimmedBelow: number
  /** The last commit may be acknowledged, and no valid commit after it says so yet. */
  unsealed: boolean
  recovery: Recovery
}

/** Makes the folder, with all entries that lead to it on the medium. */
export const makeDurableFolder = async (files: FileSystem, folder: string): Promise<void> => {
  await files.makeFolder(folder)
  // Also when it was there: an earlier run may have been killed between the two.
  for (let path = dirname(folder); ; path = dirname(path)) {
    try {
      await files.fsyncFolder(path, 'folder')
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      // Folders far above may not be ours to open; then they are not ours to make either.
      if (code !== 'EACCES' && code !== 'EPERM') throw error
    }
    if (path === dirname(path)) return
  }
}

export const listSegments = (files: ReadFiles, folder: string): number[] =>
  files
    .list(folder)
    .map(segmentFirst)
    .filter((first) => first !== undefined)
    .sort((a, b) => a - b)

/** The state of the log in `folder`, repaired as far as it is ours to repair. */
export const recover = async (
  options: Pick<LogOptions, 'folder' | 'files' | 'random' | 'retention'>,
): Promise<LogState> => {
  const { folder, files } = options
  await files.fsyncFolder(folder, 'entries')
  for (const name of files.list(folder)) {
    if (name.endsWith(unfinishedSuffix)) await files.unlink(join(folder, name))
  }
  const firsts = listSegments(files, folder)
  const id = learnId(files, folder, firsts) ?? options.random(idBytes)
  const surveys: Survey[] = []
  for (const [index, first] of [...firsts.entries()].reverse()) {
    const below = firsts[index + 1] ?? Number.POSITIVE_INFINITY
    surveys.push(survey(files, join(folder, segmentName(first)), { first, below, id }))
    if (surveys.at(-1)?.proven === true) break
  }
  const tail = surveys[0]
  const known = surveys.at(-1)
  const found = Math.max(tail?.next ?? 0, firsts.at(-1) ?? 0)
  const next = Math.max(found, options.retention.floor())
  const segments = firsts.map((first) => segmentOf(files, folder, first))
  return {
    id,
    segments,
    active: await reopen(options, segments.at(-1), tail),
    next,
    hash: surveys.find((each) => each.hash !== undefined)?.hash ?? new Uint8Array(hashBytes),
    trimmedBelow: known?.trimmedBelow ?? 0,
    unsealed: tail?.last !== undefined,
    recovery: {
      tornBytes: tail?.tornBytes ?? 0,
      damagedCommits: surveys.reduce((sum, each) => sum + each.damagedCommits, 0),
      lostOffsets: next - found,
    },
  }
}

const segmentOf = (files: FileSystem, folder: string, first: number): Segment => {
  const file = files.openRead(join(folder, segmentName(first)))
  try {
    return { first, bytes: files.size(file), compacted: undefined }
  } finally {
    files.close(file)
  }
}

/** The id in the log's commits. Searched for only where no segment starts with an intact header. */
export const learnId = (
  files: ReadFiles,
  folder: string,
  firsts: readonly number[],
): Uint8Array | undefined => {
  for (const search of [false, true]) {
    for (const first of firsts) {
      const file = files.openRead(join(folder, segmentName(first)))
      try {
        const window = new Window(files, true)
        window.attach(file)
        const below = Number.POSITIVE_INFINITY
        const found = new Walker(window, first, undefined).next({ below })
        if (found !== undefined && (search || !found.damagedBefore)) return found.header.id
      } finally {
        files.close(file)
      }
    }
  }
  return undefined
}

interface Survey {
  /** The last commit, when it is intact: it may be acknowledged and not yet synced. */
  last: Found | undefined
  /** A commit of this segment is known to have been durable. */
  proven: boolean
  next: number
  hash: Uint8Array | undefined
  trimmedBelow: number
  tornBytes: number
  damagedCommits: number
}

/**
 * Walks a whole segment and says where its valid part ends. A commit is written only after the one
 * before it is durable; so a header proves everything before it, damaged or not, and only what no
 * header follows can be an unfinished write.
 */
const survey = (
  files: ReadFiles,
  path: string,
  { first, below, id }: { first: number; below: number; id: Uint8Array },
): Survey => {
  const result: Survey = {
    last: undefined,
    proven: false,
    next: first,
    hash: undefined,
    trimmedBelow: 0,
    tornBytes: 0,
    damagedCommits: 0,
  }
  const window = new Window(files, false)
  const file = files.openRead(path)
  try {
    window.attach(file)
    const walker = new Walker(window, first, id)
    let end = 0
    let before: Found | undefined
    for (;;) {
      const previous = before?.intact === true ? result.hash : undefined
      const found = walker.next({ below, previous })
      if (found === undefined) break
      const { header } = found
      if (found.damagedBefore) result.damagedCommits += 1
      if (before !== undefined && !before.intact) accept(result, before)
      end = found.at
      result.next = header.first
      result.hash = header.previous
      if (found.intact) {
        accept(result, found)
        end += found.bytes
        result.hash = carriedHash(header, commitOf(window, found))
      }
      before = found
    }
    if (Number.isFinite(below)) {
      // The name of the next segment proves all of this one.
      if (before?.intact === false) {
        accept(result, before)
        result.hash = carriedHash(before.header, commitOf(window, before))
      } else if (walker.expected < below) {
        result.damagedCommits += 1
      }
    }
    if (before?.intact === true) result.last = before
    result.tornBytes = files.size(file) - end
    return result
  } finally {
    files.close(file)
  }
}

const accept = (result: Survey, { header, intact }: Found): void => {
  result.proven = true
  result.next = Math.max(result.next, header.first + header.span)
  result.trimmedBelow = header.trimmedBelow
  if (!intact) result.damagedCommits += 1
}

const commitOf = (window: Window, found: Found): Buffer =>
  window.buffer.subarray(found.index, found.index + found.bytes)

/** Opens the last segment for appending behind its last valid commit. */
const reopen = async (
  { folder, files }: Pick<LogOptions, 'folder' | 'files'>,
  segment: Segment | undefined,
  tail: Survey | undefined,
): Promise<LogState['active']> => {
  if (segment === undefined || tail === undefined) return undefined
  const file = await files.open(join(folder, segmentName(segment.first)))
  try {
    const position = segment.bytes - tail.tornBytes
    if (tail.tornBytes > 0) await files.truncate(file, position)
    if (tail.last !== undefined) {
      // Written again before it is synced: after a failed fsync the page cache may hold as clean
      // what never reached the medium, and a sync alone would not bring it there.
      const bytes = Buffer.alloc(tail.last.bytes)
      for (let read = 0; read < bytes.length; ) {
        read += files.read(file, bytes.subarray(read), tail.last.at + read)
      }
      await files.write(file, bytes, tail.last.at)
      await files.fdatasync(file, 'recover')
    }
    segment.bytes = position
    return { file, position }
  } catch (error) {
    files.close(file)
    throw error
  }
}

/** What a walk over the whole log found. */
export interface Verification {
  commits: number
  records: number
  /** Commits whose hash is wrong, or places where something else than a commit stands. */
  damagedCommits: number
  /** Commits that do not state the hash of the commit before them, damage aside. */
  chainBreaks: number
  /** Where the next commit would go, and the hash that it would state (hex). */
  next: number
  hash: string
}

/** Checks every commit of the log and the chain between them, up to the offset `below`. */
export const verifyLog = (files: ReadFiles, folder: string, below: number): Verification => {
  const firsts = listSegments(files, folder)
  const id = learnId(files, folder, firsts)
  const result = { commits: 0, records: 0, damagedCommits: 0, chainBreaks: 0, next: 0, hash: '' }
  const window = new Window(files, true)
  const cursor = new RecordCursor()
  let previous: Uint8Array | undefined
  for (const [index, first] of firsts.entries()) {
    const file = files.openRead(join(folder, segmentName(first)))
    try {
      window.attach(file)
      const walker = new Walker(window, first, id)
      const end = Math.min(below, firsts[index + 1] ?? below)
      for (;;) {
        const found = walker.next({ below: end })
        if (found === undefined) break
        const { header } = found
        result.commits += 1
        if (found.damagedBefore) result.damagedCommits += 1
        if (!found.intact) result.damagedCommits += 1
        // A compacted commit states what it stands for, not what came before.
        const linked = (header.flags & compactedFlag) === 0 && header.first === result.next
        if (!linked || found.damagedBefore) previous = undefined
        if (previous !== undefined && Buffer.compare(previous, header.previous) !== 0) {
          result.chainBreaks += 1
        }
        previous = found.intact ? carriedHash(header, commitOf(window, found)) : undefined
        cursor.start(window.buffer, found.index, found)
        while (cursor.next()) result.records += 1
        result.next = header.first + header.span
        result.hash = Buffer.from(previous ?? []).toString('hex')
      }
    } finally {
      files.close(file)
    }
  }
  return result
}
