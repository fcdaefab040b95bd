// `tenfold build`: a machine's image for a board, with its manifest, in a folder. It builds and
// writes files; flashing is another command.
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { boardNames, loadBoard } from '../../firmware/boards.ts'
import type { Purpose } from '../../firmware/image.ts'
import { buildFiles, imageName } from '../../firmware/images.ts'
import type { Manifest } from '../../firmware/manifest.ts'
import { loadProfiles, type Machines } from '../../firmware/profiles.ts'
import { buildRelease, type ReleaseRequest } from '../../firmware/release.ts'
import { writeRelease } from '../../firmware/release-file.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { nearest } from '../../hardware-profiles/validate.ts'
import { loadOrCreateSigner } from '../attestation/identity.ts'
import { OperatingError } from '../core/errors.ts'
import { profileDigest } from '../core/machine.ts'
import type { Io } from './io.ts'

export const summary = "builds a machine's image for a board"
export const usage = `usage: tenfold build --profile <machine> --board <board> [options]

  --profile <machine>   a machine of hardware-profiles, such as cordless-drill
  --board <board>       a board of firmware/boards: ${boardNames().join(', ')}
  --sign <key file>     a signed release for boards that take updates: an Ed25519 key (PKCS #8 PEM,
                        mode 0600), made there if there is none; needs --version
  --version <number>    of the release: 1 to 4294967295, greater than the last one
  --exercise            a test build: drives no pin, takes its inputs over UART
  --rig                 another: makes its readings up, speaks to a gateway as a machine does
  --test-inputs         all of the machine, but its readings come over the link, and the profile
                        that it states is not the machine's; never for a board with a motor
  --out <folder>        where the files go; default .tenfold/images

Writes ELF, raw bytes, UF2 or HEX, and the manifest: digests, sizes, stack, longest step, limits,
and what is unproven. For a board that takes updates they have the bootloader; it takes none before
a key is pinned ("tenfold command <unit> trust"). A release: .signed for "tenfold command <unit>
update", the others for the board in hand.
Needs Debian's gcc-arm-none-eabi.`

/** Runs the command: 0, or an error that names the place and the remedy. */
export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({
    args,
    options: {
      profile: { type: 'string' },
      board: { type: 'string' },
      exercise: { type: 'boolean', default: false },
      sign: { type: 'string' },
      version: { type: 'string' },
      rig: { type: 'boolean', default: false },
      'test-inputs': { type: 'boolean', default: false },
      out: { type: 'string', default: join('.tenfold', 'images') },
    },
  })
  const machines = loadProfiles()
  const profile = theProfile(machines, values.profile)
  const board = loadBoard(named('--board', values.board, boardNames()))
  const purpose = purposeOf(values)
  const folder = resolve(io.cwd, values.out)
  const request = {
    ...{ profile, board, loops: machines.loops, path: io.env['PATH'] },
    profileDigest: profileDigest(profile),
    placeOf: machines.places.get(profile.machine),
  }
  if (values.sign !== undefined || values.version !== undefined) {
    const { sign, version, exercise } = values
    return release(request, io, { sign, version, exercise, folder })
  }
  const { manifest, files } = await buildFiles({ ...request, purpose })
  const name = imageName(profile.machine, board.board, purpose)
  await mkdir(folder, { recursive: true })
  for (const [ending, content] of files) {
    await writeFile(join(folder, `${name}.${ending}`), content)
  }
  print(manifest, io)
  const endings = [...files.keys()].join(', ')
  io.out(`wrote     ${join(relative(io.cwd, folder), name)}.{${endings.replaceAll(' ', '')}}`)
  return 0
}

const purposeOf = (values: {
  exercise: boolean
  rig: boolean
  'test-inputs': boolean
}): Purpose => {
  if (values['test-inputs']) return 'test_inputs'
  return values.exercise ? 'exercise' : values.rig ? 'rig' : 'machine'
}

