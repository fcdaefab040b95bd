// Makes a data folder of a backup, whole or not at all: beside its place, checked file by file,
// then renamed. A gateway that goes on from an older state signs other entries under numbers that
// it has signed before, so what is known of its newest state is compared, and the folder says for
// ever that it was restored.
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseProof, peekCheckpoint } from '../attestation/checkpoint.ts'
import { parsePassport } from '../attestation/passport-file.ts'
import { OperatingError } from '../core/errors.ts'
import { readAnchorRecords } from '../ledger/anchor-records.ts'
import { realFiles } from '../log/files.ts'
import { rootAt } from './facts.ts'
import { type Manifest, manifestName, readManifest } from './manifest.ts'
import { damaged, readTar } from './tar.ts'

export interface RestoreAsked {
  /** The backup. */
  from: string
  /** Data folder; absent or empty. */
  data: string
  /** Texts of passports that this gateway gave out, the newest that there are. */
  known: readonly string[]
  /** Goes on from a state that is older than what is known. */
  older: boolean
  nowUs: number
}

const restoredName = 'restored.json'

/** Makes the names in a folder durable. */
export type SyncFolder = (path: string) => Promise<void>

const syncFolderReally: SyncFolder = (path) => realFiles().fsyncFolder(path, 'folder')

/**
 * Durable when it resolves: every file, the folders that name them, and the folder's own name.
 * Throws restore_not_empty, restore_older, restore_other, restore_fork, backup_*.
 */
export const restore = async (
  asked: RestoreAsked,
  syncFolder: SyncFolder = syncFolderReally,
): Promise<Manifest> => {
  const { from, data, nowUs } = asked
  await refuseFull(data)
  await mkdir(dirname(data), { recursive: true })
  const staging = await mkdtemp(`${data}.restoring-`)
  try {
    const manifest = await unpack(from, staging)
    for (const passport of asked.known) compare(passport, { manifest, staging, asked })
    const { madeUs, checkpoint } = manifest
    const said: Said = { madeUs, restoredUs: nowUs, checkpoint, compared: asked.known.length }
    await writeDurably(join(staging, restoredName), [Buffer.from(JSON.stringify(said))])
    for (const folder of await foldersIn(staging)) await syncFolder(folder)
    // Takes the place of an empty folder, too.
    await rename(staging, data)
    await syncFolder(dirname(data))
    return manifest
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    throw error
  }
}

/** What a restored folder remembers of it. */
interface Said {
  madeUs: number
  restoredUs: number
  checkpoint: string | null
  /** Passports that it was compared with; absent where an older program has restored it. */
  compared?: number
}

/**
 * What the person who runs a restored gateway has to know, at each of its starts; empty where it
 * never was.
 */
export const restoredNotes = (data: string): string[] => {
  let said: Said
  try {
    said = JSON.parse(readFileSync(join(data, restoredName), 'utf8')) as Said
  } catch {
    return []
  }
  const held = said.checkpoint === null ? undefined : peekCheckpoint(said.checkpoint)
  const when = new Date(said.madeUs / 1000).toISOString()
  const root = held && Buffer.from(held.root).toString('hex').slice(0, 16)
  const notes = [
    `restored from a backup of ${when}, with ${held?.size ?? 0} signed entries` +
      `${root === undefined ? '' : ` (root ${root}...)`}: a passport that was given ` +
      'out later and holds more does not fit this log; issue it anew',
  ]
  if ((said.compared ?? 0) > 0) return notes
  notes.push(
    'nothing was compared with it: if this gateway has signed more since, its log forks now, and ' +
      'it cannot know; compare its newest passport (tenfold verify says how many entries it holds)',
  )
  for (const { size, contract, chainId } of readAnchorRecords(data).slice(-1)) {
    notes.push(
      `anchored before the backup: ${size} entries at ${contract} on chain ${chainId}; ` +
        '"tenfold ledger show --rpc URL" says whether the chain has a newer state',
    )
  }
  return notes
}

/** It and every folder below it. */
const foldersIn = async (path: string): Promise<string[]> => {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const below = entries.filter((entry) => entry.isDirectory())
  return [...below.map((entry) => join(entry.parentPath, entry.name)), path]
}

const refuseFull = async (data: string): Promise<void> => {
  const names = await readdir(data).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  if (names.length === 0) return
  throw new OperatingError('restore_not_empty', {
    message: `${data} is not empty, and is not written over`,
    remedy: 'Move it away first, or name another folder with --data.',
  })
}

/** A plain name below the folder; nothing in a backup may lead out of it. */
const isSafe = (name: string): boolean =>
  /^[\w.@=-]+(\/[\w.@=-]+)*$/.test(name) && !name.split('/').some((part) => /^\.\.?$/.test(part))

const unpack = async (from: string, folder: string): Promise<Manifest> => {
  const found = new Map<string, string>()
  for await (const { name, content } of readTar(readable(from))) {
    if (name === manifestName) {
      const chunks: Buffer[] = []
      for await (const chunk of content) chunks.push(chunk)
      const manifest = readManifest(Buffer.concat(chunks).toString())
      check(manifest, found)
      return manifest
    }
    if (!isSafe(name) || found.has(name)) throw damaged(`it holds a file "${name.slice(0, 60)}"`)
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    found.set(name, await writeDurably(path, content))
  }
  throw damaged('its list of files is missing')
}

async function* readable(from: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(from)) yield chunk as Buffer
  } catch (cause) {
    throw new OperatingError('backup_unreadable', {
      message: `${from} cannot be read: ${(cause as Error).message}`,
      remedy: 'Check its path and who may read it.',
      cause,
    })
  }
}

const check = ({ files }: Manifest, found: ReadonlyMap<string, string>): void => {
  for (const { name, sha256 } of files) {
    if (found.get(name) !== sha256) throw damaged(`${name} is missing or not as it was written`)
  }
  if (files.length !== found.size) throw damaged('it holds files that its list does not have')
}

/** Private, synced; SHA-256 in hex. */
const writeDurably = async (
  path: string,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<string> => {
  const digest = createHash('sha256')
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const chunk of content) {
      digest.update(chunk)
      await file.write(chunk)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return digest.digest('hex')
}

interface Compared {
  manifest: Manifest
  staging: string
  asked: RestoreAsked
}

/** A passport holds a checkpoint that this gateway has signed: its log must continue from there. */
const compare = (passport: string, { manifest, staging, asked }: Compared): void => {
  const known = peekCheckpoint(parseProof(parsePassport(passport).proof).checkpoint)
  const held = manifest.checkpoint === null ? undefined : peekCheckpoint(manifest.checkpoint)
  if (held?.origin !== known.origin) {
    throw new OperatingError('restore_other', {
      message:
        `the backup is of ${held?.origin ?? 'a gateway without entries'}, ` +
        `the passport of ${known.origin}`,
      remedy: 'Take a backup of the gateway that gave out the passport.',
    })
  }
  if (known.size > held.size) {
    if (asked.older) return
    throw new OperatingError('restore_older', {
      message:
        `the backup has ${held.size} signed entries, the passport ${known.size}: ` +
        'going on from it would fork the log',
      remedy:
        'Take a newer backup; where none is left, --older goes on, and passports given out ' +
        'since are void.',
    })
  }
  const root = rootAt(join(staging, 'store', 'store.sqlite'), known.size)
  if (root === Buffer.from(known.root).toString('hex')) return
  throw new OperatingError('restore_fork', {
    message:
      `at ${known.size} entries the backup has another log than the passport: ` +
      'it has forked already',
    remedy:
      'Keep both; somebody has run two gateways with one key. See the passports of its units.',
  })
}
