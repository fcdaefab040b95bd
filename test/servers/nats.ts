// Debian's nats-server of a test's own: one, or a cluster with JetStream on free loopback ports.
// Where it is absent the tests are skipped with one printed line; with TENFOLD_REQUIRE_REAL=1 that
// is an error.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './gateway.ts'
import { isInstalled } from './installed.ts'

export interface NatsCluster {
  /** Addresses of its servers. */
  readonly urls: readonly string[]
  /** SIGKILL; its folder is kept. */
  kill(server: number): Promise<void>
  start(server: number): Promise<void>
  /** SIGSTOP and SIGCONT. */
  freeze(server: number): void
  thaw(server: number): void
  remove(): Promise<void>
}

export const natsInstalled = (): boolean => isInstalled('nats-server', 'nats-server')

/** @param lines more lines of every server's configuration */
export const startNats = async (count: number, lines: string[] = []): Promise<NatsCluster> => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-nats-'))
  const ports: number[] = []
  const routes: number[] = []
  for (let i = 0; i < count; i += 1) {
    ports.push(await freePort())
    routes.push(await freePort())
  }
  const children = new Map<number, ChildProcess>()
  const start = async (server: number): Promise<void> => {
    const config = join(folder, `${server}.conf`)
    const cluster = [
      'cluster {',
      `  name: test, listen: 127.0.0.1:${routes[server]}`,
      `  routes: [${routes.map((port) => `nats://127.0.0.1:${port}`).join(', ')}]`,
      '}',
    ]
    writeFileSync(
      config,
      [
        `server_name: n${server}`,
        `listen: 127.0.0.1:${ports[server]}`,
        `jetstream { store_dir: "${folder}/${server}", max_file: 1GB, max_mem: 64MB }`,
        ...(count > 1 ? cluster : []),
        ...lines,
      ].join('\n'),
    )
    const env = { PATH: `${process.env['PATH']}:/usr/sbin` }
    const child = spawn('nats-server', ['-c', config], { stdio: 'ignore', env })
    children.set(server, child)
    while (!(await answers(ports[server] ?? 0))) {
      if (child.exitCode !== null) throw new Error('nats-server ended at its start')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const kill = async (server: number): Promise<void> => {
    const child = children.get(server)
    children.delete(server)
    if (child === undefined || child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await Promise.all(ports.map((_, i) => start(i)))
  return {
    urls: ports.map((port) => `nats://127.0.0.1:${port}`),
    kill,
    start,
    freeze: (server) => void children.get(server)?.kill('SIGSTOP'),
    thaw: (server) => void children.get(server)?.kill('SIGCONT'),
    remove: async () => {
      await Promise.all(ports.map((_, i) => kill(i)))
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
