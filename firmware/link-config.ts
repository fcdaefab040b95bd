// What the serial link of an image must know of profile and loop, as C constants: the rate of
// reports, which states are urgent, the setpoints with their limits, both digests, and the schema:
// the dictionary by which a gateway reads this board's reports. Pure.
import { createHash } from 'node:crypto'
import { type LoopSpec, longestHoldMs, type Profile } from '../hardware-profiles/profile.ts'
import { boardRules, ruleDefines } from './board-rules.ts'
import type { Board } from './boards.ts'
import { type Finding, inMachine } from './finding.ts'
import type { LoopKind } from './loop-kind.ts'

export interface LinkConfig {
  /** @param module digest of the loop's wasm, hex */
  defines: (module: string) => string[]
  findings: readonly Finding[]
}

/** As in runtime/link-frame.h: longest frame before stuffing. */
const frameBytes = 320

interface Parts {
  profile: Profile
  board: Board
  loop: LoopKind
  spec: LoopSpec
  profileDigest: string
}

export const linkDefines = (parts: Parts): LinkConfig => {
  const { profile, board, loop, spec, profileDigest } = parts
  const schema = schemaOf(parts)
  const setpoints = setpointsOf(parts)
  const urgent = loop.states.flatMap((state, i) => (state.urgent === true ? [i] : []))
  const ends = loop.inputs.map(({ min, max, scale }) => [min / scale, max / scale] as const)
  const defines = (module: string): string[] => [
    `MACHINE_NAME "${profile.machine}"`,
    `BOARD_NAME "${board.board}"`,
    `PROFILE_DIGEST ${bytesOf(Buffer.from(profileDigest, 'hex'))}`,
    `MODULE_DIGEST ${bytesOf(Buffer.from(module, 'hex'))}`,
    `REPORT_US ${Math.round(1e6 / profile.reportHz)}u`,
    `URGENT_STATES ${urgent.length}`,
    `URGENT_TABLE {${[...urgent, 0].join(', ')}}`,
    `SETPOINTS ${setpoints.table.length}`,
    ...setpoints.most,
    `SETPOINT_TABLE {${[...setpoints.table, '{0, 0, 0, 0}'].join(', ')}}`,
    ...chainCounters(parts),
    ...milestones(parts),
    ...ruleDefines(boardRules(profile, loop, spec)),
    `SCHEMA_BYTES ${schema.length}u`,
    `SCHEMA_DIGEST ${bytesOf(createHash('sha256').update(schema).digest().subarray(0, 8))}`,
    `SCHEMA ${bytesOf(schema)}`,
    `INPUT_LOW {${ends.map(([low]) => Math.round(low)).join(', ')}}`,
    `INPUT_SPAN {${ends.map(([low, high]) => `${Math.round(high - low)}u`).join(', ')}}`,
  ]
  return { defines, findings: [...setpoints.findings, ...tooLong(parts)] }
}

/** Counters by their names in the profile; integers * times / parts are its whole units. */
const countersOf = ({ loop, spec }: Parts) =>
  loop.counters.map(({ name, scale }, index) => {
    const power = Math.round(Math.log10(scale))
    const [times, parts] = [10 ** Math.max(power, 0), 10 ** Math.max(-power, 0)]
    return { name: spec.channels[name] ?? name, index, times, parts }
  })

/**
 * Counters of an entry in the order of deterministic CBOR, each with what its integers are worth,
 * and the most bytes that they take.
 */
