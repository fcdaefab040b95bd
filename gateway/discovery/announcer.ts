// Which units a broker's Home Assistant has been told of: those heard on that broker, until they
// are retired. Remembers this run only; what it says again is the same, retained.
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { KnownUnit } from '../core/source.ts'
import { entitiesOf } from './entities.ts'

/** Retained; an empty payload takes away what was there. False without a connection. */
export type Keep = (topic: string, payload: string) => boolean

export class Announcer {
  readonly #profiles: ReadonlyMap<string, Profile>
  readonly #keep: Keep
  /** Unit -> whether it is announced (true) or taken away (false). */
  readonly #said = new Map<string, boolean>()

  constructor(profiles: readonly Profile[], keep: Keep) {
    this.#profiles = new Map(profiles.map((one) => [one.machine, one]))
    this.#keep = keep
  }

  /**
   * @param units all that the gateway knows
   * @param isHeard whether it was heard on this broker in this run
   */
  look(units: readonly KnownUnit[], isHeard: (unit: KnownUnit) => boolean): void {
    for (const unit of units) {
      const profile = this.#profiles.get(unit.machine)
      const isRetired = unit.lifecycle === 'retired'
      if (profile === undefined || !(isRetired || isHeard(unit))) continue
      if (this.#said.get(unit.unit) === !isRetired) continue
      const all = entitiesOf(profile, unit)
      const text = (config: object): string => (isRetired ? '' : JSON.stringify(config))
      if (all.every(({ topic, config }) => this.#keep(topic, text(config)))) {
        this.#said.set(unit.unit, !isRetired)
      } else {
        // No connection: after the next it may be another broker, which knows nothing.
        this.#said.clear()
        return
      }
    }
  }
}
