// The web server: pages, their data and live values, on node:http. It only reads, and answers
// from what it is given (Queries, LiveFeed); it must not know a store, a broker or one machine.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OperatingError } from '../core/errors.ts'
import type { LiveFeed } from '../core/live.ts'
import type { Credentials } from '../credentials.ts'
import { type Actions, act } from './actions.ts'
import { type ApiOptions, answer, unitOf } from './api.ts'
import { type Assets, openAssets } from './assets.ts'
import { type DoorOptions, openDoor, type PagesMaterial } from './door.ts'
import { createGuard, type Guard, securityHeaders } from './guard.ts'
import { defectReply, errorReply, Refused, send } from './reply.ts'
import { createStreams, type Streams } from './stream.ts'
import { openToken } from './token.ts'

export interface WebOptions extends ApiOptions, DoorOptions {
  /** Address to bind; config.ts has refused anything but loopback without credentials. */
  host: string
  /** 0 takes a free port. */
  port: number
  /** Other host names under which the pages may be asked for. */
  names: readonly string[]
  /** Who may see the pages, asked at each request; undefined: whoever reaches them. */
  credentials(): Credentials | undefined
  /** Where the word is put that opens the pages for reading; absent: there is none. */
  token?: { folder: string; random(bytes: number): Uint8Array }
  live: LiveFeed
  actions: Actions
  /** Told of an answer that failed by a defect of the program. */
  onDefect(error: unknown): void
}

export interface Web {
  readonly host: string
  readonly port: number
  /** Where a browser finds the pages. */
  readonly url: string
  /** Looks for a renewed certificate now; see Door. */
  renew(tls?: PagesMaterial): Promise<void>
  /** Ends every connection and frees the port. */
  stop(): Promise<void>
}

/**
 * Serves the pages. Throws an OperatingError that names the setting when the port cannot be had.
 */
export const startWeb = async (options: WebOptions): Promise<Web> => {
  const assets = await openAssets()
  const door = await openDoor(options)
  const { server, scheme } = door
  const streams = createStreams(options.live)
  const port = (): number => (server.address() as AddressInfo | null)?.port ?? options.port
  const { host, names, token: { folder, random } = {} } = options
  const token = folder && random ? openToken(folder, random) : undefined
  const guard = createGuard({
    ...{ scheme, host, port, names },
    token: token?.text,
    credentials: () => options.credentials(),
  })
  const headers = securityHeaders(assets.importMapHash)
  const parts = { options, assets, streams, guard }
  server.on('request', (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    handle(parts, request, response).catch((error: unknown) => {
      const reply = errorReply(error)
      if (reply === undefined) options.onDefect(error)
      if (response.headersSent) response.destroy()
      else send(request, response, reply ?? defectReply())
    })
  })
  server.headersTimeout = 10_000
  server.requestTimeout = 10_000
  server.maxConnections = 256
  await listen(server, options).catch((error: Error) => {
    door.stop()
    throw error
  })
  const shown = host.includes(':') ? `[${host}]` : host
  return {
    host,
    port: port(),
    url: `${scheme}://${shown}:${port()}/`,
    renew: (tls) => door.renew(tls),
    stop: () =>
      new Promise((resolve) => {
        door.stop()
        token?.close()
        streams.stop()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Parts {
  options: WebOptions
  assets: Assets
  streams: Streams
  guard: Guard
}

const handle = async (
  { options, assets, streams, guard }: Parts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { path, query } = target(request.url ?? '/')
  await guard.admit(request, path)
  if (path === '/api/live' && request.method === 'GET') {
    const unit = query.get('unit')
    streams.open(response, unit === null ? undefined : unitOf(unit))
    return
  }
  if (request.method === 'POST') {
    return send(request, response, await act(options.actions, path, request))
  }
  const reply = (await answer(options, path, query)) ?? (await assets.get(path))
  if (reply !== undefined) return send(request, response, reply)
  throw new Refused(404, 'path_unknown', {
    message: 'There is nothing at this path.',
    remedy: 'The pages begin at "/".',
  })
}

/** Path and query of a request line. Nothing is decoded: no path of ours has an escape. */
const target = (url: string): { path: string; query: URLSearchParams } => {
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  return { path, query: new URLSearchParams(at < 0 ? '' : url.slice(at + 1)) }
}

const listen = (server: Server, { host, port }: WebOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(explain(cause, host, port)))
    server.listen({ host, port }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })

const explain = (cause: NodeJS.ErrnoException, host: string, port: number): OperatingError => {
  if (cause.code === 'EADDRINUSE') {
    return new OperatingError('port_busy', {
      message: `port ${port} on ${host}, for the pages, is taken by another program`,
      remedy:
        'Stop that program, or give the setting http.port another number (0 takes a free one).',
      cause,
    })
  }
  if (cause.code === 'EACCES') {
    return new OperatingError('port_refused', {
      message: `this user may not open port ${port} on ${host} for the pages`,
      remedy: 'Give the setting http.port a number from 1024 up.',
      cause,
    })
  }
  return new OperatingError('address_wrong', {
    message: `the pages cannot be served at ${host}, port ${port}: ${cause.message}`,
    remedy: 'Check the settings http.host and http.port: the address must be one of this machine.',
    cause,
  })
}
