// `tenfold demo`, which is `npm start`: a gateway and one simulated drill at work, in its own
// folder. The twin runs in a process of its own and speaks MQTT, as any unit does; nothing here is
// a short cut.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Config } from '../config.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import type { Io } from './io.ts'
import { logOptions, logUsage, serve, untilStopped } from './serve.ts'

export const summary = 'runs the whole system with a simulated drill at work'
export const usage = `usage: tenfold demo [options]

  --unit ID        id of the simulated unit (default twin-drill-1)
${logUsage}
${configUsage}

Everything it keeps is in .tenfold/demo, unless --data says otherwise. Its unit is
simulated, says so everywhere, and counts for no claim.`

const dataFolder = join('.tenfold', 'demo')

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({
    args,
    options: { ...configOptions, ...logOptions, unit: { type: 'string', default: 'twin-drill-1' } },
  })
  const data = values.data ?? dataFolder
  const read = (): Config => readConfig(io, { ...values, data }).loaded.config
  const config = read()
  const gateway = await serve(read, io, values.log)
  const twin = startTwin(gateway.mqttUrl, join(config.data, 'twins', values.unit), values.unit)
  const ended = new Promise<number>((resolve) => twin.on('exit', (code) => resolve(code ?? 0)))
  try {
    io.out('')
    io.out(`Open ${gateway.pageUrl} and watch the drill work. Ctrl-C stops everything.`)
    await Promise.race([
      untilStopped(gateway, io),
      ended.then((code) => {
        if (!io.signal.aborted) throw new Error(`the twin ended by itself with code ${code}`)
      }),
    ])
  } finally {
    twin.kill('SIGTERM')
    await ended
    await gateway.stop()
  }
  io.out('stopped')
  return 0
}

const startTwin = (broker: string, folder: string, unit: string): ChildProcess =>
  spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'tenfold.ts'),
      ...['twin', '--broker', broker, '--folder', folder, '--unit', unit],
    ],
    // A group of its own: Ctrl-C in the terminal reaches only the demo, which stops it in order.
    // The channel closes when the demo dies, however it dies, and the twin stops with it.
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: true },
  )
