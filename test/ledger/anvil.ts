// A real EVM for the ledger's tests: Anvil from npm, on a free loopback port, with its own funded
// accounts. Started and stopped by the test that needs it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Anvil {
  rpc: string
  chainId: number
  /** Private keys of funded accounts. */
  keys: readonly string[]
  stop(): Promise<void>
}

/** Anvil's own binary: its npm launcher leaves the child behind when it is killed. */
const binary = (): string => {
  const require = createRequire(import.meta.url)
  const launcher = createRequire(require.resolve('@foundry-rs/anvil/bin.mjs'))
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const name = `@foundry-rs/anvil-${process.platform}-${architecture}`
  return join(dirname(launcher.resolve(`${name}/package.json`)), 'bin', 'anvil')
}

/** Starts Anvil; rejects with its words when it ends before it listens. */
export const startAnvil = async (extra: readonly string[] = []): Promise<Anvil> => {
  const args = ['--host', '127.0.0.1', '--port', '0', '--accounts', '4', ...extra]
  const child = spawn(binary(), args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const keys: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const key = /^\(\d\) (0x[0-9a-f]{64})$/.exec(line)?.[1]
    if (key !== undefined) keys.push(key)
    const address = /^Listening on (\S+)$/.exec(line)?.[1]
    if (address === undefined) continue
    child.stdout.resume()
    return { rpc: `http://${address}`, chainId: 31_337, keys, stop: () => stop(child) }
  }
  throw new Error('Anvil ended before it listened')
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
