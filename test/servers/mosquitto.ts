// Debian's Mosquitto of a test's own: own config and folder, a free loopback port. Where it is
// absent the tests are skipped with one printed line; with TENFOLD_REQUIRE_REAL=1 that is an error.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './gateway.ts'
import { isInstalled } from './installed.ts'

export interface Mosquitto {
  readonly port: number
  /** Ends it without notice (SIGKILL); what it has saved is kept. */
  kill(): Promise<void>
  /** Ends it as a service manager would: it saves its sessions. */
  stop(): Promise<void>
  start(): Promise<void>
  /** It stands still, connections open, and goes on. */
  freeze(): void
  thaw(): void
  readonly pid: number | undefined
  remove(): Promise<void>
}

export const mosquittoInstalled = (): boolean => isInstalled('mosquitto', 'mosquitto')

/** @param lines more lines of its configuration */
export const startMosquitto = async (lines: string[] = []): Promise<Mosquitto> => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-mosquitto-'))
  const port = await freePort()
  const user = execFileSync('id', ['-un']).toString().trim()
  const config = [
    `listener ${port} 127.0.0.1`,
    ...(lines.some((line) => line.startsWith('allow_anonymous')) ? [] : ['allow_anonymous true']),
    'persistence true',
    `persistence_location ${folder}/`,
    'autosave_interval 1',
    'autosave_on_changes true',
    'max_queued_messages 100000',
    `user ${user}`,
    ...lines,
  ]
  writeFileSync(join(folder, 'mosquitto.conf'), `${config.join('\n')}\n`)
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const env = { PATH: `${process.env['PATH']}:/usr/sbin` }
    const running = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
      stdio: 'ignore',
      env,
    })
    child = running
    while (!(await answers(port))) {
      if (running.exitCode !== null) throw new Error('mosquitto ended at its start')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null) return
    const gone = once(running, 'exit')
    running.kill(signal)
    await gone
  }
  await start()
  return {
    port,
    start,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    get pid() {
      return child?.pid
    },
    remove: async () => {
      await end('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
