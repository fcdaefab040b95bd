// The chain's side when things go wrong: no server, the wrong one, no coin, an answer lost on its
// way. Each is an operating error in words, and none of the words holds a key or the path of an RPC
// address.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Account, Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deriveContracts } from '../../gateway/ledger/compile.ts'
import {
  accountOf,
  addressOf,
  anchorCheckpoint,
  chainIdOf,
  deployAnchor,
  readAnchor,
  readAnchorAt,
} from '../../gateway/ledger/evm.ts'
import { refusals } from '../../gateway/ledger/evm-errors.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { logOf } from './trees.ts'

let anvil: Anvil
let account: Account
let contract: Hex
const servers: Server[] = []
const log = logOf('example.org/evm', 20)

beforeAll(async () => {
  anvil = await startAnvil()
  account = accountOf(anvil.keys[0] ?? '')
  contract = (await deployAnchor({ rpc: anvil.rpc, account })).contract
})
afterAll(async () => {
  for (const server of servers) server.close()
  await anvil?.stop()
})

const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).toMatchObject({ name: 'OperatingError' })
  return error as { code: string; message: string; remedy: string }
}

/** An HTTP server in the place of an RPC server. */
const serve = async (
  answer: (body: string) => Promise<{ status: number; body: string } | undefined>,
): Promise<string> => {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const answered = await answer(body)
    if (answered === undefined) request.socket.destroy()
    else response.writeHead(answered.status).end(answered.body)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3/secret-api-key`
}

const forward = async (body: string) => {
  const answer = await fetch(anvil.rpc, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  return { status: answer.status, body: await answer.text() }
}

describe('a server that cannot answer', () => {
  test('none at the address', async () => {
    const rpc = await serve(forward)
    const closed = servers.pop()
    await new Promise((resolve) => closed?.close(resolve))
    const { code, message } = await failure(readAnchor(rpc, contract, log.origin))
    expect(code).toBe('rpc_unreachable')
    expect(message).toMatch(/^No RPC server answers at http:\/\/127\.0\.0\.1:\d+ \(.+\)\.$/)
    expect(message).not.toContain('secret')
  })

  test('one that refuses, and one that is no RPC server', async () => {
    const refusing = await serve(async () => ({ status: 401, body: 'who are you' }))
    const { code, message } = await failure(chainIdOf({ rpc: refusing }))
    expect([code, message]).toEqual(['rpc_unreachable', expect.stringContaining('HTTP status 401')])
    const web = await serve(async () => ({ status: 200, body: '<html>' }))
    expect((await failure(chainIdOf({ rpc: web }))).code).toMatch(/^rpc_/)
    const error = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}'
    const poor = await serve(async () => ({ status: 200, body: error }))
    const poorFailure = await failure(chainIdOf({ rpc: poor }))
    expect(poorFailure).toMatchObject({ code: 'rpc_refused' })
    expect(poorFailure.message).not.toContain('secret')
  })

  test('an address that is none', async () => {
    for (const rpc of ['ws://127.0.0.1:8545', 'nonsense', '']) {
      expect((await failure(chainIdOf({ rpc }))).code).toBe('rpc_malformed')
    }
  })
})

describe('the wrong place', () => {
  test('another chain: nothing is sent', async () => {
    const wrong = { rpc: anvil.rpc, account, chainId: 1 }
    const { code, message } = await failure(deployAnchor(wrong))
    expect([code, message]).toEqual(['chain_wrong', expect.stringContaining('chain 31337')])
    expect(await chainIdOf({ rpc: anvil.rpc, chainId: 31_337 })).toBe(31_337)
  })

  test('no contract, or another one', async () => {
    const nobody = addressOf(`0x${'12'.repeat(20)}`)
    expect((await failure(readAnchor(anvil.rpc, nobody, log.origin))).code).toBe('contract_absent')
    // A contract that answers everything with the same code: ours is told from it by its code.
    const code = '0x60006000f3'
    await forward(rpcCall('anvil_setCode', [nobody, code]))
    const read = readAnchor(anvil.rpc, nobody, log.origin)
    expect((await failure(read)).code).toBe('contract_foreign')
    const at = readAnchorAt(anvil.rpc, nobody, { origin: log.origin, size: 1 })
    expect((await failure(at)).code).toBe('contract_foreign')
    const paying = { rpc: anvil.rpc, account }
    const anchoring = anchorCheckpoint(paying, nobody, { checkpoint: log.checkpoint(), proof: [] })
    expect((await failure(anchoring)).code).toBe('contract_foreign')
  })

  test('a log whose name somebody else took', async () => {
    const taken = logOf('example.org/taken', 3)
    const thief = accountOf(anvil.keys[1] ?? '')
    const checkpoint = { ...taken.checkpoint(), root: new Uint8Array(32).fill(6) }
    await anchorCheckpoint({ rpc: anvil.rpc, account: thief }, contract, { checkpoint, proof: [] })
    const pinned = { rpc: anvil.rpc, owner: account.address }
    const { code } = await failure(readAnchor(pinned, contract, taken.origin))
    expect(code).toBe('owner_foreign')
    const upper = addressOf(`0x${thief.address.slice(2).toUpperCase()}`)
    const read = await readAnchor({ ...pinned, owner: upper }, contract, taken.origin)
    expect(read?.owner).toBe(thief.address)
  })

  test('an address that is none', () => {
    expect(() => addressOf('0x12')).toThrow(/not the address/)
  })
})

describe('paying', () => {
  test('a key that is none is refused without being shown', () => {
    const secret = 'deadbeef'.repeat(7)
    for (const wrong of [secret, `${secret}zzzzzzzz`, '0'.repeat(64), 'f'.repeat(64), '']) {
      expect(() => accountOf(wrong)).toThrow(expect.objectContaining({ code: 'key_malformed' }))
      expect(() => accountOf(wrong)).not.toThrow(/deadbeef/)
    }
    const key = anvil.keys[0] ?? ''
    expect(accountOf(` ${key.slice(2)}\n`).address).toBe(account.address)
  })

  test('an account without coin', async () => {
    const poor = accountOf('11'.repeat(32))
    const { code, remedy } = await failure(deployAnchor({ rpc: anvil.rpc, account: poor }))
    expect([code, remedy]).toEqual(['funds_short', expect.stringContaining('coin')])
  })

  test('a transaction that was sent though its answer was lost is found on the chain', async () => {
    const lossy = await serve(async (body) => {
      const answer = await forward(body)
      return body.includes('eth_sendRawTransaction') ? undefined : answer
    })
    const mine = logOf('example.org/lost-answer', 5)
    const step = { checkpoint: mine.checkpoint(), proof: [] }
    const { code } = await failure(anchorCheckpoint({ rpc: lossy, account }, contract, step))
    expect(code).toBe('rpc_unreachable')
    expect((await readAnchor(anvil.rpc, contract, mine.origin))?.size).toBe(5)
  })

  test('a transaction that was never sent is not there', async () => {
    const deaf = await serve(async (body) =>
      body.includes('eth_sendRawTransaction') ? undefined : forward(body),
    )
    const mine = logOf('example.org/never-sent', 5)
    const step = { checkpoint: mine.checkpoint(), proof: [] }
    await failure(anchorCheckpoint({ rpc: deaf, account }, contract, step))
    expect(await readAnchor(anvil.rpc, contract, mine.origin)).toBeUndefined()
  })

  test('hashes of a wrong length are not sent', async () => {
    const checkpoint = { ...log.checkpoint(), root: new Uint8Array(31) }
    const anchoring = anchorCheckpoint({ rpc: anvil.rpc, account }, contract, {
      checkpoint,
      proof: [],
    })
    expect((await failure(anchoring)).code).toBe('hash_malformed')
  })
})

test('each error of the contract has its words', () => {
  for (const [, content] of deriveContracts()) {
    const { abi } = JSON.parse(content) as { abi: { type: string; name: string }[] }
    const errors = abi.filter(({ type }) => type === 'error').map(({ name }) => name)
    expect(Object.keys(refusals).sort()).toEqual(errors.sort())
  }
})

const rpcCall = (method: string, params: unknown[]): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
