// Where the pages of a gateway of these settings are, and whom to believe there: over TLS the very
// certificate that the settings name, or that its own authority made. Not a command by itself.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ShownCertificate } from '../certificate-findings.ts'
import type { Config } from '../config.ts'
import { reachable } from '../core/address.ts'
import { OperatingError } from '../core/errors.ts'
import { shownBy } from '../shown-certificates.ts'
import type { Io } from './io.ts'
import type { Trust } from './request.ts'

export interface PagesAddress {
  readonly url: string
  readonly trust: Trust
}

/** From this machine. */
export const pagesOf = (
  config: Config,
  shown: readonly ShownCertificate[] = shownBy(config),
): PagesAddress => {
  const { host, port, tls } = config.http
  const content = shown.find(({ setting }) => setting === 'http.tls')?.content
  const trust = Buffer.isBuffer(content) ? { ca: content.toString('utf8'), pinned: true } : {}
  const scheme = tls === undefined ? 'http' : 'https'
  return { url: `${scheme}://${reachable(host)}:${port}/`, trust }
}

/** Whom `--ca` names; without it the usual authorities. Throws file_unreadable. */
export const trustIn = ({ cwd }: Io, path: string | undefined): Trust => {
  if (path === undefined) return {}
  try {
    return { ca: readFileSync(resolve(cwd, path), 'utf8') }
  } catch (cause) {
    throw new OperatingError('file_unreadable', {
      message: `--ca ${path} cannot be read: ${(cause as Error).message}`,
      remedy: 'Check its path and who may read it.',
      cause,
    })
  }
}
