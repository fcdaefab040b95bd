// Published vectors: C2SP CCTV edge cases of Ed25519, RFC 8032, and transparency-dev Merkle proofs.
import { createPublicKey, verify as nodeVerify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isStrongKey, verifyEd25519 } from '../../gateway/attestation/ed25519.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import {
  emptyRoot,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from '../../gateway/attestation/merkle.ts'
import {
  appendLeaf,
  consistencyProof,
  inclusionProof,
  rootOf,
} from '../../gateway/attestation/tlog.ts'
import { sharedData } from '../data.ts'
import { MemoryLeafStore } from './memory-leaf-store.ts'

const bytes = (text: string, encoding: 'hex' | 'base64' | 'utf8'): Uint8Array =>
  Uint8Array.from(Buffer.from(text, encoding))

const readJson = (folder: string, file: string) =>
  JSON.parse(readFileSync(join(folder, file), 'utf8'))

const ed25519Folder = sharedData('ed25519-vectors')
const merkleFolder = sharedData('merkle-vectors')

describe.skipIf(ed25519Folder === undefined)('Ed25519 edge cases', () => {
  interface Case {
    key: string
    sig: string
    msg: string
    flags: string[] | null
  }
  const cases: Case[] = ed25519Folder ? readJson(ed25519Folder, 'ed25519vectors.json') : []
  const refused = ['non_canonical_A', 'non_canonical_R', 'low_order_A', 'low_order_residue']
  const isValid = ({ sig, msg, key }: Case): boolean =>
    verifyEd25519(bytes(sig, 'hex'), bytes(msg, 'utf8'), bytes(key, 'hex'))

  test('the one rule: canonical A and R, A not of small order, no residue of low order', () => {
    expect(cases).toHaveLength(914)
    for (const one of cases) {
      const isGood = !(one.flags ?? []).some((flag) => refused.includes(flag))
      expect(isValid(one), JSON.stringify(one)).toBe(isGood)
    }
    // Keys and nonces with a part of low order are accepted where the equation holds exactly.
    expect(cases.filter(isValid).length).toBeGreaterThan(1)
  })

  test('agrees with OpenSSL for strong keys, but that OpenSSL refuses R of small order', () => {
    const x = (key: string) => Buffer.from(key, 'hex').toString('base64url')
    for (const one of cases.filter(({ key }) => isStrongKey(bytes(key, 'hex')))) {
      const key = createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: x(one.key) },
        format: 'jwk',
      })
      const theirs = nodeVerify(null, bytes(one.msg, 'utf8'), key, bytes(one.sig, 'hex'))
      const isSmallR = one.flags?.includes('low_order_R') ?? false
      expect(isValid(one) && !isSmallR, JSON.stringify(one)).toBe(theirs)
    }
  })
})

describe('Ed25519', () => {
  // RFC 8032, 7.1, tests 1 to 3: seed, message, signature.
  const vectors = [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ] as const

  test.each(vectors)('signs and verifies RFC 8032 vector %s', (seed, message, signature) => {
    const signer = signerOfSeed(bytes(seed, 'hex'))
    expect(Buffer.from(signer.sign(bytes(message, 'hex'))).toString('hex')).toBe(signature)
    const check = (sig: Uint8Array) => verifyEd25519(sig, bytes(message, 'hex'), signer.publicKey)
    expect(check(bytes(signature, 'hex'))).toBe(true)
    expect(check(bytes(signature, 'hex').slice(1))).toBe(false)
  })

  test('refuses S that is one group order too large (malleability)', () => {
    const signer = signerOfSeed(bytes(vectors[0][0], 'hex'))
    const signature = bytes(vectors[0][2], 'hex')
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    let s = order
    for (let at = 63; at >= 32; at--) s += BigInt(signature[at] ?? 0) << BigInt(8 * (at - 32))
    for (let at = 32; at < 64; at++) signature[at] = Number((s >> BigInt(8 * (at - 32))) & 255n)
    expect(verifyEd25519(signature, new Uint8Array(), signer.publicKey)).toBe(false)
  })
})

