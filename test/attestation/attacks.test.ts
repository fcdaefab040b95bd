// The attacks that a passport must withstand, each caught by a named check with its code. Attacks
// on claims, where unit and author work together or against each other, are in claims.test.ts.
import { describe, expect, test } from 'vitest'
import { fromBase64, toBase64 } from '../../gateway/attestation/bytes.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../../gateway/attestation/cbor.ts'
import { signCheckpoint, signHead } from '../../gateway/attestation/checkpoint.ts'
import type { Code } from '../../gateway/attestation/codes.ts'
import { coseTypes, decodeSign1, encodeSign1 } from '../../gateway/attestation/cose.ts'
import { verifyEntry } from '../../gateway/attestation/entry.ts'
import type { Signer } from '../../gateway/attestation/identity.ts'
import { blindedKey } from '../../gateway/attestation/leaf.ts'
import { encodeVkey, noteKey } from '../../gateway/attestation/note.ts'
import {
  encodePassport,
  type Passport,
  parsePassport,
} from '../../gateway/attestation/passport-file.ts'
import { rootOf } from '../../gateway/attestation/tlog.ts'
import { verify } from '../../gateway/attestation/verify.ts'
import { digest, hourUs, livedWorld, origin, signerNamed, World } from './world.ts'

const world = livedWorld()
const text = world.passport('drill-1')
const honest = parsePassport(text)
const unitSigner = world.unit('drill-1').signer

const at = <T>(list: readonly T[], index: number): T => {
  const item = list.at(index)
  if (item === undefined) throw new Error(`nothing at ${index}`)
  return item
}

/** Signed bytes of a payload that its signer would never compose. */
const signRaw = (payload: Uint8Array, { suite, sign }: Signer): Uint8Array =>
  encodeSign1({ type: coseTypes.entry, alg: suite.coseAlg, payload }, sign)

type Fields = Map<string, Cbor>

const payloadOf = (entry: Uint8Array): Fields =>
  new Map(decodeCbor(decodeSign1(entry, coseTypes.entry).payload) as Fields)

/** An entry with its payload changed and signed again by `signer`. */
const resigned = (entry: Uint8Array, change: (fields: Fields) => void, signer = unitSigner) => {
  const fields = payloadOf(entry)
  change(fields)
  return signRaw(encodeCbor(fields), signer)
}

/** An entry with its payload changed under the old signature. */
const edited = (entry: Uint8Array, change: (fields: Fields) => void): Uint8Array => {
  const { signature, alg } = decodeSign1(entry, coseTypes.entry)
  const fields = payloadOf(entry)
  change(fields)
  const payload = encodeCbor(fields)
  return encodeSign1({ type: coseTypes.entry, alg, payload }, () => signature)
}

const entries = (change: (list: Uint8Array[]) => Uint8Array[]): string =>
  encodePassport({ ...honest, entries: change([...honest.entries]) })

const withEntry = (index: number, entry: Uint8Array): string =>
  entries((list) => list.with(index, entry))

const changed = (change: Partial<Passport>): string => encodePassport({ ...honest, ...change })

const inside = (fields: Fields, name: string): Fields => {
  const map = new Map(fields.get(name) as Fields)
  fields.set(name, map)
  return map
}

const withCheckpoint = (note: string): string =>
  changed({ proof: honest.proof.slice(0, honest.proof.indexOf('\n\n') + 2) + note })

/** The same life written anew by somebody else's log key under the same name. */
const otherLog = (name: string): string => {
  const own = new World()
  Object.assign(own, { leaves: world.leaves, units: world.units, anchored: world.anchored })
  Object.assign(own, { log: { ...signerNamed('mallory'), name } })
  own.checkpoint()
  return own.passport('drill-1')
}

const splitEntry = (): Uint8Array =>
  resigned(at(honest.entries, 2), (fields) => fields.set('t', 2 * hourUs + 1))

/** Non-canonical CBOR: the number 0 in two bytes instead of one, signed by the unit itself. */
const longInteger = (): Uint8Array => {
  const entry = at(honest.entries, 0)
  const { payload } = decodeSign1(entry, coseTypes.entry)
  const find = encodeCbor('seq')
  const place = Buffer.from(payload).indexOf(find) + find.length
  const longer = Uint8Array.from([...payload.slice(0, place), 0x18, 0, ...payload.slice(place + 1)])
  return signRaw(longer, unitSigner)
}

