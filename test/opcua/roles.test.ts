// Who may do what at the gateway's OPC UA server, by real sessions of each role: nothing can be
// written by anybody, what a node says of a role is true, and only an operator gives setpoints.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  AttributeIds,
  type ClientSession,
  DataType,
  NodeClass,
  PermissionFlag,
  SecurityPolicy,
  UserTokenType,
  Variant,
  WellKnownRoles,
} from 'node-opcua'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { CommandOutcome, SetpointRequest } from '../../gateway/core/command.ts'
import type { Sink } from '../../gateway/core/delivery.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import type { UnitLife, UnitSummary } from '../../gateway/core/queries.ts'
import { hashPassword } from '../../gateway/credentials.ts'
import { CertificateFolder } from '../../gateway/opcua/certificates.ts'
import { makeGatewayCertificate } from '../../gateway/opcua/own-certificate.ts'
import { create } from '../../gateway/sinks/opcua/index.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { freePort, temporary, until } from './stand.ts'
import { approveAll, nodeOf, type Visit, visit } from './visitor.ts'

const profile = loadProfiles().profiles.get('hot_end') as Profile
const place = temporary()
const [server, other] = ['pki', 'other'].map(
  (name) => new CertificateFolder(join(place.path, name)),
) as [CertificateFolder, CertificateFolder]
const notes: string[] = []
/** What reached the desk, and what it answers. */
const asked: [unit: string, request: SetpointRequest][] = []
let answer: () => Promise<CommandOutcome>
let port = 0
let sink: Sink

const anna = { name: 'anna', password: 'tall tree' }
const otto = { name: 'otto', password: 'hot iron' }

const summary = (): UnitSummary => ({
  ...{ unit: 'hot-1', machine: 'hot_end', simulated: false, lifecycle: 'in_use', key: undefined },
  ...{ custody: 'gateway', boot: 1, lastTimeUs: Date.now() * 1000, owner: undefined },
  ...{ counters: {}, values: {}, readings: 1, missing: 0, duplicates: 0, quarantined: 0 },
})
const life: UnitLife = {
  ...{ unit: 'hot-1', steps: [], failures: [], parts: [], shifts: [], maintenance: [] },
  ...{ uptime: undefined, wear: undefined },
}

const open = async (settings: object): Promise<Sink> => {
  const made = create(
    { host: '127.0.0.1', port, modes: ['Sign', 'SignAndEncrypt'], ...settings },
    {
      ...{
        clock: systemClock(),
        profiles: [profile],
        folder: place.path,
        units: () => [summary()],
      },
      note: (line) => notes.push(line),
      life: () => life,
      command: (unit, request) => {
        asked.push([unit, request])
        return answer()
      },
    },
  )
  await made.open()
  return made
}

const as = <T>(who: Partial<Visit>, what: (session: ClientSession) => Promise<T>): Promise<T> =>
  visit({ port, folder: other, ...who }, what)

/** Calls the method of the unit. */
const give = async (session: ClientSession, target: number, holdsMs: number): Promise<string> => {
  const call = {
    objectId: await nodeOf(session, 'hot-1'),
    methodId: await nodeOf(session, 'hot-1/GiveSetpoints'),
    inputArguments: [target, holdsMs].map((value) => ({ dataType: DataType.Double, value })),
  }
  return (await session.call(call)).statusCode.name
}

beforeAll(async () => {
  port = await freePort()
  await makeGatewayCertificate(other, 'client', Date.now())
  const salt = new Uint8Array(16).fill(1)
  const hashes = await Promise.all([anna, otto].map(({ password }) => hashPassword(password, salt)))
  const credentials = join(place.path, 'users.json')
  writeFileSync(credentials, JSON.stringify({ anna: hashes[0], otto: hashes[1] }))
  sink = await open({ credentials, roles: { otto: 'operator' } })
  server.offer(other.own() as Buffer)
  other.offer(server.own() as Buffer)
  approveAll(server, other)
}, 60_000)

afterAll(async () => {
  await sink.stop()
  place.remove()
})

describe('who logs in', { timeout: 60_000 }, () => {
  const read = (session: ClientSession) => session.readNamespaceArray()

  test('does so by name and password; by nothing, or by a certificate, nobody does', async () => {
    expect(await as({ user: anna }, read)).toContain('urn:tenfold:v1:units')
    await expect(as({}, read)).rejects.toThrow()
    await expect(as({ user: { name: 'anna', password: '' } }, read)).rejects.toThrow()
    // The approved application's own: it proves which program asks, not who.
    const identity = {
      type: UserTokenType.Certificate as const,
      certificateData: other.own() as Buffer,
      privateKey: readFileSync(other.ownKey, 'utf8'),
    }
    await expect(as({ identity }, read)).rejects.toThrow('Certificate (X509) user token policy')
  })

  test('does not over a channel without security', async () => {
    const none = { mode: 'None', policy: SecurityPolicy.None } as const
    await expect(as({ ...none, user: otto }, read)).rejects.toThrow()
  })

  test('is offered no other way', async () => {
    const { endpoints } = await as({ user: anna }, async (session) => {
      const { endpoint } = session as unknown as {
        endpoint: { userIdentityTokens: { tokenType: number }[] }
      }
      return { endpoints: endpoint.userIdentityTokens.map(({ tokenType }) => tokenType) }
    })
    expect(endpoints).toEqual([UserTokenType.UserName])
  })
})

