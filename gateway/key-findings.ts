// What `tenfold doctor` says of a unit's key: whether the unit has shown that it holds it, and
// whether it states another one than at first. Pure; of units that the gateway signs for it says
// nothing, since they hold no key.
import type { UnitSummary } from './core/queries.ts'
import type { Finding } from './diagnosis.ts'

/** Why a proof was not taken, in words. */
const whys: Readonly<Record<string, string>> = {
  signature: 'its answer is not signed with it',
  boot: 'its answer is of another start',
  uptime: 'its answer is older than its hello',
  unanswered: 'it does not answer',
  refused: 'it would not answer',
  other_key: 'it proved another one',
}

export const keyFindings = (
  { key, custody, proof }: Pick<UnitSummary, 'key' | 'custody' | 'proof'>,
  otherKey: string | null | undefined,
): Finding[] => {
  const found: Finding[] = []
  if (key !== undefined && custody !== 'gateway') found.push(proven(key, proof))
  if (otherKey != null) {
    found.push({
      ...{ station: 'unit', verdict: 'bad' },
      text: `it now states another key, ${otherKey}; the first one counts`,
      remedy: 'Two boards use one id, or its key was lost: give the new board an id of its own.',
    })
  }
  return found
}

const proven = (key: string, proof: UnitSummary['proof']): Finding => {
  if (proof === undefined) {
    return {
      ...{ station: 'unit', verdict: 'note' },
      text: `its key ${key} is taken at its word: nothing has challenged it yet`,
      remedy:
        'Ask it: tenfold command <unit> challenge. A board on a serial line is challenged at once.',
    }
  }
  if (proof.proven) {
    const when = new Date(proof.timeUs / 1000).toISOString()
    return { station: 'unit', verdict: 'good', text: `it has proven its key ${key}, ${when}` }
  }
  return {
    ...{ station: 'unit', verdict: 'bad' },
    text: `it could not prove its key ${key}: ${whys[proof.why ?? ''] ?? proof.why}`,
    remedy: 'Check its line; if that is sound, this may be another board under the same id.',
  }
}
