// The bytes of a commit: what goes in comes out, and no changed bit goes unnoticed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type CommitHeader,
  commitBytes,
  headerBytes,
  isIntact,
  RecordCursor,
  readHeader,
  segmentFirst,
  segmentName,
  writeHeader,
} from '../../gateway/log/format.ts'
import { Group } from '../../gateway/log/group.ts'
import { LogError } from '../../gateway/log/log.ts'

const id = Buffer.from('0123456789abcdef')
const offsets = fc.integer({ min: 0, max: 2 ** 50 })
const bodies = fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), {
  maxLength: 20,
})

const commitOf = (records: [Uint8Array, boolean][], first: number): Buffer => {
  const group = new Group().begin(0x12345678)
  records.forEach(([body, keep], delta) => {
    group.add(body, delta, keep)
  })
  const rest = { flags: 0, id, first, span: records.length, trimmedBelow: 3, timeUs: 1.7e15 }
  return Buffer.from(group.seal({ ...rest, previous: Buffer.alloc(32, 7) }))
}

const headerOf = (commit: Buffer): CommitHeader => {
  const header = readHeader(commit, 0, id)
  if (header === undefined) throw new Error('no header')
  return header
}

const recordsOf = (commit: Buffer, intact: boolean): { delta: number; hex: string }[] => {
  const cursor = new RecordCursor()
  const found: { delta: number; hex: string }[] = []
  cursor.start(commit, 0, { header: headerOf(commit), intact })
  while (cursor.next()) {
    found.push({ delta: cursor.delta, hex: Buffer.from(cursor.body).toString('hex') })
  }
  return found
}

describe('a commit', () => {
  test('gives back its records, checked and unchecked, and its header', () => {
    fc.assert(
      fc.property(bodies, offsets, (records, first) => {
        const commit = commitOf(records, first)
        const header = headerOf(commit)
        expect(header).toMatchObject({ first, count: records.length, trimmedBelow: 3 })
        expect(commitBytes(header)).toBe(commit.length)
        expect(isIntact(commit)).toBe(true)
        const expected = records.map(([body], delta) => ({
          delta,
          hex: Buffer.from(body).toString('hex'),
        }))
        expect(recordsOf(commit, true)).toEqual(expected)
        expect(recordsOf(commit, false)).toEqual(expected)
      }),
    )
  })

  test('with one bit changed is not intact, and never gives a wrong record', () => {
    fc.assert(
      fc.property(bodies, offsets, fc.nat(), (records, first, where) => {
        const commit = commitOf(records, first)
        const before = recordsOf(commit, false)
        const bit = where % (commit.length * 8)
        commit.writeUInt8(commit.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(isIntact(commit)).toBe(false)
        if (bit >> 3 < headerBytes) {
          expect(readHeader(commit, 0, id)).toBeUndefined()
        } else {
          for (const record of recordsOf(commit, false)) expect(before).toContainEqual(record)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('keeps the intact records around a damaged one', () => {
    const records = ['one', 'two', 'three'].map((text): [Uint8Array, boolean] => [
      Buffer.from(text),
      true,
    ])
    const commit = commitOf(records, 5)
    const second = headerBytes + 12 + 3 + 12
    commit.writeUInt8(commit.readUInt8(second) ^ 4, second)
    expect(recordsOf(commit, false).map(({ delta }) => delta)).toEqual([0, 2])
  })

  test('of another log is none of ours', () => {
    const commit = commitOf([], 0)
    expect(readHeader(commit, 0, Buffer.from('another log, ok?'))).toBeUndefined()
    expect(readHeader(commit, 0)).toBeDefined()
  })

  test('of a later version is refused, not taken for damage', () => {
    const bytes = Buffer.alloc(headerBytes)
    writeHeader(bytes, headerOf(commitOf([], 0)))
    bytes.writeUInt16LE(2, 4)
    // As a later version would, with its own checksum.
    expect(readHeader(bytes, 0, id)).toBeUndefined()
    bytes.writeUInt32LE(crc32Of(bytes.subarray(0, 100)), 100)
    expect(() => readHeader(bytes, 0, id)).toThrow(LogError)
    expect(() => readHeader(bytes, 0, id)).toThrow(/format 2/)
  })
})

const crc32Of = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

test('a segment file is named by its first offset', () => {
  fc.assert(
    fc.property(offsets, (first) => {
      expect(segmentName(first)).toMatch(/^\d{20}\.seg$/)
      expect(segmentFirst(segmentName(first))).toBe(first)
    }),
  )
  for (const other of ['lock.db', '1.seg', `${segmentName(0)}.tmp`, `${'9'.repeat(20)}.seg`]) {
    expect(segmentFirst(other)).toBeUndefined()
  }
})
