// What `tenfold doctor` says of the sources' connections to peers outside: since when, when each
// was last heard, and what was said of it; and of pages that do not let it ask. Pure.
import type { SourceLink } from './core/link.ts'
import type { Finding } from './diagnosis.ts'

export const linkFindings = (links: readonly SourceLink[], nowUs: number): Finding[] =>
  links.map((link) => {
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
        : `Check that it runs, its address and login under sources.${source}, and the network.`,
    }
  })

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
