// Whatever comes from outside: changed entries, messages, passports, notes and trust files. Nothing
// changed ever verifies, and nothing ever throws but a typed error.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCheckpoint, openHead, parseProof } from '../../gateway/attestation/checkpoint.ts'
import { receiveClaim } from '../../gateway/attestation/claim.ts'
import { AttestationError } from '../../gateway/attestation/codes.ts'
import { receiveEntry, verifyEntry } from '../../gateway/attestation/entry.ts'
import { noteKey, parseVkey } from '../../gateway/attestation/note.ts'
import { encodePassport, parsePassport } from '../../gateway/attestation/passport-file.ts'
import { parseTrust } from '../../gateway/attestation/trust.ts'
import { verify } from '../../gateway/attestation/verify.ts'
import { livedWorld } from './world.ts'

const world = livedWorld()
const text = world.passport('drill-2')
const trust = world.everyone()
const message = world.unit('drill-1').store.state?.unsent[2] ?? new Uint8Array()
const entry = receiveEntry(message).entry.bytes
const key = noteKey(world.log.name, world.log.publicKey)

/** Whether the work is refused by a typed error; any other error fails the test. */
const isRefused = (work: () => unknown): boolean => {
  try {
    work()
    return false
  } catch (error) {
    if (error instanceof AttestationError) return true
    throw error
  }
}

interface Edit {
  kind: string
  at: number
  from: number
  length: number
  byte: number
}

/** One or two bytes changed, put in, taken out, doubled or swapped with a piece from elsewhere. */
const edit = fc.record({
  kind: fc.constantFrom('flip', 'insert', 'delete', 'copy', 'cut'),
  at: fc.nat(),
  from: fc.nat(),
  length: fc.integer({ min: 1, max: 40 }),
  byte: fc.integer({ min: 1, max: 255 }),
})
const edits = fc.array(edit, { minLength: 1, maxLength: 3 })

const apply = (bytes: Uint8Array, list: readonly Edit[]): Uint8Array => {
  let out = [...bytes]
  for (const { kind, at: wish, from, length, byte } of list) {
    const at = wish % Math.max(out.length, 1)
    if (kind === 'flip') out[at] = (out[at] ?? 0) ^ byte
    if (kind === 'insert') out.splice(at, 0, byte)
    if (kind === 'delete') out.splice(at, length)
    if (kind === 'cut') out = out.slice(0, at)
    if (kind === 'copy') out.splice(at, length, ...out.slice(from % out.length).slice(0, length))
  }
  return Uint8Array.from(out)
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

describe('changed bytes', () => {
  test('of an entry never verify', () => {
    fc.assert(
      fc.property(edits, (list) => {
        const changed = apply(entry, list)
        return same(changed, entry) || isRefused(() => verifyEntry(changed))
      }),
      { numRuns: 3000 },
    )
  })

  test('of a message: the entry verifies only unchanged, details only when signed', () => {
    fc.assert(
      fc.property(edits, (list) => {
        const changed = apply(message, list)
        try {
          return same(receiveEntry(changed).entry.bytes, entry)
        } catch (error) {
          return error instanceof AttestationError
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('that were never an entry, claim, note, proof or trust file are refused', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ unit: 'binary' }),
        (bytes, words) => {
          const tagged = Uint8Array.from([0xd2, 0x84, ...bytes])
          expect(isRefused(() => receiveEntry(bytes))).toBe(true)
          expect(isRefused(() => receiveEntry(tagged))).toBe(true)
          expect(isRefused(() => receiveClaim(tagged))).toBe(true)
          expect(isRefused(() => openCheckpoint(words, key))).toBe(true)
          expect(isRefused(() => openHead(words, key))).toBe(true)
          expect(isRefused(() => parseProof(words))).toBe(true)
          expect(isRefused(() => parseVkey(words))).toBe(true)
          expect(isRefused(() => parsePassport(words))).toBe(true)
          isRefused(() => parseTrust(words))
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('changed passports', () => {
  const isInvalid = async (changed: string): Promise<boolean> =>
    changed === text || (await verify(changed, trust)).verdict === 'INVALID'

  test('of any changed characters are INVALID', async () => {
    await fc.assert(
      fc.asyncProperty(edits, (list) => {
        const changed = apply(new TextEncoder().encode(text), list)
        return isInvalid(new TextDecoder().decode(changed))
      }),
      { numRuns: 400 },
    )
  })

  test('of changed values, written in the right form, are INVALID', async () => {
    const passport = parsePassport(text)
    const field = fc.constantFrom(
      'entries',
      'claims',
      'disclosures',
      'blind',
      'proof',
      'head',
      'log',
    )
    await fc.assert(
      fc.asyncProperty(field, edits, fc.nat(), (name, list, wish) => {
        const value = passport[name]
        const changed =
          typeof value === 'string'
            ? new TextDecoder().decode(apply(new TextEncoder().encode(value), list))
            : value instanceof Uint8Array
              ? apply(value, list)
              : value.map((item, at) => (at === wish % value.length ? apply(item, list) : item))
        return isInvalid(encodePassport({ ...passport, [name]: changed }))
      }),
      { numRuns: 400 },
    )
  })

  test('of any JSON at all are not VALID; lists that an owner may empty are the exception', async () => {
    const fields = fc.constantFrom(...Object.keys(JSON.parse(text)))
    const mayBeEmpty = new Set(['disclosures', 'consistency', 'forks'])
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fields, async (value, name) => {
        if (mayBeEmpty.has(name) && Array.isArray(value) && value.length === 0) return true
        const json = { ...JSON.parse(text), [name]: value }
        const { verdict } = await verify(`${JSON.stringify(json, undefined, 2)}\n`, trust)
        return verdict !== 'VALID'
      }),
      { numRuns: 300 },
    )
  })
})
