// Whom the reader trusts: a text file that they got elsewhere, never with the passport. One line
// each: a role word and a key; `#` begins a comment. Browser-safe; what the roles may prove is
// verify's part.
import { AttestationError } from './codes.ts'
import { parseDid } from './did.ts'
import { type NoteKey, parseVkey } from './note.ts'

export interface Trust {
  /** Logs, by verifier key. */
  logs: readonly NoteKey[]
  /** did:keys of producers: they vouch for the units whose `made` includes their claim. */
  producers: ReadonlySet<string>
  /** did:keys of units, as on their labels. */
  units: ReadonlySet<string>
  /** did:keys of authors of claims: buyers, workshops. */
  authors: ReadonlySet<string>
}

const roles = ['log', 'producer', 'unit', 'author'] as const
export type TrustLine = { role: (typeof roles)[number]; key: string }

const parseLine = (text: string, number: number): TrustLine | undefined => {
  const words = text.replace(/#.*$/, '').trim().split(/\s+/)
  const [role, key, ...more] = words
  if (!role) return undefined
  const known = roles.find((name) => name === role)
  if (known === undefined || key === undefined || more.length > 0) {
    const wanted = `one of ${roles.join(', ')} and a key`
    throw new AttestationError('bad_trust', `line ${number}: must be ${wanted}`)
  }
  try {
    if (known === 'log') parseVkey(key)
    else parseDid(key)
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    throw new AttestationError('bad_trust', `line ${number}: ${error.message}`)
  }
  return { role: known, key }
}

/** Parses a trust file. Throws bad_trust with the number of the wrong line. */
export const parseTrust = (text: string): Trust => {
  const lines = text.split(/\r?\n/).map((line, at) => parseLine(line, at + 1))
  const keysOf = (role: TrustLine['role']): string[] =>
    lines.flatMap((line) => (line?.role === role ? [line.key] : []))
  return {
    logs: keysOf('log').map(parseVkey),
    producers: new Set(keysOf('producer')),
    units: new Set(keysOf('unit')),
    authors: new Set(keysOf('author')),
  }
}

/** Text of a trust file, as a gateway offers it to be copied by hand or by label. */
export const encodeTrust = (lines: readonly TrustLine[]): string =>
  lines.map(({ role, key }) => `${role} ${key}\n`).join('')
