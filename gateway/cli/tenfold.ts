#!/usr/bin/env node
// The command line: finds the file of this folder that is named after the command and runs it.
// There is no list of commands to keep: a file that exports summary, usage and run is one. An
// error of operation is printed as what happened and what to do; only a defect of the program
// shows a stack.
import { readdir, readFile } from 'node:fs/promises'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nearest } from '../../hardware-profiles/validate.ts'
import { operatingError } from '../core/errors.ts'
import type { Command, Io } from './io.ts'

/** What the shell gets back. A command may return others of its own from 10 on. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, defect: 70, interrupted: 130 } as const

/** Runs one command line. @param folder where the commands are */
export const main = async (args: string[], io: Io, folder: string): Promise<number> => {
  const [first = 'help', ...rest] = args
  try {
    if (first === 'help' || first === '--help' || first === '-h')
      return await help(rest, io, folder)
    if (first === '--version' || first === '-v' || first === 'version') return await version(io)
    const command = await load(first, folder)
    if (command === undefined) return await unknown(first, io, folder)
    if (rest.some((arg) => arg === '--help' || arg === '-h')) return await help([first], io, folder)
    return await command.run(rest, io)
  } catch (error) {
    return explain(error, first, io)
  }
}

const names = async (folder: string): Promise<string[]> => {
  const files = await readdir(folder)
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()
}

const load = async (name: string, folder: string): Promise<Command | undefined> => {
  const known = await names(folder)
  if (!known.includes(name)) return undefined
  const module: Partial<Command> = await import(pathToFileURL(join(folder, `${name}.ts`)).href)
  return typeof module.run === 'function' ? (module as Command) : undefined
}

const all = async (folder: string): Promise<Map<string, Command>> => {
  const found = new Map<string, Command>()
  for (const name of await names(folder)) {
    try {
      const command = await load(name, folder)
      if (command !== undefined) found.set(name, command)
    } catch (error) {
      // One broken file must not take the help for all others with it.
      const reason = `cannot be loaded: ${(error as Error).message.split('\n')[0]}`
      found.set(name, { summary: reason, usage: reason, run: () => Promise.reject(error) })
    }
  }
  return found
}

/** What a person writes into a report: of Tenfold, and of the Node that runs it. */
const version = async (io: Io): Promise<number> => {
  const file = join(import.meta.dirname, '..', '..', 'package.json')
  const stated = JSON.parse(await readFile(file, 'utf8')) as { version: string }
  io.out(`tenfold ${stated.version}, Node ${process.versions.node}`)
  return exitCodes.ok
}

const help = async ([name]: string[], io: Io, folder: string): Promise<number> => {
  if (name !== undefined) {
    const command = await load(name, folder)
    if (command === undefined) return unknown(name, io, folder)
    io.out(command.summary)
    io.out('')
    io.out(command.usage)
    return exitCodes.ok
  }
  const commands = await all(folder)
  const width = Math.max(4, ...[...commands.keys()].map((key) => key.length))
  io.out('usage: tenfold <command> [options]')
  io.out('')
  for (const [key, { summary }] of commands) io.out(`  ${key.padEnd(width)}  ${summary}`)
  io.out('')
  io.out(
    '"tenfold help <command>" tells more about one of them, "tenfold --version" which this is.',
  )
  return exitCodes.ok
}

const unknown = async (name: string, io: Io, folder: string): Promise<number> => {
  const known = [...(await all(folder)).keys(), 'help']
  io.err(`tenfold: there is no command "${name}"${nearest(name, known)}`)
  io.err(`known: ${known.join(', ')}`)
  return exitCodes.usage
}

const explain = (error: unknown, command: string, io: Io): number => {
  const known = operatingError(error)
  if (known !== undefined) {
    io.err(`tenfold ${command}: ${known.message}`)
    io.err(`  what to do: ${known.remedy}`)
    io.err(`  code: ${known.code}`)
    return known.code === 'usage' ? exitCodes.usage : exitCodes.failed
  }
  const { code, message, stack } = error as { code?: string; message?: string; stack?: string }
  if (code?.startsWith('ERR_PARSE_ARGS') === true) {
    io.err(`tenfold ${command}: ${message}`)
    io.err(`  what to do: see "tenfold help ${command}"`)
    return exitCodes.usage
  }
  io.err(`tenfold ${command}: a defect of the program, not of your input; please report it:`)
  io.err(stack ?? String(error))
  return exitCodes.defect
}

/** Io of the real process. The first Ctrl-C asks to stop, the second does not ask. */
const processIo = (): Io => {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(exitCodes.interrupted)
      stop.abort(name)
    })
  }
  // Started by another command (the demo's twin): its end is ours.
  if (process.channel !== undefined) process.once('disconnect', () => stop.abort('disconnect'))
  // A reader that went away (`tenfold ... | head`) is no error of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(exitCodes.ok)
      throw error
    })
  }
  return {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    env: process.env,
    cwd: process.cwd(),
    signal: stop.signal,
    ...(!process.stdout.isTTY && { onHangup: (task: () => void) => process.on('SIGHUP', task) }),
  }
}

const start = async (): Promise<void> => {
  const code = await main(process.argv.slice(2), processIo(), import.meta.dirname)
  // What was printed must have left the process, also where it goes into a pipe.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
}

// Keeps what compiling and stripping of types came to: a start costs a quarter less time, and the
// gateway some 30 MB less memory. Where the folder cannot be written it does without.
enableCompileCache(join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'node'))

// Not awaited here: the walk above imports this file, too, and would wait for itself.
if (import.meta.main) void start()
