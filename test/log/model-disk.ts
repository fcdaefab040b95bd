// A disk that tells apart what a process sees and what a power cut leaves. A write is in the cache
// at once; it is on the medium only after a sync of its file, an entry only after a sync of its
// folder. What was not synced may survive in any mixture: that is what `cut` builds.
import { dirname, join } from 'node:path'
import type { FileSystem } from '../../gateway/log/log.ts'
import type { Random } from './random.ts'

interface Inode {
  id: number
  /** Contents since the last sync, oldest first: the durable one, then one after each effect. */
  versions: Buffer[]
}

type FolderEffect =
  | { kind: 'link'; name: string; inode: number }
  | { kind: 'unlink'; name: string }
  | { kind: 'rename'; from: string; to: string; inode: number }

interface Folder {
  durable: Map<string, number>
  entries: Map<string, number>
  pending: FolderEffect[]
}

/** How much of what was not synced survives, for bytes and for entries. */
export interface CutMode {
  bytes: 'none' | 'all' | 'mixed'
  entries: 'none' | 'all' | 'mixed' | 'last'
  /** What stands where a file is longer than what was written to it. */
  fill: 'zeros' | 'garbage' | 'stale'
}

export const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: model disk`), { code })

const apply = (entries: Map<string, number>, effect: FolderEffect): void => {
  if (effect.kind === 'unlink') entries.delete(effect.name)
  if (effect.kind === 'link') entries.set(effect.name, effect.inode)
  if (effect.kind === 'rename') {
    entries.delete(effect.from)
    entries.set(effect.to, effect.inode)
  }
}

export class ModelDisk {
  #inodes = new Map<number, Inode>()
  #folders = new Map<string, Folder>()
  #open = new Map<number, number>()
  /** Cache contents that no later sync will write, until they are written again. */
  readonly #unsynced = new Map<number, Buffer>()
  #nextFile = 3
  #nextInode = 1

  constructor() {
    this.#folders.set('/', { durable: new Map(), entries: new Map(), pending: [] })
  }

  /** The same disk, cache included, as the next process finds it after SIGKILL. */
  clone(): ModelDisk {
    const copy = new ModelDisk()
    copy.#nextInode = this.#nextInode
    for (const [id, inode] of this.#inodes) {
      copy.#inodes.set(id, { id, versions: [...inode.versions] })
    }
    for (const [path, { durable, entries, pending }] of this.#folders) {
      copy.#folders.set(path, {
        durable: new Map(durable),
        entries: new Map(entries),
        pending: [...pending],
      })
    }
    for (const [id, bytes] of this.#unsynced) copy.#unsynced.set(id, bytes)
    return copy
  }

  /** What the medium may hold when the power goes now. */
  cut(mode: CutMode, random: Random): ModelDisk {
    const after = new ModelDisk()
    after.#nextInode = this.#nextInode
    const keepFolder = (path: string): void => {
      const folder = this.#folders.get(path)
      if (folder === undefined) return
      const entries = new Map(folder.durable)
      for (const [index, effect] of folder.pending.entries()) {
        const last = index === folder.pending.length - 1
        const lucky = mode.entries === 'mixed' && random.chance(0.5)
        if (lucky || mode.entries === 'all' || (mode.entries === 'last' && last)) {
          apply(entries, effect)
        }
      }
      after.#folders.set(path, { durable: new Map(entries), entries, pending: [] })
      for (const [name, id] of entries) {
        const inode = this.#inodes.get(id)
        if (inode === undefined) keepFolder(join(path, name))
        else after.#inodes.set(id, { id, versions: [this.#survivor(inode, mode, random)] })
      }
    }
    keepFolder('/')
    return after
  }

  #survivor({ versions }: Inode, mode: CutMode, random: Random): Buffer {
    const [durable = Buffer.alloc(0)] = versions
    if (versions.length === 1 || mode.bytes === 'none') return durable
    if (mode.bytes === 'all') return versions.at(-1) ?? durable
    const bytes = Buffer.alloc(random.pick(versions).length)
    this.#fill(bytes, mode.fill, random)
    // Each sector shows some moment since the last sync; now and then a sector is torn itself.
    const sectorBytes = random.pick([16, 64, 512, 4096])
    for (let at = 0; at < bytes.length; at += sectorBytes) {
      const end = Math.min(at + sectorBytes, bytes.length)
      const torn = random.chance(0.2) ? at + random.below(end - at) : end
      bytes.set(random.pick(versions).subarray(at, torn), at)
      bytes.set(random.pick(versions).subarray(torn, end), torn)
    }
    return bytes
  }

  #fill(bytes: Buffer, fill: CutMode['fill'], random: Random): void {
    if (fill === 'garbage') random.fill(bytes)
    if (fill !== 'stale') return
    // Blocks of other files of this disk, aligned as they were there.
    const other = random.pick([...this.#inodes.values()]).versions.at(-1)
    other?.copy(bytes, 0, 0, Math.min(other.length, bytes.length))
  }

  /** Lets the bytes at a place of a file change under the log, as a failing medium does. */
  damage(path: string, change: (bytes: Buffer) => Buffer): void {
    const inode = this.#inode(path)
    inode.versions = [change(Buffer.from(inode.versions.at(-1) ?? []))]
  }

  /** A sync that failed: its pages count as clean, and did not reach the medium. */
  forget(file: number): void {
    const inode = this.#inodes.get(this.#open.get(file) ?? -1)
    const [durable] = inode?.versions ?? []
    const cached = inode?.versions.at(-1)
    if (inode === undefined || durable === undefined || cached === undefined) return
    inode.versions = [durable]
    this.#unsynced.set(inode.id, cached)
  }
  /** Names in a folder. */
  list(path: string): string[] {
    const folder = this.#folders.get(path)
    if (folder === undefined) throw systemError('ENOENT')
    return [...folder.entries.keys()]
  }

  bytes(path: string): Buffer {
    return this.#cached(this.#inode(path))
  }

  readonly files: FileSystem = {
    makeFolder: async (path) => this.#makeFolder(path),
    open: async (path) => this.#openFile(path, true),
    openRead: (path) => this.#openFile(path, false),
    write: async (file, bytes, position) => {
      const inode = this.#opened(file)
      const before = this.#cached(inode)
      const after = Buffer.alloc(Math.max(before.length, position + bytes.length))
      before.copy(after)
      after.set(bytes, position)
      this.#change(inode, after, { from: position, to: position + bytes.length })
    },
    truncate: async (file, length) => {
      const inode = this.#opened(file)
      const after = Buffer.alloc(length)
      this.#cached(inode).copy(after)
      this.#change(inode, after, { from: 0, to: 0 })
    },
    fdatasync: async (file) => {
      const inode = this.#opened(file)
      inode.versions = inode.versions.slice(-1)
    },
    fsyncFolder: async (path) => {
      const folder = this.#folders.get(path)
      if (folder === undefined) throw systemError('ENOENT')
      folder.durable = new Map(folder.entries)
      folder.pending = []
    },
    rename: async (from, to) => {
      const inode = this.#inode(from).id
      this.#effect(dirname(from), { kind: 'rename', from: nameOf(from), to: nameOf(to), inode })
    },
    unlink: async (path) => {
      this.#inode(path)
      this.#effect(dirname(path), { kind: 'unlink', name: nameOf(path) })
    },
    list: (path) => this.list(path),
    size: (file) => this.#cached(this.#opened(file)).length,
    read: (file, into, position) => {
      const bytes = this.#cached(this.#opened(file)).subarray(position)
      return bytes.copy(into, 0, 0, Math.min(into.length, bytes.length))
    },
    close: (file) => {
      if (!this.#open.delete(file)) throw systemError('EBADF')
    },
  }

  openFiles(): number {
    return this.#open.size
  }

  #cached(inode: Inode): Buffer {
    return this.#unsynced.get(inode.id) ?? inode.versions.at(-1) ?? Buffer.alloc(0)
  }

  /** After a failed sync, only bytes written since are on their way to the medium again. */
  #change(inode: Inode, after: Buffer, written: { from: number; to: number }): void {
    const cached = this.#unsynced.get(inode.id)
    if (cached === undefined) {
      inode.versions.push(after)
      return
    }
    const reaching = Buffer.alloc(after.length)
    inode.versions.at(-1)?.copy(reaching)
    reaching.set(after.subarray(written.from, written.to), written.from)
    inode.versions.push(reaching)
    this.#unsynced.set(inode.id, after)
  }

  #makeFolder(path: string): void {
    if (this.#folders.has(path)) return
    const parent = dirname(path)
    this.#makeFolder(parent)
    this.#folders.set(path, { durable: new Map(), entries: new Map(), pending: [] })
    this.#effect(parent, { kind: 'link', name: nameOf(path), inode: -1 })
  }

  #openFile(path: string, make: boolean): number {
    const folder = this.#folders.get(dirname(path))
    if (folder === undefined) throw systemError('ENOENT')
    if (!folder.entries.has(nameOf(path))) {
      if (!make) throw systemError('ENOENT')
      const id = this.#nextInode
      this.#nextInode += 1
      this.#inodes.set(id, { id, versions: [Buffer.alloc(0)] })
      this.#effect(dirname(path), { kind: 'link', name: nameOf(path), inode: id })
    }
    const file = this.#nextFile
    this.#nextFile += 1
    this.#open.set(file, this.#inode(path).id)
    return file
  }

  #effect(folder: string, effect: FolderEffect): void {
    const found = this.#folders.get(folder)
    if (found === undefined) throw systemError('ENOENT')
    found.pending.push(effect)
    apply(found.entries, effect)
  }

  #inode(path: string): Inode {
    const id = this.#folders.get(dirname(path))?.entries.get(nameOf(path))
    const inode = id === undefined ? undefined : this.#inodes.get(id)
    if (inode === undefined) throw systemError('ENOENT')
    return inode
  }

  #opened(file: number): Inode {
    const inode = this.#inodes.get(this.#open.get(file) ?? -1)
    if (inode === undefined) throw systemError('EBADF')
    return inode
  }
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
