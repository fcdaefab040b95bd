// The chain's side of the ledger: deploys CheckpointAnchor, anchors checkpoints, reads anchors
// back. The only user of viem. What a chain says is checked where it can be: the code at an address
// must be exactly the contract of this project. It must not keep a key, print one, or print an RPC
// address whole (it may hold an API key).
import { readFileSync } from 'node:fs'
import {
  type Abi,
  type Account,
  createPublicClient,
  createWalletClient,
  type Hex,
  http,
  keccak256,
  stringToBytes,
  toHex,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { OperatingError } from '../core/errors.ts'
import { asOperatingError, type RpcName, refusedHere } from './evm-errors.ts'
import type { Checkpoint } from './source.ts'

/** An EVM chain behind an RPC server that speaks JSON over http or https. */
export interface Chain {
  rpc: string
  /** Refuse any other chain; not checked when absent. */
  chainId?: number
  /** Refuse a log that another account has anchored; not checked when absent. */
  owner?: Hex
}

/** A chain and the account that pays for transactions there. */
export interface PayingChain extends Chain {
  account: Account
}

/** The newest checkpoint of a log on a chain. */
export interface Anchored {
  chainId: number
  contract: Hex
  origin: string
  /** Address that alone may anchor this log. */
  owner: Hex
  size: number
  root: Uint8Array
  /** Block time, microseconds since 1970 (whole seconds). */
  atUs: number
}

/** A transaction that was mined and did what it should. */
export interface Mined {
  transaction: Hex
  block: bigint
  gasUsed: bigint
}

interface NewestLog {
  owner: Hex
  size: bigint
  anchoredAtS: number
  root: Hex
}

interface Artifact {
  abi: Abi
  bytecode: Hex
  deployedBytecode: Hex
}

const timeoutMs = 20_000
const noOwner = `0x${'0'.repeat(40)}`

/**
 * The account of a private key: 32 bytes in hex, with or without 0x.
 * @throws OperatingError key_malformed, without the key
 */
export const accountOf = (secret: string): Account => {
  const digits = secret.trim().replace(/^0x/, '')
  try {
    if (/^[0-9a-fA-F]{64}$/.test(digits)) return privateKeyToAccount(`0x${digits}`)
  } catch {
    // Out of the curve's range; viem's error would carry the key.
  }
  throw new OperatingError('key_malformed', {
    message: 'The key is not a private key of 32 bytes in hex.',
    remedy: 'Put 64 hex digits, with or without 0x, alone into the key file.',
  })
}

/** An address as text, checked. @throws OperatingError address_malformed */
export const addressOf = (text: string): Hex => {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return text as Hex
  throw new OperatingError('address_malformed', {
    message: `${text} is not the address of a contract.`,
    remedy: 'Give 0x and 40 hex digits, as --deploy printed them.',
  })
}

/** Which chain the server speaks for. @throws OperatingError rpc_unreachable, chain_wrong */
export const chainIdOf = (chain: Chain): Promise<number> =>
  answering(chain, async () => (await open(chain)).chainId)

/**
 * Deploys the contract; anybody may use it afterwards, each log under its first anchor's
 * account.
 */
export const deployAnchor = async (chain: PayingChain): Promise<Mined & { contract: Hex }> => {
  const { abi, bytecode } = artifact()
  return answering(chain, async () => {
    const { wallet } = await payer(chain)
    const { account } = chain
    const hash = await wallet.deployContract({ abi, bytecode, account, chain: null })
    const mined = await receiptOf(chain, hash)
    if (!mined.contract) throw refusedHere('The deployment was mined but reverted.')
    return { ...mined, contract: mined.contract }
  })
}

/**
 * Anchors a checkpoint. The contract checks the proof from the anchored size; nothing is sent when
 * it would refuse.
 * @param proof RFC 9162 consistency proof from the anchored size; empty for the log's first anchor
 * @throws OperatingError rpc_unreachable, rpc_refused, chain_wrong, contract_absent,
 *   contract_foreign, anchor_refused, funds_short, receipt_late (sent, but its fate is unknown:
 *   read the anchor again)
 */
export const anchorCheckpoint = async (
  chain: PayingChain,
  contract: Hex,
  { checkpoint, proof }: { checkpoint: Checkpoint; proof: readonly Uint8Array[] },
): Promise<Mined> => {
  const { abi } = artifact()
  const hashes = [checkpoint.root, ...proof].map(bytes32)
  const [root, ...nodes] = hashes
  const args = [checkpoint.origin, BigInt(checkpoint.size), root, nodes]
  return answering(chain, async () => {
    const { wallet, reader } = await payer(chain)
    await requireOurContract(chain, contract)
    const call = { address: contract, abi, functionName: 'anchor', args, account: chain.account }
    // Asked before it is sent: a refusal then costs nothing and comes with its reason.
    await reader.simulateContract(call)
    const { contract: _, ...mined } = await receiptOf(
      chain,
      await wallet.writeContract({ ...call, chain: null }),
    )
    return mined
  })
}

/**
 * The newest anchored checkpoint of a log, or undefined when this contract holds none.
 * @param rpc address of the RPC server
 * @param origin the log's name, first line of its checkpoints
 * @throws OperatingError rpc_unreachable, rpc_refused, contract_absent, contract_foreign,
 *   owner_foreign
 */
export const readAnchor = async (
  rpc: string | Chain,
  contract: Hex,
  origin: string,
): Promise<Anchored | undefined> => {
  const chain = typeof rpc === 'string' ? { rpc } : rpc
  return answering(chain, async () => {
    const { reader, chainId } = await open(chain)
    await requireOurContract(chain, contract)
    const call = { address: contract, abi: artifact().abi, functionName: 'newest', args: [origin] }
    const log = (await reader.readContract(call)) as NewestLog
    if (log.owner === noOwner) return undefined
    requireOwner(chain, log.owner)
    const { owner, size, root, anchoredAtS } = log
    const atUs = anchoredAtS * 1_000_000
    return { chainId, contract, origin, owner, size: Number(size), root: bytesOf(root), atUs }
  })
}

/**
 * The root that was anchored for a size in the past, from the contract's events, or undefined when
 * that size never was. Some public RPC servers refuse to search all blocks: rpc_refused.
 */
export const readAnchorAt = async (
  rpc: string | Chain,
  contract: Hex,
  { origin, size }: { origin: string; size: number },
): Promise<{ root: Uint8Array; block: bigint } | undefined> => {
  const chain = typeof rpc === 'string' ? { rpc } : rpc
  return answering(chain, async () => {
    const { reader } = await open(chain)
    await requireOurContract(chain, contract)
    const args = { originHash: keccak256(stringToBytes(origin)), size: BigInt(size) }
    const where = { address: contract, abi: artifact().abi, eventName: 'CheckpointAnchored', args }
    const [found] = await reader.getContractEvents({ ...where, fromBlock: 0n })
    if (!found) return undefined
    const { root } = found.args as unknown as { root: Hex }
    return { root: bytesOf(root), block: found.blockNumber }
  })
}

const artifact = (): Artifact => {
  const url = new URL('./contracts/generated/CheckpointAnchor.json', import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as Artifact
}

const bytes32 = (hash: Uint8Array): Hex => {
  if (hash.length === 32) return toHex(hash)
  throw new OperatingError('hash_malformed', {
    message: `A hash of the checkpoint or its proof has ${hash.length} bytes instead of 32.`,
    remedy: 'The log and its proof do not fit together; check the log.',
  })
}

const bytesOf = (hex: Hex): Uint8Array => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'))

const rpcName = ({ rpc }: Chain): RpcName => {
  if (URL.canParse(rpc)) {
    const { protocol, host } = new URL(rpc)
    if (protocol === 'http:' || protocol === 'https:') return `${protocol}//${host}`
  }
  throw new OperatingError('rpc_malformed', {
    message: 'The address of the RPC server is not an http or https address.',
    remedy: 'Give one such as http://127.0.0.1:8545.',
  })
}

const readerOf = ({ rpc }: Chain) =>
  createPublicClient({ transport: http(rpc, { timeout: timeoutMs, retryCount: 1 }) })

const open = async (chain: Chain) => {
  const reader = readerOf(chain)
  const chainId = await reader.getChainId()
  if (chain.chainId === undefined || chain.chainId === chainId) return { reader, chainId }
  throw new OperatingError('chain_wrong', {
    message: `${rpcName(chain)} serves chain ${chainId}, not chain ${chain.chainId}.`,
    remedy: 'Check --rpc and --chain-id; nothing was sent.',
  })
}

const payer = async (chain: PayingChain) => {
  const { reader } = await open(chain)
  // No retry: a transaction whose answer was lost may have been sent.
  const transport = http(chain.rpc, { timeout: timeoutMs, retryCount: 0 })
  return { reader, wallet: createWalletClient({ account: chain.account, transport }) }
}

const receiptOf = async (chain: Chain, hash: Hex): Promise<Mined & { contract?: Hex }> => {
  const reader = readerOf(chain)
  const receipt = await reader.waitForTransactionReceipt({ hash, timeout: 3 * timeoutMs })
  const { status, blockNumber, gasUsed, contractAddress } = receipt
  if (status !== 'success') {
    throw refusedHere('The transaction was mined but reverted: another anchor came first.')
  }
  const mined = { transaction: hash, block: blockNumber, gasUsed }
  return contractAddress ? { ...mined, contract: contractAddress } : mined
}

const requireOurContract = async (chain: Chain, contract: Hex): Promise<void> => {
  const code = await readerOf(chain).getCode({ address: contract })
  if (code === artifact().deployedBytecode) return
  const absent = code === undefined || code === '0x'
  throw new OperatingError(absent ? 'contract_absent' : 'contract_foreign', {
    message: absent
      ? `There is no contract at ${contract} on this chain.`
      : `The contract at ${contract} is not the CheckpointAnchor of this version.`,
    remedy: absent
      ? 'Check the address and the chain, or deploy one with --deploy.'
      : 'Its answers prove nothing; use a contract that was deployed with --deploy.',
  })
}

const requireOwner = ({ owner: wanted }: Chain, owner: Hex): void => {
  if (wanted === undefined || wanted.toLowerCase() === owner.toLowerCase()) return
  throw new OperatingError('owner_foreign', {
    message: `${owner} anchored a log of this name there, not ${wanted}.`,
    remedy: 'Somebody took the name in this contract: it says nothing about the log; use another.',
  })
}

const answering = async <T>(chain: Chain, ask: () => Promise<T>): Promise<T> => {
  const name = rpcName(chain)
  try {
    return await ask()
  } catch (error) {
    throw asOperatingError(error, name)
  }
}
