// Reads a wasm binary as far as a loop may use it: sections, imports, exports, the name section,
// and each instruction of each function with its place (WebAssembly core specification 2.0, section
// 5). It judges nothing; an unknown instruction is an error, never skipped.

export interface Instruction {
  /** Opcode; those with the prefix 0xfc are 0xfc00 + the second byte. */
  opcode: number
  /** Offset in the file. */
  offset: number
  /** Index of the function called, for `call`. */
  callee?: number
}

export interface WasmFunction {
  /** Index in the module's function space, imports first. */
  index: number
  name: string
  /** How many variables it has beside its parameters. */
  locals: number
  instructions: readonly Instruction[]
}

/** How many values a function takes and gives. */
export interface Signature {
  params: number
  results: number
}

export interface Wasm {
  /** Ids of the sections that are there, custom ones (0) by name. */
  sections: ReadonlySet<number>
  imports: readonly { module: string; name: string; kind: number }[]
  exports: readonly { name: string; kind: number; index: number }[]
  functions: readonly WasmFunction[]
  /** By index in the module's function space, imports first. */
  signatures: readonly Signature[]
}

export const section = { memory: 5, start: 8, element: 9, table: 4, data: 11 } as const
/** Kinds of imports and exports. */
export const functionKind = 0

/** Bytes, LEB128 numbers and names of a wasm binary, from a place on. */
export class ByteReader {
  readonly bytes: Uint8Array
  at: number
  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }
  byte(): number {
    const value = this.bytes[this.at]
    if (value === undefined) throw new RangeError(`the module ends early, at ${this.at}`)
    this.at += 1
    return value
  }
  /** LEB128; signed ones are only skipped. */
  leb(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
  }
  text(): string {
    const length = this.leb()
    const start = this.at
    this.at += length
    return new TextDecoder().decode(this.bytes.subarray(start, this.at))
  }
}

/** Decodes a module. Throws RangeError on one that is cut or uses instructions not known here. */
export const decodeWasm = (bytes: Uint8Array): Wasm => {
  const sections = new Set<number>()
  const imports: { module: string; name: string; kind: number }[] = []
  const exports: { name: string; kind: number; index: number }[] = []
  const bodies: Pick<WasmFunction, 'locals' | 'instructions'>[] = []
  const types: Signature[] = []
  const typed: number[] = []
  const names = new Map<number, string>()
  const reader = new ByteReader(bytes, 8)
  while (reader.at < bytes.length) {
    const id = reader.byte()
    const size = reader.leb()
    const end = reader.at + size
    sections.add(id)
    if (id === 1) {
      repeat(reader, () => {
        types.push(readType(reader))
      })
    } else if (id === 2) {
      repeat(reader, () => {
        const [module, name, kind] = [reader.text(), reader.text(), reader.byte()]
        imports.push({ module, name, kind })
        if (kind === functionKind) typed.push(reader.leb())
        else skipImportType(reader, kind)
      })
    } else if (id === 3) {
      repeat(reader, () => {
        typed.push(reader.leb())
      })
    } else if (id === 7) {
      repeat(reader, () => {
        exports.push({ name: reader.text(), kind: reader.byte(), index: reader.leb() })
      })
    } else if (id === 10) {
      repeat(reader, () => {
        bodies.push(readBody(reader))
      })
    } else if (id === 0 && reader.text() === 'name') readNames(reader, end, names)
    reader.at = end
  }
  const imported = imports.filter((one) => one.kind === functionKind).length
  const functions = bodies.map((body, i) => {
    const index = imported + i
    return { index, name: names.get(index) ?? `function ${index}`, ...body }
  })
  const signatures = typed.map((type) => types[type] ?? { params: 0, results: 0 })
  return { sections, imports, exports, functions, signatures }
}

const repeat = (reader: ByteReader, each: () => void): void => {
  for (let left = reader.leb(); left > 0; left -= 1) each()
}

/** Value types are a byte each here. */
const readType = (reader: ByteReader): Signature => {
  reader.byte()
  const params = reader.leb()
  reader.at += params
  const results = reader.leb()
  reader.at += results
  return { params, results }
}

