// The table of gateway/foreign/README.md: what settings are refused, what goes to quarantine and
// with which reason and words, what is bad and what is left alone. A test for each row.
import { describe, expect, test } from 'vitest'
import { limits } from '../../gateway/core/limits.ts'
import { quality } from '../../gateway/core/quality.ts'
import type { ForeignSettings } from '../../gateway/foreign/settings.ts'
import { createForeign } from '../../gateway/foreign/translate.ts'
import { bench, mappings, plug, readingIn } from './stand.ts'

const all = Object.values(mappings)
const one = (more: object): ForeignSettings => [{ ...mappings.esphome, ...more }] as ForeignSettings

describe('settings that are refused', () => {
  const cases: [what: string, more: object, said: RegExp][] = [
    ['machine', { machine: 'lamp' }, /no machine "lamp"/],
    ['signal', { topics: { 'a/{unit}': { values: { watts: {} } } } }, /"watts" is no signal/],
    ['pointer', { topics: { 'a/{unit}': { values: { power: { at: 'x' } } } } }, /JSON pointer/],
    ['escape', { topics: { 'a/{unit}': { values: { power: { at: '/~2' } } } } }, /JSON pointer/],
    ['wildcard', { topics: { 'a/+/{unit}': { values: { power: {} } } } }, /no topic/],
    ['half a level', { topics: { 'a/x{unit}': { values: { power: {} } } } }, /no topic/],
    ['ours', { topics: { 'tenfold/v1/a/{unit}/report': { values: { power: {} } } } }, /no topic/],
    ['says nothing', { topics: { 'a/{unit}': {} } }, /says nothing/],
    ['no unit', { topics: { 'a/b': { values: { power: {} } } } }, /does not say which unit/],
    ['id', { units: { a: 'Not An Id' } }, /no unit id/],
    ['two names', { units: { a: 'x', b: 'x' } }, /are one unit/],
    [
      'both',
      {
        topics: {
          'a/{unit}': {
            values: { power: {} },
            availability: { online: 'online', offline: 'offline' },
          },
        },
      },
      /either values or availability/,
    ],
  ]
  test.each(cases)('%s', (_, more, said) => {
    const make = () => createForeign(one(more), [plug])
    expect(make).toThrow(expect.objectContaining({ code: 'foreign_settings' }))
    expect(make).toThrow(said)
  })

  test('a topic in two mappings that do not name their units', () => {
    expect(() => createForeign([mappings.esphome, mappings.esphome], [plug])).toThrow(/twice/)
    const apart = { ...mappings.esphome, units: { a: 'a' } }
    expect(() => createForeign([mappings.esphome, apart], [plug])).not.toThrow()
  })
})

