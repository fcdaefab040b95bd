// Commands for a unit that has just gone away, with its session kept at a real broker: nothing is
// kept for it, and where the broker is told to keep all, the unit refuses what comes late.
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { Challenges } from '../../firmware/twin/challenges.ts'
import { type Now, Setpoints } from '../../firmware/twin/setpoints.ts'
import { CommandDesk } from '../../gateway/commands/desk.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { connectHearing } from '../mqtt/stand.ts'
import { mosquittoInstalled } from '../servers/mosquitto.ts'
import { broker, client, source, topic, until } from './stand.ts'

const machines = loadProfiles()
const drill = machines.profiles.get('cordless_drill') as Profile
const profile: Profile = {
  ...drill,
  signals: {
    ...drill.signals,
    clutch_setting: { ...drill.signals['clutch_setting'], direction: 'setpoint' } as never,
  },
}
const spec = Object.values(drill.loops)[0] as Profile['loops'][string]
const loop = machines.loops.get(spec.kind)
if (loop === undefined) throw new Error('no loop')

/** The unit's session, kept by the broker; with MQTT 5 for an hour. */
const kept = (version: '5' | '3.1.1') => ({
  clientId: 'drill-1',
  clean: false,
  ...(version === '5'
    ? { protocolVersion: 5 as const, properties: { sessionExpiryInterval: 3600 } }
    : {}),
})

/** Desk, source and a unit that went away between its report and the command; what it is sent. */
const away = async (version: '5' | '3.1.1', lines: string[] = []) => {
  const outside = await broker(lines)
  const { made, held, notes } = await source({
    url: `mqtt://127.0.0.1:${outside.port}`,
    version,
  })
  await until(() => notes.some((line) => line.endsWith('connected')))
  // Always there: shows that the broker has had the command, and passed it on.
  const witness = await client(outside.port)
  const seen: string[] = []
  witness.on('message', (_, payload) => seen.push(payload.toString()))
  await witness.subscribeAsync(topic('command'), { qos: 1 })
  const desk = new CommandDesk({
    profiles: [profile],
    clock: systemClock(),
    random: (bytes) => new Uint8Array(bytes).fill(7),
    machineOf: async () => 'cordless_drill',
    send: (command) => made.command?.(command) ?? false,
  })
  const hear = desk.tap((_, done) => done())
  const unit = await client(outside.port, kept(version))
  await unit.subscribeAsync(topic('command'), { qos: 1 })
  /** Asks; the desk hears the unit's report only after `before` is over. */
  const send = async (from: typeof unit, before: () => Promise<void>): Promise<void> => {
    const sent = desk.send('drill-1', {
      ...{ kind: 'setpoint', values: { clutch_setting: 12 }, holdsMs: 1000 },
    })
    sent.catch(() => {})
    const [had, told] = [held.length, seen.length]
    await from.publishAsync(topic('report'), '{"boot":4,"seq":1,"t":5000000}', { qos: 1 })
    await until(() => held.length > had)
    await before()
    for (const { record, done } of held.slice(had)) hear(record, done)
    await until(() => seen.length > told)
  }
  await send(unit, () => unit.endAsync())
  const url = `mqtt://127.0.0.1:${outside.port}`
  return { send, seen, url, version }
}

describe.runIf(mosquittoInstalled())('a unit that was away when it was commanded', () => {
  test.each(['3.1.1', '5'] as const)(
    'gets nothing late, MQTT %s',
    async (version) => {
      const { send, seen, url } = await away(version)
      const { client: back, got } = connectHearing(url, kept(version))
      await until(() => back.connected)
      // The session was there, and what is sent now comes.
      await send(back, async () => {})
      await until(() => got.length > 0)
      expect(seen).toHaveLength(2)
      expect(got).toEqual([`${topic('command')} ${seen[1]}`])
    },
    60_000,
  )

  test('refuses as stale what a broker has kept that is told to keep all', async () => {
    const { seen, url, version } = await away('3.1.1', ['queue_qos0_messages true'])
    const { got } = connectHearing(url, kept(version))
    await until(() => got.length > 0)
    expect(got).toEqual([`${topic('command')} ${seen[0]}`])
    const command = Buffer.from(seen[0] ?? '')
    const inputs = new Int32Array(loop.inputs.length)
    const trigger = loop.inputs.findIndex(({ name }) => name === 'trigger')
    inputs[trigger] = 50 / (loop.inputs[trigger]?.scale ?? 1)
    const at = (now: Now) => new Setpoints({ profile, loop, spec }).take(command, inputs, now)
    // In time it would have been obeyed; later, or after a restart, it is not.
    expect(at({ boot: 4, uptimeUs: 5_000_100 })).toMatchObject({ accepted: true })
    const late = { accepted: false, reason: 'stale' }
    expect(at({ boot: 4, uptimeUs: 8_000_001 })).toMatchObject(late)
    expect(at({ boot: 5, uptimeUs: 100 })).toMatchObject(late)
    const challenge = { ...JSON.parse(String(command)), kind: 'challenge', nonce: 'ab'.repeat(32) }
    const unit = new Challenges(() => {
      throw new Error('it must sign nothing')
    })
    const asked = Buffer.from(JSON.stringify(challenge))
    expect(unit.take(asked, { boot: 4, uptimeUs: 8_000_001 })).toMatchObject(late)
  }, 60_000)
})
