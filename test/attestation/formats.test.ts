// The formats that everything signed rests on: CBOR, COSE, did:key, notes, checkpoints, proofs.
// Each has one right text or byte string; whatever is near it must be refused, by a typed error.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Cbor, decodeCbor, encodeCbor } from '../../gateway/attestation/cbor.ts'
import {
  encodeProof,
  openCheckpoint,
  openHead,
  parseProof,
  peekCheckpoint,
  signCheckpoint,
  signHead,
} from '../../gateway/attestation/checkpoint.ts'
import { AttestationError } from '../../gateway/attestation/codes.ts'
import { checkSign1, coseTypes, decodeSign1, encodeSign1 } from '../../gateway/attestation/cose.ts'
import { didOf, parseDid } from '../../gateway/attestation/did.ts'
import {
  encodeVkey,
  noteKey,
  openNote,
  parseNote,
  parseVkey,
  signNote,
} from '../../gateway/attestation/note.ts'
import { parseTrust } from '../../gateway/attestation/trust.ts'
import { digest, signerNamed } from './world.ts'

/** Code of the typed error that the work throws; anything else is rethrown. */
const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const signer = { ...signerNamed('gateway'), name: 'gateway.example/log' }
const key = noteKey(signer.name, signer.publicKey)

describe('deterministic CBOR', () => {
  test.each([
    ['a long integer', '1800'],
    ['an indefinite array', '9f01ff'],
    ['a doubled key', 'a2616101616102'],
    ['keys out of order', 'a2616201616102'],
    ['a half float', 'f93c00'],
    ['a float with a fraction', 'fb3ff8000000000000'],
    ['NaN', 'f97e00'],
    ['infinity', 'f97c00'],
    ['undefined', 'f7'],
    ['text that is not UTF-8', '62c328'],
    ['a long length', '580100'],
    ['an integer beyond 2^53', '1b0020000000000000'],
    ['depth', `${'81'.repeat(30)}01`],
  ])('refuses %s as not canonical', (_, bytes) => {
    expect(codeOf(() => decodeCbor(hex(bytes)))).toBe('not_canonical')
  })

  test.each([
    ['nothing', ''],
    ['trailing bytes', '0100'],
    ['a cut string', '6261'],
    ['an indefinite string', '7f6161ff'],
    ['a tag', 'c101'],
    ['a giant array', '9bffffffffffffffff'],
    ['deep nesting', '81'.repeat(60_000)],
  ])('refuses %s as not CBOR', (_, bytes) => {
    expect(codeOf(() => decodeCbor(hex(bytes)))).toMatch(/not_cbor|not_canonical/)
  })

  test('refuses more than 65,535 bytes', () => {
    expect(codeOf(() => decodeCbor(encodeCbor(new Uint8Array(65_533))))).toBe('too_long')
    expect(codeOf(() => decodeCbor(encodeCbor(new Uint8Array(65_532))))).toBe('ok')
  })

  test('sorts keys bytewise (RFC 8949, 4.2.1), not by length first', () => {
    const map = new Map<string | number, Cbor>([
      ['aa', 1],
      [-1, 2],
      ['b', 3],
      [100, 4],
    ])
    expect(Buffer.from(encodeCbor(map)).toString('hex')).toBe('a418640420026162036261610' + '1')
  })

  test('what it encodes it decodes; what it decodes is the only encoding (property)', () => {
    const bytes = fc.uint8Array({ maxLength: 64 })
    fc.assert(
      fc.property(bytes, (input) => {
        let value: Cbor
        try {
          value = decodeCbor(input)
        } catch (error) {
          return error instanceof AttestationError
        }
        return Buffer.compare(encodeCbor(value), input) === 0
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('COSE_Sign1', () => {
  const { sign, suite } = signerNamed('unit')
  const alg = suite.coseAlg
  const signed = encodeSign1({ type: coseTypes.entry, alg, payload: hex('a0') }, sign)

  test('has one shape, and keeps kinds apart', () => {
    expect(decodeSign1(signed, coseTypes.entry).payload).toEqual(hex('a0'))
    expect(codeOf(() => decodeSign1(signed, coseTypes.claim))).toBe('bad_header')
    expect(codeOf(() => decodeSign1(signed.slice(1), coseTypes.entry))).toBe('bad_cose')
  })

  test('is signed with the algorithm of the key’s suite, whatever its header says', () => {
    const es256 = encodeSign1({ type: coseTypes.entry, alg: -7, payload: hex('a0') }, sign)
    const did = parseDid(signerNamed('unit').did)
    expect(codeOf(() => checkSign1(decodeSign1(es256, coseTypes.entry), did))).toBe('bad_header')
    expect(codeOf(() => checkSign1(decodeSign1(signed, coseTypes.entry), did))).toBe('ok')
  })

  test('refuses anything in the unprotected header, a detached payload and other arrays', () => {
    const parts = decodeCbor(signed.slice(1)) as Cbor[]
    const remade = (list: Cbor[]) => Uint8Array.from([0xd2, ...encodeCbor(list)])
    const open = parts.with(1, new Map([[4, 1]]))
    expect(codeOf(() => decodeSign1(remade(open), coseTypes.entry))).toBe('bad_header')
    const detached = parts.with(2, null)
    expect(codeOf(() => decodeSign1(remade(detached), coseTypes.entry))).toBe('bad_cose')
    expect(codeOf(() => decodeSign1(remade(parts.slice(1)), coseTypes.entry))).toBe('bad_cose')
    const more = encodeCbor(
      new Map([...(decodeCbor(parts[0] as Uint8Array) as Map<number, Cbor>), [4, 1]]),
    )
    expect(codeOf(() => decodeSign1(remade(parts.with(0, more)), coseTypes.entry))).toBe(
      'bad_header',
    )
  })
})

describe('did:key', () => {
  test('agrees with the published example of the did:key specification', () => {
    const did = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'
    const { bytes } = parseDid(did)
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29',
    )
    expect(didOf(bytes)).toBe(did)
  })

  test('refuses what is near a did:key', () => {
    const { did } = signer
    const p256 = 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'
    for (const text of [
      '',
      'did:key:z',
      `${did}1`,
      did.slice(0, -1),
      did.replace('z6', 'z16'),
      p256,
    ]) {
      expect(
        codeOf(() => parseDid(text)),
        text,
      ).toBe('bad_did')
    }
    const zero = new Uint8Array(32)
    expect(codeOf(() => didOf(zero))).toBe('weak_key')
  })
})

describe('signed notes', () => {
  test('opens the example of the specification with its verifier key', () => {
    const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
    const signature =
      'Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM='
    const note = `This is an example message.\n\n— example.com/foo ${signature}\n`
    const example = parseVkey(vkey)
    expect(encodeVkey(example)).toBe(vkey)
    expect(openNote(note, example)).toBe('This is an example message.\n')
    expect(codeOf(() => openNote(note.replace('This', 'That'), example))).toBe('bad_note_signature')
    expect(codeOf(() => openNote(note, key))).toBe('no_known_signature')
  })

  test('ignores signatures of unknown keys, refuses a second wrong one of a known key', () => {
    const note = signNote('text\n', signer)
    const other = signNote('text\n', { ...signerNamed('witness'), name: 'witness.example' })
    const line = other.slice(other.lastIndexOf('\n\n') + 2)
    expect(openNote(note + line, key)).toBe('text\n')
    const wrong = signNote('other\n', signer)
    const wrongLine = wrong.slice(wrong.lastIndexOf('\n\n') + 2)
    expect(codeOf(() => openNote(note + wrongLine, key))).toBe('bad_note_signature')
  })

  test('accepts 16 signatures and refuses 65', () => {
    const note = signNote('text\n', signer)
    const line = note.slice(note.lastIndexOf('\n\n') + 2)
    expect(parseNote(note + line.repeat(15)).signatures).toHaveLength(16)
    expect(codeOf(() => parseNote(note + line.repeat(64)))).toBe('bad_note')
  })

  test.each([
    ['no blank line', (note: string) => note.replace('\n\n', '\n')],
    ['no last newline', (note: string) => note.slice(0, -1)],
    ['a carriage return', (note: string) => note.replace('\n', '\r\n')],
    ['a plain dash', (note: string) => note.replace('—', '-')],
    ['a lone surrogate', (note: string) => note.replace('text', '\ud800')],
    ['a fourth word', (note: string) => note.replace(/\n$/, ' x\n')],
  ])('refuses %s', (_, change) => {
    expect(codeOf(() => parseNote(change(signNote('text\n', signer))))).toBe('bad_note')
  })

  test('a vkey has one text', () => {
    const text = encodeVkey(key)
    for (const wrong of [
      text.toUpperCase(),
      `${text} `,
      text.replace('+', '++'),
      text.slice(0, -1),
    ]) {
      expect(codeOf(() => parseVkey(wrong))).toMatch(/bad_vkey|bad_base64/)
    }
    const otherId = text.replace(/\+[0-9a-f]{8}\+/, '+00000000+')
    expect(codeOf(() => parseVkey(otherId))).toBe('bad_vkey')
    expect(codeOf(() => noteKey('a b', signer.publicKey))).toBe('bad_vkey')
  })
})

describe('checkpoints, heads and proofs', () => {
  const root = digest('root')
  const note = signCheckpoint({ size: 7, root }, signer)
  const unit = { blinded: digest('k'), hash: digest('h') }

  test('come back as they went', () => {
    expect(openCheckpoint(note, key)).toEqual({ origin: signer.name, size: 7, root })
    const head = { size: 7, seq: 0, forks: 0, title: 'A drill', ...unit }
    expect(openHead(signHead(head, signer), key)).toEqual({ ...head, origin: signer.name })
    const proof = { index: 3, hashes: [root, digest('x')], checkpoint: note }
    expect(parseProof(encodeProof(proof))).toEqual(proof)
    expect(parseProof(encodeProof({ ...proof, hashes: [] })).hashes).toEqual([])
  })

  test.each([
    ['a leading zero', (text: string) => text.replace('\n7\n', '\n07\n')],
    ['a sign', (text: string) => text.replace('\n7\n', '\n+7\n')],
    ['a size beyond 2^53', (text: string) => text.replace('\n7\n', '\n9007199254740993\n')],
    ['an extension line', (text: string) => text.replace(/\n\n/, '\nextension\n\n')],
    ['a short root', (text: string) => text.replace(/\n7\n.*\n/, '\n7\nQUJD\n')],
    ['no origin', (text: string) => text.replace(/^.*\n/, '\n')],
  ])('refuses a checkpoint with %s', (_, change) => {
    expect(codeOf(() => peekCheckpoint(change(note)))).toBe('bad_checkpoint')
  })

  test('a head is no checkpoint and a checkpoint no head', () => {
    const head = { size: 7, seq: 0, forks: 0, title: 'A drill', ...unit }
    expect(codeOf(() => openCheckpoint(signHead(head, signer), key))).toBe('bad_checkpoint')
    expect(codeOf(() => openHead(note, key))).toBe('bad_head')
    const elsewhere = signHead(head, { ...signer, name: 'other.example' }).split('\n\n')[0]
    const moved = signNote(`${elsewhere}\n`, signer)
    expect(codeOf(() => openHead(moved, key))).toBe('origin_mismatch')
    expect(codeOf(() => signHead({ ...head, title: 'two\nlines' }, signer))).toBe('bad_head')
  })

  test('refuses proofs with extra data, too many hashes or a wrong index', () => {
    const text = encodeProof({ index: 3, hashes: [root], checkpoint: note })
    expect(codeOf(() => parseProof(text.replace('index', 'extra QQ==\nindex')))).toBe('bad_proof')
    expect(codeOf(() => parseProof(text.replace('index 3', 'index 03')))).toBe('bad_proof')
    const long = encodeProof({ index: 3, hashes: Array(64).fill(root), checkpoint: note })
    expect(codeOf(() => parseProof(long))).toBe('bad_proof')
  })
})

test('a trust file names its wrong line', () => {
  const good = `# mine\n\nlog ${encodeVkey(key)} # the workshop's\r\nunit ${signer.did}\n`
  expect(parseTrust(good)).toMatchObject({ logs: [key], units: new Set([signer.did]) })
  for (const line of ['lgo x', 'unit', `unit ${signer.did} x`, 'log x', 'unit did:key:zx']) {
    expect(() => parseTrust(`# one\n${line}`)).toThrow(/^line 2: /)
  }
})
