// `tenfold verify --anchor`: a passport's log compared with its anchor on a real EVM (Anvil from
// npm).
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consistencyProof, rootOf } from '../../gateway/attestation/tlog.ts'
import { run } from '../../gateway/cli/verify.ts'
import { accountOf, anchorCheckpoint, deployAnchor } from '../../gateway/ledger/evm.ts'
import { type Anvil, startAnvil } from '../ledger/anvil.ts'
import { digest, livedWorld, origin, signerNamed } from './world.ts'

const world = livedWorld()
let folder = ''
let anvil: Anvil

beforeAll(async () => {
  anvil = await startAnvil()
  folder = await mkdtemp(join(tmpdir(), 'tenfold-anchor-'))
  await writeFile(join(folder, 'passport.json'), world.passport('drill-1'))
  const producer = `producer ${signerNamed('producer').did}`
  await writeFile(join(folder, 'trust.txt'), `log ${world.vkey()}\n${producer}\n`)
})
afterAll(async () => {
  await anvil?.stop()
  await rm(folder, { recursive: true, force: true })
})

const chain = () => ({ rpc: anvil.rpc, account: accountOf(anvil.keys[0] ?? '') })

/** Anchors the log's state at a size; with another root where it is given. */
const anchor = (contract: `0x${string}`, size: number, root = rootOf(world.leaves, size)) =>
  anchorCheckpoint(chain(), contract, {
    checkpoint: { origin, size, root },
    proof: size === 5 ? [] : consistencyProof(world.leaves, { oldSize: 5, newSize: size }),
  })

const tenfold = async (...args: string[]): Promise<{ code: number; out: string }> => {
  const lines: string[] = []
  const io = {
    out: (line: string) => void lines.push(line),
    err: (line: string) => void lines.push(line),
    ...{ env: {}, cwd: folder, signal: new AbortController().signal },
  }
  const code = await run(['passport.json', '--trust', 'trust.txt', ...args], io)
  return { code, out: lines.join('\n') }
}

test('an anchor of an older and of the same size agrees', async () => {
  const { contract } = await deployAnchor(chain())
  const args = ['--anchor', anvil.rpc, '--contract', contract]
  const none = await tenfold(...args)
  expect(none.code).toBe(2)
  expect(none.out).toMatch(/^UNKNOWN_ANCHOR: no anchor of /)
  for (const size of [5, 10]) {
    await anchor(contract, size)
    const { code, out } = await tenfold(...args)
    expect(code).toBe(0)
    expect(out).toMatch(
      new RegExp(`^  pass +anchor +ok: the chain holds size ${size}, and it agrees`, 'm'),
    )
  }
  const foreign = await tenfold(...args, '--owner', `0x${'1'.repeat(40)}`)
  expect(foreign.code).toBe(2)
  expect(foreign.out).toContain('anchored a log of this name there')
})

test('an anchor of another history is INVALID', async () => {
  const { contract } = await deployAnchor(chain())
  await anchor(contract, 5, digest('another history'))
  const { code, out } = await tenfold('--anchor', anvil.rpc, '--contract', contract)
  expect(code).toBe(1)
  expect(out).toMatch(/^INVALID: anchor failed \(anchor_mismatch\)/)
})

test('half an option is an error, a dead server an open question', async () => {
  await expect(tenfold('--anchor', anvil.rpc)).rejects.toThrow(/belong together/)
  const address = `0x${'2'.repeat(40)}`
  const { code, out } = await tenfold('--anchor', 'http://127.0.0.1:1', '--contract', address)
  expect(code).toBe(2)
  expect(out).toContain('anchor_unreachable')
})
