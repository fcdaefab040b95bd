// Where the servers were left by an earlier run: what its files say, brought up to the log's end by
// the reports that the log has of it since. So nothing that is in the log is asked for again after
// a kill, and nothing that is not is taken for known.
import { parseTopic } from '../../../hardware-profiles/names.ts'
import type { LogRecord } from '../../core/record.ts'
import type { OwnRecords } from '../../core/source.ts'
import type { ClientPlan } from '../../opcua/client/plan.ts'
import { follow, readState, type ServerState, statePath } from '../../opcua/client/state-file.ts'

const gapSuffix = '-gap'

/** Session of a record: a connection; what is said of a gap after it is told apart. */
export const sessionOf = (
  { server, connection }: { server: string; connection: number },
  { epoch, gap }: { epoch: string; gap: true | undefined },
): string => `${epoch}-${server}-${connection}${gap === true ? gapSuffix : ''}`

/**
 * The state of each server by its name. Without `own` it is what the files say. Call it while no
 * record of the source is on its way into the log.
 */
export const whereLeft = (
  { folder, servers }: ClientPlan,
  own: OwnRecords | undefined,
): Record<string, ServerState> => {
  const end = own?.next()
  const states = new Map(
    servers.map(({ name }): [string, ServerState] => {
      const state = readState(statePath(folder, name))
      return [name, state ?? { marksUs: {}, gapsUs: {}, heardUs: 0 }]
    }),
  )
  const offsets = [...states.values()].flatMap(({ offset }) => offset ?? [])
  const byUnit = new Map(
    servers.flatMap(({ name, units }) => units.map(({ unit }) => [unit, states.get(name)])),
  )
  if (own !== undefined && offsets.length > 0) {
    for (const record of own.since(Math.min(...offsets))) {
      const state = byUnit.get(parseTopic(record.topic)?.unit ?? '')
      if (state?.offset !== undefined) follow(state, reportIn(record))
    }
  }
  for (const state of states.values()) {
    if (end === undefined) delete state.offset
    else state.offset = end
  }
  return Object.fromEntries(states)
}

const reportIn = ({ topic, payload, session }: LogRecord) => ({
  topic,
  payload: Buffer.from(payload).toString(),
  ...(session.endsWith(gapSuffix) && { gap: true as const }),
})