const skipImportType = (reader: ByteReader, kind: number): void => {
  if (kind === 3) reader.at += 2
  else {
    if (kind === 1) reader.byte()
    const hasMaximum = (reader.byte() & 1) === 1
    reader.leb()
    if (hasMaximum) reader.leb()
  }
}

/** Function names of the name section (appendix, subsection 1). */
const readNames = (reader: ByteReader, end: number, names: Map<number, string>): void => {
  while (reader.at < end) {
    const id = reader.byte()
    const next = reader.leb() + reader.at
    if (id === 1) {
      repeat(reader, () => {
        names.set(reader.leb(), reader.text())
      })
    }
    reader.at = next
  }
}

const readBody = (reader: ByteReader): Pick<WasmFunction, 'locals' | 'instructions'> => {
  const size = reader.leb()
  const end = reader.at + size
  let locals = 0
  repeat(reader, () => {
    locals += reader.leb()
    reader.byte()
  })
  const instructions: Instruction[] = []
  while (reader.at < end) instructions.push(readInstruction(reader))
  return { locals, instructions }
}

const readInstruction = (reader: ByteReader): Instruction => {
  const offset = reader.at
  const first = reader.byte()
  if (first === 0xfc) {
    const second = reader.leb()
    const operands = second <= 7 ? 0 : extended[second]
    if (operands === undefined) throw unknown(offset, `0xfc ${second}`)
    for (let i = 0; i < operands; i += 1) reader.leb()
    return { opcode: 0xfc00 + second, offset }
  }
  if (first === 0x10) return { opcode: first, offset, callee: reader.leb() }
  skipOperands(reader, first, offset)
  return { opcode: first, offset }
}

/** Operands of memory.init .. table.fill, by the number after 0xfc. */
const extended: Readonly<Record<number, number>> = {
  8: 2,
  9: 1,
  10: 2,
  11: 1,
  12: 2,
  13: 1,
  14: 2,
  15: 1,
  16: 1,
  17: 1,
}

const skipOperands = (reader: ByteReader, opcode: number, offset: number): void => {
  if (opcode >= 0x45 && opcode <= 0xc4) return
  if (opcode >= 0x28 && opcode <= 0x3e) {
    reader.leb()
    reader.leb()
  } else if (plain.has(opcode)) return
  else if (oneOperand.has(opcode)) reader.leb()
  else if (opcode === 0x0e) {
    repeat(reader, () => {
      reader.leb()
    })
    reader.leb()
  } else if (opcode === 0x11) {
    reader.leb()
    reader.leb()
  } else if (opcode === 0x43) reader.at += 4
  else if (opcode === 0x44) reader.at += 8
  else throw unknown(offset, `0x${opcode.toString(16)}`)
}

/** unreachable nop else end return drop select */
const plain: ReadonlySet<number> = new Set([0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b])
/** block loop if br br_if local.* global.* memory.size memory.grow i32.const i64.const */
const oneOperand: ReadonlySet<number> = new Set([
  0x02, 0x03, 0x04, 0x0c, 0x0d, 0x20, 0x21, 0x22, 0x23, 0x24, 0x3f, 0x40, 0x41, 0x42,
])

/** Of a kind that no board runs, or that is not known here. */
export class UnknownInstruction extends RangeError {
  readonly offset: number
  constructor(offset: number, opcode: string) {
    super(`instruction ${opcode} at byte ${offset} is not one that a loop may use`)
    this.offset = offset
  }
}
const unknown = (offset: number, opcode: string): RangeError =>
  new UnknownInstruction(offset, opcode)

/** The module without its custom sections (names, source map): what is shipped. */
export const stripCustom = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const parts = [bytes.subarray(0, 8)]
  const reader = new ByteReader(bytes, 8)
  while (reader.at < bytes.length) {
    const start = reader.at
    const id = reader.byte()
    const size = reader.leb()
    reader.at += size
    if (id !== 0) parts.push(bytes.subarray(start, reader.at))
  }
  return new Uint8Array(Buffer.concat(parts))
}
