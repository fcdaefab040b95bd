// `tenfold command`: asks a unit for setpoints, through a running gateway, and says what the unit
// answered. It sends nothing by itself and keeps nothing.
import { parseArgs } from 'node:util'
import type { CommandOutcome } from '../commands/desk.ts'
import { OperatingError } from '../core/errors.ts'
import { ask, askOptions, askUsage } from './ask.ts'
import type { Io } from './io.ts'

export const summary = 'asks a unit for setpoints, and says what it answered'
export const usage = `usage: tenfold command <unit> setpoint <name>=<value> ... [options]

  --hold SECONDS   how long they hold (default 5, at most 60)
${askUsage}

A command goes only to a unit that is heard right now; none waits for one that is away. It cannot
start anything: a unit obeys only while a person holds it armed, and within its profile's limits.
Exit code 10: the unit refused.`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...askOptions, hold: { type: 'string', default: '5' } },
  })
  const [unit, kind, ...pairs] = positionals
  if (unit === undefined || kind !== 'setpoint' || pairs.length === 0) throw wrongUse()
  const numbers = Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', text = ''] = pair.split('=')
      if (name === '' || text === '' || !Number.isFinite(Number(text))) throw wrongUse(pair)
      return [name, Number(text)]
    }),
  )
  const holdsMs = Math.round(Number(values.hold) * 1000)
  const body = { kind, values: numbers, holdsMs }
  const path = `/api/units/${encodeURIComponent(unit)}/command`
  const { accepted, reason, id } = await ask<CommandOutcome>(io, values, { path, body })
  if (accepted) {
    io.out(`${unit} obeys for ${holdsMs / 1000} s (command ${id})`)
    return 0
  }
  io.out(`${unit} refused: ${said[reason ?? ''] ?? reason ?? 'without a reason'} (command ${id})`)
  return 10
}

/** What the unit's word means. */
const said: Readonly<Record<string, string>> = {
  disarmed: 'disarmed: nobody holds it armed',
  beyond: 'beyond: a value is beyond its limits',
  stale: 'stale: the command came too late, or for another boot',
  unknown: 'unknown: its firmware does not know this command',
  malformed: 'malformed: it knows no such setpoint',
}

const wrongUse = (what?: string): OperatingError =>
  new OperatingError('usage', {
    message: what === undefined ? 'a unit, "setpoint" and values are needed' : `"${what}" is wrong`,
    remedy: 'Such as: tenfold command drill-1 setpoint clutch_setting=12',
  })
