// CheckpointAnchor on a real EVM: published consistency vectors, random trees against our own
// Merkle code, everything that must be refused, and what an anchor costs.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Account, Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyConsistency } from '../../gateway/attestation/merkle.ts'
import { compile, deriveContracts } from '../../gateway/ledger/compile.ts'
import {
  accountOf,
  anchorCheckpoint,
  deployAnchor,
  readAnchor,
  readAnchorAt,
} from '../../gateway/ledger/evm.ts'
import type { Checkpoint } from '../../gateway/ledger/source.ts'
import { sharedData } from '../data.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { evenLog, logOf, testLog } from './trees.ts'

let anvil: Anvil
let account: Account
let contract: Hex
let logs = 0

const keyOf = (index: number): string => anvil.keys[index] ?? ''
const chain = () => ({ rpc: anvil.rpc, account })
const anchor = (checkpoint: Checkpoint, proof: readonly Uint8Array[] = []) =>
  anchorCheckpoint(chain(), contract, { checkpoint, proof })
/** Each case has a log of its own: an origin has one history in a contract. */
const freshOrigin = (): string => `example.org/log-${logs++}`

beforeAll(async () => {
  anvil = await startAnvil()
  account = accountOf(keyOf(0))
  contract = (await deployAnchor(chain())).contract
})
afterAll(() => anvil?.stop())

describe('consistency proofs on chain', () => {
  const file = sharedData('merkle-vectors')

  test.skipIf(file === undefined)('every published vector', async () => {
    const { consistency } = JSON.parse(readFileSync(join(file ?? '', 'vectors.json'), 'utf8')) as {
      consistency: Vector[]
    }
    expect(consistency.length).toBeGreaterThanOrEqual(55)
    const wrong: string[] = []
    for (const vector of consistency) {
      const accepted = await accepts(vector)
      // The empty tree: the published verifier takes some proofs from it, a strict one none. No
      // vector of this set differs, so all must agree.
      if (accepted === vector.wantErr) wrong.push(vector.name)
    }
    expect(wrong).toEqual([])
  })

  interface Vector {
    name: string
    size1: number
    size2: number
    root1: string
    root2: string
    proof: string[] | null
    wantErr: boolean
  }

  /**
   * Anchors the old tree, then the new one; a first anchor takes any root, as long as it has
   * one.
   */
  const accepts = async ({ size1, size2, root1, root2, proof }: Vector): Promise<boolean> => {
    const origin = freshOrigin()
    const before = { origin, size: size1, root: padded(root1) }
    const after = { origin, size: size2, root: padded(root2) }
    try {
      await anchor(before)
      await anchor(after, (proof ?? []).map(padded))
      return true
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      expect(code, message).toBe('anchor_refused')
      // Equal size and root: consistent, but nothing new to anchor.
      return message.includes('anchored already')
    }
  }

  /**
   * A hash of a wrong length cannot even be sent as bytes32; padded it must be refused on
   * chain.
   */
  const padded = (base64: string): Uint8Array => {
    const bytes = Buffer.from(base64, 'base64')
    return Uint8Array.from({ length: 32 }, (_, at) => bytes[at] ?? 0)
  }

  test('random trees agree with our own verifier, as do proofs with one change', async () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 }))
    const change = fc.record({
      kind: fc.constantFrom('none', 'flip', 'drop', 'add', 'swap', 'root') as fc.Arbitrary<Change>,
      at: fc.nat(20),
    })
    const log = logOf('example.org/random', 140)
    await fc.assert(
      fc.asyncProperty(sizes, change, async ([oldSize, more], { kind, at }) => {
        const newSize = oldSize + more
        const origin = freshOrigin()
        const old = { ...log.checkpoint(oldSize), origin }
        const tried = changed({ log, oldSize, newSize }, kind, at)
        const next = { ...log.checkpoint(newSize), ...tried.root, origin }
        const claim = { oldSize, oldRoot: old.root, newSize, newRoot: next.root }
        await anchor(old)
        const taken = await anchor(next, tried.proof).then(
          () => true,
          (error) => (error.code === 'anchor_refused' ? false : Promise.reject(error)),
        )
        expect(taken).toBe(verifyConsistency(claim, tried.proof))
        if (kind === 'none') expect(taken).toBe(true)
        const now = await readAnchor(anvil.rpc, contract, origin)
        expect(now?.size).toBe(taken ? newSize : oldSize)
        expect(now?.root).toEqual(taken ? next.root : old.root)
      }),
      { numRuns: 40 },
    )
  }, 180_000)

  type Change = 'none' | 'flip' | 'drop' | 'add' | 'swap' | 'root'
  interface Step {
    log: ReturnType<typeof logOf>
    oldSize: number
    newSize: number
  }
  const changed = ({ log, oldSize, newSize }: Step, kind: Change, at: number) => {
    const proof = log.proof(oldSize, newSize)
    const place = at % Math.max(1, proof.length)
    const node = proof[place] ?? new Uint8Array(32)
    if (kind === 'flip') proof[place] = node.map((byte, index) => (index === at ? byte ^ 1 : byte))
    if (kind === 'drop') proof.splice(place, 1)
    if (kind === 'add') proof.splice(place, 0, node)
    if (kind === 'swap') proof.reverse()
    const root = log.checkpoint(newSize).root.map((byte) => byte ^ 0x80)
    return { proof, root: kind === 'root' ? { root } : {} }
  }
})

