// Settings and profiles to what the client's thread is told: names checked, defaults filled in,
// secrets read. Throws an OperatingError with every mistake that a schema cannot see; nothing is
// connected before all of it is right.
import { readFileSync } from 'node:fs'
import { nearest } from '../../../hardware-profiles/validate.ts'
import { OperatingError } from '../../core/errors.ts'
import type { SourceContext } from '../../core/source.ts'
import { parseAddress } from '../../opcua/client/address.ts'
import type {
  ClientPlan,
  NodePlan,
  ServerPlan,
  UnitPlan,
  UserPlan,
} from '../../opcua/client/plan.ts'
import type { OpcUaServerSettings, OpcUaSettings } from './settings.ts'

type Context = Pick<SourceContext, 'profiles' | 'secret' | 'folder'>

export const planOf = (settings: OpcUaSettings, context: Context): ClientPlan => {
  const mistakes: string[] = []
  const twice = <T>(list: readonly T[]): T[] => list.filter((one, i) => list.indexOf(one) !== i)
  const { servers } = settings
  for (const name of twice(servers.map((server) => server.name))) {
    mistakes.push(`two servers are called "${name}"`)
  }
  for (const unit of twice(servers.flatMap(({ units }) => units.map((one) => one.unit)))) {
    mistakes.push(`unit "${unit}" stands twice`)
  }
  const plans = servers.map((server) => serverPlan(server, { context, mistakes }))
  if (mistakes.length > 0) {
    throw new OperatingError('opcua_settings', {
      message: `sources.opcua: ${mistakes.join('; ')}`,
      remedy: 'Correct each of these in the settings.',
    })
  }
  return { folder: context.folder, servers: plans }
}

interface Checking {
  context: Context
  mistakes: string[]
}

const serverPlan = (server: OpcUaServerSettings, checking: Checking): ServerPlan => {
  const { name, url, publishMs = 250, deafMs = 3000, history = true, units } = server
  const { mode, policy = 'Basic256Sha256' } = server.security ?? { mode: 'SignAndEncrypt' as const }
  if (mode === 'None' && server.user !== undefined) {
    checking.mistakes.push(`${name}: a user without encryption: its password could be read`)
  }
  if (mode === 'None' && server.security?.policy !== undefined) {
    checking.mistakes.push(`${name}: security.mode None has no policy; leave one of them out`)
  }
  if (publishMs * 2 > deafMs) {
    checking.mistakes.push(`${name}: deafMs ${deafMs} is below twice publishMs ${publishMs}`)
  }
  return {
    ...{ name, url, mode, publishMs, deafMs, history },
    policy: mode === 'None' ? 'None' : policy,
    user: userPlan(server, checking.context),
    units: units.map((unit) => unitPlan(unit, checking)),
  }
}

const userPlan = ({ user }: OpcUaServerSettings, context: Context): UserPlan => {
  if (user === undefined) return { kind: 'anonymous' }
  if ('name' in user) {
    return { kind: 'password', name: user.name, password: context.secret(user.password) }
  }
  try {
    const certificatePem = readFileSync(user.certificate, 'utf8')
    return { kind: 'certificate', certificatePem, keyPem: context.secret(user.key) }
  } catch (cause) {
    if (cause instanceof OperatingError) throw cause
    throw new OperatingError('opcua_user_certificate', {
      message: `the user's certificate cannot be read: ${(cause as Error).message}`,
      remedy: 'Check the path in "user.certificate".',
      cause,
    })
  }
}

type UnitSettings = OpcUaServerSettings['units'][number]

const unitPlan = (settings: UnitSettings, { context, mistakes }: Checking): UnitPlan => {
  const { unit, machine, namespace = '', samplingMs } = settings
  const profile = context.profiles.find((one) => one.machine === machine)
  const plan = { unit, machine, namespace }
  if (profile === undefined) {
    const known = context.profiles.map((one) => one.machine)
    mistakes.push(`${unit}: no profile has the machine "${machine}"${nearest(machine, known)}`)
    return { ...plan, samplingMs: 1000, nodes: [] }
  }
  const { signals, counters } = profile
  const nodes = Object.entries(settings.nodes).flatMap(([name, given]): NodePlan[] => {
    const {
      node: address,
      scale = 1,
      offset = 0,
    } = typeof given === 'string' ? { node: given } : given
    const type = signals[name]?.type ?? (counters[name] === undefined ? undefined : 'counter')
    if (type === undefined) {
      const known = [...Object.keys(signals), ...Object.keys(counters)]
      mistakes.push(`${unit}: ${machine} has no signal "${name}"${nearest(name, known)}`)
      return []
    }
    if (type !== 'number' && (scale !== 1 || offset !== 0)) {
      mistakes.push(`${unit}: ${name} is of type ${type} and cannot be scaled`)
    }
    try {
      parseAddress(address, namespace)
    } catch (error) {
      mistakes.push(`${unit}: ${name}: ${(error as Error).message}`)
    }
    return [{ name, type, address, scale, offset }]
  })
  return { ...plan, samplingMs: samplingMs ?? 1000 / profile.reportHz, nodes }
}
