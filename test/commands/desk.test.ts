// Commands from a person to a unit and its answer back, over a real broker: sent only while the
// unit is heard, never kept, within the profile's limits, with boot, number and end.
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { CommandDesk, checkSetpoints } from '../../gateway/commands/desk.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import { MqttBroker } from '../../gateway/sources/mqtt/broker.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { connect, later, topicOfDrill, until } from '../mqtt/stand.ts'
import { read } from '../tree.ts'

const drill = loadProfiles().profiles.get('cordless_drill') as Profile
const profile: Profile = {
  ...drill,
  signals: {
    ...drill.signals,
    clutch_setting: { ...drill.signals['clutch_setting'], direction: 'setpoint' } as never,
  },
}
const request = { kind: 'setpoint', values: { clutch_setting: 12 }, holdsMs: 1000 } as const

const stand = async () => {
  const desk: CommandDesk = new CommandDesk({
    profiles: [profile],
    clock: systemClock(),
    random: (bytes) => new Uint8Array(bytes).fill(7),
    machineOf: async (unit) => (unit === 'drill-1' ? 'cordless_drill' : undefined),
    send: (command) => broker.command(command),
  })
  const broker = new MqttBroker({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock(),
    machines: new Set(['cordless_drill']),
    payloadBytes: 65_536,
    connections: 10,
    epoch: 'test0000',
    note: () => {},
  })
  await broker.start(desk.tap((_, done) => done()))
  later(() => broker.stop())
  return { desk, broker, url: `mqtt://127.0.0.1:${broker.port}` }
}

describe('a command', () => {
  test('carries boot, number and end, and the answer comes back', async () => {
    const { desk, url } = await stand()
    const unit = await connect(url, { clientId: 'drill-1' })
    const got: Record<string, unknown>[] = []
    unit.on('message', (_, payload) => {
      const command = JSON.parse(payload.toString()) as Record<string, unknown>
      got.push(command)
      const { id, kind } = command
      const answer = { boot: 4, t: 9, id, kind, accepted: false, reason: 'disarmed' }
      unit.publish(topicOfDrill('answer'), JSON.stringify(answer), { qos: 1 })
    })
    await unit.subscribeAsync(topicOfDrill('command'), { qos: 1 })
    const sent = desk.send('drill-1', request)
    await unit.publishAsync(topicOfDrill('report'), '{"boot":4,"seq":1,"t":5000000}', { qos: 1 })
    expect(await sent).toMatchObject({ accepted: false, reason: 'disarmed' })
    expect(got).toHaveLength(1)
    expect(got[0]).toMatchObject({ kind: 'setpoint', boot: 4, before_t: 8_000_000 })
    expect(got[0]).toMatchObject({ holds_ms: 1000, values: { clutch_setting: 12 } })
    const again = desk.send('drill-1', request)
    await unit.publishAsync(topicOfDrill('report'), '{"boot":4,"seq":2,"t":5000100}', { qos: 1 })
    await again
    expect(Number(got[1]?.['number'])).toBeGreaterThan(Number(got[0]?.['number']))
  })

  test('to a unit that is away is refused at once, and does not reach it later', async () => {
    const { desk, url } = await stand()
    await expect(desk.send('drill-1', request)).rejects.toMatchObject({ code: 'unit_silent' })
    const unit = await connect(url, { clientId: 'drill-1' })
    const got: string[] = []
    unit.on('message', (_, payload) => got.push(payload.toString()))
    await unit.subscribeAsync([topicOfDrill('command'), 'end'], { qos: 1 })
    await unit.publishAsync('end', 'x')
    await until(() => got.length > 0)
    expect(got).toEqual(['x'])
  })

  test('to a unit that reports but does not listen is refused', async () => {
    const { desk, url } = await stand()
    const unit = await connect(url, { clientId: 'drill-1' })
    const sent = desk.send('drill-1', request)
    const refused = expect(sent).rejects.toMatchObject({ code: 'unit_silent' })
    await unit.publishAsync(topicOfDrill('report'), '{"boot":4,"seq":1,"t":5}', { qos: 1 })
    await refused
  })

  test('two at once to one unit are not possible', async () => {
    const { desk } = await stand()
    const first = desk.send('drill-1', request).catch((error: { code: string }) => error.code)
    await Promise.resolve()
    await expect(desk.send('drill-1', request)).rejects.toMatchObject({ code: 'command_busy' })
    expect(await first).toBe('unit_silent')
  })

  test('to a unit that nobody knows is refused', async () => {
    const { desk } = await stand()
    await expect(desk.send('drill-9', request)).rejects.toMatchObject({ code: 'unit_unknown' })
  })
})

test.each([
  ['is no setpoint', { motor_current: 1 }, 1000],
  ['is no setpoint', { constructor: 1 }, 1000],
  ['beyond', { clutch_setting: 61 }, 1000],
  ['beyond', { clutch_setting: Number.NaN }, 1000],
  ['no setpoint is named', {}, 1000],
  ['holds', { clutch_setting: 1 }, 0],
  ['holds', { clutch_setting: 1 }, 60_001],
])('the desk says what is wrong: %s', (said, values, holdsMs) => {
  const wrong = { kind: 'setpoint', values, holdsMs } as const
  expect(() => checkSetpoints(profile, wrong)).toThrow(said)
})

const machines = loadProfiles().profiles
const examples = [
  ...['gateway/cli/command.ts', 'README.md', 'gateway/README.md', 'firmware/README.md'],
  ...['gateway/cli/README.md', 'gateway/commands/README.md'],
].flatMap((file) =>
  [...read(file).matchAll(/tenfold command (\S+)-\d+ setpoint (\w+)=(-?[\d.]+)/g)].map(
    ([, unit = '', name = '', value = '']) => ({ file, unit, name, value: Number(value) }),
  ),
)
const machineOf = (unit: string): Profile | undefined => machines.get(unit.replaceAll('-', '_'))

test('the examples of the help are of a machine that has these setpoints', () => {
  expect(examples.filter(({ file }) => file === 'gateway/cli/command.ts')).toHaveLength(2)
  for (const { unit, name, value } of examples) {
    const values = { [name]: value }
    checkSetpoints(machineOf(unit) as Profile, { kind: 'setpoint', values, holdsMs: 5000 })
  }
})

test('the command that the README shows is one that a hot end takes', () => {
  const shown = /^`(\{"kind":"setpoint".*\})`$/m.exec(read('gateway/commands/README.md'))?.[1]
  const { values, holds_ms: holdsMs } = JSON.parse(shown ?? '{}')
  checkSetpoints(machineOf('hot-end') as Profile, { kind: 'setpoint', values, holdsMs })
})
