// Everything that a person may ask of a unit, joined: setpoints, challenges, keys, resets, updates.
// What became of any of it is told to the log, as the unit's answer or as a proof, so that it is an
// event of the unit.

import { type TopicParts, topicOf } from '../../hardware-profiles/names.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { ChallengeOutcome } from '../core/challenge.ts'
import type { Clock } from '../core/clock.ts'
import type { CommandOutcome, SetpointRequest } from '../core/command.ts'
import { operatingError } from '../core/errors.ts'
import { profileDigest } from '../core/machine.ts'
import type { Emit, UnitCommand, UnitFacts, UnitLine } from '../core/source.ts'
import type { ReleaseFace, UnitFirmware, UpdateJob } from '../core/update.ts'
import { proofPayload } from '../proof.ts'
import { Challenges, type KnownUnitKey } from './challenges.ts'
import { CommandDesk } from './desk.ts'
import { Trips } from './trips.ts'
import { type MadeKey, UnitKeys } from './unit-keys.ts'
import { Updates } from './updates.ts'

export type CommandRequest =
  | SetpointRequest
  /** Has the unit show that it has the key that is trusted for it. */
  | { kind: 'challenge' }
  /** Has the board make the key that it signs with. */
  | { kind: 'make_key' }
  /** Pins the first release key of a board, a did:key. */
  | { kind: 'trust'; key: string }
  /** Clears the trip that is latched, by its name. */
  | { kind: 'reset_trip'; cause: string }

export interface Commands {
  /** For every source: what passes into the log, looked at. */
  tap(emit: Emit): Emit
  command(
    unit: string,
    request: CommandRequest,
  ): Promise<
    CommandOutcome | ChallengeOutcome | MadeKey | { releaseKey: string } | { cleared: string }
  >
  /** Setpoints alone, as a sink's clients may ask for them. */
  give(unit: string, request: SetpointRequest): Promise<CommandOutcome>
  update(unit: string, file: Uint8Array): Promise<UpdateJob>
  /** What a release is, and whether the unit would take it; nothing is sent. */
  check(unit: string, file: Uint8Array): Promise<ReleaseFace>
  firmware(unit: string): UnitFirmware
  stop(): Promise<void>
}

export interface CommandsParts {
  profiles: readonly Profile[]
  clock: Clock
  random(bytes: number): Uint8Array
  known(unit: string): Promise<KnownUnitKey | undefined>
  send(command: UnitCommand): boolean
  line(unit: string): UnitLine | undefined
}

export const openCommands = (parts: CommandsParts): Commands => {
  const { profiles, clock, random, line, known } = parts
  let log: Emit | undefined
  const write = (about: TopicParts, payload: Uint8Array): void => {
    const session = Buffer.from(random(8)).toString('hex')
    const record = { topic: topicOf(about), payload, receivedUs: clock.nowUs(), retained: false }
    log?.({ ...record, source: 'gateway', session }, () => {})
  }
  const tell = (unit: string, facts: UnitFacts | undefined, answer: Answer): void => {
    if (facts === undefined) return
    const { boot, uptimeUs: t, machine } = facts
    const id = Buffer.from(random(8)).toString('hex')
    write(
      { machine, unit, kind: 'answer' },
      Buffer.from(JSON.stringify({ boot, t, id, ...answer })),
    )
  }
  const desk = new CommandDesk({
    ...parts,
    machineOf: async (unit) => (await known(unit))?.machine,
  })
  const challenges = new Challenges({
    ...{ desk, random, known },
    tell: (about, asked, verdict) =>
      write({ ...about, kind: 'proof' }, proofPayload(asked, verdict)),
  })
  const keys = new UnitKeys({ line, clock, random })
  const trips = new Trips({ profiles, line })
  const updates = new Updates({
    ...{ line, clock },
    profileDigest: (machine) => {
      const profile = profiles.find((one) => one.machine === machine)
      return profile && profileDigest(profile)
    },
    ended: (unit, facts, { good, word }) =>
      tell(unit, facts, { kind: 'update', accepted: good, reason: word }),
  })
  const reset = async (unit: string, cause: string): Promise<{ cleared: string }> => {
    const kind = 'reset_trip'
    try {
      const done = await trips.reset(unit, cause)
      tell(unit, line(unit)?.facts(), { kind, accepted: true })
      return done
    } catch (error) {
      const reason = operatingError(error)?.code
      tell(unit, line(unit)?.facts(), { kind, accepted: false, ...(reason && { reason }) })
      throw error
    }
  }
  return {
    tap: (emit) => {
      log = emit
      return desk.tap(emit)
    },
    command: async (unit, request) => {
      if (request.kind === 'setpoint') return desk.send(unit, request)
      if (request.kind === 'challenge') return challenges.challenge(unit)
      if (request.kind === 'reset_trip') return reset(unit, request.cause)
      const done =
        request.kind === 'make_key' ? await keys.make(unit) : await keys.trust(unit, request.key)
      tell(unit, line(unit)?.facts(), { kind: request.kind, accepted: true })
      return done
    },
    give: (unit, request) => desk.send(unit, request),
    update: (unit, file) => updates.start(unit, file),
    check: (unit, file) => updates.check(unit, file),
    firmware: (unit) => updates.firmware(unit),
    stop: async () => updates.stop(),
  }
}

interface Answer {
  kind: 'make_key' | 'trust' | 'reset_trip' | 'update'
  accepted: boolean
  reason?: string
}
