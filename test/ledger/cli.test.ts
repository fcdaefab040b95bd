// `tenfold ledger` as a person runs it: register, anchor and show, over a real chain and a log in
// memory with real signatures.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { keyVariable, rpcVariable, runWith } from '../../gateway/cli/ledger.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { type FakeLog, fakeLog, person } from './fake-log.ts'

let anvil: Anvil
let folder: string
let log: FakeLog
let logs = 0

beforeAll(async () => {
  anvil = await startAnvil()
})
afterAll(() => anvil?.stop())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-ledger-'))
  log = fakeLog(`example.org/cli-${logs++}`)
  return () => rmSync(folder, { recursive: true })
})

const ledger = async (args: string[], env: Record<string, string> = {}) => {
  const out: string[] = []
  const err: string[] = []
  const io = {
    out: (line: string) => out.push(line),
    err: (line: string) => err.push(line),
    env,
    cwd: folder,
    signal: new AbortController().signal,
  }
  const open = async (dataFolder: string) => {
    expect(dataFolder).toBe(folder)
    return log.source
  }
  const failed = await runWith(open, [...args, '--set', `data=${folder}`], io).then(
    () => undefined,
    (error) => error as { code: string; message: string; remedy: string },
  )
  return { out: out.join('\n'), err: err.join('\n'), failed }
}
const anchor = (...args: string[]) =>
  ledger(['anchor', '--rpc', anvil.rpc, ...args], { [keyVariable]: anvil.keys[0] ?? '' })
/** Leaves 0 to 2 of a unit that Ben built and Dora accepted. */
const fill = () => {
  const unit = log.unit(10, { maker: person(1) })
  unit.write('accepted', { claim: unit.claim('acceptance', person(3)) })
  unit.write('used_today', { hours: 60 })
  log.sign()
  return unit
}

describe('register', () => {
  test('prints holders, units and what was refused or not proven', async () => {
    fill()
    const twin = log.unit(11, { simulated: true })
    twin.write('used_today')
    twin.write('accepted', { claim: new Uint8Array(32) })
    log.sign()
    const { out, failed } = await ledger(['register'])
    expect(failed).toBeUndefined()
    expect(out.split('\n')).toEqual([
      '1000400 shares of machines-of-this-gateway, up to leaf 5 of the log',
      `  1000080  ${person(99).did}  (founder and management)`,
      `      320  ${person(1).did}`,
      'units',
      `  ${person(10).did}: 400 of 1000 minted; paid for accepted, hours_50`,
      `  ${person(11).did}: 0 of 1000 minted; simulated: earns nothing`,
      `refused: leaf 3, ${twin.did}: the unit is simulated; twins never earn (2 times in all)`,
      'not proven: leaf 5: entry 2: its acceptance claim is not here (claim_withheld)',
    ])
    expect(log.isClosed()).toBe(true)
  })

  test('prints JSON with shares as text', async () => {
    fill()
    const { out } = await ledger(['register', '--json'])
    const read = JSON.parse(out)
    expect(read.supply).toBe('1000400')
    expect(read.mints).toHaveLength(2)
    expect(read.rules.unitBudget).toBe('1000')
    expect(read.rulesDigest).toMatch(/^[0-9a-f]{64}$/)
  })

  test('works on an empty log, and with rules and people from the settings', async () => {
    expect((await ledger(['register'])).out).toContain('no unit has an entry')
    const people = ['--set', `ledger.founder=${person(5).did}`]
    expect((await ledger(['register', ...people])).out).toContain(`${person(5).did}  (founder`)
  })
})

