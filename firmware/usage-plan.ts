// What of a profile's wear a board counts by itself: which of the loop's channels, over which
// integers, and when. Compiled into the image, and read by the twin, which counts the same. Pure.
import type { LoopSpec, Profile } from '../hardware-profiles/profile.ts'
import { usageLayout } from '../hardware-profiles/usage.ts'
import { type Finding, inMachine } from './finding.ts'
import { type LoopKind, reportedOf } from './loop-kind.ts'

/** A quantity: a channel of the loop, from `low` over `span`, in the channel's integers. */
export interface UsageSource {
  signal: string
  from: 'inputs' | 'reported'
  index: number
  low: number
  span: number
}

export interface UsagePlan {
  layout: number
  bands: readonly UsageSource[]
  cycles: readonly UsageSource[]
  /** In use: one bit for each value of the reported state; absent: always. */
  inUse?: { index: number; bits: number }
}

/** 32 bits hold a place times 126: more would overflow on the board. */
const spanMost = 2 ** 25
/** Loads that a board can count: 2 KB of RAM each, and one value in flash. */
const cyclesMost = 2

/** Undefined where the profile names no wear. */
export const usagePlan = (
  profile: Profile,
  loop: LoopKind,
  spec: LoopSpec,
): { plan: UsagePlan | undefined; findings: Finding[] } => {
  const findings: Finding[] = []
  const { wear, uptime } = profile
  if (wear === undefined || wear.histograms.length === 0) return { plan: undefined, findings }
  const channels = [
    ...loop.inputs.map((channel, index) => ({ channel, from: 'inputs' as const, index })),
    ...reportedOf(loop).map((channel, index) => ({ channel, from: 'reported' as const, index })),
  ]
  const sourceOf = (
    { signal, low, high }: { signal: string; low: number; high: number },
    at: string,
  ): UsageSource | undefined => {
    const found = channels.find(({ channel }) => spec.channels[channel.name] === signal)
    const refuse = (what: string, remedy: string): undefined => {
      findings.push(inMachine(profile.machine, `/wear/${at}`, { what, remedy }))
    }
    if (found === undefined) {
      return refuse(`the loop has no channel for ${signal}`, 'Count a signal that it reports.')
    }
    const { scale } = found.channel
    const source = { signal, from: found.from, index: found.index }
    const [from, to] = [Math.round(low / scale), Math.round(high / scale)]
    if (to - from >= 32 && to - from <= spanMost) return { ...source, low: from, span: to - from }
    return refuse(
      `${signal} from ${low} to ${high} is ${to - from} steps of the loop's ${scale}`,
      `Choose ends that are 32 to ${spanMost} steps apart.`,
    )
  }
  const list = (specs: readonly Parameters<typeof sourceOf>[0][], at: string): UsageSource[] =>
    specs.flatMap((one, i) => sourceOf(one, `${at}/${i}`) ?? [])
  const plan: UsagePlan = {
    layout: usageLayout(wear),
    bands: list(wear.histograms, 'histograms'),
    cycles: list(wear.fatigue.slice(0, cyclesMost), 'fatigue'),
  }
  const state = channels.find(
    ({ channel, from }) => from === 'reported' && spec.channels[channel.name] === uptime?.signal,
  )
  const bits = (state?.channel.values ?? []).reduce(
    (sum, value, i) => sum + (uptime?.inUse.includes(value) && i < 32 ? 2 ** i : 0),
    0,
  )
  return {
    plan: state === undefined ? plan : { ...plan, inUse: { index: state.index, bits } },
    findings,
  }
}

/** `#define` lines. */
export const usageDefines = ({ layout, bands, cycles, inUse }: UsagePlan): string[] => {
  const table = (sources: readonly UsageSource[]): string => {
    const rows = sources.map(
      ({ from, index, low, span }) => `{&${from}[${index}], ${low}, ${span}u}`,
    )
    return `{${rows.join(', ')}}`
  }
  return [
    `USAGE_LAYOUT ${layout}u`,
    `USAGE_BANDS ${bands.length}`,
    `USAGE_CYCLES ${cycles.length}`,
    `USAGE_BAND_TABLE ${table(bands)}`,
    `USAGE_CYCLE_TABLE ${table(cycles)}`,
    inUse === undefined
      ? 'USAGE_IN_USE 1'
      : `USAGE_IN_USE ((u32)reported[${inUse.index}] < 32 && ` +
        `(${inUse.bits}u >> reported[${inUse.index}] & 1) != 0)`,
  ]
}
