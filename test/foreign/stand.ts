// A machine that others' units can be, their mappings, and a translation that runs into a real
// pipeline: what a test sends on a foreign topic ends as the pipeline's outcome.
import { loadProfiles } from '../../firmware/profiles.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { encodeRecord, type LogRecord } from '../../gateway/core/record.ts'
import type { ForeignSettings } from '../../gateway/foreign/settings.ts'
import { createForeign } from '../../gateway/foreign/translate.ts'
import { type Outcome, Pipeline } from '../../gateway/pipeline/pipeline.ts'
import type { Profile, SignalSpec } from '../../hardware-profiles/profile.ts'

const signal = (unit: string, type: SignalSpec['type'] = 'number'): SignalSpec => ({
  ...{ description: 'A signal', unit, type, direction: 'input' },
  ...(type === 'enum' && { values: ['off', 'on', 'fault'] }),
})

const base = loadProfiles().profiles.get('nutrunner') as Profile

/** A socket with a meter, or what stands in a room. */
export const plug: Profile = {
  ...base,
  machine: 'smart_plug',
  signals: {
    power: signal('W'),
    voltage: signal('V'),
    temperature: signal('Cel'),
    humidity: signal('%'),
    switched_on: signal('1', 'boolean'),
    level: signal('1', 'integer'),
    mode: signal('1', 'enum'),
  },
  counters: { energy: { description: 'Energy taken', unit: 'J' } },
  events: [],
  maintenance: [],
}

const onOff = { ON: true, OFF: false }

/** As the README has them. */
export const mappings = {
  tasmota: {
    machine: 'smart_plug',
    unit: '{unit}',
    units: { tasmota_9CF9D1: 'press-plug', 'livingroom-lamp': 'lamp' },
    topics: {
      'tele/{unit}/SENSOR': {
        time: { at: '/Time', form: 'iso', zone: '+01:00' },
        values: {
          power: { at: '/ENERGY/Power' },
          voltage: { at: '/ENERGY/Voltage' },
          // kWh to J.
          energy: { at: '/ENERGY/Total', scale: 3_600_000 },
        },
      },
      'tele/{unit}/STATE': { values: { switched_on: { at: '/POWER', map: onOff } } },
      'tele/{unit}/LWT': { availability: { online: 'Online', offline: 'Offline' } },
    },
    ignore: ['tele/{unit}/INFO1'],
  },
  zigbee: {
    machine: 'smart_plug',
    unit: 'zb-{unit}',
    topics: {
      'zigbee2mqtt/{unit}': {
        values: { temperature: { at: '/temperature' }, humidity: { at: '/humidity' } },
      },
      'zigbee2mqtt/{unit}/availability': {
        availability: { at: '/state', online: 'online', offline: 'offline' },
      },
      'zigbee2mqtt/bridge/state': {
        availability: { at: '/state', online: 'online', offline: 'offline' },
      },
    },
    ignore: ['zigbee2mqtt/bridge/logging'],
    login: 'zigbee2mqtt',
  },
  esphome: {
    machine: 'smart_plug',
    unit: '{unit}',
    topics: {
      '{unit}/sensor/temperature/state': { values: { temperature: {} } },
      '{unit}/sensor/level/state': { values: { level: {} } },
      '{unit}/switch/relay/state': { values: { switched_on: { map: onOff } } },
      '{unit}/status': { availability: { online: 'online', offline: 'offline' } },
    },
    ignore: [],
  },
} satisfies Record<string, ForeignSettings[number]>

/** 2026-01-01T00:00Z. */
export const startUs = 1_767_225_600_000_000

export interface Fed {
  /** Topic and payload of each record that went to the log. */
  records: LogRecord[]
  outcomes: Outcome[]
  /** What `done` was called with. */
  acknowledged: (Error | undefined)[]
}

export const bench = (settings: ForeignSettings, fail?: (record: LogRecord) => boolean) => {
  const machine = prepareMachine(plug)
  const pipeline = new Pipeline({
    machines: new Map([[plug.machine, machine]]),
    enrol: 'hello',
    load: () => undefined,
  })
  let offset = 0
  const out: Fed = { records: [], outcomes: [], acknowledged: [] }
  const emit = createForeign(settings, [plug]).through((record, done) => {
    if (fail?.(record) === true) {
      done(new Error('the disk is full'))
      return
    }
    out.records.push(record)
    out.outcomes.push(pipeline.process(offset++, encodeRecord(record)))
    done()
  })
  const send = (topic: string, payload: unknown, more: Partial<LogRecord> = {}): Fed => {
    const from = { records: out.records.length, acknowledged: out.acknowledged.length }
    const body =
      payload instanceof Uint8Array || typeof payload === 'string'
        ? Buffer.from(payload as string)
        : Buffer.from(JSON.stringify(payload))
    const record = { receivedUs: startUs, source: 'mqtt', session: 's', retained: false, topic }
    emit({ ...record, payload: body, ...more }, (error) => out.acknowledged.push(error))
    return {
      records: out.records.slice(from.records),
      outcomes: out.outcomes.slice(from.records),
      acknowledged: out.acknowledged.slice(from.acknowledged),
    }
  }
  return { send, pipeline, machine }
}

/** Names and values of the reading among outcomes. */
export const readingIn = ({ outcomes }: Fed) => {
  const found = outcomes.find((one) => one.kind === 'reading')
  if (found?.kind !== 'reading') throw new Error(`no reading: ${outcomes.map((o) => o.kind)}`)
  const { reading, state } = found
  const named = (names: readonly string[], values: readonly unknown[]) =>
    Object.fromEntries(
      names.flatMap((name, i) => (values[i] === undefined ? [] : [[name, values[i]]])),
    )
  return {
    unit: reading.unit,
    timeUs: reading.timeUs,
    values: named(state.signalNames, reading.values),
    counters: named(state.counterNames, reading.counters),
    state,
  }
}
