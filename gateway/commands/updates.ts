// Updates of boards over their own lines: checks a signed release against the board first, sends
// it, has the board restart into its trial, and confirms only what it then heard: the new firmware
// in the hello, and a report. Whatever fails before that, the board goes back by itself. One at a
// time for each unit; nothing waits for a board that is away, nothing outlives the gateway.
import { createHash } from 'node:crypto'
import { isReleaseBy, type ReleaseFile, readRelease } from '../../firmware/release-file.ts'
import { headBytes, isUnsigned } from '../../firmware/signed-image.ts'
import {
  confirmUpdate,
  expectOk,
  sendUpdate,
  type UpdateLink,
  updateBody,
  updateKinds,
} from '../../firmware/update.ts'
import { didOf } from '../attestation/did.ts'
import { isStrongKey } from '../attestation/ed25519.ts'
import type { Clock } from '../core/clock.ts'
import { OperatingError, operatingError } from '../core/errors.ts'
import type { UnitFacts, UnitLine, UnitReply } from '../core/source.ts'
import type { ReleaseFace, UnitFirmware, UpdateJob } from '../core/update.ts'
import { notTaken, silentLine } from './line-errors.ts'

export interface UpdatesParts {
  line(unit: string): UnitLine | undefined
  /** Digest of this gateway's profile of a machine, hex. */
  profileDigest(machine: string): string | undefined
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  /** Told how each ended: an event of the unit. `word` is short, with underscores. */
  ended(unit: string, facts: UnitFacts | undefined, what: { good: boolean; word: string }): void
  pace?: Partial<Pace>
}

export const updatePace = {
  /** A message without an answer is tried again; in all some minutes of a line that is down. */
  patience: 60,
  pauseMs: 1000,
  /** The same where it begins: who holds the control is told soon. */
  firstPatience: 5,
  /** How often it begins anew where the board has lost what was there. */
  tries: 4,
  /** Until the board is heard again: longer than its trial lasts, so that going back is seen. */
  startMs: 180_000,
  lookMs: 200,
} as const

type Pace = { readonly [K in keyof typeof updatePace]: number }

/** Jobs that are remembered, the finished ones too. */
const jobsMax = 256

export class Updates {
  readonly #parts: UpdatesParts
  readonly #pace: Pace
  readonly #jobs = new Map<string, UpdateJob>()
  readonly #stopping = new AbortController()

  constructor(parts: UpdatesParts) {
    this.#parts = parts
    this.#pace = { ...updatePace, ...parts.pace }
  }

  /** The board that is heard now, and the newest update, as it stands. */
  firmware(unit: string): UnitFirmware {
    const facts = this.#parts.line(unit)?.facts()
    return {
      board: facts === undefined ? null : { name: facts.board, firmware: facts.firmware },
      job: this.#jobs.get(unit) ?? null,
    }
  }

  /** What a file is, and whether the unit would take it now. Rejects where it is no release. */
  async check(unit: string, file: Uint8Array): Promise<ReleaseFace> {
    const release = readOrExplain(file)
    const face = faceOf(release, file)
    try {
      const { state } = await this.#admit(unit, release)
      return { ...face, ...(state.version !== undefined && { running: state.version }) }
    } catch (error) {
      const refusal = operatingError(error)
      if (refusal === undefined) throw error
      return { ...face, refusal }
    }
  }

  /** Checks all that can be known before, and begins. Rejects with an OperatingError. */
  async start(unit: string, file: Uint8Array): Promise<UpdateJob> {
    const release = readOrExplain(file)
    const { line, facts, state } = await this.#admit(unit, release)
    // Another one may have begun while the board was asked.
    this.#checkIdle(unit)
    if (this.#jobs.size >= jobsMax) this.#jobs.clear()
    const total = (state.slot === 0 ? release.b : release.a).length - headBytes
    const job: UpdateJob = {
      ...{ unit, version: release.head.version, state: 'sending', sent: 0, total },
    }
    this.#jobs.set(unit, job)
    void this.#run({ unit, job, line, release, running: state.slot === 0 ? 0 : 1, facts })
    return job
  }

  /** What is under way ends; its board goes back, or stays as it was. */
  stop(): void {
    this.#stopping.abort()
  }

  /** The board and its state, where it would take this release now. */
  async #admit(unit: string, release: ReleaseFile) {
    this.#checkIdle(unit)
    checkSigned(release)
    const line = this.#parts.line(unit)
    const facts = line?.facts()
    if (line === undefined || facts === undefined) throw silentLine(unit)
    this.#checkRelease(unit, release, facts)
    const state = await stateOf(unit, line)
    checkBoard(unit, release, state)
    return { line, facts, state }
  }

