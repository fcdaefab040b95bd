// `tenfold replay-fault`: a recording of a board's black box, run through the twin. Reads what the
// gateway has fetched, or a copy of the board's flash; builds the same two modules and refuses to
// take others.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildKernel, buildLoop } from '../../firmware/build.ts'
import { causeName } from '../../firmware/kernel-constants.ts'
import type { LoopKind } from '../../firmware/loop-kind.ts'
import { loadProfiles } from '../../firmware/profiles.ts'
import { type Recording, recordingsIn } from '../../firmware/twin/black-box.ts'
import { type Moment, type Replayed, replayFault } from '../../firmware/twin/replay-fault.ts'
import type { LoopSpec, Profile, SafetySpec } from '../../hardware-profiles/profile.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { OperatingError } from '../core/errors.ts'
import { profileDigest } from '../core/machine.ts'
import { contentOf, keptIn, shelfOf } from '../sources/serial/shelf.ts'
import type { Io } from './io.ts'

export const summary = "runs a recording of a board's black box through the twin"
export const usage = `usage: tenfold replay-fault --unit <unit> [options]
       tenfold replay-fault <file> [--recording NUMBER]

  --unit <unit>    what the gateway has fetched of it; "tenfold recordings" lists them
  <file>           a copy of the board's flash, or of its part from 0x101c0000 on (128 KiB),
                   such as "picotool save -r 101c0000 10200000 box.bin" writes
  --recording NUMBER  which one of them; default the newest
${configUsage}

Starts loop and kernel from the state in the recording, gives them what the board read, compares
what they say in every step with what the board said, and prints where they decided what. Ends with
0 where all steps are the same, with 1 where one differs.`

/** Runs the command. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const options = {
    ...configOptions,
    recording: { type: 'string' },
    unit: { type: 'string' },
  } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [path, ...more] = positionals
  const { unit, recording: wanted } = values
  if ((path === undefined) === (unit === undefined) || more.length > 0) {
    throw new OperatingError('usage', {
      message: 'give it one file, or a unit',
      remedy: 'Run "tenfold help replay-fault".',
    })
  }
  const recordings =
    unit === undefined
      ? recordingsIn(await fileAt(resolve(io.cwd, path ?? '')))
      : await fetched(readConfig(io, values).loaded.config.data, { unit, wanted })
  const recording = theRecording(recordings, { path: path ?? `the gateway, of ${unit},`, wanted })
  const machine = machineOf(recording)
  const modules = await modulesOf(machine, recording)
  const replayed = replayFault({ recording, ...modules, ...machine })
  print({ recording, replayed, count: recordings.length, machine }, io)
  return replayed.differs === undefined ? 0 : 1
}

/** What the gateway keeps of a unit, oldest first; only those of a number, where one is wanted. */
const fetched = async (
  data: string,
  { unit, wanted }: { unit: string; wanted: string | undefined },
): Promise<Recording[]> => {
  const kept = await keptIn(shelfOf(data), unit)
  const asked = kept.filter(({ number }) => wanted === undefined || `${number}` === wanted)
  const newest = asked.at(-1)
  if (newest !== undefined) return recordingsIn(await contentOf(newest))
  const have = kept.map(({ number }) => number).join(', ') || 'none'
  throw new OperatingError('fault_absent', {
    message: `the gateway has no such recording of ${unit}; there are: ${have}`,
    remedy:
      "It fetches one within half a minute of the motor's end, while the unit is joined to it.",
  })
}

const fileAt = async (path: string): Promise<Uint8Array> => {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new OperatingError('fault_file', {
      message: `cannot read ${path}: ${(cause as Error).message}`,
      remedy: "Check the path of the copy of the board's flash.",
      cause,
    })
  }
}

const theRecording = (
  recordings: readonly Recording[],
  { path, wanted }: { path: string; wanted: string | undefined },
): Recording => {
  const found =
    wanted === undefined
      ? recordings.at(-1)
      : recordings.find(({ number }) => String(number) === wanted)
  if (found !== undefined) return found
  const have = recordings.map(({ number }) => number).join(', ') || 'none'
  const which = wanted === undefined ? 'no recording' : `no recording ${wanted}`
  throw new OperatingError('fault_absent', {
    message: `${path} has ${which} that is whole; there are: ${have}`,
    remedy:
      'Copy the flash from a sector on (a multiple of 4096), a second or more after the motor ' +
      'stopped: a board writes what it recorded only then.',
  })
}