interface ReleaseOptions {
  exercise: boolean
  folder: string
}

const isVersion = (value: number): boolean =>
  Number.isInteger(value) && value >= 1 && value < 2 ** 32

/** Builds, signs and writes a release; of the key only its public half is ever shown. */
const release = async (
  request: Omit<ReleaseRequest, 'version' | 'sign' | 'publicKey'>,
  io: Io,
  values: { sign: string | undefined; version: string | undefined } & ReleaseOptions,
): Promise<number> => {
  const version = Number(values.version)
  if (values.sign === undefined || values.exercise || !isVersion(version)) {
    throw new OperatingError('usage', {
      message: '--sign needs a key file and a whole --version from 1, and no --exercise',
      remedy: 'See "tenfold help build".',
    })
  }
  const keyFile = resolve(io.cwd, values.sign)
  const signer = loadOrCreateSigner(keyFile, randomBytes)
  const { publicKey, sign } = signer
  const built = await buildRelease({ ...request, version, publicKey, sign })
  const { machine, board, release: made } = built.manifest
  const name = `${imageName(machine, board, 'machine')}-v${made?.version}`
  await mkdir(values.folder, { recursive: true })
  const files = new Map<string, string | Uint8Array>([
    ['signed', writeRelease(built)],
    ...built.files,
    ['json', built.text],
  ])
  for (const [ending, content] of files) {
    await writeFile(join(values.folder, `${name}.${ending}`), content)
  }
  print(built.manifest, io)
  io.out(`release   version ${made?.version}, signed by ${signer.did}`)
  io.out(`slots     a ${made?.slots.a}`)
  io.out(`          b ${made?.slots.b}`)
  io.out(`wrote     ${join(relative(io.cwd, values.folder), name)}.{${[...files.keys()]}}`)
  return 0
}

const named = (option: string, value: string | undefined, known: readonly string[]): string => {
  if (value !== undefined) return value
  throw new OperatingError('usage', {
    message: `${option} is missing; known: ${known.join(', ')}`,
    remedy: 'See "tenfold help build".',
  })
}

/** A machine may be named as in its file (cordless-drill) or as in its data (cordless_drill). */
const theProfile = ({ profiles }: Machines, given: string | undefined): Profile => {
  const names = [...profiles.keys()].map((machine) => machine.replaceAll('_', '-'))
  const name = named('--profile', given, names).replaceAll('_', '-')
  const profile = profiles.get(name.replaceAll('-', '_'))
  if (profile !== undefined) return profile
  throw new OperatingError('machine_unknown', {
    message: `there is no machine "${name}"${nearest(name, names)}; known: ${names.join(', ')}`,
    remedy: 'Name one of these, or add a file to hardware-profiles.',
  })
}

const print = (manifest: Manifest, io: Io): void => {
  const { sizes, stack, digests, worstStep, loop, unproven, release: made } = manifest
  io.out(`machine   ${manifest.machine} on ${manifest.board}, ${manifest.purpose}`)
  io.out(`loop      ${loop.kind} at ${loop.rateHz} Hz, module ${digests.module.slice(0, 16)}`)
  const code = sizes.codeInRam > 0 ? `, and ${sizes.codeInRam} of code in RAM` : ''
  io.out(`size      ${sizes.flash} bytes of flash, ${sizes.ram} of RAM${code}`)
  if (made !== undefined) io.out(`          and ${made.bootloaderBytes} bytes of bootloader`)
  io.out(`stack     ${stack.bound} bytes at most, ${stack.reserved} reserved`)
  if (worstStep !== undefined) {
    const { loop: cycles, kernel, sampling, mostHz } = worstStep
    io.out(`longest   ${cycles} cycles of the loop in a step and ${kernel} of the kernel at most,`)
    io.out(`          ${sampling} measured of all else: up to ${mostHz} Hz`)
  }
  io.out(`image     ${digests.image}`)
  for (const text of unproven) io.out(`unproven  ${text}`)
}
