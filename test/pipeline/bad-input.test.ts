import { describe, expect, test } from 'vitest'
import { type QuarantineReason, quarantineReasons } from '../../gateway/core/errors.ts'
import { limits } from '../../gateway/core/limits.ts'
import { quality } from '../../gateway/core/quality.ts'
import type { Outcome } from '../../gateway/pipeline/pipeline.ts'
import { parseTopic } from '../../hardware-profiles/names.ts'
import { drill, hello, pipelineInMemory, report, type Sent, sent, startUs } from './feed.ts'

const ok = { boot: 1, seq: 1, t: 1, v: { torque: 1 } }

/** What is sent, the reason it gets, and what a person reads of it. */
const cases: readonly [name: string, sent: Sent, QuarantineReason, detail: RegExp][] = [
  ['foreign topic', { topic: 'home/lamp' }, 'topic_unknown', /home\/lamp/],
  ['command', { topic: 'tenfold/v1/cordless_drill/drill-1/command' }, 'topic_unknown', /command/],
  ['machine', { machine: 'cordles_drill' }, 'machine_unknown', /did you mean "cordless_drill"/],
  ['unit', { unit: 'nobody', body: ok }, 'unit_unknown', /nobody/],
  ['other machine', { machine: 'nutrunner', body: ok }, 'machine_changed', /not a nutrunner/],
  [
    'hello as another machine',
    { machine: 'nutrunner', kind: 'hello', body: { boot: 1, t: 0 } },
    'machine_changed',
    /not a nutrunner/,
  ],
  ['nothing', { payload: Buffer.alloc(0) }, 'payload_empty', /report/],
  ['oversize', { payload: Buffer.alloc(limits.payloadBytes + 1, 32) }, 'payload_oversize', /65537/],
  ['no JSON', { body: '{"v":' }, 'json_malformed', /JSON/],
  ['NaN in JSON', { body: '{"v":{"torque":NaN}}' }, 'json_malformed', /JSON/],
  ['no object', { body: '[1]' }, 'json_not_object', /object/],
  ['null', { body: 'null' }, 'json_not_object', /object/],
  ['field', { body: { ...ok, values: {} } }, 'field_unknown', /values/],
  ['prototype', { body: '{"__proto__":1,"v":{"torque":1}}' }, 'field_unknown', /__proto__/],
  ['v no object', { body: { ...ok, v: [1] } }, 'type_wrong', /"v"/],
  ['text for a number', { body: { ...ok, v: { torque: '1' } } }, 'type_wrong', /torque = "1"/],
  ['null for a number', { body: { ...ok, v: { torque: null } } }, 'type_wrong', /torque = null/],
  ['true for a number', { body: { ...ok, v: { torque: true } } }, 'type_wrong', /torque = true/],
  ['enum', { body: { ...ok, v: { state: 'ide' } } }, 'type_wrong', /did you mean "idle"/],
  ['half an enum', { body: { ...ok, v: { state: 1.5 } } }, 'type_wrong', /index/],
  ['2 for a boolean', { body: { ...ok, v: { test_switch: 2 } } }, 'type_wrong', /true, false/],
  ['half a pulse', { body: { ...ok, v: { test_pulses: 0.5 } } }, 'type_wrong', /whole/],
  ['half a counter', { body: { ...ok, c: { starts: 1.5 } } }, 'type_wrong', /starts = 1.5/],
  ['negative counter', { body: { ...ok, c: { starts: -1 } } }, 'type_wrong', /starts = -1/],
  ['counter beyond 2^53', { body: { ...ok, c: { starts: 2 ** 53 } } }, 'type_wrong', /starts/],
  ['infinite', { body: '{"v":{"torque":1e999}}' }, 'number_not_finite', /torque = Infinity/],
  ['-infinite', { body: '{"v":{"torque":-1e999}}' }, 'number_not_finite', /-Infinity/],
  ['infinite enum', { body: '{"v":{"state":1e999}}' }, 'number_not_finite', /state/],
  ['infinite counter', { body: '{"c":{"starts":1e999}}' }, 'number_not_finite', /starts/],
  ['signal', { body: { v: { motor_spead: 1 } } }, 'signal_unknown', /did you mean "motor_speed"/],
  ['counter', { body: { c: { start: 1 } } }, 'signal_unknown', /did you mean "starts"/],
  ['prototype as a signal', { body: '{"v":{"__proto__":1}}' }, 'signal_unknown', /__proto__/],
  ['quality of nothing', { body: { ...ok, q: { torq: 'bad' } } }, 'signal_unknown', /torque/],
  ['unknown quality', { body: { ...ok, q: { torque: 'awful' } } }, 'type_wrong', /awful/],
  ['nothing inside', { body: { boot: 1, seq: 1, t: 1, v: {}, c: {} } }, 'nothing_inside', /value/],
  ['seq alone', { body: { seq: 1, v: { torque: 1 } } }, 'sequence_wrong', /boot missing/],
  ['negative seq', { body: { ...ok, seq: -1 } }, 'sequence_wrong', /seq -1/],
  ['text as boot', { body: { ...ok, boot: '1' } }, 'sequence_wrong', /boot "1"/],
  ['half a time', { body: { time: 0.5, v: { torque: 1 } } }, 'type_wrong', /time/],
  ['future', { body: { time: startUs * 2, v: { torque: 1 } } }, 'time_future', /against/],
  ['past', { body: { time: 1000, v: { torque: 1 } } }, 'time_past', /against/],
  ['hello without boot', { kind: 'hello', body: { t: 1 } }, 'sequence_wrong', /boot missing/],
  [
    'hello with more',
    { kind: 'hello', body: { boot: 1, t: 1, firmwar: '' } },
    'field_unknown',
    /firmware/,
  ],
  [
    'hello with a name as key',
    { kind: 'hello', body: { boot: 1, t: 1, key: 'bob' } },
    'type_wrong',
    /did:key/,
  ],
]

