// The connection to a fleet's NATS servers, and the streams and buckets there, made where they are
// missing. It keeps nothing; what cannot be reached is said with what to check.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import {
  DiscardPolicy,
  type JetStreamClient,
  jetstream,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import {
  connect,
  credsAuthenticator,
  type NatsConnection,
  nanos,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node'
import { OperatingError } from '../../core/errors.ts'
import type { SourceContext } from '../../core/source.ts'
import { isConflict } from './membership.ts'
import { type Names, namesOf } from './names.ts'
import type { NatsSettings } from './settings.ts'

/** The client's word for what makes streams and consumers. */
const administration = 'jetstreamManager'
export type StreamAdmin = Awaited<ReturnType<JetStreamClient[typeof administration]>>

export interface Fleet {
  readonly connection: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: StreamAdmin
  readonly names: Names
  readonly leases: KV
  readonly units: KV
  readonly chains: KV
}

/** How long a request may take: a stream that elects a leader needs seconds. */
export const requestMs = 5000
/**
 * How long one attempt of what is tried again may take: where nobody leads, a request is lost and
 * not answered later, and data flow again within 5 s of the servers' return.
 */
export const attemptMs = 2000
/** So long a stream knows the names of messages again: longer than one is offered. */
const namesMs = 30_000
/** A connection is asked so often, and given up after so many questions without an answer. */
const ping = { pingInterval: 1000, maxPingOut: 2 } as const

export interface FleetContext extends Pick<SourceContext, 'secret'> {
  /** Names the key that this gateway signs with for units without a key. */
  readonly chainKey: string
}

/**
 * Throws an OperatingError: nats_unreachable, nats_refused, nats_credentials, nats_settings,
 * nats_unit_key, certificate_wrong.
 */
export const openFleet = async (settings: NatsSettings, context: FleetContext): Promise<Fleet> => {
  const options = { ...credentials(settings, context), ...tls(settings) }
  const connection = await connect({
    ...options,
    servers: settings.servers,
    name: `tenfold ${settings.name}`,
    maxReconnectAttempts: -1,
    // Left to itself the client gives up for good when it was refused twice.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    timeout: requestMs,
    ...ping,
    ignoreClusterUpdates: true,
  }).catch((cause: Error) => {
    throw isRefusal(cause) ? refused(cause) : unreachable(settings, cause)
  })
  try {
    return await prepare(connection, { settings, chainKey: context.chainKey })
  } catch (error) {
    await connection.close()
    if (error instanceof OperatingError) throw error
    throw unreachable(settings, error as Error)
  }
}

const prepare = async (
  connection: NatsConnection,
  { settings, chainKey }: { settings: NatsSettings; chainKey: string },
): Promise<Fleet> => {
  const names = namesOf(settings)
  const js = jetstream(connection, { timeout: requestMs })
  const jsm = await js[administration]()
  const kvm = new Kvm(js)
  // Read from the leader: any other server may still answer with what was there before.
  const options = { replicas: settings.replicas, history: 1, allow_direct: false }
  const bucket = (name: string) => kvm.create(name, options)
  const leases = await bucket(names.leases)
  await agreeOnShards(leases, settings)
  await agreeOnKey(leases, chainKey)
  await makeStreams(jsm, { settings, names })
  const [units, chains] = [await bucket(names.units), await bucket(names.chains)]
  // A heartbeat that is not answered soon is sent anew.
  const beating = new Kvm(jetstream(connection, { timeout: attemptMs }))
  return { connection, js, jsm, names, leases: await beating.open(names.leases), units, chains }
}

/** One stream a shard, each with its part of the room; those that are there already stay. */
const makeStreams = async (
  jsm: StreamAdmin,
  { settings, names }: { settings: NatsSettings; names: Names },
): Promise<void> => {
  const { shards, replicas, bytesMax } = settings
  const known = new Set<string>()
  for await (const name of jsm.streams.names()) known.add(name)
  for (let shard = 0; shard < shards; shard += 1) {
    const name = names.streamOf(shard)
    if (known.has(name)) continue
    await jsm.streams.add({
      name,
      subjects: [names.subjectsOf(shard)],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      // What is full refuses the new: a machine keeps what was not acknowledged.
      discard: DiscardPolicy.New,
      max_bytes: Math.ceil(bytesMax / shards),
      num_replicas: replicas,
      duplicate_window: nanos(namesMs),
    })
  }
}

/**
 * Keys of a bucket that match a filter, deleted ones included. By one request that has an end: the
 * client's own listing reads messages, and waits for ever when its process was stopped meanwhile.
 * Throws where the server that answers has not come to revision `since` yet.
 */
export const keysOf = async (
  jsm: StreamAdmin,
  { bucket, filter, since = 0 }: { bucket: string; filter: string; since?: number },
): Promise<string[]> => {
  const head = `$KV.${bucket}.`
  const { state } = await jsm.streams.info(`KV_${bucket}`, { subjects_filter: `${head}${filter}` })
  if (state.last_seq < since) throw new Error(`bucket ${bucket} is behind; it is read again`)
  return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(head.length))
}

