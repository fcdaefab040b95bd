// Copies a data folder into one file while its gateway runs: first the store through SQLite's own
// backup, then the logs. So the log has all that the store has read, and at least everything that
// was acknowledged before the backup began. It writes nothing into the folder.
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fstatSync, openSync, readdirSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { backup as copyDatabase, DatabaseSync } from 'node:sqlite'
import { OperatingError } from '../core/errors.ts'
import { realFiles } from '../log/files.ts'
import { storeFacts } from './facts.ts'
import { type Manifest, manifestName, writeManifest } from './manifest.ts'
import { tarEnd, tarHead, tarPadding } from './tar.ts'

export interface BackupAsked {
  /** Data folder. */
  data: string
  /** Where the backup goes; there must be nothing. */
  out: string
  nowUs: number
}

const storePath = 'store/store.sqlite'
/** Of a running process, or not finished: neither belongs to a state. */
const passing = /(^|\/)lock\.(db|pid)|^doctor\.token$|\.(tmp|new|part)$|^store\/store\.sqlite/

/** Writes the backup, mode 0600. Throws backup_exists, backup_nothing, backup_moving. */
export const backUp = async ({ data, out, nowUs }: BackupAsked): Promise<Manifest> => {
  await refuse(data, out)
  const staging = await mkdtemp(join(dirname(out), '.tenfold-backup-'))
  try {
    const store = join(staging, 'store.sqlite')
    await copyStore(join(data, storePath), store)
    const facts = storeFacts(store)
    const part = join(staging, 'part')
    const archive = await open(part, 'wx', 0o600)
    try {
      const files = await writeFiles(archive, openFiles(data, store))
      const manifest = { ...facts, madeUs: nowUs, files }
      const bytes = writeManifest(manifest)
      await archive.write(tarHead({ name: manifestName, bytes: bytes.length }))
      await archive.write(Buffer.concat([bytes, tarPadding(bytes.length), tarEnd()]))
      await archive.sync()
      await rename(part, out)
      await realFiles().fsyncFolder(dirname(out), 'folder')
      return { format: 1, ...manifest }
    } finally {
      await archive.close()
    }
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const refuse = async (data: string, out: string): Promise<void> => {
  if (!(await isThere(join(data, storePath)))) {
    throw new OperatingError('backup_nothing', {
      message: `${data} is no data folder of a gateway`,
      remedy: 'Name the folder with --data, or the config with --config.',
    })
  }
  if (!(await isThere(out))) return
  throw new OperatingError('backup_exists', {
    message: `${out} is there already, and is not written over`,
    remedy: 'Give the backup another name.',
  })
}

const copyStore = async (from: string, to: string): Promise<void> => {
  const source = new DatabaseSync(from, { readOnly: true, timeout: 5000 })
  try {
    // All pages in one step, hence of one moment: a writer goes on beside it (WAL).
    await copyDatabase(source, to, { rate: 0x7fff_ffff })
  } finally {
    source.close()
  }
}

interface OpenFile {
  name: string
  fd: number
  bytes: number
}

const attempts = 20

/**
 * Every file at once, as long as it is now: what is renamed or removed later is still read. Tries
 * again where a log began another segment or dropped one meanwhile.
 */
const openFiles = (data: string, store: string): OpenFile[] => {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const names = namesIn(data)
    const files = names.flatMap((name) => opened(name, join(data, name)) ?? [])
    const isSame = files.length === names.length && `${namesIn(data)}` === `${names}`
    if (isSame) return [...files, ...(opened(storePath, store) ?? [])]
    for (const { fd } of files) closeSync(fd)
  }
  throw new OperatingError('backup_moving', {
    message: `the files of ${data} change faster than they can be opened`,
    remedy: 'Try again; the log is being trimmed.',
  })
}

const namesIn = (data: string): string[] =>
  readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(data.length + 1))
    .filter((name) => !passing.test(name))
    .sort()

const opened = (name: string, path: string): [OpenFile] | undefined => {
  try {
    const fd = openSync(path, 'r')
    return [{ name, fd, bytes: fstatSync(fd).size }]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const writeFiles = async (
  archive: FileHandle,
  files: readonly OpenFile[],
): Promise<Manifest['files']> => {
  const written: { name: string; bytes: number; sha256: string }[] = []
  for (const { name, fd, bytes } of files) {
    await archive.write(tarHead({ name, bytes }))
    const digest = createHash('sha256')
    const end = bytes - 1
    // Closes the descriptor at its end.
    const content = bytes === 0 ? [] : createReadStream('', { fd, start: 0, end })
    for await (const chunk of content) {
      digest.update(chunk as Buffer)
      await archive.write(chunk as Buffer)
    }
    if (bytes === 0) closeSync(fd)
    await archive.write(tarPadding(bytes))
    written.push({ name, bytes, sha256: digest.digest('hex') })
  }
  return written
}