/** Every node that can be reached from the root, by its class. */
const walk = async (session: ClientSession): Promise<Map<string, NodeClass>> => {
  const seen = new Map<string, NodeClass>()
  for (let edge = ['ns=0;i=84']; edge.length > 0; ) {
    const asked = edge.map((nodeId) => ({
      ...{ nodeId, referenceTypeId: 'ns=0;i=33', includeSubtypes: true },
      ...{ nodeClassMask: 0, resultMask: 63 },
    }))
    const found = (await session.browse(asked)).flatMap(({ references }) => references ?? [])
    edge = []
    for (const { nodeId, nodeClass } of found) {
      const id = nodeId.toString()
      if (!seen.has(id)) edge.push(id)
      seen.set(id, nodeClass)
    }
  }
  return seen
}

const attribute = async (
  session: ClientSession,
  nodes: readonly string[],
  attributeId: AttributeIds,
): Promise<unknown[]> =>
  (await session.read(nodes.map((nodeId) => ({ nodeId, attributeId })))).map(
    ({ value }) => value.value as unknown,
  )

const isOurs = (node: string): boolean => node.includes('s=hot-1')

describe('whatever the role', { timeout: 120_000 }, () => {
  let variables: string[]
  let methods: string[]
  const who = [
    ['observer', anna],
    ['operator', otto],
  ] as const

  beforeAll(async () => {
    const nodes = await as({ user: otto }, walk)
    const of = (kind: NodeClass) => [...nodes].filter(([, one]) => one === kind).map(([id]) => id)
    variables = of(NodeClass.Variable)
    methods = of(NodeClass.Method)
    expect(variables.filter(isOurs).length).toBeGreaterThan(40)
    expect(variables.length).toBeGreaterThan(1000)
  }, 120_000)

  test.each(who)('no node of the whole server can be written by an %s', async (_, user) => {
    await as({ user }, async (session) => {
      for (const level of [AttributeIds.AccessLevel, AttributeIds.UserAccessLevel]) {
        const levels = await attribute(session, variables, level)
        expect(variables.filter((_, i) => (Number(levels[i]) & ~1) !== 0)).toEqual([])
        // What is a unit's is read by both.
        expect(variables.filter((node, i) => isOurs(node) && levels[i] !== 1)).toEqual([])
      }
    })
  })

  test.each(who)('a write by an %s changes nothing and is noted', async (_, user) => {
    notes.splice(0)
    const statuses = await as({ user }, async (session) => {
      const names = [
        'Signals/target',
        'Signals/temperature-EURange',
        'Counters/starts',
        'GiveSetpoints',
      ]
      const nodes = await Promise.all(names.map((name) => nodeOf(session, `hot-1/${name}`)))
      const value = { value: new Variant({ dataType: DataType.Double, value: 200 }) }
      const write = (nodeId: string, attributeId: AttributeIds) =>
        session.write({ nodeId, attributeId, value })
      const values = await Promise.all(nodes.map((node) => write(node, AttributeIds.Value)))
      const [first = ''] = nodes
      return [
        ...values,
        await write(first, AttributeIds.Description),
        await write(first, AttributeIds.RolePermissions),
      ].map(({ name }) => name)
    })
    expect(new Set(statuses)).toEqual(new Set(['BadUserAccessDenied']))
    const isIt = (note: string): boolean => note.includes('Signals/target"')
    await until('the note', () => notes.some(isIt))
    const line = notes.find(isIt)
    expect(line).toMatch(`${user.name} may not write`)
    expect(line).toMatch(/BadUserAccessDenied \(opcua_refused\)$/)
  })

  test.each(who)('the nodes say truly what an %s may do', async (role, user) => {
    await as({ user }, async (session) => {
      const method = await nodeOf(session, 'hot-1/GiveSetpoints')
      const can = async (of: AttributeIds) => {
        const flags = await attribute(session, methods, of)
        return methods.filter((_, i) => flags[i] === true)
      }
      // Of one's own subscriptions: GetMonitoredItems, SetSubscriptionDurable, ResendData.
      const own = ['ns=0;i=11492', 'ns=0;i=12749', 'ns=0;i=12873']
      expect((await can(AttributeIds.Executable)).sort()).toEqual([...own, method].sort())
      const mine = role === 'operator' ? [...own, method] : own
      expect((await can(AttributeIds.UserExecutable)).sort()).toEqual(mine.sort())
      const [all, their] = await Promise.all(
        [AttributeIds.RolePermissions, AttributeIds.UserRolePermissions].map(async (of) => {
          const [list] = await attribute(
            session,
            [await nodeOf(session, 'hot-1/Signals/target')],
            of,
          )
          return (list as { roleId: { value: number }; permissions: number }[]).map(
            ({ roleId, permissions }) => [WellKnownRoles[roleId.value], permissions],
          )
        }),
      )
      const { Browse, Read, ReadRolePermissions, ReceiveEvents, Call, Write } = PermissionFlag
      const reads = Browse | Read | ReadRolePermissions | ReceiveEvents
      const expected = [
        ['Observer', reads],
        ['Operator', reads | Call],
      ]
      expect(all).toEqual(expected)
      expect(their).toEqual(expected.filter(([name]) => String(name).toLowerCase() === role))
      expect(expected.every(([, may]) => (Number(may) & Write) === 0)).toBe(true)
    })
  })
})

