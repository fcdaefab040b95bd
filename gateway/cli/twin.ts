// `tenfold twin`: one simulated unit, in a process of its own, that speaks to a gateway over MQTT
// as a board would. Its folder is its controller's flash: key, chain, counters and pack live there.
import { randomBytes, randomInt } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildKernel, buildLoop } from '../../firmware/build.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import type { Link } from '../../firmware/twin/protocol.ts'
import { startTwin } from '../../firmware/twin/twin.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { nearest } from '../../hardware-profiles/validate.ts'
import { systemClock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import { profileDigest } from '../core/machine.ts'
import { connectUnit, type UnitConnection } from '../mqtt/client.ts'
import { pairedSecret, pairingPassword } from '../pairing/unit.ts'
import type { Io } from './io.ts'
import { openUnitKey, type UnitKey } from './unit-key.ts'

export const summary = 'runs one simulated unit against a gateway'
export const usage = `usage: tenfold twin [options]

  --machine NAME   machine file to simulate (default cordless_drill)
  --unit ID        id of the unit (default twin-<kind of machine>-1, such as twin-drill-1)
  --broker URL     where the gateway's broker is (default mqtt://127.0.0.1:1883)
  --folder PATH    where the unit keeps its key and state (default .tenfold/twins/<unit>)
  --pair CODE      pairs the unit first, with a code of "tenfold pair"
  --authority FILE who signs the broker's certificate (PEM), for mqtts:// addresses
  --seed N         repeats a run's chance events

Its reports and its passport say "simulated"; they count for no claim.`

const options = {
  machine: { type: 'string', default: 'cordless_drill' },
  unit: { type: 'string' },
  broker: { type: 'string', default: 'mqtt://127.0.0.1:1883' },
  folder: { type: 'string' },
  pair: { type: 'string' },
  authority: { type: 'string' },
  seed: { type: 'string' },
} as const

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({ args, options })
  // As in its file, or as in its data.
  const machine = values.machine.replaceAll('-', '_')
  const machines = loadProfiles()
  const profile = machines.profiles.get(machine)
  const unit = values.unit ?? `twin-${profile?.kind ?? machine}-1`
  const folder = resolve(io.cwd, values.folder ?? join('.tenfold', 'twins', unit))
  const spec = Object.values(profile?.loops ?? {})[0]
  const loop = spec === undefined ? undefined : machines.loops.get(spec.kind)
  if (profile?.twin === undefined || spec === undefined || loop === undefined) {
    throw noTwin(
      machine,
      [...machines.profiles.values()].filter(({ twin }) => twin !== undefined),
    )
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const build = await buildLoop({ loop, spec })
  const { safety } = profile
  const kernel = safety && (await buildKernel({ safety, loop, spec }))
  const digest = profileDigest(profile)
  const key = openUnitKey({
    folder,
    random: randomBytes,
    enrolment: {
      machine,
      profile: Buffer.from(digest, 'hex'),
      firmware: Buffer.from(build.digest, 'hex'),
      // Random, so that it tells nothing about volumes; only the first start's is signed.
      serial: randomBytes(8).toString('hex'),
      custody: 'controller_flash',
      simulated: true,
    },
  })
  const connection = await enter(key, { ...values, unit, folder, io })
  const command = topicOf({ machine, unit, kind: 'command' })
  try {
    const twin = await startTwin({
      ...{ machines, profile, unit, build, folder },
      ...(kernel && { kernel }),
      link: await linkOver(connection, command),
      clock: systemClock(),
      seed: values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed),
      identity: { profile: digest, key: key.did, custody: 'controller_flash' },
      ...{ attestor: key.attestor, sign: key.sign },
      answer: key.answer,
    })
    io.out(`twin   ${unit}, ${profile.title}, boot ${twin.boot}, simulated`)
    await Promise.race([twin.ended, aborted(io.signal)])
    await twin.stop()
  } finally {
    await connection.stop()
  }
  return 0
}

const noTwin = (machine: string, able: { machine: string }[]): OperatingError => {
  const names = able.map((profile) => profile.machine)
  return new OperatingError('twin_unknown', {
    message: `the machine "${machine}" has no twin${nearest(machine, names)}`,
    remedy: `Machines with one: ${names.join(', ')}. It comes from a file's "twin" section.`,
  })
}

interface Entrance {
  io: Io
  unit: string
  broker: string
  folder: string
  pair?: string
  authority?: string
}

/** Logs in with what pairing has left, pairing first where a code is given. */
const enter = async (key: UnitKey, given: Entrance): Promise<UnitConnection> => {
  const { io, unit, broker: url, folder, pair, authority } = given
  const tls =
    authority === undefined ? {} : { ca: readFileSync(resolve(io.cwd, authority), 'utf8') }
  const base = { url, clientId: unit, tls }
  if (pair !== undefined) {
    const password = pairingPassword(pair, { ...key, folder, unit, random: randomBytes })
    // A code is good for one login: the next is with the secret alone.
    await (await connectUnit({ ...base, username: unit, password })).stop()
    io.out(`paired ${unit}`)
  }
  const secret = pairedSecret(folder)
  return connectUnit(secret === undefined ? base : { ...base, username: unit, password: secret })
}

/** The board's link over an MQTT connection. */
const linkOver = async (connection: UnitConnection, command: string): Promise<Link> => {
  let listener: (payload: Uint8Array) => void = () => {}
  await connection.subscribe(command, (payload) => listener(payload))
  return {
    publish: (topic, payload, done) => {
      connection.publish(topic, payload).then(() => done(), done)
    },
    onCommand: (to) => {
      listener = to
    },
    onReconnect: (to) => connection.onReconnect(to),
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