describe('quarantined', () => {
  const cases: [what: string, topic: string, payload: unknown, reason: string, detail: RegExp][] = [
    ['no JSON', 'zigbee2mqtt/a', '{"x":', 'foreign_unfit', /"zigbee2mqtt\/a": .* not JSON/],
    ['nothing in it', 'zigbee2mqtt/a', { state: 'ON' }, 'foreign_unfit', /none of its values/],
    ['not in the map', 'a/switch/relay/state', 'DIM', 'foreign_unfit', /"DIM" is not in its map/],
    ['map: prototype', 'a/switch/relay/state', 'toString', 'foreign_unfit', /is not in its map/],
    ['word', 'a/status', 'asleep', 'foreign_unfit', /neither "online" nor "offline"/],
    [
      'time',
      'tele/livingroom-lamp/SENSOR',
      '{"Time":1,"ENERGY":{"Power":1}}',
      'foreign_unfit',
      /ISO/,
    ],
    ['text', 'a/sensor/temperature/state', 'warm', 'type_wrong', /temperature = "warm"/],
    ['object', 'zigbee2mqtt/a', { temperature: {} }, 'type_wrong', /temperature = \{\}/],
    ['half', 'a/sensor/level/state', '1.5', 'type_wrong', /whole/],
    ['long', 'zigbee2mqtt/a', 'x'.repeat(limits.payloadBytes + 1), 'payload_oversize', /65537/],
    ['no id', 'Living Room/status', 'online', 'topic_unknown', /Living Room/],
    ['not named', 'tele/other/STATE', '{"POWER":"ON"}', 'topic_unknown', /tele\/other/],
    ['unmapped', 'stat/a/RESULT', '{}', 'topic_unknown', /stat\/a/],
    ['bridge', 'zigbee2mqtt/bridge/state', 'gone', 'topic_unknown', /bridge/],
  ]
  test.each(cases)('%s', (...[, topic, payload, reason, detail]) => {
    const { send } = bench(all)
    // Known, so that nothing is refused for being new.
    send('a/status', 'online')
    send('zigbee2mqtt/a', { temperature: 1 })
    const { outcomes, acknowledged } = send(topic, payload)
    const last = outcomes.at(-1)
    expect(last).toMatchObject({ kind: 'quarantine', reason })
    expect(last?.kind === 'quarantine' && last.detail).toMatch(detail)
    expect(acknowledged).toEqual([undefined])
  })

  test('the message is kept as it came', () => {
    const { records } = bench(all).send('zigbee2mqtt/a', '{"x":')
    const { foreign } = JSON.parse(String(records[0]?.payload))
    expect(foreign).toMatchObject({ topic: 'zigbee2mqtt/a', payload: '{"x":' })
  })

  test('a long one that does not fit stays below the limit of a payload', () => {
    const { records } = bench(all).send('zigbee2mqtt/a', '\u0001'.repeat(limits.payloadBytes))
    expect(records[0]?.payload.length).toBeLessThan(limits.payloadBytes)
  })

  test('a time without a zone, and a time in the wrong form', () => {
    const at = (time: object) => ({
      topics: { 'a/{unit}': { time, values: { power: { at: '/p' } } } },
    })
    const iso = bench(one(at({ at: '/t', form: 'iso' })))
    expect(iso.send('a/b', { t: '2026-01-01T00:00:00', p: 1 }).outcomes[0]).toMatchObject({
      reason: 'foreign_unfit',
      detail: expect.stringContaining('no zone'),
    })
    const seconds = bench(one(at({ at: '/t', form: 's' })))
    expect(seconds.send('a/b', { t: 'now', p: 1 }).outcomes[0]).toMatchObject({
      reason: 'foreign_unfit',
    })
    const read = seconds.send('a/b', { t: 1_767_225_600.5, p: 1 })
    expect(readingIn(read).timeUs).toBe(1_767_225_600_500_000)
  })
})

test('null: a signal is bad, a counter is left out', () => {
  const { send } = bench(all)
  const at = 'tele/livingroom-lamp/SENSOR'
  const read = readingIn(
    send(at, { Time: '2022-01-11T21:57:38', ENERGY: { Power: null, Voltage: 230, Total: null } }),
  )
  expect(read).toMatchObject({ values: { voltage: 230 }, counters: {} })
  expect(read.state.quality[0]).toBe(quality.bad_unspecified)
})

test('what is ignored is acknowledged and not logged', () => {
  const { send } = bench(all)
  expect(send('zigbee2mqtt/bridge/logging', '{}')).toEqual({
    ...{ records: [], outcomes: [], acknowledged: [undefined] },
  })
  expect(send('tele/tasmota_9CF9D1/INFO1', '{}').records).toEqual([])
  // Not of one of the units that are named: whose it is, nobody has said.
  expect(send('tele/other/INFO1', '{}').outcomes).toMatchObject([{ reason: 'topic_unknown' }])
})

test('who may publish where: the unit as itself, a bridge for all of its own', () => {
  const { mayPublish } = createForeign(all, [plug])
  expect(mayPublish('livingroom/status', 'livingroom')).toBe(true)
  expect(mayPublish('livingroom/status', 'kitchen')).toBe(false)
  expect(mayPublish('zigbee2mqtt/a', 'zigbee2mqtt')).toBe(true)
  expect(mayPublish('zigbee2mqtt/bridge/logging', 'zigbee2mqtt')).toBe(true)
  expect(mayPublish('zigbee2mqtt/a', 'zb-a')).toBe(false)
  expect(mayPublish('tele/tasmota_9CF9D1/STATE', 'press-plug')).toBe(true)
})
