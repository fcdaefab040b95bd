// `tenfold command`: asks a unit for something through a running gateway, and says what became of
// it. It sends nothing by itself and keeps nothing.
import { parseArgs } from 'node:util'
import type { MadeKey } from '../commands/unit-keys.ts'
import type { ChallengeOutcome } from '../core/challenge.ts'
import type { CommandOutcome } from '../core/command.ts'
import { OperatingError } from '../core/errors.ts'
import { type AskValues, ask, askOptions, askUsage } from './ask.ts'
import type { Io } from './io.ts'
import { update } from './update.ts'

export const summary =
  'asks a unit for setpoints, a proof, an update or a reset, and says what came of it'
export const usage = `usage: tenfold command <unit> setpoint <name>=<value> ... [options]
       tenfold command <unit> challenge [options]
       tenfold command <unit> update <file.signed> [options]
       tenfold command <unit> make-key [options]
       tenfold command <unit> trust <did:key> [options]
       tenfold command <unit> reset-trip <cause> [options]

  setpoint         values that hold for a while, of what its profile calls setpoints; for a hot end
                   such as: tenfold command hot-end-1 setpoint target=200 --hold 5
  challenge        has the unit sign a number that was never there, and says whether it did so with
                   the key that this gateway knows for it: genuine, another key, or no answer
  update           a release of "tenfold build --sign": sent, tried, and kept when it is heard
  make-key         has the board make the key that it signs with, once in its life
  trust            pins whose releases a board takes that was flashed without a key; its machine's
                   control must be held since it got its power, so that it cannot start (a switch
                   that stays put: put on within the last half minute)
  reset-trip       clears a latched trip, named as its event kernel_tripped names it, such as
                   over_current: motor_current; find out first why it tripped

  --hold SECONDS   how long setpoints hold (default 5, at most 60)
${askUsage}

A command goes only to a unit that is heard right now; none waits for one that is away. It cannot
start anything: a unit obeys only while a person holds it armed, and within its profile's limits.
Exit code 10: the unit refused, or did not show itself to be genuine.`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...askOptions, hold: { type: 'string', default: '5' } },
  })
  const [unit, kind, ...rest] = positionals
  const [first, second] = rest
  if (unit === undefined) throw wrongUse()
  if (kind === 'setpoint' && first !== undefined) return setpoint(io, values, { unit, pairs: rest })
  if (kind === 'make-key' && first === undefined) return makeKey(io, values, unit)
  if (kind === 'challenge' && first === undefined) return challenge(io, values, unit)
  if (kind === 'reset-trip' && first !== undefined) {
    return resetTrip(io, values, { unit, cause: rest.join(' ') })
  }
  if (first === undefined || second !== undefined) throw wrongUse()
  if (kind === 'update') return update(io, values, { unit, path: first })
  if (kind === 'trust') return trust(io, values, { unit, key: first })
  throw wrongUse(kind)
}

const pathOf = (unit: string): string => `/api/units/${encodeURIComponent(unit)}/command`

const setpoint = async (
  io: Io,
  values: AskValues & { hold: string },
  { unit, pairs }: { unit: string; pairs: readonly string[] },
): Promise<number> => {
  const numbers = Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', text = ''] = pair.split('=')
      if (name === '' || text === '' || !Number.isFinite(Number(text))) throw wrongUse(pair)
      return [name, Number(text)]
    }),
  )
  const holdsMs = Math.round(Number(values.hold) * 1000)
  const body = { kind: 'setpoint', values: numbers, holdsMs }
  const answer = await ask<CommandOutcome>(io, values, { path: pathOf(unit), body })
  const { accepted, reason, id } = answer
  if (accepted) {
    io.out(`${unit} obeys for ${holdsMs / 1000} s (command ${id})`)
    return 0
  }
  io.out(`${unit} refused: ${said[reason ?? ''] ?? reason ?? 'without a reason'} (command ${id})`)
  return 10
}

const makeKey = async (io: Io, values: AskValues, unit: string): Promise<number> => {
  const body = { kind: 'make_key' }
  const { key } = await ask<MadeKey>(io, values, { path: pathOf(unit), body })
  io.out(`${unit} signs with ${key}`)
  io.out('custody  extractable: in its flash, where who holds the board can read it out')
  return 0
}

const challenge = async (io: Io, values: AskValues, unit: string): Promise<number> => {
  const body = { kind: 'challenge' }
  const { verdict, said } = await ask<ChallengeOutcome>(io, values, { path: pathOf(unit), body })
  io.out(said)
  return verdict === 'genuine' ? 0 : 10
}

const trust = async (
  io: Io,
  values: AskValues,
  { unit, key }: { unit: string; key: string },
): Promise<number> => {
  const body = { kind: 'trust', key }
  const { releaseKey } = await ask<{ releaseKey: string }>(io, values, { path: pathOf(unit), body })
  io.out(`${unit} takes releases that ${releaseKey} has signed, and no others`)
  return 0
}

const resetTrip = async (
  io: Io,
  values: AskValues,
  { unit, cause }: { unit: string; cause: string },
): Promise<number> => {
  const body = { kind: 'reset_trip', cause }
  const { cleared } = await ask<{ cleared: string }>(io, values, { path: pathOf(unit), body })
  io.out(`${unit} has cleared its trip (${cleared})`)
  io.out('It starts nothing by itself: its control must be seen released, and then pulled.')
  return 0
}

/** What the unit's word means. */
const said: Readonly<Record<string, string>> = {
  disarmed: 'disarmed: nobody holds it armed',
  beyond: 'beyond: a value is beyond its limits',
  stale: 'stale: the command came too late, or for another boot',
  unknown: 'unknown: its firmware does not know this command',
  malformed: 'malformed: it knows no such setpoint',
  busy: 'busy: it is at another command',
}

const wrongUse = (what?: string): OperatingError =>
  new OperatingError('usage', {
    message:
      what === undefined
        ? 'a unit, what it is to do, and what that needs are missing'
        : `"${what}" is wrong`,
    remedy: 'Such as: tenfold command hot-end-1 setpoint target=200; see "tenfold help command".',
  })
