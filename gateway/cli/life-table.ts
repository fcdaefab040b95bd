// `tenfold durability table` and `tenfold durability add`: a gateway's life tables as signed files,
// and the sum of many gateways' tables with the claim meter. Reads beside a running gateway.
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gatewayKeyFiles, loadSigner } from '../attestation/identity.ts'
import { parseVkey } from '../attestation/note.ts'
import { parseTrust } from '../attestation/trust.ts'
import { configOptions, readConfig } from '../config-file.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import { prepareMachine } from '../core/machine.ts'
import { unitsIn } from '../durability/table.ts'
import { judgeCases, usualQuestion } from '../lifecycle/claim-meter.ts'
import type { Cohort } from '../lifecycle/cohorts.ts'
import { addFiles, decodeTable, encodeTable, type TableFile } from '../lifecycle/table-file.ts'
import { openPassportSource } from '../sinks/store/passport-source.ts'
import { openStoreReader } from '../sinks/store/store.ts'
import type { Io } from './io.ts'
import { profilesOf } from './serve.ts'

export const tableUsage = `usage: tenfold durability table [--machine NAME] [--part NAME] --out FILE
       tenfold durability add FILE ... [--reference-b10 HOURS | --reference FILE]
                              [--trust FILE] [--beta B] [--target N] [--confidence P] [--plot FILE]

  table              writes the life table of a gateway's units, signed with its key: ages at first
                     failure by part, and of units that still run; no row of fewer than 5 units,
                     no simulated unit, no identity. Settings as for "tenfold gateway".
  --part NAME        of the lives of one part instead, those that were taken out too
  add                adds tables of many gateways and says what they show
  --trust FILE       keys you trust, "log <vkey>" a line: then every table must be of one of them`

const fail = (code: string, message: string, remedy: string): never => {
  throw new OperatingError(code, { message, remedy })
}

/** Writes one signed table. */
export const runTable = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({
    args,
    options: {
      ...configOptions,
      machine: { type: 'string' },
      part: { type: 'string' },
      out: { type: 'string' },
    },
  })
  if (values.out === undefined) {
    return fail('usage', '--out is missing: the file for the table', tableUsage)
  }
  const { data: dataDir } = readConfig(io, values).loaded.config
  const machines = new Map(
    profilesOf().map((profile) => [profile.machine, prepareMachine(profile)]),
  )
  const nowUs = systemClock().nowUs()
  const cohort = chosen(
    readCohorts(dataDir, { machines, nowUs, part: values.part }),
    values.machine,
  )
  const source = openPassportSource(dataDir)
  const { name } = parseVkey(source.vkey())
  source.close()
  const signer = { ...loadSigner(gatewayKeyFiles(dataDir).key), name }
  await writeFile(resolve(io.cwd, values.out), encodeTable(cohort, signer, nowUs))
  const { simulated, unused } = cohort.leftOut
  io.out(`${values.out}: ${cohort.cohort}, ${unitsIn(cohort.known)} units`)
  io.out(`silent: ${unitsIn(cohort.silent)}; left out: ${simulated} simulated, ${unused} unused`)
  return 0
}

const readCohorts = (
  dataDir: string,
  question: {
    machines: Parameters<typeof openStoreReader>[1]
    nowUs: number
    part: string | undefined
  },
): Cohort[] => {
  const reader = openStoreReader(`${dataDir}/store`, question.machines)
  try {
    return reader.queries.cohorts(question.nowUs, question.part)
  } finally {
    reader.close()
  }
}

const chosen = (cohorts: readonly Cohort[], machine: string | undefined): Cohort => {
  const named = cohorts.filter(({ cohort }) => machine === undefined || isOf(cohort, machine))
  // Without a name: the one machine that has units.
  const used = named.filter(({ known, silent }) => unitsIn(known) + unitsIn(silent) > 0)
  const [only, ...others] = machine === undefined ? used : named
  if (only !== undefined && others.length === 0) return only
  const list = cohorts.map(({ cohort }) => cohort).join(', ')
  if (only === undefined && machine === undefined) {
    return fail('no_units', 'no unit counts yet', `Simulated and unused units do not. ${list}.`)
  }
  return fail('machine_unclear', 'say which machine: --machine NAME', `Known are ${list}.`)
}

