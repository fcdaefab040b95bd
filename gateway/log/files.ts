// The real file system behind the log. It adds nothing to the system calls but two things: a write
// goes on until all is written, and a folder that cannot be synced (some network file systems) is
// let pass.
import fs from 'node:fs'
import type { FileSystem } from './log.ts'

type Callback = (error: NodeJS.ErrnoException | null) => void

const effect = (call: (done: Callback) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    call((error) => (error === null ? resolve() : reject(error)))
  })

const writeAll = (file: number, bytes: Uint8Array, position: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const from = (start: number): void => {
      fs.write(file, bytes, start, bytes.length - start, position + start, (error, written) => {
        if (error !== null) return reject(error)
        // A short write is the first sign of a full disk; the next one says so.
        if (start + written < bytes.length) return from(start + written)
        resolve()
      })
    }
    from(0)
  })

const open = (path: string, flags: number): Promise<number> =>
  new Promise((resolve, reject) => {
    fs.open(path, flags, 0o600, (error, file) => (error === null ? resolve(file) : reject(error)))
  })

const fsyncFolder = async (path: string): Promise<void> => {
  const file = await open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    await effect((done) => fs.fsync(file, done))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  } finally {
    fs.closeSync(file)
  }
}

export const realFiles = (): FileSystem => ({
  makeFolder: async (path) => {
    await fs.promises.mkdir(path, { recursive: true, mode: 0o700 })
  },
  open: (path) => open(path, fs.constants.O_RDWR | fs.constants.O_CREAT),
  write: writeAll,
  truncate: (file, bytes) => effect((done) => fs.ftruncate(file, bytes, done)),
  fdatasync: (file) => effect((done) => fs.fdatasync(file, done)),
  fsyncFolder,
  rename: (from, to) => effect((done) => fs.rename(from, to, done)),
  unlink: (path) => effect((done) => fs.unlink(path, done)),
  list: (folder) => fs.readdirSync(folder),
  openRead: (path) => fs.openSync(path, 'r'),
  size: (file) => fs.fstatSync(file).size,
  read: (file, into, position) => fs.readSync(file, into, 0, into.length, position),
  close: (file) => fs.closeSync(file),
})
