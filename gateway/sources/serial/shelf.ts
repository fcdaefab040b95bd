// Where recordings of black boxes are kept: one file each in a folder of the unit, named after what
// it is, so that there is no list that could differ from the files. A file that is not whole yet
// ends in `.part`; nothing is kept whose digest is not the one that the board stated. Bounded by
// number and bytes, the oldest first. Knows no line.
import { createHash } from 'node:crypto'
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { causeName } from '../../../firmware/kernel-constants.ts'
import { type Recording, recordingsIn } from '../../../firmware/twin/black-box.ts'
import { unitIdPattern } from '../../../hardware-profiles/names.ts'
import type { Profile } from '../../../hardware-profiles/profile.ts'
import { OperatingError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { KeptRecording } from '../../core/queries.ts'

/** A recording that is whole. */
export interface Kept {
  unit: string
  machine: string
  /** The board's own count. */
  number: number
  /** The boot that it is of. */
  boot: number
  /** Code of what froze it, as `causeName` spells it. */
  cause: number
  /** SHA-256, hex. */
  digest: string
  receivedUs: number
  /** The log has an event that tells of it. */
  isTold: boolean
  file: string
}

/** Of the data folder. */
export const shelfOf = (data: string): string => join(data, 'sources', 'serial', 'recordings')

const unitId = new RegExp(unitIdPattern)
const whole =
  /^(\d{1,16})-([a-z0-9_]{1,48})-(\d{1,10})-(\d{1,10})-(\d{1,10})-([0-9a-f]{64})(\.new)?\.box$/

/** All that is kept, of one unit or of all, oldest first. @param folder `shelfOf` */
export const keptIn = async (folder: string, unit?: string): Promise<Kept[]> => {
  const units = unit === undefined ? await namesIn(folder) : [unit]
  const lists = units
    .filter((one) => unitId.test(one))
    .map(async (one) => {
      const names = await namesIn(join(folder, one))
      return names.flatMap((name) => keptOf(folder, one, name) ?? [])
    })
  return (await Promise.all(lists)).flat().sort((a, b) => a.receivedUs - b.receivedUs)
}

const keptOf = (folder: string, unit: string, name: string): Kept | undefined => {
  const [, receivedUs, machine = '', number, boot, cause, digest = '', fresh] =
    whole.exec(name) ?? []
  if (receivedUs === undefined) return undefined
  return {
    ...{ unit, machine, digest, file: join(folder, unit, name), isTold: fresh === undefined },
    ...{ receivedUs: Number(receivedUs), number: Number(number) },
    ...{ boot: Number(boot), cause: Number(cause) },
  }
}

/** What froze it, in words. */
export const causeOf = ({ machine, cause }: Kept, profiles: readonly Profile[]): string => {
  const safety = profiles.find((one) => one.machine === machine)?.safety
  return safety === undefined ? `cause ${cause}` : causeName(cause, safety)
}

/** What lies in a folder; nothing where there is none. */
const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })

/** The same for the pages, with the cause in words. */
export const keptRecordings =
  (data: string, profiles: readonly Profile[]) =>
  async (unit: string): Promise<KeptRecording[]> =>
    (await keptIn(shelfOf(data), unit)).map((kept) => {
      const { number, boot, receivedUs, digest } = kept
      return { number, boot, receivedUs, digest, cause: causeOf(kept, profiles) }
    })

