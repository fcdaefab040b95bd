// `tenfold ledger`: the register of shares, the state of the log, and anchoring of its newest
// checkpoint on an EVM chain. Reads the store, never writes it. A private key comes from a file or
// the environment and is never printed.
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { OperatingError } from '../core/errors.ts'
import { addAnchorRecord, readAnchorRecords } from '../ledger/anchor-records.ts'
import { Ledger, summarise } from '../ledger/ledger.ts'
import { type Register, refusalWords } from '../ledger/register.ts'
import type { LedgerRules } from '../ledger/rules.ts'
import { readRules } from '../ledger/rules-file.ts'
import type { Checkpoint, LedgerSource, OpenLedgerSource } from '../ledger/source.ts'
import type { Io } from './io.ts'

/** Environment variable with the private key that pays for anchors, in hex. */
export const keyVariable = 'TENFOLD_ANCHOR_KEY'
/** Environment variable with the address of the RPC server. */
export const rpcVariable = 'TENFOLD_RPC'

export const summary = 'prints the register of shares; anchors the log on a chain'
export const usage = `usage: tenfold ledger register [--json]
       tenfold ledger show [--rpc URL [--contract ADDRESS]]
       tenfold ledger anchor --rpc URL [--contract ADDRESS | --deploy] [--key-file PATH]

  register         who holds which shares, and for which units they were minted
  show             the newest checkpoint, and with --rpc whether the chain agrees
  anchor           puts the newest checkpoint on the chain, with a proof that the log only grew

  --json           prints the register as JSON, shares as text
  --rpc URL        JSON-RPC server of the chain (http or https); else ${rpcVariable}
  --chain-id N     refuses any other chain
  --contract ADDR  the CheckpointAnchor to use; else the one that was used last on this chain
  --deploy         deploys one first and prints its address
  --key-file PATH  private key of the paying account, 64 hex digits; else ${keyVariable}
${configUsage}`

const options = {
  ...configOptions,
  json: { type: 'boolean', default: false },
  rpc: { type: 'string' },
  'chain-id': { type: 'string' },
  contract: { type: 'string' },
  deploy: { type: 'boolean', default: false },
  'key-file': { type: 'string' },
} as const

type Values = ReturnType<typeof parse>['values']

const parse = (args: string[]) => parseArgs({ args, allowPositionals: true, options })

/** What a subcommand works with. */
interface Job {
  io: Io
  values: Values
  dataFolder: string
  source: LedgerSource
  rules: LedgerRules
}

// Loaded when needed: `tenfold help` loads every command, and needs neither a database nor viem.
const openStore: OpenLedgerSource = async (dataFolder) => {
  const store = await import('../sinks/store/ledger-source.ts')
  return store.openLedgerSource(dataFolder)
}

/** Runs the command: 0, or an OperatingError. */
export const run = (args: string[], io: Io): Promise<number> => runWith(openStore, args, io)

/** The same with another store. */
export const runWith = async (open: OpenLedgerSource, args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parse(args)
  const jobs: Record<string, (job: Job) => Promise<void>> = { register, show, anchor }
  const [name = ''] = positionals
  const job = Object.hasOwn(jobs, name) ? jobs[name] : undefined
  if (job === undefined) {
    throw new OperatingError('usage', {
      message: `"${name}" is not something that ledger can do`,
      remedy: 'It knows register, show and anchor; see "tenfold help ledger".',
    })
  }
  const { config } = readConfig(io, values).loaded
  const source = await open(config.data)
  try {
    const rules = readRules(config.ledger, source.operator)
    await job({ io, values, dataFolder: config.data, source, rules })
  } finally {
    await source.close()
  }
  return 0
}

