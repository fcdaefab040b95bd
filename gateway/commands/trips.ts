// The service's reset of a latched trip, over a board's own line. It names the cause that it means,
// and the board refuses any other: nobody clears what they have not read. It never starts motion.
import { causeCodes } from '../../firmware/kernel-constants.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { OperatingError } from '../core/errors.ts'
import type { UnitLine } from '../core/source.ts'
import { silentLine } from './line-errors.ts'

export interface TripsParts {
  profiles: readonly Profile[]
  line(unit: string): UnitLine | undefined
}

/** As enum link_code in firmware/runtime/link.h. */
const codes = { done: 0, stale: 3, busy: 6 } as const

export class Trips {
  readonly #parts: TripsParts

  constructor(parts: TripsParts) {
    this.#parts = parts
  }

  /**
   * @param cause as the event kernel_tripped names it, such as `over_current: motor_current`
   * Resolves with the cause that is cleared; rejects with an OperatingError where it is not.
   */
  async reset(unit: string, cause: string): Promise<{ cleared: string }> {
    const line = this.#parts.line(unit)
    const facts = line?.facts()
    if (line === undefined || facts === undefined) throw silentLine(unit)
    const profile = this.#parts.profiles.find(({ machine }) => machine === facts.machine)
    const found = profile?.safety === undefined ? [] : causeCodes(cause, profile.safety)
    if (found.length === 0) throw unknownCause(cause, facts.machine)
    let said: number = codes.stale
    for (const code of found) {
      const reply = await line.ask('resetTrip', [code])
      if (reply === undefined) throw silentLine(unit)
      said = reply.code
      if (said === codes.done) return { cleared: cause }
      if (said !== codes.stale) break
    }
    throw refused(unit, cause, said)
  }
}

const unknownCause = (cause: string, machine: string): OperatingError =>
  new OperatingError('trip_unknown', {
    message: `a ${machine} has no trip that is called "${cause}"`,
    remedy: 'Name it as its event kernel_tripped does, such as "over_current: motor_current".',
  })

const refused = (unit: string, cause: string, code: number): OperatingError => {
  if (code === codes.stale) {
    return new OperatingError('trip_other', {
      message: `${unit} refuses: "${cause}" is not what is latched; nothing was cleared`,
      remedy: 'Look at its newest event kernel_tripped; it may be cleared, or have another cause.',
    })
  }
  if (code === codes.busy) {
    return new OperatingError('trip_held', {
      message: `${unit} refuses: its control is pulled, a reading is bad, or a self-test runs`,
      remedy: 'Let go of its control, wait for the end of the self-test, and ask again.',
    })
  }
  return new OperatingError('trip_unsupported', {
    message: `the firmware of ${unit} takes no reset over the line (code ${code})`,
    remedy: 'Update it, or reset it by hand: firmware/kernel/README.md says how.',
  })
}