const attacks: [name: string, file: () => string, check: string, code: Code][] = [
  ['omit an entry', () => entries((list) => list.toSpliced(2, 1)), 'chain', 'entry_missing'],
  ['omit the beginning', () => entries((list) => list.slice(1)), 'chain', 'not_enrolled'],
  [
    'reorder entries',
    () => entries((list) => list.with(2, at(list, 3)).with(3, at(list, 2))),
    ...(['chain', 'entry_order'] as const),
  ],
  [
    'swap the unit',
    () => changed({ unit: world.unit('drill-2').signer.did }),
    ...(['chain', 'unit_swapped'] as const),
  ],
  [
    'replay an entry of another unit',
    () => withEntry(2, at(world.unit('drill-2').entries, 2).entry.bytes),
    ...(['chain', 'other_unit'] as const),
  ],
  [
    'edit counters',
    () =>
      withEntry(
        2,
        edited(at(honest.entries, 2), (f) => inside(f, 'counters').set('starts', 1)),
      ),
    ...(['entries', 'bad_signature'] as const),
  ],
  [
    'turn counters back, with the unit’s own key',
    () =>
      withEntry(
        5,
        resigned(at(honest.entries, 5), (f) => inside(f, 'counters').set('starts', 1)),
      ),
    ...(['chain', 'counter_shrunk'] as const),
  ],
  [
    'turn the clock back, with the unit’s own key',
    () =>
      withEntry(
        5,
        resigned(at(honest.entries, 5), (f) => f.set('boot', 1)),
      ),
    ...(['chain', 'clock_backwards'] as const),
  ],
  ['splice two chains', () => withEntry(2, splitEntry()), 'chain', 'prev_mismatch'],
  [
    'show both sides of a fork',
    () => entries((list) => list.toSpliced(3, 0, splitEntry())),
    ...(['chain', 'fork'] as const),
  ],
  [
    'a fork that the gateway has kept',
    () => changed({ forks: [[at(honest.entries, 2), splitEntry()]] }),
    ...(['forks', 'fork'] as const),
  ],
  ['hide a fork that the gateway has kept', () => hiddenFork(), 'head', 'fork'],
  [
    'enrol twice',
    () =>
      withEntry(
        2,
        resigned(at(honest.entries, 0), (f) => f.set('seq', 2)),
      ),
    'entries',
    'enrolled_twice',
  ],
  ['non-canonical CBOR', () => withEntry(0, longInteger()), 'entries', 'not_canonical'],
  [
    'an extra field in an entry',
    () =>
      withEntry(
        2,
        resigned(at(honest.entries, 2), (f) => f.set('owner', 'Jane')),
      ),
    ...(['entries', 'unknown_field'] as const),
  ],
  [
    'an extra field in the file',
    () => text.replace('"unit":', '"owner": "Jane",\n  "unit":'),
    ...(['file', 'bad_passport'] as const),
  ],
  [
    'the simulated flag removed',
    () =>
      withEntry(
        0,
        resigned(at(honest.entries, 0), (f) => inside(f, 'made').delete('simulated')),
      ),
    ...(['entries', 'bad_field'] as const),
  ],
  [
    'a suite that is not that of the key',
    () =>
      withEntry(
        0,
        resigned(at(honest.entries, 0), (f) => inside(f, 'made').set('suite', 'p256')),
      ),
    ...(['entries', 'bad_field'] as const),
  ],
  [
    'an acceptance without a claim',
    () =>
      withEntry(
        1,
        resigned(at(honest.entries, 1), (f) => f.delete('claim')),
      ),
    ...(['entries', 'claim_required'] as const),
  ],
  [
    'an invented detail',
    () => {
      const salted = encodeCbor([digest('salt').slice(0, 16), 'note', 'as new'])
      return changed({ disclosures: [...honest.disclosures, salted] })
    },
    ...(['details', 'bad_disclosure'] as const),
  ],
  [
    'a claim that no entry includes',
    () => changed({ claims: [...honest.claims, at(world.unit('drill-2').claims, 0)] }),
    ...(['claims', 'claim_unused'] as const),
  ],
  ['forge the checkpoint', () => forgedCheckpoint(), 'checkpoint', 'bad_note_signature'],
  ['a smaller tree', () => smallerTree(), 'inclusion', 'beyond_checkpoint'],
  ['wrong origin', () => wrongOrigin(), 'checkpoint', 'origin_mismatch'],
  [
    'another place in the log',
    () => changed({ proof: honest.proof.replace(/index \d+/, 'index 2') }),
    ...(['inclusion', 'not_included'] as const),
  ],
  ['a truncated head', () => truncated(), 'head', 'head_mismatch'],
  ['the head of another unit', () => otherHead(), 'head', 'bad_head'],
  ['the head at another size', () => headOf({ size: 9 }), 'head', 'bad_head'],
  ['a head of another sequence', () => headOf({ seq: 9 }), 'head', 'head_mismatch'],
  [
    'a detail opened twice',
    () => changed({ disclosures: [...honest.disclosures, ...honest.disclosures] }),
    ...(['details', 'bad_disclosure'] as const),
  ],
  [
    'a rewritten past of the log',
    () =>
      changed({ consistency: honest.consistency.map((old) => ({ ...old, root: digest('x') })) }),
    ...(['consistency', 'inconsistent'] as const),
  ],
  ['the log’s key substituted', () => otherLog(origin), 'checkpoint', 'log_key_substituted'],
  ['the file’s log key substituted', () => substitutedVkey(), 'checkpoint', 'log_key_substituted'],
]