describe('anchor', () => {
  test('deploys, anchors, continues, repeats without harm, and show agrees', async () => {
    const unit = fill()
    const first = await anchor('--deploy')
    expect(first.failed).toBeUndefined()
    const contract = /deployed CheckpointAnchor at (0x[0-9a-fA-F]{40})/.exec(first.out)?.[1]
    expect(first.out).toMatch(
      /anchored 3 leaves of example\.org\/cli-\d+ at 0x\w+ \(first anchor\)/,
    )
    unit.write('used_today', { hours: 61 })
    log.sign()
    const second = await anchor()
    expect(second.out).toContain(
      `anchored 4 leaves of ${(await log.source.latestCheckpoint())?.origin}`,
    )
    expect(second.out).toContain('(continues 3)')
    expect((await anchor()).out).toContain(`4 leaves are anchored already at ${contract}`)
    const shown = await ledger(['show', '--rpc', anvil.rpc])
    expect(shown.out).toContain(`on chain: 4 leaves at ${contract}, the same log`)
    expect(shown.out.match(/anchored from here/g)).toHaveLength(2)
    const printed = [first, second, shown].map(({ out, err }) => out + err).join()
    expect(printed).not.toContain((anvil.keys[0] ?? '').slice(2))
  })

  test('refuses, before it pays, a log that is another one or fell behind', async () => {
    fill()
    await anchor('--deploy')
    const contract = (await anchor()).out.match(/0x[0-9a-fA-F]{40}$/m)?.[0] ?? ''
    const origin = (await log.source.latestCheckpoint())?.origin ?? ''
    log = fakeLog(origin)
    log.unit(20)
    log.sign()
    const behind = await anchor('--contract', contract)
    expect(behind.failed).toMatchObject({ code: 'log_behind_anchor' })
    for (const seed of [21, 22, 23]) log.unit(seed)
    log.sign()
    expect((await anchor('--contract', contract)).failed).toMatchObject({ code: 'log_forked' })
    const show = await ledger(['show', '--rpc', anvil.rpc, '--contract', contract])
    expect(show.failed).toMatchObject({ code: 'log_forked' })
  })

  test('takes the key from a file, and warns when others can read it', async () => {
    fill()
    const file = join(folder, 'key.txt')
    writeFileSync(file, `${anvil.keys[1]}\n`, { mode: 0o600 })
    const args = ['anchor', '--deploy', '--key-file', 'key.txt', '--chain-id', '31337']
    const env = { [rpcVariable]: anvil.rpc }
    expect(await ledger(args, env)).toMatchObject({ err: '', failed: undefined })
    chmodSync(file, 0o644)
    expect((await ledger(args, env)).err).toContain('chmod 600')
  })

  test.each([
    ['no RPC server', ['anchor'], 'usage'],
    ['no key', ['anchor', '--rpc', 'RPC'], 'key_missing'],
    ['no key file', ['anchor', '--rpc', 'RPC', '--key-file', 'none'], 'key_unreadable'],
    ['a chain that is no number', ['anchor', '--rpc', 'RPC', '--chain-id', 'x'], 'usage'],
    ['another chain', ['show', '--rpc', 'RPC', '--chain-id', '5'], 'chain_wrong'],
    ['no contract', ['show', '--rpc', 'RPC'], 'contract_unknown'],
    ['no contract at all', ['show', '--rpc', 'RPC', '--contract', '0x1'], 'address_malformed'],
    ['nothing to do', [], 'usage'],
    ['something else', ['constructor'], 'usage'],
  ])('says what is wrong: %s', async (_, args, code) => {
    fill()
    const given = args.map((arg) => (arg === 'RPC' ? anvil.rpc : arg))
    const { failed } = await ledger(given)
    expect(failed).toMatchObject({ code })
    expect(failed?.remedy).not.toBe('')
  })

  test('of an empty log is refused', async () => {
    expect((await anchor('--deploy')).failed).toMatchObject({ code: 'no_checkpoint' })
  })

  test('to a new contract and an old one at once is refused', async () => {
    fill()
    const both = await anchor('--deploy', '--contract', `0x${'12'.repeat(20)}`)
    expect(both.failed).toMatchObject({ code: 'usage' })
  })
})
