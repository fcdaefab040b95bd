// The certificates that a gateway of these settings shows: those that settings name, and those of
// its own authority. Reads files only, and makes none. Not a command by itself.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ShownCertificate } from '../certificate-findings.ts'
import { newestServer } from '../certificates/files.ts'
import type { Config } from '../config.ts'
import { filesOf } from '../reload/files.ts'

/** Of an own certificate none where it has not been made yet, or is not for this user to see. */
export const shownBy = (config: Config): ShownCertificate[] => {
  const named = Object.entries(filesOf(config)).flatMap(([key, { path }]) =>
    key.endsWith('.certificate') ? [{ setting: key.slice(0, -12), content: read(path) }] : [],
  )
  const folder = join(config.data, 'keys', 'tls')
  const own = (['mqtt', 'http'] as const).flatMap((of) => {
    const { tls } = config[of]
    if (tls === undefined || tls.certificate !== undefined) return []
    const path = newestServer(folder, of === 'mqtt' ? 'server' : 'pages')
    return path === undefined ? [] : [{ setting: `${of}.tls`, content: read(path) }]
  })
  return [...named, ...own]
}

const read = (path: string): ShownCertificate['content'] => {
  try {
    return readFileSync(path)
  } catch (error) {
    return { problem: (error as Error).message }
  }
}
