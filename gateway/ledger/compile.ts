// Compiles the contracts with npm's solc, so that nothing is downloaded and the same source gives
// the same bytes: writes contracts/generated/*.json, or with --check fails when one has drifted
// from its source. It must not be imported by the gateway: solc is 9 MB that only a change of a
// contract needs.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import solc from 'solc'

const root = join(import.meta.dirname, '..', '..')
const folder = join(import.meta.dirname, 'contracts')

/**
 * Everything that decides the bytecode beside the source. No metadata hash: a comment changes
 * no byte.
 */
const settings = {
  evmVersion: 'cancun',
  optimizer: { enabled: true, runs: 200 },
  metadata: { appendCBOR: false, bytecodeHash: 'none' },
}

interface Compiled {
  abi: unknown
  evm: { bytecode: { object: string }; deployedBytecode: { object: string } }
}
interface Output {
  errors?: { formattedMessage: string }[]
  contracts?: Record<string, Record<string, Compiled>>
}

/**
 * Derived files by their path from the project's root. Throws the compiler's words on any
 * warning.
 */
export const deriveContracts = (): Map<string, string> => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sol'))
  return new Map(
    names.map((name) => deriveContract(name, readFileSync(join(folder, name), 'utf8'))),
  )
}

const deriveContract = (file: string, source: string): [string, string] => {
  const name = file.replace(/\.sol$/, '')
  const { abi, evm } = compile(file, source)
  const content = {
    contract: name,
    source: { file, sha256: createHash('sha256').update(source).digest('hex') },
    compiler: { version: solc.version() as string, settings },
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
  }
  const path = join(folder, 'generated', `${name}.json`)
  return [relative(root, path), `${JSON.stringify(content, null, 2)}\n`]
}

/** One contract of one file without imports; a warning is an error. */
export const compile = (file: string, source: string): Compiled => {
  const outputSelection = {
    '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] },
  }
  const input = {
    language: 'Solidity',
    sources: { [file]: { content: source } },
    settings: { ...settings, outputSelection },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input)) as string) as Output
  const words = (output.errors ?? []).map(({ formattedMessage }) => formattedMessage)
  if (words.length > 0) throw new Error(`${file} does not compile cleanly:\n${words.join('\n')}`)
  const compiled = output.contracts?.[file]?.[file.replace(/\.sol$/, '')]
  if (!compiled) throw new Error(`${file} holds no contract of its own name; rename one of the two`)
  return compiled
}

const write = (derived: Map<string, string>): void => {
  for (const [path, content] of derived) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
}

/** Paths whose committed content is not what their source gives now. */
const drifted = (derived: Map<string, string>): string[] =>
  [...derived]
    .filter(([path, content]) => content !== readOr(join(root, path)))
    .map(([path]) => path)

const readOr = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const derived = deriveContracts()
  const { values } = parseArgs({ options: { check: { type: 'boolean' } } })
  const stale = drifted(derived)
  if (values.check !== true) write(derived)
  else if (stale.length > 0) {
    console.error(`${stale.join(', ')} drifted from its source; run npm run derive`)
    process.exitCode = 1
  }
}