const register = async ({ io, values, source, rules }: Job): Promise<void> => {
  const ledger = new Ledger(rules, source)
  const shares = await ledger.register()
  if (values.json) {
    const { unproven } = ledger
    io.out(
      JSON.stringify({ ...summarise(rules, shares), rules, ...plain(shares), unproven }, asText, 2),
    )
    return
  }
  const { holders, units, supply } = summarise(rules, shares)
  io.out(`${supply} shares of ${rules.idea}, up to leaf ${shares.covered} of the log`)
  const width = Math.max(...holders.map((holder) => holder.shares.length))
  for (const { holder, name, shares } of holders) {
    io.out(`  ${shares.padStart(width)}  ${holder}${name === '' ? '' : `  (${name})`}`)
  }
  io.out(units.length === 0 ? 'no unit has an entry in the log yet' : 'units')
  for (const { unit, minted, budget, note } of units) {
    io.out(`  ${unit}: ${minted} of ${budget} minted; ${note}`)
  }
  for (const { index, unit, code, times } of shares.refusals.values()) {
    const often = times > 1 ? ` (${times} times in all)` : ''
    io.out(`refused: leaf ${index}, ${unit}: ${refusalWords[code]}${often}`)
  }
  for (const { index, code, message } of ledger.unproven) {
    io.out(`not proven: leaf ${index}: ${message} (${code})`)
  }
}

const plain = ({ mints, refusals, rulesDigest }: Register) => ({
  rulesDigest,
  mints,
  refusals: [...refusals.values()].map((one) => ({ ...one, why: refusalWords[one.code] })),
})

/** JSON has no whole numbers of this size. */
const asText = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? `${value}` : value

const show = async (job: Job): Promise<void> => {
  const { io, source, dataFolder, values } = job
  const checkpoint = await source.latestCheckpoint()
  if (checkpoint === undefined) io.out('the log has no checkpoint yet')
  else io.out(`${checkpoint.origin}: ${checkpoint.size} leaves, root ${hex(checkpoint.root)}`)
  for (const { chainId, contract, size } of readAnchorRecords(dataFolder)) {
    io.out(`anchored from here: ${size} leaves at ${contract} on chain ${chainId}`)
  }
  if (checkpoint === undefined || rpcOf(job) === undefined) return
  const { chain, evm } = await connect(job)
  const contract = await contractOf(job, await evm.chainIdOf(chain))
  const anchored = await evm.readAnchor(chain, contract, checkpoint.origin)
  if (anchored === undefined) {
    io.out(`on chain: nothing at ${contract}`)
    return
  }
  await requireOurs(source, checkpoint, anchored)
  io.out(`on chain: ${anchored.size} leaves at ${contract}, the same log; owner ${anchored.owner}`)
  if (values.json) io.out(JSON.stringify({ ...anchored, root: hex(anchored.root) }))
}

const anchor = async (job: Job): Promise<void> => {
  const { io, source, dataFolder, values } = job
  const checkpoint = await source.latestCheckpoint()
  if (checkpoint === undefined || checkpoint.size === 0) {
    throw new OperatingError('no_checkpoint', {
      message: 'The log has no checkpoint with an entry yet, so there is nothing to anchor.',
      remedy: 'Let the gateway run until a unit has its first entry under a checkpoint.',
    })
  }
  const { chain, evm } = await connect(job)
  const paying = { ...chain, account: evm.accountOf(keyOf(job)) }
  const chainId = await evm.chainIdOf(chain)
  io.out(`paid by ${paying.account.address} on chain ${chainId}`)
  const contract = values.deploy
    ? await deploy(job, async () => (await evm.deployAnchor(paying)).contract)
    : await contractOf(job, chainId)
  const anchored = await evm.readAnchor(chain, contract, checkpoint.origin)
  const { origin, size, root } = checkpoint
  const record = { chainId, contract, origin, size, root: hex(root) }
  if (anchored !== undefined) await requireOurs(source, checkpoint, anchored)
  if (anchored?.size === size) io.out(`${size} leaves are anchored already at ${contract}`)
  else {
    const proof = anchored === undefined ? [] : await source.consistencyProof(anchored.size, size)
    const mined = await evm.anchorCheckpoint(paying, contract, { checkpoint, proof })
    const from = anchored === undefined ? 'first anchor' : `continues ${anchored.size}`
    io.out(`anchored ${size} leaves of ${origin} at ${contract} (${from})`)
    io.out(`transaction ${mined.transaction}, block ${mined.block}, gas ${mined.gasUsed}`)
  }
  addAnchorRecord(dataFolder, record)
}