const chainCounters = (given: Parts): string[] => {
  const list = countersOf(given)
  list.sort((a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
  const rows = list.map(
    ({ name, index, times, parts }) => `X(${index}, "${name}", ${times}u, ${parts}u)`,
  )
  const bytes = list.reduce((sum, { name }) => sum + name.length + 2 + 9, 0)
  return [`CHAIN_COUNTERS(X) ${rows.join(' ')}`, `CHAIN_COUNTER_BYTES ${bytes}`]
}

const hoursApart = 100
/** One of a unit of run time, by its UCUM code, in an hour. */
const perHour: Readonly<Record<string, number>> = { us: 3.6e9, ms: 3_600_000, s: 3600, h: 1 }
/** A bit of 32 bits each; the last one is for hours. */
const milestonesMost = 31

/** What runtime/milestones.h makes entries of. */
const milestones = (given: Parts): string[] => {
  const { counters, events = [] } = given.profile
  const list = countersOf(given)
  const passed = events.flatMap(({ type, attest, when }) => {
    if (attest !== true || !('counter' in when) || !('passes' in when)) return []
    const found = list.find(({ name }) => name === when.counter)
    if (found === undefined) return []
    const { index, times, parts } = found
    return [`"${type}", ${index}, ${times}u, ${parts}u, ${when.passes}u`]
  })
  const rows = passed.slice(0, milestonesMost).map((row, bit) => `X(${bit}, ${row})`)
  const time = list.find(({ name }) => counters[name]?.role === 'run_time')
  const apart = hoursApart * (perHour[counters[time?.name ?? '']?.unit ?? ''] ?? 0)
  const every = time === undefined ? 0 : (apart * time.parts) / time.times
  return [
    `MILESTONES(X) ${rows.join(' ')}`,
    ...(every > 0 && time !== undefined
      ? [`MILESTONE_RUN_TIME ${time.index}`, `MILESTONE_EVERY ${every}ull`]
      : []),
  ]
}

const bytesOf = (bytes: Uint8Array): string => `{${[...bytes].join(', ')}}`

/** Signals of a loop in the order in which a report gives them. */
const signalsOf = (loop: LoopKind) => [...loop.inputs, ...loop.outputs, ...loop.states]

/**
 * CBOR: {0: signals, 1: counters, 2: places of the setpoints among the signals}. A signal is [name
 * in the profile, power of ten, names of its values where it has some], a counter [name, power].
 */
const schemaOf = ({ profile, loop, spec }: Parts): Uint8Array => {
  const power = (scale: number): number => Math.round(Math.log10(scale))
  const nameOf = (channel: string): string => spec.channels[channel] ?? channel
  const signals = signalsOf(loop).map(({ name, scale, values }) => [
    nameOf(name),
    power(scale),
    ...(values === undefined ? [] : [values]),
  ])
  const counters = loop.counters.map(({ name, scale }) => [nameOf(name), power(scale)])
  const places = loop.inputs.flatMap(({ name }, i) =>
    profile.signals[nameOf(name)]?.direction === 'setpoint' ? [i] : [],
  )
  const parts = [head(5, 3)]
  for (const [key, list] of [signals, counters, places].entries()) {
    parts.push(head(0, key), encode(list))
  }
  return Buffer.concat(parts)
}

type Plain = number | string | readonly Plain[]

/** Deterministic CBOR of whole numbers, text and lists. */
const encode = (value: Plain): Uint8Array => {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value)
  if (typeof value === 'string') {
    const text = Buffer.from(value)
    return Buffer.concat([head(3, text.length), text])
  }
  return Buffer.concat([head(4, value.length), ...value.map(encode)])
}

const head = (major: number, value: number): Uint8Array => {
  if (value < 24) return Uint8Array.of((major << 5) | value)
  if (value < 256) return Uint8Array.of((major << 5) | 24, value)
  return Uint8Array.of((major << 5) | 25, value >> 8, value & 255)
}

const setpointsOf = ({
  profile,
  loop,
  spec,
}: Parts): { table: string[]; most: string[]; findings: Finding[] } => {
  const table: string[] = []
  const ms = longestHoldMs(profile)
  const findings: Finding[] = []
  loop.inputs.forEach(({ name, scale }, i) => {
    const signal = spec.channels[name] ?? ''
    const { direction, range, rest } = profile.signals[signal] ?? {}
    if (direction !== 'setpoint') return
    const [low, high] = range ?? []
    if (low === undefined || high === undefined || (rest ?? low) < low || (rest ?? low) > high) {
      const what = 'a setpoint needs a range, and a rest within it'
      const remedy = 'Give "range": what a gateway may ask for; outside it a setpoint is refused.'
      findings.push(inMachine(profile.machine, `/signals/${signal}`, { what, remedy }))
      return
    }
    const all = [low, high, rest ?? low].map((value) => Math.round(value / scale))
    table.push(`{${i}, ${all.join(', ')}}`)
  })
  const most = ms < 60_000 ? [`SETPOINT_MOST_MS ${ms}u`] : []
  return { table, most, findings }
}

/** As LINK_REPORT_BYTES in runtime/link-report.h, with version, kind and checksum. */
const tooLong = ({ profile, loop }: Parts): Finding[] => {
  const bytes = 37 + 5 * signalsOf(loop).length + 9 * loop.counters.length
  if (bytes <= frameBytes) return []
  const what = `a report can get ${bytes} bytes long, and a frame has ${frameBytes}`
  const remedy =
    'Take a loop kind with fewer channels, or raise LINK_FRAME and frameBytes together.'
  return [inMachine(profile.machine, '/loops', { what, remedy })]
}