const isOf = (cohort: string, machine: string): boolean => cohort.startsWith(`${machine} `)

/** Adds tables and prints what they show. */
export const runAdd = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      reference: { type: 'string' },
      'reference-b10': { type: 'string' },
      trust: { type: 'string' },
      beta: { type: 'string' },
      target: { type: 'string' },
      confidence: { type: 'string' },
      plot: { type: 'string' },
    },
  })
  if (positionals.length === 0) return fail('usage', 'no table is given', tableUsage)
  const read = async (path: string) => [path, decodeTable(path, await text(io, path))] as const
  const files = await Promise.all(positionals.map(read))
  await checkTrust(io, files, values.trust)
  const sum = addFiles(files)
  const b10 = positive(values, 'reference-b10')
  const other = values.reference === undefined ? undefined : await read(values.reference)
  const known = b10 === undefined ? undefined : { b10 }
  const reference = other === undefined ? known : addFiles([other]).cases.best
  const verdict = judgeCases(sum.cases, {
    ...usualQuestion,
    reference,
    assumedBeta: positive(values, 'beta'),
    target: positive(values, 'target') ?? usualQuestion.target,
    confidence: positive(values, 'confidence') ?? usualQuestion.confidence,
  })
  const { units, failures, silent, confidence } = verdict
  io.out(`${sum.cohort}: ${units} units of ${files.length} gateways, ${failures} failures`)
  io.out(`silent: ${silent}; in no row, too few to publish: ${sum.withheld}`)
  if (verdict.b10 !== undefined) {
    const [value, lower, upper] = [verdict.b10.value, verdict.b10.lower, verdict.b10.upper].map(
      (hours) => hours.toPrecision(4),
    )
    io.out(`B10: ${value} h (${lower} to ${upper} at ${confidence * 100} % confidence)`)
  }
  io.out(verdict.words)
  if (values.plot !== undefined) {
    await writeFile(resolve(io.cwd, values.plot), verdict.svg)
    io.out(`plot: ${values.plot}`)
  }
  return 0
}

const positive = (
  values: Readonly<Record<string, string | undefined>>,
  name: string,
): number | undefined => {
  const given = values[name]
  if (given === undefined) return undefined
  const value = Number(given)
  if (given.trim() !== '' && value > 0 && Number.isFinite(value)) return value
  return fail('arguments_wrong', `--${name} ${given} is no number above 0`, 'Correct it.')
}

/** A signature shows only that nothing was changed; whose it is, the reader has to know. */
const checkTrust = async (
  io: Io,
  files: readonly (readonly [string, TableFile])[],
  trust: string | undefined,
): Promise<void> => {
  if (trust === undefined) {
    io.err('keys are not pinned: who signed is what the files say; give --trust to be sure')
    return
  }
  const { logs } = parseTrust(await text(io, trust))
  const keys = new Set(logs.map(({ publicKey }) => Buffer.from(publicKey).toString('hex')))
  for (const [name, { vkey }] of files) {
    if (keys.has(Buffer.from(parseVkey(vkey).publicKey).toString('hex'))) continue
    fail('table_untrusted', `${name} is signed by ${vkey}`, `Its key is not in ${trust}.`)
  }
}

const text = async (io: Io, path: string): Promise<string> => {
  try {
    return await readFile(resolve(io.cwd, path), 'utf8')
  } catch (cause) {
    throw new OperatingError('file_unreadable', {
      message: `${path} cannot be read: ${(cause as Error).message}`,
      remedy: 'Check the path and the rights of the file.',
      cause,
    })
  }
}