describe.skipIf(merkleFolder === undefined)('Merkle proof vectors', () => {
  interface Vector {
    name: string
    proof: string[] | null
    wantErr: boolean
  }
  type Inclusion = Vector & { leafIdx: number; treeSize: number; root: string; leafHash: string }
  type Consistency = Vector & { size1: number; size2: number; root1: string; root2: string }
  const vectors: { inclusion: Inclusion[]; consistency: Consistency[] } = merkleFolder
    ? readJson(merkleFolder, 'vectors.json')
    : { inclusion: [], consistency: [] }
  const hashes = (list: string[] | null) => (list ?? []).map((text) => bytes(text, 'base64'))
  const hash = (text: string | null) => bytes(text ?? '', 'base64')

  test('inclusion: every verdict as published', () => {
    expect(vectors.inclusion).toHaveLength(48)
    for (const one of vectors.inclusion) {
      const claim = {
        leaf: hash(one.leafHash),
        root: hash(one.root),
        index: one.leafIdx,
        size: one.treeSize,
      }
      expect(verifyInclusion(claim, hashes(one.proof)), one.name).toBe(!one.wantErr)
    }
  })

  test('consistency: every verdict as published, but from size 0 and for short roots: refused', () => {
    expect(vectors.consistency).toHaveLength(55)
    let stricter = 0
    for (const one of vectors.consistency) {
      const claim = {
        ...{ oldSize: one.size1, oldRoot: hash(one.root1) },
        ...{ newSize: one.size2, newRoot: hash(one.root2) },
      }
      const isEdge = one.size1 === 0 || claim.oldRoot.length !== 32 || claim.newRoot.length !== 32
      if (isEdge && !one.wantErr) stricter++
      expect(verifyConsistency(claim, hashes(one.proof)), one.name).toBe(!one.wantErr && !isEdge)
    }
    expect(stricter).toBeGreaterThan(0)
  })
})

describe('the Merkle log', () => {
  const leaf = (index: number) => Uint8Array.of(index, index >> 8)
  const treeOf = (size: number): MemoryLeafStore => {
    const store = new MemoryLeafStore()
    for (let index = 0; index < size; index++) appendLeaf(store, leaf(index))
    return store
  }
  /** MTH exactly as RFC 6962, 2.1 writes it. */
  const mth = (leaves: readonly Uint8Array[]): Uint8Array => {
    const [only] = leaves
    if (only === undefined) return emptyRoot()
    if (leaves.length === 1) return leafHash(only)
    const split = 2 ** Math.floor(Math.log2(leaves.length - 1))
    return nodeHash(mth(leaves.slice(0, split)), mth(leaves.slice(split)))
  }
  const max = 70
  const store = treeOf(max)

  test('roots of all sizes are those of RFC 6962, computed the slow way', () => {
    expect(Buffer.from(rootOf(store, 0)).toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    )
    for (let size = 0; size <= max; size++) {
      expect(rootOf(store, size)).toEqual(mth(store.leaves.slice(0, size)))
    }
  })

  test('every inclusion proof of every size verifies, and no other place does', () => {
    for (let size = 1; size <= max; size++) {
      const root = rootOf(store, size)
      for (let index = 0; index < size; index++) {
        const claim = { leaf: leafHash(leaf(index)), index, size, root }
        const proof = inclusionProof(store, { index, size })
        expect(verifyInclusion(claim, proof)).toBe(true)
        expect(verifyInclusion({ ...claim, index: (index + 1) % (size + 1) }, proof)).toBe(false)
        expect(verifyInclusion({ ...claim, size: size + 1 }, [...proof, root])).toBe(false)
      }
    }
  })

  test('every consistency proof verifies, and none between other roots', () => {
    for (let newSize = 1; newSize <= max; newSize++) {
      const newRoot = rootOf(store, newSize)
      for (let oldSize = 1; oldSize <= newSize; oldSize++) {
        const claim = { oldSize, oldRoot: rootOf(store, oldSize), newSize, newRoot }
        const proof = consistencyProof(store, { oldSize, newSize })
        expect(verifyConsistency(claim, proof), `${oldSize} ${newSize}`).toBe(true)
        expect(verifyConsistency({ ...claim, oldRoot: leafHash(newRoot) }, proof)).toBe(false)
        expect(verifyConsistency({ ...claim, newRoot: leafHash(newRoot) }, proof)).toBe(false)
      }
    }
  })

  test('one changed bit anywhere in a proof or root is seen (property)', () => {
    const place = fc.record({
      size: fc.integer({ min: 1, max }),
      index: fc.nat(max),
      at: fc.nat(),
      bit: fc.nat(255),
    })
    fc.assert(
      fc.property(place, ({ size, index: wish, at, bit }) => {
        const index = wish % size
        const flip = (hash: Uint8Array) =>
          hash.with(Math.floor(bit / 8), (hash[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8)))
        const proof = inclusionProof(store, { index, size })
        const parts = [...proof, rootOf(store, size), leafHash(leaf(index))]
        const broken = parts.map((hash, part) => (part === at % parts.length ? flip(hash) : hash))
        const [root, hash] = broken.slice(-2)
        if (root === undefined || hash === undefined) return false
        return !verifyInclusion({ leaf: hash, index, size, root }, broken.slice(0, -2))
      }),
    )
  })

  test('asking beyond the log is a mistake of the program', () => {
    expect(() => rootOf(store, max + 1)).toThrow(RangeError)
    expect(() => inclusionProof(store, { index: 3, size: 3 })).toThrow(RangeError)
    expect(() => consistencyProof(store, { oldSize: 0, newSize: 3 })).toThrow(RangeError)
  })
})
