// `tenfold replay`: plays recorded cycles of a real tool through a broker, as the unit that made
// them. The whole file is checked before the first message is sent.
import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadProfiles } from '../../firmware/profiles.ts'
import { unitIdPattern } from '../../hardware-profiles/names.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { nearest } from '../../hardware-profiles/validate.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import { prepareMachine } from '../core/machine.ts'
import { connectUnit } from '../mqtt/client.ts'
import { formOf } from '../sources/replay/form.ts'
import { type Message, Messages, missingCycles } from '../sources/replay/messages.ts'
import { play } from '../sources/replay/play.ts'
import { type Mistake, type ReadOptions, readCycles } from '../sources/replay/records.ts'
import type { Io } from './io.ts'

export const summary = 'plays recorded cycles of a real tool through a broker'
export const usage = `usage: tenfold replay <file.ndjson> [options]

  --profile NAME       machine whose records these are (default nutrunner)
  --broker URL         broker to play to (default mqtt://127.0.0.1:1883)
  --speed fast|real|N  as fast as it is acknowledged (default), at the pace of the records, or N
                       times that
  --zone=UTC|+hh:mm    zone of the dates, which state none (default UTC), such as --zone=-05:00
  --unit ID            unit to play as, instead of the tool's serial number
  --skip               passes over wrong records instead of refusing the file
  --username NAME      name to log in with; its password is taken from the environment variable
                       TENFOLD_MQTT_PASSWORD

Playing a file twice changes nothing: boot and sequence follow from the records. Where records were
passed over, play the mended file as another unit: their sequences are taken by those after them.`

const options = {
  profile: { type: 'string', default: 'nutrunner' },
  broker: { type: 'string', default: 'mqtt://127.0.0.1:1883' },
  speed: { type: 'string', default: 'fast' },
  zone: { type: 'string', default: 'UTC' },
  unit: { type: 'string' },
  skip: { type: 'boolean', default: false },
  username: { type: 'string' },
} as const

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [path, ...more] = positionals
  if (path === undefined || more.length > 0) throw usageError('give it one file')
  const speed = speedOf(values.speed)
  const machine = prepareMachine(profileNamed(values.profile))
  const form = formOf(machine.profile)
  const file = {
    path: resolve(io.cwd, path),
    read: { form, zoneUs: zoneUs(values.zone), ...unitOption(values.unit) },
  }
  const mistakes = await mistakesIn(file)
  for (const { line, message } of mistakes.slice(0, mistakesShown)) {
    io.err(`${path}:${line}: ${message}`)
  }
  const count = mistakes.length
  if (count > 0) io.err(`${count} wrong records${values.skip ? ' are passed over' : ''}`)
  if (count > 0 && !values.skip) {
    io.err('Nothing was sent. Mend the file, or pass over them with --skip.')
    return 1
  }
  const messages = new Messages(machine, form)
  const clock = systemClock()
  const startMs = clock.monotonicMs()
  const sent = await playFile(file, { messages, clock, speed, io, values })
  report(messages, { io, sent, seconds: (clock.monotonicMs() - startMs) / 1000 })
  return io.signal.aborted ? 130 : 0
}

const mistakesShown = 20

interface File {
  path: string
  read: ReadOptions
}

const chunksOf = ({ path }: File): AsyncIterable<Buffer> => createReadStream(path)

const mistakesIn = async (file: File): Promise<Mistake[]> => {
  const mistakes: Mistake[] = []
  let records = 0
  try {
    for await (const parsed of readCycles(chunksOf(file), file.read)) {
      records++
      if ('message' in parsed) mistakes.push(parsed)
    }
  } catch (cause) {
    throw new OperatingError('replay_file', {
      message: `cannot read ${file.path}: ${(cause as Error).message}`,
      remedy: 'Check the path of the file of records.',
      cause,
    })
  }
  if (records > mistakes.length) return mistakes
  if (records === 0) mistakes.push({ line: 1, message: 'the file has no records' })
  return mistakes
}

interface Playing {
  messages: Messages
  clock: Clock
  speed: number
  io: Io
  values: { broker: string; username?: string | undefined }
}

const playFile = async (
  file: File,
  { messages, clock, speed, io, values }: Playing,
): Promise<number> => {
  const { broker, username } = values
  const password = io.env['TENFOLD_MQTT_PASSWORD']
  const connection = await connectUnit({
    url: broker,
    clientId: `replay-${process.pid}`,
    ...(username === undefined ? {} : { username }),
    ...(username === undefined || password === undefined ? {} : { password }),
  })
  try {
    return await play(all(file, messages), {
      publish: (topic, payload) => connection.publish(topic, payload),
      clock,
      speed,
      signal: io.signal,
    })
  } finally {
    await connection.stop()
  }
}

async function* all(file: File, messages: Messages): AsyncGenerator<Message> {
  for await (const parsed of readCycles(chunksOf(file), file.read)) {
    if ('cycle' in parsed) yield* messages.of(parsed.cycle)
  }
}

const report = (
  { tools }: Messages,
  { io, sent, seconds }: { io: Io; sent: number; seconds: number },
): void => {
  const number = new Intl.NumberFormat('en-GB')
  for (const tool of tools.values()) {
    const { unit, cycles, points, firstCycle, lastCycle, gaps } = tool
    io.out(`played   ${unit}: ${number.format(cycles)} cycles, ${number.format(points)} points`)
    io.out(
      `counter  ${firstCycle} to ${lastCycle}: ${number.format(missingCycles(tool))} cycles are ` +
        `not in the file, in ${number.format(gaps)} gaps`,
    )
  }
  io.out(`sent     ${number.format(sent)} messages acknowledged in ${seconds.toFixed(1)} s`)
}

const profileNamed = (name: string): Profile => {
  const { profiles } = loadProfiles()
  const profile = profiles.get(name)
  if (profile !== undefined) return profile
  const known = [...profiles.keys()]
  throw usageError(`no machine is called "${name}"${nearest(name, known)}: ${known.join(', ')}`)
}

const speedOf = (text: string): number => {
  if (text === 'fast') return Number.POSITIVE_INFINITY
  const factor = text === 'real' ? 1 : Number(text)
  if (Number.isFinite(factor) && factor > 0) return factor
  throw usageError(`--speed is "${text}", not fast, real or a number above 0`)
}

/** How far a zone is ahead of UTC, microseconds. */
const zoneUs = (text: string): number => {
  if (text === 'UTC') return 0
  const [, sign, hours = '', minutes = ''] = /^([+-])(\d{2}):([0-5]\d)$/.exec(text) ?? []
  if (sign === undefined || Number(hours) > 14) {
    throw usageError(`--zone is "${text}", not UTC or an offset like +01:00`)
  }
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000_000
}

const unitOption = (unit: string | undefined): { unit?: string } => {
  if (unit === undefined) return {}
  if (new RegExp(unitIdPattern).test(unit)) return { unit }
  throw usageError(`--unit is "${unit}": small letters, digits and "-", at most 63`)
}

const usageError = (message: string): OperatingError =>
  new OperatingError('usage', { message, remedy: 'See "tenfold help replay".' })