describe('refused, in words', () => {
  const anchored = async (size: number, upTo = size) => {
    const log = logOf(freshOrigin(), upTo)
    await anchor(log.checkpoint(size))
    return log
  }
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => undefined,
      (reason) => reason,
    )
    expect(error).toMatchObject({ name: 'OperatingError', code: 'anchor_refused' })
    expect(error.remedy).not.toBe('')
    return error.message
  }

  test('a fork: another leaf among those already anchored', async () => {
    const log = await anchored(5)
    const fork = testLog(log.origin, ['leaf 0', 'leaf 1', 'other', 'leaf 3', 'leaf 4', 'leaf 5'])
    const words = await refusal(anchor(fork.checkpoint(6), fork.proof(5, 6)))
    expect(words).toMatch(/does not lead from the anchored root/)
  })

  test('another root at the same size', async () => {
    const log = await anchored(3)
    const fork = testLog(log.origin, ['a', 'b', 'c'])
    expect(await refusal(anchor(fork.checkpoint()))).toMatch(/two different logs/)
  })

  test('a shrink', async () => {
    const log = await anchored(9)
    const words = await refusal(anchor(log.checkpoint(7), log.proof(7, 9)))
    expect(words).toMatch(/9 leaves are anchored, 7 were offered/)
  })

  test('a replay', async () => {
    const log = await anchored(4)
    expect(await refusal(anchor(log.checkpoint(4)))).toMatch(/4 leaves is anchored already/)
  })

  test('another owner, even with a right proof', async () => {
    const log = await anchored(4, 6)
    const stranger = { rpc: anvil.rpc, account: accountOf(keyOf(1)) }
    const next = { checkpoint: log.checkpoint(6), proof: log.proof(4, 6) }
    const words = await refusal(anchorCheckpoint(stranger, contract, next))
    expect(words).toContain(`belongs to ${account.address}`)
  })

  test('an empty log, and a first anchor with a proof', async () => {
    const empty = testLog(freshOrigin())
    expect(await refusal(anchor(empty.checkpoint(0)))).toMatch(/without leaves/)
    const log = logOf(freshOrigin(), 4)
    expect(await refusal(anchor(log.checkpoint(4), log.proof(2, 4)))).toMatch(/never anchored here/)
  })

  test('a proof that is too long, too short, or leads elsewhere', async () => {
    const log = await anchored(6, 8)
    const proof = log.proof(6, 8)
    const next = log.checkpoint(8)
    expect(await refusal(anchor(next, []))).toMatch(/0 hashes does not fit/)
    expect(await refusal(anchor(next, proof.slice(0, 2)))).toMatch(/2 hashes does not fit/)
    expect(await refusal(anchor(next, [...proof, next.root]))).toMatch(/4 hashes does not fit/)
    const elsewhere = { ...next, root: logOf('', 9).checkpoint().root }
    expect(await refusal(anchor(elsewhere, proof))).toMatch(/does not lead to the offered root/)
  })
})

test('logs are kept apart by origin, and old anchors are found again', async () => {
  const first = logOf(freshOrigin(), 12)
  const second = testLog(freshOrigin(), ['x', 'y'])
  await anchor(first.checkpoint(5))
  await anchor(second.checkpoint())
  const { block } = await anchor(first.checkpoint(12), first.proof(5, 12))
  const now = await readAnchor(anvil.rpc, contract, first.origin)
  expect(now).toMatchObject({ ...first.checkpoint(12), owner: account.address, contract })
  expect(now?.chainId).toBe(anvil.chainId)
  expect(now?.atUs).toBeGreaterThan(1.7e15)
  const at = (size: number) => readAnchorAt(anvil.rpc, contract, { origin: first.origin, size })
  expect((await at(5))?.root).toEqual(first.checkpoint(5).root)
  expect(await at(12)).toEqual({ root: first.checkpoint(12).root, block })
  expect(await at(7)).toBeUndefined()
  expect(await readAnchor(anvil.rpc, contract, 'example.org/never')).toBeUndefined()
})

test('what an anchor costs', async () => {
  const log = evenLog(freshOrigin(), 1_000_000)
  const first = await anchor(log.checkpoint(1000))
  const costs: string[] = []
  let last = 1000
  for (const size of [1100, 900_000, 999_000, 1_000_000]) {
    const proof = log.proof(last, size)
    const { gasUsed } = await anchor(log.checkpoint(size), proof)
    costs.push(`${last} -> ${size} (${proof.length} hashes) ${gasUsed}`)
    expect(gasUsed).toBeLessThan(100_000n)
    last = size
  }
  console.log(`gas: first anchor ${first.gasUsed}; ${costs.join('; ')}`)
})

describe('compiling', () => {
  test('the committed contract is what its source gives', () => {
    for (const [path, content] of deriveContracts()) {
      expect(readFileSync(join(import.meta.dirname, '..', '..', path), 'utf8')).toBe(content)
    }
  })

  test('a warning is an error', () => {
    const source =
      'pragma solidity 0.8.37; contract A { function f(uint256 unused) external pure {} }'
    expect(() => compile('A.sol', source)).toThrow(/does not compile cleanly/)
  })
})
