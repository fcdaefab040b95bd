// Rewrites a segment so that only its `keep` records are left, at their offsets. What was lost to
// damage stays visible as a hole between two commits; what was let go lies inside a commit's span.
// The old file stays as it is until the new one is complete and on the medium.
import { type CommitHeader, carriedHash, compactedFlag, hashBytes, RecordCursor } from './format.ts'
import { Group } from './group.ts'
import type { FileSystem } from './log.ts'
import { type Found, Walker, Window } from './scan.ts'

const commitBytesGoal = 256 * 1024
const turnBytes = 1024 * 1024

export interface CompactionTask {
  files: FileSystem
  /** The segment, and the unfinished file beside it. */
  path: string
  unfinished: string
  id: Uint8Array
  /** Offsets of the segment: from its name to the name of the next one. */
  first: number
  end: number
  trimmedBelow: number
  /** A seed that no other commit has. */
  seed(): number
}

/** Replaces the segment; its new length, or undefined when nothing is left in it. */
export const compact = async (task: CompactionTask): Promise<number | undefined> => {
  const { files, path, unfinished } = task
  const source = openIfThere(files, path)
  // Already gone: an unlink that was done and yet reported as failed.
  if (source === undefined) return undefined
  const output = new Output(task)
  try {
    await filter(task, source, output)
    const bytes = await output.finish()
    if (bytes === undefined) await files.unlink(path)
    else await files.rename(unfinished, path)
    return bytes
  } catch (error) {
    await output.abandon()
    throw error
  } finally {
    files.close(source)
  }
}

const openIfThere = (files: FileSystem, path: string): number | undefined => {
  try {
    return files.openRead(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

const filter = async (task: CompactionTask, source: number, output: Output): Promise<void> => {
  const window = new Window(task.files, true)
  window.attach(source)
  const walker = new Walker(window, task.first, task.id)
  const cursor = new RecordCursor()
  let sinceTurn = 0
  for (;;) {
    const found = walker.next({ below: task.end })
    if (found === undefined) break
    const { header } = found
    await output.coverFrom(header.first)
    const trimmed = found.intact && (header.flags & compactedFlag) !== 0
    cursor.start(window.buffer, found.index, found)
    while (cursor.next()) {
      const offset = header.first + cursor.delta
      if (trimmed) output.covered = offset
      await output.coverFrom(offset)
      if (cursor.keep) output.keep(cursor.body, offset)
      output.covered = offset + 1
    }
    if (trimmed) output.covered = header.first + header.span
    await output.coverFrom(header.first + header.span)
    await output.replaced(header, carriedOf(window, found))
    sinceTurn += found.bytes
    if (sinceTurn >= turnBytes) {
      // Appends are served in between: the writer shares this thread.
      sinceTurn = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await output.coverFrom(task.end)
}

const carriedOf = (window: Window, { header, index, bytes }: Found): Uint8Array =>
  carriedHash(header, window.buffer.subarray(index, index + bytes))

class Output {
  /** Offsets below this are accounted for: kept, let go, or a hole. */
  covered: number
  readonly #task: CompactionTask
  readonly #group = new Group()
  #file: number | undefined
  #position = 0
  /** Start of the span of the commit that is being gathered. */
  #first: number
  #holes = false
  #timeUs = 0
  #carried: Uint8Array = new Uint8Array(hashBytes)

  constructor(task: CompactionTask) {
    this.#task = task
    this.covered = task.first
    this.#first = task.first
    this.#group.begin(task.seed())
  }

  /** What lies between `covered` and `offset` is lost: it must stay a hole. */
  async coverFrom(offset: number): Promise<void> {
    if (offset <= this.covered) return
    this.#holes = true
    await this.#flush()
    this.#first = offset
    this.covered = offset
  }

  keep(body: Uint8Array, offset: number): void {
    this.#group.add(body, offset - this.#first, true)
  }

  /** All of one commit has been given. */
  async replaced(header: CommitHeader, carried: Uint8Array): Promise<void> {
    this.#timeUs = header.timeUs
    this.#carried = carried
    if (this.#group.payload() >= commitBytesGoal) await this.#flush()
  }

  async finish(): Promise<number | undefined> {
    if (this.#file === undefined && this.#group.count === 0 && !this.#holes) return undefined
    await this.#write()
    const { files } = this.#task
    const file = this.#file
    if (file === undefined) return undefined
    await files.fdatasync(file, 'compact')
    files.close(file)
    this.#file = undefined
    return this.#position
  }

  /** After a failure: leaves nothing behind, if it can. The next start removes what stays. */
  async abandon(): Promise<void> {
    const { files, unfinished } = this.#task
    if (this.#file !== undefined) files.close(this.#file)
    this.#file = undefined
    await files.unlink(unfinished).catch(() => {})
  }

  async #flush(): Promise<void> {
    if (this.covered > this.#first) await this.#write()
  }

  async #write(): Promise<void> {
    const { files, unfinished, id, trimmedBelow, seed } = this.#task
    if (this.#file === undefined) {
      this.#file = await files.open(unfinished)
      if (files.size(this.#file) > 0) await files.truncate(this.#file, 0)
    }
    const bytes = this.#group.seal({
      flags: compactedFlag,
      id,
      first: this.#first,
      span: this.covered - this.#first,
      trimmedBelow,
      timeUs: this.#timeUs,
      previous: this.#carried,
    })
    await files.write(this.#file, bytes, this.#position)
    this.#position += bytes.length
    this.#first = this.covered
    this.#group.begin(seed())
  }
}
