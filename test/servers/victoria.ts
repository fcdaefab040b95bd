// A real VictoriaMetrics of a test's own: it takes InfluxDB 2.x's write requests, so that transport,
// compression and outages are shown on a real server. It proves no more than that: it takes
// whatever it is given, turns text to 0 and keeps doubles.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './gateway.ts'

export interface Victoria {
  readonly url: string
  /** Ends it as a service manager would; killed, it would forget its last seconds. */
  stop(): Promise<void>
  start(): Promise<void>
  /** It stands still, connections open, and goes on: as a cable that was pulled. */
  freeze(): void
  thaw(): void
  /** Values by series name and time (ms) of all points whose name matches. */
  points(match: string): Promise<Map<string, Map<number, number>>>
  remove(): Promise<void>
}

/** Starts one, or prints one line and gives undefined where it is not installed. */
export const startVictoria = async (): Promise<Victoria | undefined> => {
  if (!installed()) {
    const reason = 'victoria-metrics is not installed (Debian: apt-get install victoria-metrics)'
    if (process.env['TENFOLD_REQUIRE_REAL'] === '1') throw new Error(reason)
    console.log(`skipped: ${reason}`)
    return undefined
  }
  const folder = await mkdtemp(join(tmpdir(), 'tenfold-victoria-'))
  const address = `127.0.0.1:${await freePort()}`
  const url = `http://${address}`
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const flags = [`-storageDataPath=${join(folder, 'data')}`, `-httpListenAddr=${address}`]
    const quiet = ['-loggerLevel=ERROR', '-retentionPeriod=100y', '-memory.allowedBytes=64MiB']
    child = spawn('victoria-metrics', [...flags, ...quiet], { stdio: 'ignore' })
    for (;;) {
      const answer = await fetch(`${url}/health`).catch(() => undefined)
      if (answer?.ok === true) return
      if (child.exitCode !== null) throw new Error('victoria-metrics did not start')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const stop = async (): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null) return
    const gone = once(running, 'exit')
    running.kill('SIGTERM')
    await gone
  }
  await start()
  return {
    url,
    start,
    stop,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    points: (match) => points(url, match),
    async remove() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const points = async (url: string, match: string): Promise<Map<string, Map<number, number>>> => {
  await fetch(`${url}/internal/force_flush`)
  const query = new URLSearchParams({ 'match[]': match })
  const text = await (await fetch(`${url}/api/v1/export?${query}`)).text()
  const found = new Map<string, Map<number, number>>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const { metric, values, timestamps } = JSON.parse(line) as {
      metric: Record<string, string>
      values: number[]
      timestamps: number[]
    }
    const name = `${metric['__name__']} ${metric['unit']}`
    found.set(name, new Map(timestamps.map((time, i) => [time, values[i] ?? Number.NaN])))
  }
  return found
}

const installed = (): boolean => {
  try {
    execFileSync('victoria-metrics', ['-version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