describe('setpoints', { timeout: 60_000 }, () => {
  beforeEach(() => {
    asked.splice(0)
    notes.splice(0)
    answer = async () => ({ id: 'a1', accepted: true })
  })

  test("an operator gives them: to the desk, with a hold, in the profile's units", async () => {
    expect(await as({ user: otto }, (session) => give(session, 210, 4000))).toBe('Good')
    const request = { kind: 'setpoint', values: { target: 210 }, holdsMs: 4000 }
    expect(asked).toEqual([['hot-1', request]])
    await until('the note', () => notes.length > 0)
    expect(notes).toEqual(['opcua: otto gives "hot-1" target = 210, for 4000 ms at a time'])
  })

  test('a renewal of the same is not said again, another value is', async () => {
    const statuses = await as({ user: otto }, async (session) => [
      ...[await give(session, 180, 4000), await give(session, 180, 4000)],
      ...[await give(session, 181, 4000)],
    ])
    expect(statuses).toEqual(['Good', 'Good', 'Good'])
    await until('both notes', () => notes.length > 1)
    expect(notes.map((note) => /target = (\d+)/.exec(note)?.[1])).toEqual(['180', '181'])
    expect(asked).toHaveLength(3)
  })

  test('an observer does not: refused, noted, and the desk hears nothing', async () => {
    expect(await as({ user: anna }, (session) => give(session, 210, 4000))).toBe(
      'BadUserAccessDenied',
    )
    expect(asked).toEqual([])
    expect(notes.join()).toMatch(
      /opcua: anna may not call "ns=\d;s=hot-1\/GiveSetpoints": BadUserA/,
    )
  })

  test('what is no call of the method does not reach the desk', async () => {
    await as({ user: otto }, async (session) => {
      const [objectId, methodId] = await Promise.all(
        ['hot-1', 'hot-1/GiveSetpoints'].map((path) => nodeOf(session, path)),
      )
      const call = async (...inputArguments: { dataType: DataType; value: unknown }[]) =>
        (await session.call({ objectId, methodId, inputArguments } as never)).statusCode.name
      const number = { dataType: DataType.Double, value: 1 }
      expect(await call()).toBe('BadArgumentsMissing')
      expect(await call(number, number, number)).toBe('BadTooManyArguments')
      expect(await call({ dataType: DataType.String, value: '200' }, number)).toBe(
        'BadInvalidArgument',
      )
    })
    expect(asked).toEqual([])
  })

  const refusal = (code: string) => () =>
    Promise.reject(new OperatingError(code, { message: 'no', remedy: '' }))
  const refused = (reason: string) => async () => ({ id: 'a1', accepted: false, reason })

  test.each([
    ['beyond the limits of the profile', refusal('setpoint_refused'), 'BadOutOfRange'],
    ['to a unit that is not heard', refusal('unit_silent'), 'BadNoCommunication'],
    ['beside another command', refusal('command_busy'), 'BadTooManyOperations'],
    ['that the unit does not answer', refusal('command_unanswered'), 'BadTimeout'],
    ['while no hand holds the machine', refused('disarmed'), 'BadInvalidState'],
    ['too late', refused('stale'), 'BadInvalidState'],
    ["beyond the unit's own limits", refused('beyond'), 'BadOutOfRange'],
    ['that its firmware does not know', refused('unknown'), 'BadNotSupported'],
    ['that fail for another reason', refusal('defect'), 'BadUnexpectedError'],
  ])('%s are refused in a word of OPC UA, and noted', async (_, outcome, status) => {
    answer = outcome
    expect(await as({ user: otto }, (session) => give(session, 999, 4000))).toBe(status)
    await until('the note', () => notes.length > 0)
    expect(notes.join()).toContain('otto gives "hot-1" target = 999: ')
  })
})

describe('without passwords', { timeout: 60_000 }, () => {
  test('who is approved reads as Anonymous, and gives nothing', async () => {
    await sink.stop()
    sink = await open({})
    asked.splice(0)
    const seen = await as({}, async (session) => ({
      value: await session.read({ nodeId: await nodeOf(session, 'hot-1/Signals/target') }),
      status: await give(session, 200, 1000),
    }))
    expect(seen.value.statusCode.name).not.toBe('BadUserAccessDenied')
    expect(seen.status).toBe('BadUserAccessDenied')
    expect(asked).toEqual([])
    // There is no user whom a password could let in.
    await expect(as({ user: otto }, async () => {})).rejects.toThrow()
  })
})