const forgedCheckpoint = (): string =>
  withCheckpoint(String(world.note).replace('\n10\n', '\n11\n'))

const smallerTree = (): string => {
  const size = 5
  return withCheckpoint(signCheckpoint({ size, root: rootOf(world.leaves, size) }, world.log))
}

const wrongOrigin = (): string => {
  const name = 'other.example/log'
  const elsewhere = signCheckpoint({ size: 10, root: world.root() }, { ...world.log, name })
  const { id } = noteKey(world.log.name, world.log.publicKey)
  const [body = ''] = elsewhere.split('\n\n')
  const signed = world.log.sign(new TextEncoder().encode(`${body}\n`))
  return withCheckpoint(`${body}\n\n— ${origin} ${toBase64(Uint8Array.from([...id, ...signed]))}\n`)
}

/** The last entry left out; the proof is that of the entry before, the head statement stays. */
const truncated = (): string => {
  const unit = world.unit('drill-1')
  const last = unit.entries.pop()
  if (last === undefined) throw new Error('the unit has entries')
  const shorter = parsePassport(world.passport('drill-1'))
  unit.entries.push(last)
  return encodePassport({ ...shorter, head: honest.head })
}

const hiddenFork = (): string => {
  world.forks.set('drill-1', [[at(honest.entries, 2), splitEntry()]])
  const forked = parsePassport(world.passport('drill-1'))
  world.forks.clear()
  return encodePassport({ ...forked, forks: [] })
}

const otherHead = (): string => {
  const other = verifyEntry(at(world.unit('drill-2').entries, -1).entry.bytes)
  const blinded = blindedKey(other.unit, world.blind('drill-2'))
  const { seq, hash } = other
  return changed({
    head: signHead({ size: 10, forks: 0, blinded, seq, hash, title: 'Drill' }, world.log),
  })
}

/** The head statement of this unit, as the operator would sign it with something changed. */
const headOf = (change: { size?: number; seq?: number }): string => {
  const { unit, seq, hash } = verifyEntry(at(honest.entries, -1))
  const blinded = blindedKey(unit, world.blind('drill-1'))
  const head = { size: 10, forks: 0, title: 'Drill', blinded, seq, hash, ...change }
  return changed({ head: signHead(head, world.log) })
}

const substitutedVkey = (): string =>
  changed({ log: encodeVkey(noteKey('mallory.example', signerNamed('mallory').publicKey)) })

describe('attacks on a passport', () => {
  test('the untouched file is VALID', async () => {
    expect((await verify(text, world.everyone())).verdict).toBe('VALID')
  })

  test.each(attacks)('%s', async (...[, file, name, code]) => {
    const report = await verify(file(), world.everyone())
    expect(report.verdict).toBe('INVALID')
    const failed = report.checks.filter(({ verdict }) => verdict === 'fail')
    expect(failed.map((check) => `${check.name} ${check.code}`)).toContain(`${name} ${code}`)
  })

  test('the named ones of the threat list each have their own code', () => {
    const named = [
      ...[
        'omit an entry',
        'reorder entries',
        'swap the unit',
        'edit counters',
        'splice two chains',
      ],
      ...['replay an entry of another unit', 'show both sides of a fork', 'a truncated head'],
      ...['forge the checkpoint', 'a smaller tree', 'wrong origin', 'non-canonical CBOR'],
      ...['an extra field in an entry', 'the simulated flag removed', 'the log’s key substituted'],
    ]
    const codes = named.map((wanted) => attacks.find(([name]) => name === wanted)?.[3])
    expect(codes).not.toContain(undefined)
    expect(new Set(codes).size).toBe(named.length)
  })

  test('a whole false history under a key of its own is UNKNOWN_ROOT, not VALID', async () => {
    const report = await verify(otherLog('mallory.example/log'), world.everyone())
    expect(report.verdict).toBe('UNKNOWN_ROOT')
    const forged = livedWorld()
    forged.units.clear()
    forged.enrol('drill-9')
    forged.checkpoint()
    const unit = await verify(forged.passport('drill-9'), world.trust())
    expect(unit.verdict).toBe('UNKNOWN_ROOT')
  })

  test('a unit key substituted in an entry does not verify', async () => {
    const mallory = signerNamed('mallory')
    const stolen = edited(at(honest.entries, 2), (fields) => fields.set('unit', mallory.did))
    const report = await verify(withEntry(2, stolen), world.everyone())
    expect(report.checks.find(({ name }) => name === 'entries')?.code).toBe('bad_signature')
  })

  test('base64 that says the same in another way is refused', async () => {
    const spaced = text.replace('"blind": "', '"blind": " ')
    const report = await verify(spaced, world.everyone())
    expect(report.checks[0]).toMatchObject({ name: 'file', code: 'bad_base64' })
    expect(() => fromBase64('QQ=')).toThrow()
    expect(() => fromBase64('QR==')).toThrow()
  })
})