/** Its bytes, as they lay in the board's flash. Throws `recording_damaged`. */
export const contentOf = async ({ file, digest }: Kept): Promise<Uint8Array> => {
  const bytes = await readFile(file)
  if (digestOf(bytes) === digest) return bytes
  throw new OperatingError('recording_damaged', {
    message: `${file} is not what the board gave: its digest is another`,
    remedy: 'Check the disk. Remove the file; a board that still has the recording gives it again.',
  })
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export interface ShelfBounds {
  /** Recordings of one unit. */
  perUnit: number
  /** All files together, also those that are not whole. */
  bytes: number
}

export class Shelf {
  readonly #folder: string
  readonly #bounds: ShelfBounds

  constructor(folder: string, bounds: ShelfBounds = limits.recordings) {
    this.#folder = folder
    this.#bounds = bounds
  }

  async find(unit: string, digest: string): Promise<Kept | undefined> {
    return (await keptIn(this.#folder, unit)).find((kept) => kept.digest === digest)
  }

  /** Bytes that are there of one that is not whole yet, in whole parts; others are let go. */
  async begun(unit: string, { digest, part }: { digest: string; part: number }): Promise<number> {
    const folder = join(this.#folder, unit)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    for (const name of await namesIn(folder)) {
      const isOther = name.endsWith('.part') && name !== `${digest}.part`
      if (isOther) await rm(join(folder, name), { force: true })
    }
    const file = await open(this.#part(unit, digest), 'a')
    try {
      const { size } = await file.stat()
      await file.truncate(size - (size % part))
      return size - (size % part)
    } finally {
      await file.close()
    }
  }

  add(unit: string, digest: string, bytes: Uint8Array): Promise<void> {
    return appendFile(this.#part(unit, digest), bytes)
  }

  /** Keeps it, where all of it is there and right; undefined, and nothing of it, where not. */
  async finish(
    unit: string,
    {
      machine,
      number,
      digest,
      receivedUs,
    }: Pick<Kept, 'machine' | 'number' | 'digest' | 'receivedUs'>,
  ): Promise<Kept | undefined> {
    const part = this.#part(unit, digest)
    const recording = soundIn(await readFile(part), { number, digest })
    if (recording === undefined) {
      await rm(part, { force: true })
      return undefined
    }
    await synced(part)
    const { boot, cause } = recording
    const name = `${receivedUs}-${machine}-${number}-${boot}-${cause}-${digest}.new.box`
    await rename(part, join(this.#folder, unit, name))
    await synced(join(this.#folder, unit))
    const kept = keptOf(this.#folder, unit, name)
    if (kept !== undefined) await this.#bound(kept)
    return kept
  }

  /** An event that tells of it is in the log. */
  async told(kept: Kept): Promise<void> {
    await rename(kept.file, kept.file.replace(/\.new\.box$/, '.box'))
  }

  #part(unit: string, digest: string): string {
    return join(this.#folder, unit, `${digest}.part`)
  }

  /** Lets the oldest go, until what is left is within the bounds; never the newest. */
  async #bound({ unit, file: newest }: Kept): Promise<void> {
    const ofUnit = await keptIn(this.#folder, unit)
    for (const { file } of ofUnit.slice(0, Math.max(0, ofUnit.length - this.#bounds.perUnit))) {
      if (file !== newest) await rm(file, { force: true })
    }
    const files = (await this.#files()).sort((a, b) => a.atMs - b.atMs)
    let bytes = files.reduce((sum, one) => sum + one.bytes, 0)
    for (const { path, bytes: size } of files) {
      if (bytes <= this.#bounds.bytes) return
      if (path === newest) continue
      await rm(path, { force: true })
      bytes -= size
    }
  }

  async #files(): Promise<{ path: string; bytes: number; atMs: number }[]> {
    const found = []
    for (const unit of (await namesIn(this.#folder)).filter((one) => unitId.test(one))) {
      for (const name of await namesIn(join(this.#folder, unit))) {
        const path = join(this.#folder, unit, name)
        const kept = keptOf(this.#folder, unit, name)
        const { size, mtimeMs } = await stat(path)
        found.push({ path, bytes: size, atMs: kept ? kept.receivedUs / 1000 : mtimeMs })
      }
    }
    return found
  }
}

/** The recording, where it is the stated one, and nothing else is in the bytes. */
const soundIn = (
  bytes: Uint8Array,
  { number, digest }: { number: number; digest: string },
): Recording | undefined => {
  if (digestOf(bytes) !== digest) return undefined
  const [recording, ...more] = recordingsIn(bytes)
  return more.length === 0 && recording?.number === number ? recording : undefined
}

const synced = async (path: string): Promise<void> => {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
