// `tenfold gateway`: an empty gateway for real units, until Ctrl-C. It makes no unit and simulates
// nothing; a unit is there from its first hello on.
import { parseArgs } from 'node:util'
import { isLoopback } from '../config.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import type { Io } from './io.ts'
import { logOptions, logUsage, reloadOnHangup, serve, untilStopped } from './serve.ts'

export const summary = 'runs a gateway for real units'
export const usage = `usage: tenfold gateway [options]

${logUsage}
${configUsage}

Settings that have changed are taken up by "tenfold reload", or SIGHUP.
Stop it with Ctrl-C: everything acknowledged is on the disk, the next start goes on from there.`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({ args, options: { ...configOptions, ...logOptions } })
  const { config } = readConfig(io, values).loaded
  const gateway = await serve(() => readConfig(io, values).loaded.config, io, values.log)
  reloadOnHangup(gateway, io)
  try {
    const local = isLoopback(config.http.host) && isLoopback(config.mqtt.host)
    io.out(
      local
        ? 'reach  this machine only (loopback); see "tenfold config" for more'
        : 'reach  other machines, with credentials',
    )
    await untilStopped(gateway, io)
  } finally {
    await gateway.stop()
  }
  io.out('stopped')
  return 0
}
