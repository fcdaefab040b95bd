// What the embedded broker does for Sparkplug B: relays it without logging it (the host application
// that reads it logs what it means), keeps births where an aware server keeps them, and lets each
// participant speak only as itself. Keeps no state.
import { Readable } from 'node:stream'
import { certificates, type NodeName, namespace, parseTopic } from '../../sparkplug/topics.ts'
import type { Refusal } from './access.ts'

/** Who a login is in Sparkplug. */
export type Role = { host: string } | NodeName

/** By the name that logs in. */
export type Roles = ReadonlyMap<string, Role>

export const isSparkplug = (topic: string): boolean => topic.startsWith(`${namespace}/`)

/** Where a birth is kept, retained; undefined for every other message. */
export const certificateOf = (topic: string): string | undefined => {
  const kind = parseTopic(topic)?.kind
  return kind === 'NBIRTH' || kind === 'DBIRTH' ? `${certificates}/${topic}` : undefined
}

/** Why it may not publish this; `unit` undefined is anybody on an open broker. */
export const refuseSparkplug = (
  topic: string,
  who: { unit: string | undefined; roles: Roles },
): Refusal | undefined => {
  const told = parseTopic(topic)
  if (told === undefined) {
    return { code: 'topic_reserved', said: `${topic} is not of Sparkplug B` }
  }
  if (who.unit === undefined) return undefined
  const role = who.roles.get(who.unit)
  const other = { code: 'unit_other', said: `"${who.unit}" may not publish on ${topic}` } as const
  if (role === undefined) return other
  const isCommand = told.kind === 'NCMD' || told.kind === 'DCMD'
  if ('host' in role) {
    return isCommand || (told.kind === 'STATE' && told.host === role.host) ? undefined : other
  }
  if (isCommand || told.kind === 'STATE') return other
  return told.group === role.group && told.node === role.node ? undefined : other
}

/** Whether it may hear this: a host everything of Sparkplug, a node its commands and any STATE. */
export const mayHear = (filter: string, role: Role): boolean => {
  if ('host' in role) return isSparkplug(filter) || filter.startsWith(`${certificates}/`)
  const { group, node } = role
  return (
    filter.startsWith(`${namespace}/STATE/`) ||
    filter === `${namespace}/${group}/NCMD/${node}` ||
    filter.startsWith(`${namespace}/${group}/DCMD/${node}/`)
  )
}

/** What of aedes' memory brings retained messages to a new subscription. */
interface Retained {
  createRetainedStreamCombi(filters: readonly string[]): Readable
}

/**
 * A filter that begins with a wildcard brings no topic that begins with `$` (MQTT 3.1.1, 4.7.2).
 * aedes keeps to that for what is sent now, not for what is retained.
 */
export const hideFromWildcards = (memory: object): void => {
  const retained = memory as Retained
  const all = retained.createRetainedStreamCombi.bind(retained)
  retained.createRetainedStreamCombi = (filters) => {
    const visible = async function* () {
      for (const filter of filters) {
        const isWide = filter.startsWith('#') || filter.startsWith('+')
        for await (const packet of all([filter]) as AsyncIterable<{ topic: string }>) {
          if (!isWide || !packet.topic.startsWith('$')) yield packet
        }
      }
    }
    return Readable.from(visible())
  }
}