/** The number of shards is the fleet's: another one would look for units where they are not. */
const agreeOnShards = async (leases: KV, { shards }: NatsSettings): Promise<void> => {
  const kept = await firstOf(leases, 'shards', String(shards))
  if (Number(kept) === shards) return
  throw new OperatingError('nats_settings', {
    message: `the fleet has ${kept} shards, sources.nats.shards says ${shards}`,
    remedy: 'Give every gateway of the fleet the same number; it cannot be changed later.',
  })
}

/** Gateways that sign for units without a key do so with one key, or chains would fork. */
const agreeOnKey = async (leases: KV, chainKey: string): Promise<void> => {
  if ((await firstOf(leases, 'unitkey', chainKey)) === chainKey) return
  throw new OperatingError('nats_unit_key', {
    message: 'this gateway signs for units without a key with another key than its fleet',
    remedy: 'Copy keys/units.key of the first gateway into this data folder before its start.',
  })
}

/** What the fleet keeps under a key that the first gateway writes, and nobody changes. */
const firstOf = async (leases: KV, key: string, value: string): Promise<string> => {
  try {
    await leases.create(key, value)
    return value
  } catch (error) {
    if (!isConflict(error)) throw error
  }
  const entry = await leases.get(key)
  // The one who leads now does not know yet what its predecessor wrote.
  if (entry === null) throw new Error(`${key} is written, and cannot be read yet`)
  return entry.string()
}

const credentials = (
  { username, password, nkey, credentials: creds }: NatsSettings,
  { secret }: Pick<SourceContext, 'secret'>,
) => {
  if (creds !== undefined) {
    // As the client reads it: without the line ends of another system.
    const text = secret(creds).replaceAll('\r', '')
    if (!isCreds(text)) throw noCreds()
    return { authenticator: credsAuthenticator(Buffer.from(text)) }
  }
  if (nkey !== undefined) {
    return { authenticator: nkeyAuthenticator(Buffer.from(secret(nkey).trim())) }
  }
  if (username === undefined) return {}
  const word = password === undefined ? '' : secret(password).trim()
  return { authenticator: usernamePasswordAuthenticator(username, word) }
}

/** A user's JWT, then the seed of its nkey, each between lines of dashes. */
const isCreds = (text: string): boolean =>
  /-+BEGIN [^-]*JWT-+\s+[\w-]+\.[\w-]+\.[\w-]+\s+-+END [^-]*JWT-+/.test(text) &&
  /-+BEGIN [^-]*SEED-+\s+SU[A-Z2-7]{56}\s+-+END [^-]*SEED-+/.test(text)

const noCreds = (): OperatingError =>
  new OperatingError('nats_credentials', {
    message: 'what sources.nats.credentials names holds no user JWT with its seed',
    remedy: 'Take the file .creds of a user, as "nsc generate creds" prints it.',
  })

const tls = ({ servers, authority, certificate, key }: NatsSettings) => {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (cause) {
      throw new OperatingError('certificate_wrong', {
        message: `${path} cannot be read: ${(cause as Error).message}`,
        remedy: 'Check the paths under sources.nats.',
        cause,
      })
    }
  }
  if (!servers.some((one) => one.startsWith('tls:')) && authority === undefined) return {}
  return {
    tls: {
      checkServerIdentity: identify(servers),
      ...(authority === undefined ? {} : { ca: read(authority) }),
      ...(certificate === undefined ? {} : { cert: read(certificate) }),
      ...(key === undefined ? {} : { key: read(key) }),
    },
  }
}

/**
 * The client tells TLS a name, but no address; the certificate would be compared with "localhost".
 * So where addresses are given it has to be for one of them.
 */
const identify = (servers: readonly string[]) => {
  const hosts = servers.map((url) =>
    new URL(url.replace(/^[a-z]+:/, 'https:')).hostname.replace(/^\[|\]$/g, ''),
  )
  const addresses = hosts.filter((host) => isIP(host) !== 0)
  return (name: string, certificate: PeerCertificate): Error | undefined => {
    if (hosts.includes(name) || addresses.length === 0)
      return checkServerIdentity(name, certificate)
    const [wrong, ...others] = addresses.map((host) => checkServerIdentity(host, certificate))
    return others.includes(undefined) ? undefined : wrong
  }
}

const isRefusal = ({ name, message }: Error): boolean =>
  name === 'AuthorizationError' || /authoriz|authentic/i.test(message)

const refused = (cause: Error): OperatingError =>
  new OperatingError('nats_refused', {
    message: `the NATS server refuses this gateway: ${cause.message}`,
    remedy: "Check who it says that it is under sources.nats, and the server's accounts.",
    cause,
  })

const unreachable = ({ servers }: NatsSettings, cause: Error): OperatingError =>
  new OperatingError('nats_unreachable', {
    message: `no NATS server with JetStream answers at ${servers.join(', ')}: ${cause.message}`,
    remedy: 'Check the addresses, TLS, that JetStream is on, and that most servers are up.',
    cause,
  })
