// Makes `config.h`: what runtime and drivers must know of profile, loop kind and board, as C
// constants. Checks what only all three together show: the pins. Pure.
import type { LoopSpec, Profile } from '../hardware-profiles/profile.ts'
import type { Board } from './boards.ts'
import { type Finding, inMachine } from './finding.ts'
import { checkFlash, journalUs } from './flash-life.ts'
import type { Purpose } from './image.ts'
import { causeDefines, holdDefines, opposedOutputs } from './kernel-constants.ts'
import { linkDefines } from './link-config.ts'
import { type LoopKind, measurableOf, reportedOf } from './loop-kind.ts'
import { usageDefines, usagePlan } from './usage-plan.ts'
import { wire } from './wiring.ts'

export interface Config {
  /** The header's text. @param module, kernel digests of the loop's and the kernel's wasm */
  text: (module: string, kernel?: string) => string
  findings: readonly Finding[]
}

export const configHeader = (parts: {
  profile: Profile
  board: Board
  loop: LoopKind
  spec: LoopSpec
  purpose: Purpose
  /** SHA-256 of the profile, hex: what the board states at hello. Without it there is no link. */
  profileDigest?: string
}): Config => {
  const { profile, board, loop, spec, purpose } = parts
  const ends = (list: readonly { min: number; max: number; scale: number }[], end: 'min' | 'max') =>
    list.map((channel) => Math.round(channel[end] / channel.scale))
  const common = [
    `RATE_HZ ${spec.rateHz}`,
    `INPUTS ${loop.inputs.length}`,
    `OUTPUTS ${loop.outputs.length}`,
    `REPORTS ${reportedOf(loop).length}`,
    `STATES ${loop.states.length}`,
    ...measuredDefines(parts),
    ...flashMap(board),
    `OUTPUT_LOW {${ends(loop.outputs, 'min').join(', ')}}`,
    `OUTPUT_HIGH {${ends(loop.outputs, 'max').join(', ')}}`,
    `OPPOSED_OUTPUTS(X) ${opposed(parts)}`,
  ]
  const { plan, findings } = usagePlan(profile, loop, spec)
  if (plan !== undefined) common.push(...usageDefines(plan))
  // A test build is not worn out: it is flashed to be looked at.
  if (purpose === 'machine') findings.push(...checkFlash(board, loop.counters.length, plan))
  const machine: string[] = []
  const { profileDigest } = parts
  const hasLink = purpose !== 'exercise' && profileDigest !== undefined
  const link = hasLink ? linkDefines({ ...parts, profileDigest }) : undefined
  if (link !== undefined) findings.push(...link.findings)
  const isMachine = purpose === 'machine' || purpose === 'test_inputs'
  if (isMachine && !board.drivesPins) {
    const what = `${board.title} has no drivers for pins yet, only the test build`
    const remedy = 'Build a test image (--exercise, --rig), or take a board that has drivers.'
    findings.push(inMachine(profile.machine, `/boards/${board.board}`, { what, remedy }))
  } else if (isMachine) {
    const { safety } = profile
    if (safety === undefined) findings.push(unguarded(profile))
    else {
      machine.push(...causeDefines({ safety, loop, spec }), ...holdDefines({ safety, loop, spec }))
    }
    const wired = wire({ profile, board, loop, spec })
    machine.push(...wired.defines)
    findings.push(...wired.findings)
  }
  const text = (module: string, kernel?: string): string => {
    const lines = [...common, ...machine, ...(link?.defines(module) ?? [])]
    if (kernel !== undefined) {
      lines.push(`KERNEL_DIGEST {${[...Buffer.from(kernel, 'hex')].join(', ')}}`)
    }
    return `/* Made by the build. */\n${lines.map((line) => `#define ${line}\n`).join('')}`
  }
  return { text, findings }
}

/** What a calibration may measure of this unit, and within what it is believed. */
const measuredDefines = ({ loop, spec }: Parameters<typeof configHeader>[0]): string[] => {
  const list = measurableOf(loop, spec.constants)
  const ends = (end: 'least' | 'most'): string => list.map((one) => one[end]).join(', ')
  return [
    `MEASURED ${list.length}`,
    `MEASURED_LEAST {${ends('least')}}`,
    `MEASURED_MOST {${ends('most')}}`,
  ]
}

const opposed = ({ profile: { safety }, loop, spec }: Parameters<typeof configHeader>[0]): string =>
  (safety === undefined ? [] : opposedOutputs({ safety, loop, spec }))
    .map(([a, b]) => `X(${a}, ${b})`)
    .join(' ')

const unguarded = (profile: Profile): Finding =>
  inMachine(profile.machine, '/safety', {
    what: 'is missing: no image drives pins without a safety kernel',
    remedy: 'Say what it watches and its limits (firmware/kernel/README.md has an example).',
  })

/** `FLASH_<PART>_AT` and `FLASH_<PART>_BYTES`, offsets from the start of the flash. */
const flashMap = ({
  flash: { parts = {}, journalSeconds = 1, usageSeconds = 60, tellSeconds = 300 },
}: Board): string[] => [
  ...(parts['kv'] && parts['counters'] && parts['outbox'] ? ['STORE_IN_FLASH 1'] : []),
  `FLASH_JOURNAL_US ${journalUs(journalSeconds)}u`,
  `FLASH_USAGE_S ${usageSeconds}`,
  `FLASH_TELL_S ${tellSeconds}`,
  ...Object.entries(parts).flatMap(([name, { at, bytes }]) => [
    `FLASH_${name.toUpperCase()}_AT ${at}u`,
    `FLASH_${name.toUpperCase()}_BYTES ${bytes}u`,
  ]),
]