describe('bad input', () => {
  test.each(cases)('%s', (...row) => {
    const [, message, reason, detail] = row
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const outcome = pipeline.process(1, sent(message))
    expect(outcome).toMatchObject({ kind: 'quarantine', reason })
    expect((outcome as Extract<Outcome, { kind: 'quarantine' }>).detail).toMatch(detail)
    expect(quarantineReasons[reason]).not.toBe('')
    // Whoever asks why nothing of a unit arrives must find it, whatever its topic says beside.
    const unit = 'topic' in message ? parseTopic(message.topic)?.unit : (message.unit ?? 'drill-1')
    expect(outcome).toMatchObject({ unit })
    expect(pipeline.unit('drill-1')?.quarantined).toBe(unit === 'drill-1' ? 1 : 0)
    // Nothing of it has moved the unit: the right message is taken as if nothing had been.
    expect(pipeline.process(2, report(ok))).toMatchObject({ kind: 'reading', unsure: false })
  })

  test('units that were not let in stay out when enrolment is closed', () => {
    const pipeline = pipelineInMemory('closed')
    const outcome = pipeline.process(0, hello())
    expect(outcome).toMatchObject({ kind: 'quarantine', reason: 'unit_unknown' })
  })

  test('a record of a form from another version is told apart', () => {
    expect(pipelineInMemory().process(0, Buffer.from([9, 1, 2]))).toEqual({ kind: 'foreign' })
  })

  test('implausible values stay, marked; absent ones are absent', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const body = {
      ...ok,
      v: { motor_current: 999, motor_speed: 10, pack_voltage: 18, state: 99 },
      q: { winding_temperature: 'bad:open', pack_voltage: 'uncertain', motor_speed: 'good' },
    }
    const outcome = pipeline.process(1, report(body))
    if (outcome.kind !== 'reading') throw new Error(outcome.kind)
    const at = (name: string): [number | undefined, number | undefined] => {
      const i = drill.signalIndex.get(name) ?? -1
      return [outcome.reading.values[i], outcome.reading.quality[i]]
    }
    expect(at('motor_current')).toEqual([999, quality.bad_out_of_range])
    expect(at('state')).toEqual([99, quality.bad_out_of_range])
    // Estimated by the profile: the unit cannot call it good.
    expect(at('motor_speed')).toEqual([10, quality.uncertain])
    expect(at('pack_voltage')).toEqual([18, quality.uncertain])
    expect(at('winding_temperature')).toEqual([undefined, quality.bad_open])
    expect(at('torque')).toEqual([undefined, quality.absent])
  })

  test('enums and booleans are taken by name, index or 0 and 1', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const by = (state: unknown, test_switch: unknown): unknown => {
      const outcome = pipeline.process(1, report({ v: { state, test_switch } }))
      if (outcome.kind !== 'reading') throw new Error(JSON.stringify(outcome))
      const { values } = outcome.reading
      return ['state', 'test_switch'].map((name) => values[drill.signalIndex.get(name) ?? -1])
    }
    expect(by('run', true)).toEqual([2, 1])
    expect(by(2, 0)).toEqual([2, 0])
  })
})