interface Machine {
  profile: Profile
  loop: LoopKind
  spec: LoopSpec
  safety: SafetySpec
}

const machineOf = ({ digests }: Recording): Machine => {
  const { profiles, loops } = loadProfiles()
  for (const profile of profiles.values()) {
    const [spec] = Object.values(profile.loops)
    const loop = spec && loops.get(spec.kind)
    const { safety } = profile
    if (spec === undefined || loop === undefined || safety === undefined) continue
    if (profileDigest(profile) === digests.profile) return { profile, loop, spec, safety }
  }
  throw new OperatingError('fault_profile', {
    message: `no machine here has the profile ${digests.profile}, with which this board was built`,
    remedy: 'Check out the release from which its image was built, and run the command there.',
  })
}

const modulesOf = async (
  { loop, spec, safety }: Machine,
  { digests }: Recording,
): Promise<{ wasm: Uint8Array<ArrayBuffer>; kernel: Uint8Array<ArrayBuffer> }> => {
  const built = await buildLoop({ loop, spec })
  const guard = await buildKernel({ safety, loop, spec })
  for (const [what, digest, wanted] of [
    ['loop', built.digest, digests.loop],
    ['safety kernel', guard.digest, digests.kernel],
  ]) {
    if (digest === wanted) continue
    throw new OperatingError('fault_module', {
      message: `the board ran the ${what} ${wanted}, and what is built here is ${digest}`,
      remedy: 'Check out the release from which its image was built, and run the command there.',
    })
  }
  return { wasm: built.wasm, kernel: guard.wasm }
}

interface Shown {
  recording: Recording
  replayed: Replayed
  count: number
  machine: Machine
}

const print = ({ recording, replayed, count, machine }: Shown, io: Io): void => {
  const { number, boot, cause, steps, rateHz, digests, unchecked } = recording
  const { compared, differs, fault, moments, open } = replayed
  const msOf = (step: number): string => (((step - fault) / rateHz) * 1000).toFixed(1)
  io.out(
    `recording  ${number} of ${count} whole ones, in boot ${boot} of a ${machine.profile.title}`,
  )
  io.out(`cause      ${causeName(cause, machine.safety)}`)
  io.out(`steps      ${steps.length}, from ${msOf(0)} to ${msOf(steps.length - 1)} ms`)
  io.out(`loop       ${digests.loop}`)
  io.out(`kernel     ${digests.kernel}`)
  if (unchecked) io.out('note       kept over a reset before its checksum was made')
  io.out('')
  for (const moment of moments) for (const line of told(moment, machine, msOf)) io.out(line)
  io.out('')
  if (open === 'trapped') io.out('The step after these trapped here, too.')
  if (open === 'ended') io.out('The last step did not end on the board; here it does.')
  if (open === 'not run') io.out('The last step did not end on the board, and is not run here.')
  if (differs === undefined) {
    io.out(`same: outputs and all that the kernel said, bit for bit, in ${compared} steps`)
  } else {
    io.out(`DIFFERENT from step ${differs} on, at ${msOf(differs)} ms, of ${compared} steps`)
  }
}

const told = (
  { step, what, inputs, outputs }: Moment,
  { loop, spec }: Machine,
  msOf: (step: number) => string,
): string[] => {
  const list = (channels: LoopKind['inputs'], values: readonly number[]): string =>
    channels
      .map(({ name, unit, scale, values: words }, i) => {
        const value = values[i] ?? 0
        const text = words?.[value] ?? `${Number((value * scale).toPrecision(6))} ${unit}`
        return `${spec.channels[name] ?? name} ${text}`
      })
      .join(', ')
  return [
    `${msOf(step).padStart(9)} ms  ${what}`,
    `${' '.repeat(14)}in: ${list(loop.inputs, inputs)}`,
    `${' '.repeat(14)}out: ${list(loop.outputs, outputs)}`,
  ]
}
