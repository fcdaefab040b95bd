// `tenfold passport`: writes the passport file of one unit from the embedded store, which it only
// reads. The head statement in it is signed with the gateway's own key, so it runs where that key
// is. States of the log that were anchored are joined to it, so that a reader can compare.
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { AttestationError } from '../attestation/codes.ts'
import { gatewayKeyFiles, loadSigner } from '../attestation/identity.ts'
import { parseVkey } from '../attestation/note.ts'
import { type BuiltPassport, buildPassport } from '../attestation/passport.ts'
import { passportFile } from '../attestation/passport-file.ts'
import { encodeTrust } from '../attestation/trust.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { OperatingError } from '../core/errors.ts'
import { readAnchorRecords } from '../ledger/anchor-records.ts'
import { openPassportSource } from '../sinks/store/passport-source.ts'
import type { Io } from './io.ts'

export const summary = 'writes the passport file of a unit'
export const usage = `usage: tenfold passport <unit> [--out <file>] [--trust <file>] [options]

  --out PATH       file to write (default <unit>.passport.json); - prints it
  --trust PATH     also writes the keys that a reader pins for "tenfold verify --trust": the
                   log's and the unit's. Hand them over by another way than the passport, or
                   they prove nothing.
${configUsage}`

/** Reads the store and the gateway's key; errors are made readable for a person. */
const build = (data: string, unit: string): BuiltPassport => {
  try {
    const source = openPassportSource(data)
    try {
      const { name } = parseVkey(source.vkey())
      const signer = { ...loadSigner(gatewayKeyFiles(data).key), name }
      const anchored = readAnchorRecords(data).filter(({ origin }) => origin === name)
      return buildPassport(source, unit, { signer, oldSizes: anchored.map(({ size }) => size) })
    } finally {
      source.close()
    }
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    const { code, message, remedy } = error
    throw new OperatingError(code, { message, remedy, cause: error })
  }
}

const writeText = async (path: string, text: string): Promise<void> => {
  try {
    await writeFile(path, text)
  } catch (error) {
    throw new OperatingError('file_unwritable', {
      message: `${path} cannot be written: ${(error as Error).message}`,
      remedy: 'Check the folder, its rights and its free space.',
      cause: error,
    })
  }
}

/** Runs the command: 0, or an OperatingError. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...configOptions,
      out: { type: 'string' },
      trust: { type: 'string' },
    },
  })
  const [unit, ...more] = positionals
  if (unit === undefined || more.length > 0) {
    throw new OperatingError('usage', {
      message: 'the id of one unit is needed',
      remedy: 'See "tenfold help passport".',
    })
  }
  const { config } = readConfig(io, values).loaded
  const { text, trust, entries, waiting } = build(config.data, unit)
  if (values.trust !== undefined) {
    await writeText(resolve(io.cwd, values.trust), encodeTrust(trust))
  }
  if (values.out === '-') {
    io.out(text.trimEnd())
    return 0
  }
  const path = resolve(io.cwd, values.out ?? passportFile(unit))
  await writeText(path, text)
  const later = waiting > 0 ? `; ${waiting} more wait for the next checkpoint` : ''
  io.out(`${path}: ${entries} entries${later}`)
  return 0
}
