// What systemd is told (sd_notify(3)): ready, alive, stopping, by its own program, because Node has
// no datagram sockets of that kind. Does nothing where the service was not started so.
import { spawn } from 'node:child_process'

export interface Service {
  ready(): void
  stopping(): void
  stop(): void
}

export interface ServiceParts {
  env: Readonly<Record<string, string | undefined>>
  note(line: string): void
}

export const openService = ({ env, note }: ServiceParts): Service => {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdogUs, PATH: path } = env
  if (socket === undefined) return { ready: () => {}, stopping: () => {}, stop: () => {} }
  let failed = false
  const tell = (state: string): void => {
    const settings = { NOTIFY_SOCKET: socket, PATH: path ?? '/usr/bin:/bin' }
    const child = spawn('systemd-notify', [state], { stdio: 'ignore', env: settings })
    child.on('error', (error) => {
      if (!failed) note(`systemd is not told "${state}": ${error.message}`)
      failed = true
    })
  }
  const halfMs = Number(watchdogUs ?? 0) / 2000
  const timer = halfMs > 0 ? setInterval(() => tell('WATCHDOG=1'), halfMs) : undefined
  return {
    ready: () => tell('--ready'),
    stopping: () => tell('STOPPING=1'),
    stop: () => clearInterval(timer),
  }
}
