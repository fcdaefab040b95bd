// The whole state of a module without memory is its globals. Here they are made reachable, in a
// copy of the module in memory that differs by its exports only, and set from the instance that
// wasm2c's C has on a board. What is built, shipped and digested stays as it is.
import { ByteReader } from '../wasm-decode.ts'

export interface Global {
  type: 'i32' | 'i64' | 'f32'
  mutable: boolean
  /** Its place in the C struct of wasm2c (1.0.39) on a 32-bit board, bytes. */
  at: number
}

export interface Opened {
  wasm: Uint8Array<ArrayBuffer>
  globals: readonly Global[]
  /** Of the C struct. */
  bytes: number
}

const types: Readonly<Record<number, Global['type']>> = { 127: 'i32', 126: 'i64', 125: 'f32' }
const sizes = { i32: 4, i64: 8, f32: 4 } as const
/** Under this name and its index a global is exported; no loop exports anything like it. */
const exported = (index: number): string => `global ${index}`

/** Throws RangeError for what no loop and no kernel has: imported globals, f64. */
export const openState = (wasm: Uint8Array): Opened => {
  const reader = new ByteReader(wasm, 8)
  const parts: Uint8Array[] = [wasm.subarray(0, 8)]
  let globals: Global[] = []
  let hosts = 0
  while (reader.at < wasm.length) {
    const start = reader.at
    const id = reader.byte()
    const size = reader.leb()
    const content = wasm.subarray(reader.at, reader.at + size)
    if (id === 2) hosts = hostsOf(content)
    if (id === 6) globals = globalsOf(content, 4 * hosts)
    reader.at += size
    parts.push(id === 7 ? withGlobals(content, globals) : wasm.subarray(start, reader.at))
  }
  const last = globals.at(-1)
  const end = last === undefined ? 4 * hosts : last.at + sizes[last.type]
  const align = globals.some(({ type }) => type === 'i64') ? 8 : 4
  const bytes = Math.ceil(end / align) * align
  return { wasm: new Uint8Array(Buffer.concat(parts)), globals, bytes }
}

/** Puts a board's state into an instance of the opened module. */
export const setState = (
  { globals }: Opened,
  exports: Readonly<Record<string, unknown>>,
  state: Uint8Array,
): void => {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength)
  for (const [i, { type, mutable, at }] of globals.entries()) {
    if (!mutable) continue
    const global = exports[exported(i)] as { value: number | bigint }
    if (type === 'i64') global.value = view.getBigInt64(at, true)
    else global.value = type === 'f32' ? view.getFloat32(at, true) : view.getInt32(at, true)
  }
}

/** Modules that are imported from: the struct has one pointer for each. */
const hostsOf = (content: Uint8Array): number => {
  const reader = new ByteReader(content)
  const modules = new Set<string>()
  for (let left = reader.leb(); left > 0; left -= 1) {
    modules.add(reader.text())
    reader.text()
    if (reader.byte() !== 0) throw new RangeError('a module of a board imports functions only')
    reader.leb()
  }
  return modules.size
}

const globalsOf = (content: Uint8Array, begin: number): Global[] => {
  const reader = new ByteReader(content)
  const globals: Global[] = []
  let end = begin
  for (let left = reader.leb(); left > 0; left -= 1) {
    const type = types[reader.byte()]
    if (type === undefined) throw new RangeError('a module of a board has no f64')
    const mutable = reader.byte() === 1
    // The value at start: one constant, and the end.
    const opcode = reader.byte()
    if (opcode === 0x43) reader.at += 4
    else reader.leb()
    reader.byte()
    const at = Math.ceil(end / sizes[type]) * sizes[type]
    globals.push({ type, mutable, at })
    end = at + sizes[type]
  }
  return globals
}

const withGlobals = (content: Uint8Array, globals: readonly Global[]): Uint8Array => {
  const reader = new ByteReader(content)
  const count = reader.leb()
  const added = globals.flatMap(({ mutable }, i) => {
    const name = Buffer.from(exported(i))
    return mutable ? [Buffer.concat([leb(name.length), name, Uint8Array.of(3), leb(i)])] : []
  })
  const all = Buffer.concat([leb(count + added.length), content.subarray(reader.at), ...added])
  return Buffer.concat([Uint8Array.of(7), leb(all.length), all])
}

const leb = (value: number): Uint8Array => {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Uint8Array.of(...bytes, left)
    bytes.push((left & 0x7f) | 0x80)
  }
}
