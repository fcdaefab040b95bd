// What went wrong on a chain, in words: viem's errors and the contract's named refusals become
// operating errors with a code and a remedy. It must not pass on an RPC address or a key.
import {
  BaseError,
  ContractFunctionRevertedError,
  HttpRequestError,
  InsufficientFundsError,
  TimeoutError,
  WaitForTransactionReceiptTimeoutError,
} from 'viem'
import { OperatingError } from '../core/errors.ts'

/** Scheme and host of an RPC server: its path may hold an API key. */
export type RpcName = `${'http' | 'https'}:${string}`

type Words = (args: readonly unknown[]) => { message: string; remedy: string }

const forked = 'The log was forked or damaged since it was anchored: keep both, and find out which.'
const wrongProof = 'The proof was made for other sizes; the log and its proofs do not fit together.'

/** Every error of CheckpointAnchor.sol, by name. */
export const refusals: Readonly<Record<string, Words>> = {
  NotLogOwner: ([owner]) => ({
    message: `The log belongs to ${owner} here, and only that account anchors it.`,
    remedy: 'Use the key that anchored it first, or a contract of your own with --deploy.',
  }),
  EmptyCheckpoint: () => ({
    message: 'A log without leaves cannot be anchored: it proves nothing.',
    remedy: 'Wait for the log’s first entry.',
  }),
  FirstAnchorTakesNoProof: () => ({
    message: 'The log was never anchored here, so there is nothing to continue.',
    remedy: 'Check the contract’s address; a first anchor comes without a proof.',
  }),
  AlreadyAnchored: ([size]) => ({
    message: `The checkpoint of ${size} leaves is anchored already.`,
    remedy: 'Nothing to do.',
  }),
  LogForked: ([size]) => ({
    message: `Another root is anchored for ${size} leaves: these are two different logs.`,
    remedy: forked,
  }),
  LogShrank: ([anchored, offered]) => ({
    message: `${anchored} leaves are anchored, ${offered} were offered: entries were lost.`,
    remedy: 'The data folder is older than the anchor (an old copy?); restore the newest.',
  }),
  WrongProofLength: ([given]) => ({
    message: `A consistency proof of ${given} hashes does not fit the two sizes.`,
    remedy: wrongProof,
  }),
  OldRootNotProven: () => ({
    message: 'The proof does not lead from the anchored root: this log does not continue it.',
    remedy: forked,
  }),
  NewRootNotProven: () => ({
    message: 'The proof does not lead to the offered root.',
    remedy: wrongProof,
  }),
}

/** A transaction that was mined without effect. */
export const refusedHere = (message: string): OperatingError =>
  new OperatingError('anchor_refused', {
    message,
    remedy: 'Read the anchor with `tenfold ledger show` and try again.',
  })

/** Any error of a call to a chain; mistakes of the program pass through. */
export const asOperatingError = (error: unknown, rpc: RpcName): unknown => {
  if (!(error instanceof BaseError)) return error
  const reverted = error.walk((inner) => inner instanceof ContractFunctionRevertedError)
  if (reverted instanceof ContractFunctionRevertedError) return asRefusal(reverted)
  const is = (kind: abstract new (...args: never[]) => Error): boolean =>
    error.walk((inner) => inner instanceof kind) !== null
  if (is(WaitForTransactionReceiptTimeoutError)) {
    return new OperatingError('receipt_late', {
      message: 'The transaction was sent, but was not mined in time; it still may be.',
      remedy: 'Look with `tenfold ledger show` before anchoring again.',
    })
  }
  if (is(InsufficientFundsError)) {
    return new OperatingError('funds_short', {
      message: 'The account cannot pay for the transaction.',
      remedy: 'Send it some of the chain’s coin; its address is printed by `ledger anchor`.',
    })
  }
  if (is(HttpRequestError) || is(TimeoutError)) {
    return new OperatingError('rpc_unreachable', {
      message: `No RPC server answers at ${rpc} (${reasonOf(error)}).`,
      remedy: 'Check that the node runs, the address and port, and the network.',
    })
  }
  return new OperatingError('rpc_refused', {
    message: `The RPC server at ${rpc} refused: ${reasonOf(error)}`,
    remedy: 'Check that it is an Ethereum JSON-RPC server and allows this call.',
  })
}

const asRefusal = (reverted: ContractFunctionRevertedError): OperatingError => {
  const name = reverted.data?.errorName ?? ''
  const words = refusals[name]?.(reverted.data?.args ?? []) ?? {
    message: `The contract refused: ${reverted.reason ?? (name || 'without a reason')}.`,
    remedy: 'Check that the contract’s address and chain are the intended ones.',
  }
  return new OperatingError('anchor_refused', words)
}

/** The innermost short words: viem's long ones hold addresses and requests. */
const reasonOf = (error: BaseError): string => {
  const inner = error.walk((cause) => !(cause instanceof BaseError) || cause.cause === undefined)
  if (inner instanceof HttpRequestError && inner.status) return `HTTP status ${inner.status}`
  if (inner instanceof BaseError) return inner.details || inner.shortMessage
  return inner instanceof Error && 'code' in inner ? String(inner.code) : 'no answer'
}
