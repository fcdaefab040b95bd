// Source: Arduinos with StandardFirmata as heads of sensors, through johnny-five. Each board is a
// unit; its pins are signals of the unit's profile. A gateway that is not there stops no machine:
// Firmata drives nothing here, it only listens.
import { operatingError } from '../../core/errors.ts'
import { LinkState } from '../../core/link.ts'
import type { Emit, Source, SourceContext } from '../../core/source.ts'
import { openPort } from '../../serial/port.ts'
import { openBoots } from './boots.ts'
import { runHead } from './head.ts'
import { planPins } from './pins.ts'
import type { FirmataSettings } from './settings.ts'

/** @param settings FirmataSettings, checked by the gateway's config */
export const create = (settings: unknown, context: SourceContext, open = openPort): Source => {
  const { boards } = settings as FirmataSettings
  const stopping = new AbortController()
  const { clock, note } = context
  const links = boards.map(
    ({ unit }) => new LinkState({ peer: unit, nowUs: () => clock.nowUs(), note }),
  )
  let running: Promise<void>[] = []
  return {
    name: 'firmata',
    async start(emit: Emit) {
      const plans = boards.map((board, i) => ({
        settings: board,
        link: links[i] as LinkState,
        pins: planPins(board, context.profiles),
      }))
      const boots = openBoots(context.folder)
      running = plans.map(async (plan) => {
        try {
          await runHead({ ...plan, context, boots, emit, open }, stopping.signal)
        } catch (error) {
          // That board is left alone: its readings would not keep their identity. The others go on.
          const known = operatingError(error)
          if (known === undefined) throw error
          const { message, code, remedy } = known
          plan.link.lost(`${message} (${code}). ${remedy}`)
        }
      })
    },
    links: () => links.map((link) => link.health()),
    async stop() {
      stopping.abort()
      await Promise.all(running)
    },
  }
}
