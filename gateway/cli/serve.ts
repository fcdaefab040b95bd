// What `tenfold gateway` and `tenfold demo` share: start a gateway from its settings, say where it
// is, wait until somebody stops it or it fails. Not a command by itself.
import { randomBytes } from 'node:crypto'
import { loadProfiles } from '../../firmware/profiles.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { Config } from '../config.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import { type Gateway, startGateway } from '../main.ts'
import { type Notes, openNotes } from '../operations/notes.ts'
import type { Io } from './io.ts'

/** Every machine file of the project, checked. Throws an error that lists every mistake. */
export const profilesOf = (): readonly Profile[] => [...loadProfiles().profiles.values()]

/** Options of a command that runs a gateway, beside its settings (node:util parseArgs). */
export const logOptions = { log: { type: 'string', default: 'text' } } as const

export const logUsage = `  --log json       what it notes on standard error: one JSON object a line`

/** Throws where it is none. */
export const logForm = (form: string): 'text' | 'json' => {
  if (form === 'text' || form === 'json') return form
  throw new OperatingError('usage', {
    message: `--log ${form} is not a form of log lines`,
    remedy: 'Give --log text (the usual one) or --log json.',
  })
}

const notesOf = (form: string, io: Io): Notes =>
  openNotes({
    clock: systemClock(),
    after: (delayMs, task) => {
      const timer = setTimeout(task, delayMs)
      timer.unref()
      return () => clearTimeout(timer)
    },
    write: (line) => io.err(line),
    form: logForm(form),
  })

/**
 * Starts a gateway, says in a few lines where it is.
 * @param read its settings, anew each time
 * @param log form of what it notes: text or json
 */
export const serve = async (read: () => Config, io: Io, log = 'text'): Promise<Gateway> => {
  const config = read()
  const notes = notesOf(log, io)
  const started = await startGateway({
    config,
    reread: read,
    profiles: profilesOf(),
    clock: systemClock(),
    random: (bytes) => randomBytes(bytes),
    env: io.env,
    note: (line) => notes.note(line),
  }).catch((error: Error) => {
    notes.close()
    throw error
  })
  const stop = (): Promise<void> => started.stop().finally(() => notes.close())
  const gateway: Gateway = { ...started, stop }
  io.out(`pages  ${gateway.pageUrl}${everywhere(config.http.host)}`)
  io.out(`mqtt   ${gateway.mqttUrl}${everywhere(config.mqtt.host)}`)
  const { mqttTlsUrl } = gateway
  if (mqttTlsUrl !== undefined) {
    io.out(`mqtts  ${mqttTlsUrl}${everywhere(config.mqtt.tls?.host ?? '')}`)
  }
  io.out(`data   ${config.data}`)
  return gateway
}

const everywhere = (host: string): string =>
  host === '0.0.0.0' || host === '::' ? ', and at every other address of this machine' : ''

/** Resolves when somebody asked to stop; throws when the gateway failed first. */
export const untilStopped = async (gateway: Gateway, io: Io): Promise<void> => {
  const asked = new Promise<undefined>((resolve) => {
    if (io.signal.aborted) resolve(undefined)
    io.signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const error = await Promise.race([gateway.failed, asked])
  if (error !== undefined) throw error
}

/** Reads the settings again whenever SIGHUP asks for it, and says what came of it. */
export const reloadOnHangup = (gateway: Gateway, io: Io): void => {
  io.onHangup?.(() => {
    gateway.reload(false).then(
      ({ changes }) => {
        io.out(changes.length === 0 ? 'reload: nothing differs' : 'reload: done')
        for (const change of changes) io.out(`  ${change}`)
      },
      (error: Error) => io.err(`reload: ${error.message}`),
    )
  })
}