const deploy = async ({ io, values }: Job, send: () => Promise<`0x${string}`>) => {
  if (values.contract !== undefined) {
    throw new OperatingError('usage', {
      message: '--deploy and --contract exclude each other',
      remedy: 'Use --contract with a deployed one, --deploy for a new one.',
    })
  }
  const contract = await send()
  io.out(`deployed CheckpointAnchor at ${contract}`)
  return contract
}

/**
 * Compares the anchored state with our log; that the log continues it is the contract's to
 * check.
 */
const requireOurs = async (
  source: LedgerSource,
  checkpoint: Checkpoint,
  anchored: { size: number; root: Uint8Array },
): Promise<void> => {
  if (anchored.size > checkpoint.size) {
    throw new OperatingError('log_behind_anchor', {
      message: `${anchored.size} leaves are anchored, this log has only ${checkpoint.size}.`,
      remedy: 'The data folder is an old copy, or another log has this name; find the newest one.',
    })
  }
  if (hex(await source.rootAt(anchored.size)) === hex(anchored.root)) return
  throw new OperatingError('log_forked', {
    message: `The chain holds another root for ${anchored.size} leaves: these are two logs.`,
    remedy:
      'The log was changed since, or another log has its name: keep both, and find out which.',
  })
}

const connect = async (job: Job) => {
  const rpc = rpcOf(job)
  if (rpc === undefined) {
    throw new OperatingError('usage', {
      message: 'No RPC server is named.',
      remedy: `Give --rpc http://127.0.0.1:8545 or the like, or set ${rpcVariable}.`,
    })
  }
  const text = job.values['chain-id']
  const chainId = Number(text)
  if (text !== undefined && !(Number.isSafeInteger(chainId) && chainId > 0)) {
    throw new OperatingError('usage', {
      message: `--chain-id ${text} is not a chain's number`,
      remedy: 'Give a whole number above 0, such as 31337.',
    })
  }
  const evm = await import('../ledger/evm.ts')
  return { evm, chain: text === undefined ? { rpc } : { rpc, chainId } }
}

const rpcOf = ({ values, io }: Job): string | undefined => values.rpc ?? io.env[rpcVariable]

const contractOf = async ({ values, dataFolder }: Job, chainId: number) => {
  const { addressOf } = await import('../ledger/evm.ts')
  const last = readAnchorRecords(dataFolder).findLast((record) => record.chainId === chainId)
  const contract = values.contract ?? last?.contract
  if (contract !== undefined) return addressOf(contract)
  throw new OperatingError('contract_unknown', {
    message: 'No contract is named, and none was used from this data folder on this chain.',
    remedy: 'Name one with --contract, or deploy one with --deploy.',
  })
}

const keyOf = ({ values, io }: Job): string => {
  const path = values['key-file']
  if (path === undefined) {
    const secret = io.env[keyVariable]
    if (secret !== undefined) return secret
    throw new OperatingError('key_missing', {
      message: 'No private key is given to pay for the transaction.',
      remedy: `Give --key-file, or set ${keyVariable}.`,
    })
  }
  const file = resolve(io.cwd, path)
  try {
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
      io.err(`warning: others can read ${file}; chmod 600 it`)
    }
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new OperatingError('key_unreadable', {
      message: `The key file ${file} cannot be read: ${(cause as Error).message}`,
      remedy: 'Check its path and who may read it.',
      cause,
    })
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
