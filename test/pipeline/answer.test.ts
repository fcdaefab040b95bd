// What a unit says of a command becomes an event, and changes nothing else; what is no answer goes
// aside with its reason.
import { expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { Pipeline } from '../../gateway/pipeline/pipeline.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'

const machine = prepareMachine(loadProfiles().profiles.get('cordless_drill') as Profile)

const stand = () => {
  const machines = new Map([['cordless_drill', machine]])
  const pipeline = new Pipeline({ machines, enrol: 'hello', load: () => undefined })
  let offset = 0
  const say = (kind: string, payload: string) =>
    pipeline.process(
      offset++,
      encodeRecord({
        receivedUs: 1_800_000_000_000_000,
        source: 'mqtt',
        session: 's',
        topic: `tenfold/v1/cordless_drill/drill-1/${kind}`,
        payload: Buffer.from(payload),
        retained: false,
      }),
    )
  say('hello', '{"boot":4,"t":0}')
  return say
}

test('an answer is an event at the time of the unit', () => {
  const say = stand()
  const values = '"values":{"clutch_setting":12}'
  const yes = say(
    'answer',
    `{"boot":4,"t":7000000,"id":"a1","kind":"setpoint","accepted":true,${values}}`,
  )
  expect(yes).toMatchObject({
    kind: 'answer',
    events: [
      {
        type: 'command_accepted',
        cause: 'setpoint clutch_setting = 12',
        timeUs: 1_800_000_007_000_000,
      },
    ],
  })
  const no = '{"boot":4,"t":8,"id":"a2","kind":"setpoint","accepted":false,"reason":"disarmed"}'
  expect(say('answer', no)).toMatchObject({
    events: [{ type: 'command_refused', cause: 'setpoint: disarmed', severity: 'warning' }],
  })
})

test.each([
  ['field_unknown', '{"boot":4,"t":1,"id":"a","kind":"k","accepted":true,"x":1}'],
  ['sequence_wrong', '{"id":"a","kind":"k","accepted":true}'],
  ['type_wrong', '{"boot":4,"t":1,"id":"a","kind":"k","accepted":1}'],
  ['type_wrong', '{"boot":4,"t":1,"kind":"k","accepted":true}'],
  ['type_wrong', '{"boot":4,"t":1,"id":"a","kind":"<b>","accepted":true}'],
  ['type_wrong', '{"boot":4,"t":1,"id":"a","kind":"k","accepted":true,"values":[1]}'],
])('%s: %s', (reason, payload) => {
  expect(stand()('answer', payload)).toMatchObject({ kind: 'quarantine', reason })
})
