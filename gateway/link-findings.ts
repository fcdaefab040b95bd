// What `tenfold doctor` says of the sources' connections to peers outside: since when, when each
// was last heard, and what was said of it; and of pages that do not let it ask. Pure.
import type { Leases, SourceLink } from './core/link.ts'
import type { Finding } from './diagnosis.ts'

export const linkFindings = (links: readonly SourceLink[], nowUs: number): Finding[] =>
  links.flatMap((link) =>
    link.leases === undefined
      ? [linkFinding(link, nowUs)]
      : [linkFinding(link, nowUs), leaseFinding(link.source, link.leases)],
  )

const linkFinding = (link: SourceLink, nowUs: number): Finding => {
  const { source, peer, isConnected, isTrouble, sinceUs, heardUs, said } = link
  const state = isConnected ? 'connected' : 'not connected'
  const heard =
    heardUs === undefined ? 'nothing heard yet' : `last heard ${past(nowUs - heardUs)} ago`
  const text = `${source}, ${peer}: ${state} for ${past(nowUs - sinceUs)}, ${heard}`
  if (isConnected && !isTrouble) return { station: 'sources', verdict: 'good', text }
  return {
    station: 'sources',
    verdict: isConnected ? 'note' : 'bad',
    text: `${text}; ${said}`,
    remedy: isConnected
      ? `Compare what is refused with the setting sources.${source}, and with the peer's own log.`
      : cables.has(source)
        ? `Check plug, power and port under sources.${source}, and what is flashed on the board.`
        : `Check that it runs, its address and login under sources.${source}, and the network.`,
  }
}

/** Sources whose peers are boards at a cable. */
const cables: ReadonlySet<string> = new Set(['firmata', 'serial'])

const leaseFinding = (source: string, leases: Leases): Finding => {
  const { owned, shards, gateways, epoch, fenced, missed } = leases
  const counts = [
    `${owned} of ${shards} shards are owned, at epoch ${epoch} at most`,
    `${gateways} gateways alive`,
    `fenced ${fenced} times, ${missed} heartbeats not taken since its start`,
  ]
  const text = `${source}: ${counts.join('; ')}`
  // More gateways than shards: one without work stands by.
  if (owned > 0 || gateways > shards) return { station: 'sources', verdict: 'good', text }
  return {
    ...{ station: 'sources', verdict: 'note', text },
    remedy:
      'A gateway that has just started or was stopped for a while gets its share within a few ' +
      'leases; else look in its log for nats_fork, nats_unreachable and "fenced".',
  }
}

/** Pages that ask for a password, where none that is right was shown. */
export const closedFinding = (url: string): Finding => ({
  station: 'gateway',
  verdict: 'note',
  text: `the pages at ${url} ask for a name and a password: what only they know is left out`,
  remedy:
    'Give --user NAME and --password-env or --password-file, or run it as the user of the ' +
    'gateway, who may read the file doctor.token of the data folder.',
})

const past = (us: number): string => {
  const s = Math.max(0, us) / 1e6
  if (s < 120) return `${Math.round(s)} s`
  if (s < 7200) return `${Math.round(s / 60)} min`
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} days`
}
