// `tenfold verify`: judges a passport file with no network and no database, against keys that the
// person got elsewhere. Prints every check by name, and what no check can see beside it.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { AttestationError, remedies } from '../attestation/codes.ts'
import { parseTrust, type Trust } from '../attestation/trust.ts'
import {
  type HistoryLine,
  type ReadAnchor,
  type Report,
  type Verdict,
  verify,
} from '../attestation/verify.ts'
import { OperatingError } from '../core/errors.ts'
import type { Io } from './io.ts'

export const summary = 'checks a passport file against keys that you trust, offline'
export const usage = `usage: tenfold verify <file> [--trust <keys>] [--json]
       tenfold verify <file> --trust <keys> --anchor <rpc> --contract <address> [--owner <address>]

  --trust PATH   keys that you trust, one a line: "log <vkey>", "unit <did:key>",
                 "producer <did:key>", "author <did:key>". Get them from the people, not with
                 the file.
  --json         prints the report as JSON
  --anchor URL   also compares the log with its anchor on a chain, through this RPC server; the only
                 option that uses the network
  --contract A   address of the anchor contract (0x and 40 hex digits)
  --owner A      account that must have anchored the log

Exit code: 0 VALID, 1 INVALID, 2 nothing is wrong, but keys are not pinned (UNKNOWN_ROOT) or the
anchor could not be compared (UNKNOWN_ANCHOR).`

/** Exit code of each verdict. */
const exitOf: Readonly<Record<Verdict, number>> = {
  VALID: 0,
  INVALID: 1,
  UNKNOWN_ROOT: 2,
  UNKNOWN_ANCHOR: 2,
}

const readText = async (io: Io, path: string): Promise<string> => {
  try {
    return await readFile(resolve(io.cwd, path), 'utf8')
  } catch (error) {
    throw new OperatingError('file_unreadable', {
      message: `${path} cannot be read: ${(error as Error).message}`,
      remedy: 'Check the path and the rights of the file.',
      cause: error,
    })
  }
}

const readTrust = async (io: Io, path: string | undefined): Promise<Trust> => {
  if (path === undefined) return parseTrust('')
  const text = await readText(io, path)
  try {
    return parseTrust(text)
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    throw new OperatingError(error.code, {
      message: `${path}: ${error.message}`,
      remedy: error.remedy,
      cause: error,
    })
  }
}

interface AnchorOptions {
  anchor?: string | undefined
  contract?: string | undefined
  owner?: string | undefined
}

/**
 * Reads anchors from a chain when asked to. What speaks to a chain is not even loaded otherwise.
 */
const anchorReader = async (options: AnchorOptions): Promise<{ readAnchor?: ReadAnchor }> => {
  const { anchor, contract, owner } = options
  if (anchor === undefined && contract === undefined && owner === undefined) return {}
  if (anchor === undefined || contract === undefined) {
    throw new OperatingError('usage', {
      message: '--anchor and --contract belong together',
      remedy: 'See "tenfold help verify".',
    })
  }
  const { addressOf, readAnchor } = await import('../ledger/evm.ts')
  const address = addressOf(contract)
  const chain = { rpc: anchor, ...(owner !== undefined && { owner: addressOf(owner) }) }
  return { readAnchor: (origin) => readAnchor(chain, address, origin) }
}

const historyText = (line: HistoryLine): string => {
  const { seq, type, boot, timeUs, counters, details, declaredBy } = line
  const named = [...Object.entries(counters), ...details.map(({ name, value }) => [name, value])]
  const values = named.map(([name, value]) => `${name} ${value}`).join(', ')
  const declared = declaredBy === undefined ? '' : `, declared by ${declaredBy}`
  return `  ${seq} ${type}: boot ${boot}, ${Math.floor(timeUs / 1e6)} s up; ${values}${declared}`
}

/** What a reader should know of where the key is, before trusting the history. */
const custodyText: Readonly<Record<string, string>> = {
  controller_flash: 'controller_flash: extractable, who holds the board can read its key out',
}

const print = (io: Io, report: Report): void => {
  const { subject, checks, history, notDetected } = report
  io.out(report.summary)
  if (subject !== undefined) {
    io.out(`unit ${subject.unit}`)
    io.out(`${subject.title} (the log operator's words), ${subject.machine}, ${subject.serial}`)
    io.out(`custody ${custodyText[subject.custody] ?? subject.custody}`)
  }
  io.out('checks:')
  const reached = checks.filter(({ code }) => code !== 'not_reached')
  for (const { name, verdict, code, detail } of reached) {
    io.out(`  ${verdict.padEnd(9)} ${name.padEnd(12)} ${code}: ${detail}`)
    const isOpen = verdict === 'fail' || verdict === 'unknown'
    if (isOpen && code !== 'ok') io.out(`  ${' '.repeat(23)}${remedies[code]}`)
  }
  const rest = checks.flatMap(({ name, code }) => (code === 'not_reached' ? [name] : []))
  if (rest.length > 0) io.out(`  not reached, as a check before failed: ${rest.join(', ')}`)
  if (history.length > 0) io.out('history, as the unit signed it:')
  for (const line of history) io.out(historyText(line))
  io.out('this verification cannot see:')
  for (const text of notDetected) io.out(`  - ${text}`)
}

/** Runs the command; resolves with the exit code of the verdict. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      trust: { type: 'string' },
      json: { type: 'boolean', default: false },
      anchor: { type: 'string' },
      contract: { type: 'string' },
      owner: { type: 'string' },
    },
  })
  const [path, ...more] = positionals
  if (path === undefined || more.length > 0) {
    throw new OperatingError('usage', {
      message: 'one passport file is needed',
      remedy: 'See "tenfold help verify".',
    })
  }
  const trust = await readTrust(io, values.trust)
  const anchor = await anchorReader(values)
  const report = await verify(await readText(io, path), trust, anchor)
  if (values.json) io.out(JSON.stringify(report, null, 2))
  else print(io, report)
  return exitOf[report.verdict]
}
