// Readings and events as the pipeline hands them over, made by hand for the tests of this sink.
import type { Clock } from '../../gateway/core/clock.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type {
  DeliveryResult,
  OutgoingBatch,
  Reading,
  Sink,
  UnitEvent,
} from '../../gateway/core/delivery.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { type Machine, prepareMachine } from '../../gateway/core/machine.ts'
import { type QualityName, quality } from '../../gateway/core/quality.ts'
import { create, type Influx1Config } from '../../gateway/sinks/influx1/index.ts'
import { type Profile, parseProfile } from '../../hardware-profiles/profile.ts'
import type { Influxd } from '../servers/influxd.ts'

const parsed = (data: unknown): Profile => {
  const result = parseProfile(data, { loops: {}, plants: {} })
  if (!result.ok) throw new Error(JSON.stringify(result.mistakes))
  return result.profile
}

const signal = (unit: string, type: string, more: object = {}): object => ({
  description: 'A signal',
  unit,
  type,
  direction: 'input',
  ...more,
})
const counter = (unit: string): object => ({ description: 'A counter', unit })
const rule = (name: string, more: object = {}): object => ({
  type: name,
  description: `It was ${name}`,
  when: { boot: 'every' },
  ...more,
})

/** A machine of these tests' own, so that no change of a real one breaks them. */
export const drill: Machine = prepareMachine(
  parsed({
    machine: 'test_drill',
    title: 'Drill of the tests',
    kind: 'drill',
    version: 1,
    board: { name: 'none' },
    reportHz: 50,
    signals: {
      motor_speed: signal('{rev}/min', 'number', { estimated: true, chart: 1 }),
      motor_current: signal('A', 'number', { range: [-60, 200], chart: 2 }),
      pack_temperature: signal('Cel', 'number'),
      pack_voltage: signal('V', 'number'),
      trips: signal('1', 'integer'),
      brake: signal('1', 'boolean'),
      state: signal('1', 'enum', { values: ['idle', 'run', 'fault'] }),
    },
    counters: { starts: counter('1'), run_time: counter('ms'), energy: counter('J') },
    loops: {},
    interlocks: [],
    parts: {},
    maintenance: [],
    events: [rule('made'), rule('first_used'), rule('stalled', { severity: 'warning' })],
  }),
)

export interface ReadingParts {
  machine?: Machine
  unit?: string
  offset?: number
  boot?: number
  sequence?: number
  timeUs: number
  bootUs?: number
  v?: Record<string, number>
  c?: Record<string, number>
  q?: Record<string, QualityName>
}

export const reading = (parts: ReadingParts): Reading => {
  const { machine = drill, unit = 'drill-1', sequence = 0, timeUs, v = {}, c = {}, q = {} } = parts
  const names = [...machine.signalIndex.keys()]
  for (const name of [...Object.keys(v), ...Object.keys(q)]) {
    if (!machine.signalIndex.has(name)) throw new Error(`no signal ${name}`)
  }
  return {
    machine,
    unit,
    simulated: true,
    offset: parts.offset ?? sequence,
    boot: parts.boot ?? 1,
    bootUs: parts.bootUs,
    sequence,
    timeUs,
    timeSource: 'uptime',
    values: names.map((name) => v[name]),
    quality: Uint8Array.from(names, (name, i) => {
      const stated = q[name]
      if (stated !== undefined) return quality[stated]
      return v[name] === undefined ? quality.absent : (machine.defaultQuality[i] ?? quality.good)
    }),
    counters: [...machine.counterIndex.keys()].map((name) => c[name]),
  }
}

export interface EventParts {
  machine?: Machine
  unit?: string
  type: string
  offset?: number
  timeUs: number
  cause?: string
  c?: Record<string, number>
}

export const event = (parts: EventParts): UnitEvent => {
  const { machine = drill, unit = 'drill-1', type, offset = 0, timeUs, cause = 'because' } = parts
  const rule = machine.profile.events.find((one) => one.type === type)
  if (rule === undefined) throw new Error(`no event ${type}`)
  const { c = {} } = parts
  return {
    machine,
    unit,
    simulated: true,
    type,
    severity: rule.severity ?? 'info',
    timeUs,
    cause,
    offset,
    counters: [...machine.counterIndex.keys()].map((name) => c[name]),
    rule,
  }
}

/** The present, whole microseconds. */
export const nowUs = (): number => systemClock().nowUs()

export const sinkFor = (
  server: Influxd,
  config: Partial<Influx1Config> = {},
  clock: Clock = systemClock(),
): Sink => create({ url: server.url, database: 'd', retentionDays: 0, ...config }, { clock })

/** Delivers as the runner does: the same batch again while the far side cannot be reached. */
export const deliver = async (
  sink: Sink,
  batch: Partial<OutgoingBatch>,
  attempts = 400,
): Promise<DeliveryResult & { retries: number }> => {
  for (let retries = 0; ; retries++) {
    try {
      return { ...(await sink.write({ readings: [], events: [], ...batch })), retries }
    } catch (error) {
      if (!(error instanceof OperatingError) || retries >= attempts) throw error
      await systemClock().sleep(25)
    }
  }
}