  #checkIdle(unit: string): void {
    const running = this.#jobs.get(unit)
    if (running !== undefined && isOpen(running)) throw busy(unit)
  }

  #checkRelease(unit: string, { head, manifest }: ReleaseFile, facts: UnitFacts): void {
    const { machine, board } = facts
    if (head.machine !== machine || head.board !== board) {
      const what = `${head.machine} on ${head.board}`
      throw new OperatingError('update_foreign', {
        message: `the release is for a ${what}; ${unit} is a ${machine} on ${board}`,
        remedy: 'Build it for this machine and board.',
      })
    }
    const profile = Buffer.from(head.profile).toString('hex')
    const ours = this.#parts.profileDigest(machine)
    if (profile !== ours || manifest.digests.profile !== profile) {
      throw new OperatingError('update_profile', {
        message:
          `the release was built for profile ${profile.slice(0, 12)}…, this gateway has ` +
          `${ours?.slice(0, 12) ?? 'none'}…: it would take nothing that ${unit} reports afterwards`,
        remedy: 'Build it with the machine file that this gateway has.',
      })
    }
  }

  async #run(work: Work): Promise<void> {
    const { job, unit } = work
    try {
      await this.#send(work)
      job.state = 'restarting'
      await this.#restart(work)
      job.state = 'trying'
      await this.#confirm(work)
      job.state = 'done'
      this.#parts.ended(unit, work.line.facts(), { good: true, word: `version_${job.version}` })
    } catch (error) {
      const known = operatingError(error)
      job.error = known ?? { code: 'defect', message: String(error), remedy: 'Report it.' }
      job.state = 'failed'
      this.#parts.ended(unit, work.line.facts(), { good: false, word: job.error.code })
    }
  }

  /** Again from the start where the board has lost its power, or bytes were wrong. */
  async #send({ job, line, release, running, unit }: Work): Promise<void> {
    const { patience, firstPatience, tries } = this.#pace
    for (let left = tries; ; ) {
      try {
        await sendUpdate({
          ...{ images: release, running, patience, link: this.#link(line) },
          // A board that has just got its power back does not know yet that it rests.
          firstPatience: left === tries ? firstPatience : patience,
          progress: (sent) => {
            job.sent = sent
          },
        })
        return
      } catch (error) {
        left -= 1
        const { code = '' } = operatingError(error) ?? {}
        if (left === 0 || !again.has(code)) throw error
        await this.#sleep(this.#pace.pauseMs)
        // Before it is asked for more: another image may run by now.
        if ((await stateOf(unit, line)).slot !== running) throw reverted(unit, 'the slot changed')
      }
    }
  }

  async #restart({ line, unit, facts, job }: Work): Promise<void> {
    const { patience, startMs, lookMs } = this.#pace
    const before = line.facts()?.boot ?? facts.boot
    await expectOk(this.#link(line), patience, { kind: 'restart' })
    const { clock } = this.#parts
    const endMs = clock.monotonicMs() + startMs
    while (!this.#isStopped && clock.monotonicMs() < endMs) {
      const now = line.facts()
      if (now !== undefined && now.boot !== before) return
      await this.#sleep(lookMs)
    }
    throw new OperatingError('update_silent', {
      message: `${unit} was not heard again after its restart into version ${job.version}`,
      remedy: 'Its bootloader goes back by itself; if it stays silent, flash it in your hand.',
    })
  }

  /** Confirms when the new image is the one that runs, states its firmware, and reports. */
  async #confirm({ line, unit, running, release, job }: Work): Promise<void> {
    const { clock } = this.#parts
    const endMs = clock.monotonicMs() + this.#pace.startMs
    const reports = line.facts()?.reports ?? 0
    for (;;) {
      const state = await stateOf(unit, line)
      if (state.slot === running) {
        throw reverted(unit, `version ${job.version} did not last through its trial`)
      }
      if (state.version !== job.version) throw reverted(unit, 'another version answers')
      const now = line.facts()
      const { module } = release.manifest.digests
      if (now?.isTaken === true && now.firmware !== module) {
        throw reverted(unit, `it states firmware ${now.firmware.slice(0, 12)}…`)
      }
      if (now?.isTaken === true && now.reports > reports) break
      if (this.#isStopped || clock.monotonicMs() > endMs) {
        throw reverted(unit, `version ${job.version} reports nothing that this gateway takes`)
      }
      await this.#sleep(this.#pace.lookMs)
    }
    await confirmUpdate(this.#link(line), this.#pace.patience)
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  #sleep(ms: number): Promise<void> {
    return this.#parts.clock.sleep(ms, this.#stopping.signal)
  }

  #link(line: UnitLine): UpdateLink {
    return {
      ask: async (message) => {
        if (this.#isStopped) throw stopped()
        const fields = [updateKinds[message.kind], ...updateBody(message)]
        const reply = await line.ask('update', fields)
        return reply?.update && { result: reply.code, next: reply.update.next }
      },
      pause: () => this.#sleep(this.#pace.pauseMs),
    }
  }
}

