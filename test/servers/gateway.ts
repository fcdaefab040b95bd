// A gateway in a process of its own, as a person would start it, for tests that kill it.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { root } from '../tree.ts'

export interface GatewayProcess {
  readonly child: ChildProcess
  readonly pageUrl: string
  readonly mqttPort: number
  /** All that it printed so far. */
  printed(): string
  /** SIGKILL: no chance to finish anything. Resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>
}

/**
 * A port that was free a moment ago, below those that the system gives to connections: nobody
 * takes it by chance before a server of ours does, or while that one is down.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(10_000, 32_000)
    if (await isFree(port)) return port
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
      .on('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

export interface GatewaySettings {
  data: string
  mqttPort?: number
  /** More settings, as `tenfold gateway --set` takes them. */
  set?: Record<string, unknown>
  /** Arguments of Node before the gateway's own. */
  nodeArgs?: readonly string[]
}

/**
 * Starts one and resolves when it says where it is; rejects with what it printed when it ends
 * first.
 */
export const startGatewayProcess = (settings: GatewaySettings): Promise<GatewayProcess> => {
  const set = {
    data: settings.data,
    'http.port': 0,
    'mqtt.port': settings.mqttPort ?? 0,
    ...settings.set,
  }
  const options = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const command = join(root, 'gateway', 'cli', 'tenfold.ts')
  const child = spawn(
    process.execPath,
    [...(settings.nodeArgs ?? []), command, 'gateway', ...options],
    {
      cwd: settings.data,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let text = ''
  let isAsked = false
  const gone = new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? -1)))
  // One that ends by itself while a test runs fails it somewhere else: this says why it ended.
  child.on('close', (code, signal) => {
    if (!isAsked)
      console.log(`a gateway ended by itself (${code ?? signal}):\n${text.slice(-8000)}`)
  })
  return new Promise((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      text += chunk.toString()
      const page = /^pages +(\S+)$/m.exec(text)?.[1]
      const port = /^mqtt +mqtt:\/\/[^:]+:(\d+)$/m.exec(text)?.[1]
      if (page === undefined || port === undefined || !/^reach /m.test(text)) return
      resolve({
        child,
        pageUrl: page,
        mqttPort: Number(port),
        printed: () => text,
        kill: async () => {
          isAsked = true
          child.kill('SIGKILL')
          await gone
        },
        stop: () => {
          isAsked = true
          child.kill('SIGTERM')
          return gone
        },
      })
    }
    child.stdout.on('data', look)
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.on('error', reject)
    void gone.then((code) => reject(new Error(`the gateway ended with ${code}:\n${text}`)))
  })
}
