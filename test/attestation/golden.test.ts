// Golden files from fixed keys: any drift of a format shows here, and a file written by an earlier
// version must still verify. They are also the vectors for writers in other languages (firmware).
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { toBase64, toHex } from '../../gateway/attestation/bytes.ts'
import { coseTypes, decodeSign1 } from '../../gateway/attestation/cose.ts'
import { parseDisclosure } from '../../gateway/attestation/disclosure.ts'
import { blindedKey, leafOf } from '../../gateway/attestation/leaf.ts'
import { leafHash } from '../../gateway/attestation/merkle.ts'
import { parseTrust } from '../../gateway/attestation/trust.ts'
import { verify } from '../../gateway/attestation/verify.ts'
import { digest, livedWorld } from './world.ts'

const world = livedWorld()
const unit = world.unit('drill-1')
const trustText = `log ${world.vkey()}\nunit ${unit.signer.did}\n`

test('every signed form is what it was', async () => {
  const blind = world.blind('drill-1')
  const vectors = {
    seed: toHex(digest('unit drill-1')),
    did: unit.signer.did,
    blind: toHex(blind),
    blindedKey: toHex(blindedKey(unit.signer.did, blind)),
    entries: unit.entries.map(({ entry }) => {
      const { payload, toBeSigned, signature } = decodeSign1(entry.bytes, coseTypes.entry)
      return {
        payload: toHex(payload),
        toBeSigned: toHex(toBeSigned),
        signature: toHex(signature),
        entry: toHex(entry.bytes),
        hash: toHex(entry.hash),
        leaf: toHex(leafOf(entry, blind)),
        leafHash: toHex(leafHash(leafOf(entry, blind))),
      }
    }),
    claims: unit.claims.map(toHex),
    disclosures: unit.disclosures
      .map(parseDisclosure)
      .map(({ bytes, digest: hash, name, value }) => ({
        ...{ name, value, bytes: toHex(bytes), digest: toHex(hash) },
      })),
    root: toBase64(world.root()),
  }
  const text = `${JSON.stringify(vectors, undefined, 2)}\n`
  await expect(text).toMatchFileSnapshot('golden/vectors.json')
  await expect(world.passport('drill-1')).toMatchFileSnapshot('golden/drill-1.passport.json')
  await expect(trustText).toMatchFileSnapshot('golden/trust.txt')
})

test('the committed passport is VALID against the committed trust file', async () => {
  const read = (name: string) => readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8')
  const report = await verify(read('drill-1.passport.json'), parseTrust(read('trust.txt')))
  expect(report.summary).toMatch(/^VALID: /)
})