interface Work {
  unit: string
  job: UpdateJob
  line: UnitLine
  release: ReleaseFile
  /** Slot that runs before it. */
  running: 0 | 1
  facts: UnitFacts
}

/** Where the board has forgotten what was there: it had no power, or bytes were wrong. */
const again: ReadonlySet<string> = new Set(['update_idle', 'update_order', 'update_digest'])

const isOpen = ({ state }: UpdateJob): boolean => state !== 'done' && state !== 'failed'

const stateTries = 6

const stateOf = async (unit: string, line: UnitLine): Promise<NonNullable<UnitReply['update']>> => {
  for (let tries = 0; tries < stateTries; tries += 1) {
    const reply = await line.ask('update', [updateKinds.state, 0, new Uint8Array()])
    if (reply?.update !== undefined) return reply.update
    if (reply !== undefined) throw notTaken(unit)
  }
  throw silentLine(unit)
}

const checkSigned = ({ a, b }: ReleaseFile): void => {
  if (!isUnsigned(a) && !isUnsigned(b)) return
  throw new OperatingError('update_unsigned', {
    message: 'nobody has signed the release',
    remedy: 'Sign it: tenfold build --sign.',
  })
}

/** The key that the manifest names counts only where both signatures are by it. */
const faceOf = (release: ReleaseFile, file: Uint8Array): ReleaseFace => {
  const { head, manifest, a } = release
  const key = Buffer.from(manifest.release?.key ?? '', 'hex')
  const isSigner = key.length === 32 && isStrongKey(key) && isReleaseBy(release, key)
  return {
    ...{ version: head.version, machine: head.machine, board: head.board },
    digests: {
      file: createHash('sha256').update(file).digest('hex'),
      profile: Buffer.from(head.profile).toString('hex'),
      firmware: manifest.digests.module,
    },
    ...(isSigner && { signer: didOf(key) }),
    bytes: a.length - headBytes,
  }
}

/** What the board would refuse anyhow, in clearer words. */
const checkBoard = (
  unit: string,
  release: ReleaseFile,
  { pinned, floor = 0, trial }: NonNullable<UnitReply['update']>,
): void => {
  const { version } = release.head
  if (pinned === undefined) {
    throw new OperatingError('update_no_key', {
      message: `${unit} trusts no release key yet: it takes no updates`,
      remedy: `Pin yours: tenfold command ${unit} trust <did:key>, with its control held.`,
    })
  }
  if (!isReleaseBy(release, pinned)) {
    throw new OperatingError('update_signature', {
      message: `the release is not signed by the key that ${unit} trusts, ${didOf(pinned)}`,
      remedy: 'Sign it with that key: tenfold build --sign.',
    })
  }
  if (version < floor) {
    throw new OperatingError('update_old', {
      message: `version ${version} is older than what has run on ${unit}: ${floor}`,
      remedy: 'Release a newer one; an older one is only flashed with the board in hand.',
    })
  }
  if (trial === 1) {
    throw new OperatingError('update_trial', {
      message: `${unit} runs an image on trial now`,
      remedy: 'Wait a minute: it goes back, then ask again.',
    })
  }
}

const readOrExplain = (file: Uint8Array): ReleaseFile => {
  try {
    return readRelease(file)
  } catch (cause) {
    const known = operatingError(cause)
    if (known !== undefined) throw new OperatingError(known.code, { ...known, cause })
    throw new OperatingError('image_wrong', {
      message: 'this is no signed release: its manifest cannot be read',
      remedy: 'Take the file .signed that "tenfold build --sign" wrote.',
      cause,
    })
  }
}

const busy = (unit: string): OperatingError =>
  new OperatingError('update_busy', {
    message: `an update of "${unit}" is under way`,
    remedy: 'Wait for its end.',
  })

const stopped = (): OperatingError =>
  new OperatingError('update_stopped', {
    message: 'the gateway was stopped',
    remedy: 'Ask again when it runs; the board is as it was.',
  })

const reverted = (unit: string, why: string): OperatingError =>
  new OperatingError('update_reverted', {
    message: `${unit} runs its former image, or goes back to it within a minute: ${why}`,
    remedy: 'Try the release on a board at the bench, and release a mended one.',
  })
