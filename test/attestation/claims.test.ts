// Attacks with claims: a unit that includes somebody else's word, an author that is not who it
// says, words taken from another unit or moment. The unit's own key takes part: it is the unit that
// lies.
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Cbor, decodeCbor, encodeCbor } from '../../gateway/attestation/cbor.ts'
import { type Claim, type ClaimKind, composeClaim } from '../../gateway/attestation/claim.ts'
import { coseTypes, decodeSign1, encodeSign1 } from '../../gateway/attestation/cose.ts'
import { encodePassport, parsePassport } from '../../gateway/attestation/passport-file.ts'
import { type Check, verify } from '../../gateway/attestation/verify.ts'
import { fixedRandom, signerNamed, World } from './world.ts'

const sha256 = (bytes: Uint8Array) => Uint8Array.from(createHash('sha256').update(bytes).digest())

const usage = (starts: number) => ({ boot: 2, timeUs: starts, counters: { starts } })

/** A claim as its author would sign it. */
const claimBy = (
  author: string,
  claim: { kind: ClaimKind; unit: string; head: Uint8Array | null },
) => composeClaim({ ...claim, timeUs: 1 }, signerNamed(author), fixedRandom(author)).claim

/** Verifies the passport of a unit that includes a claim in an entry of a type. */
const checkOf = async (
  type: string,
  make: (world: World, head: Uint8Array) => Pick<Claim, 'bytes' | 'hash'>,
): Promise<Check | undefined> => {
  const world = new World()
  world.enrol('drill-1')
  world.enrol('drill-2')
  const { hash: head } = world.add('drill-1', { ...usage(1), type: 'usage' })
  world.add('drill-1', { ...usage(2), type: 'usage' })
  const { bytes, hash } = make(world, head)
  world.unit('drill-1').claims.push(bytes)
  world.add('drill-1', { ...usage(3), type, claim: hash })
  world.checkpoint()
  const report = await verify(world.passport('drill-1'), world.everyone())
  return report.checks.find(({ name }) => name === 'claims')
}

const unit = signerNamed('unit drill-1').did

test('a claim about an earlier moment of this unit, of the right kind, passes', async () => {
  const good = await checkOf('accepted', (_, head) =>
    claimBy('buyer', { kind: 'acceptance', unit, head }),
  )
  expect(good).toMatchObject({ verdict: 'pass' })
  const other = await checkOf('refurbished', (_, head) =>
    claimBy('workshop', { kind: 'service', unit, head }),
  )
  expect(other).toMatchObject({ verdict: 'pass' })
})

test.each<
  [string, string, ClaimKind, (world: World, head: Uint8Array) => [string, Uint8Array | null]]
>([
  ['of another unit', 'accepted', 'acceptance', (w, head) => [w.unit('drill-2').signer.did, head]],
  ['of another kind', 'accepted', 'service', (_, head) => [unit, head]],
  ['of a producer, later', 'refurbished', 'production', (_, head) => [unit, head]],
  ['of no moment of this chain', 'accepted', 'acceptance', () => [unit, new Uint8Array(32)]],
  ['of the time before it was made', 'accepted', 'acceptance', () => [unit, null]],
])('a claim %s is foreign', async (...[, type, kind, place]) => {
  const check = await checkOf(type, (world, head) => {
    const [about, moment] = place(world, head)
    return claimBy('buyer', { kind, unit: about, head: moment })
  })
  expect(check).toMatchObject({ verdict: 'fail', code: 'claim_foreign' })
})

test('a claim that somebody else signed in the author’s name is refused', async () => {
  const mallory = signerNamed('mallory')
  const world = new World()
  world.enrol('drill-1')
  const { hash: head } = world.add('drill-1', { ...usage(1), type: 'usage' })
  const own = decodeSign1(
    claimBy('mallory', { kind: 'acceptance', unit, head }).bytes,
    coseTypes.claim,
  )
  const fields = new Map(decodeCbor(own.payload) as Map<string, Cbor>)
  fields.set('author', signerNamed('buyer').did)
  const forged = encodeSign1(
    { type: coseTypes.claim, alg: own.alg, payload: encodeCbor(fields) },
    mallory.sign,
  )
  world.add('drill-1', { ...usage(2), type: 'accepted', claim: sha256(forged) })
  world.checkpoint()
  const [production] = world.unit('drill-1').claims
  const passport = parsePassport(world.passport('drill-1'))
  const text = encodePassport({ ...passport, claims: [production ?? forged, forged] })
  const report = await verify(text, world.everyone())
  expect(report.verdict).toBe('INVALID')
  const failed = report.checks.filter(({ verdict }) => verdict === 'fail')
  expect(failed.map(({ code }) => code)).toContain('bad_signature')
})

test('only a production claim in `made` roots a unit in its producer', async () => {
  const world = new World()
  world.enrol('drill-1')
  world.unit('drill-1').claims.length = 0
  world.claim('drill-1', 'producer', { ...usage(1), type: 'accepted', kind: 'acceptance' })
  world.checkpoint()
  const report = await verify(world.passport('drill-1'), world.everyone())
  expect(report.verdict).toBe('UNKNOWN_ROOT')
  expect(report.checks.find(({ name }) => name === 'unit_key')?.code).toBe('unit_not_pinned')
})
