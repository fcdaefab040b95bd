// Has a unit show that it has its key, when a person asks: over a board's line or MQTT alike it
// gets a nonce that was never there, and what it signs is judged by the key that is trusted for
// it, the one of its first hello. The verdict is logged as every proof is. Trusts no key anew.
import { nonceBytes } from '../../firmware/challenge.ts'
import type { ChallengeOutcome } from '../core/challenge.ts'
import { OperatingError } from '../core/errors.ts'
import type { UnitSummary } from '../core/queries.ts'
import { type Challenged, judgeProof, type SignedAnswer, type Verdict } from '../proof.ts'
import { type Answer, type CommandDesk, unknown } from './desk.ts'

export type KnownUnitKey = Pick<UnitSummary, 'machine' | 'key' | 'custody'>

export interface ChallengesParts {
  desk: Pick<CommandDesk, 'ask'>
  /** Secure random bytes. */
  random(bytes: number): Uint8Array
  /** undefined where the unit is not known. */
  known(unit: string): Promise<KnownUnitKey | undefined>
  /** Logs a verdict. */
  tell(about: { machine: string; unit: string }, asked: Challenged, verdict: Verdict): void
}

/** Longer than a line waits for the slowest board to sign. */
const answerMs = 12_000

/** They say something of the moment, and nothing of the key. */
const passing: ReadonlySet<string> = new Set(['stale', 'busy'])

export class Challenges {
  readonly #parts: ChallengesParts

  constructor(parts: ChallengesParts) {
    this.#parts = parts
  }

  /** Rejects with an OperatingError where the unit was not asked. */
  async challenge(unit: string): Promise<ChallengeOutcome> {
    const { desk, random, known, tell } = this.#parts
    const found = await known(unit)
    if (found === undefined) throw unknown(unit)
    const { machine, key, custody } = found
    if (key === undefined || custody === 'gateway') throw keyless(unit, custody)
    const nonce = random(nonceBytes)
    const body = { nonce: Buffer.from(nonce).toString('hex') }
    const about = { machine, unit }
    const { heard, answer } = await desk.ask(about, { kind: 'challenge', body, answerMs })
    const asked = { ...heard, key }
    if (answer?.accepted === false) {
      const { reason = 'unknown' } = answer
      if (!passing.has(reason)) tell(about, asked, { proven: false, why: 'refused' })
      return { verdict: 'refused', key, said: `${unit} would not answer: ${saidOf(reason)}` }
    }
    const verdict = judgeProof(asked, nonce, answer && signedOf(answer))
    tell(about, asked, verdict)
    return { key, ...outcomeOf(unit, key, verdict) }
  }
}

/** What is no signature is signed by nobody. */
const signedOf = ({ boot = 0, t = 0, signature = '' }: Answer): SignedAnswer => ({
  ...{ boot, t },
  signature: Uint8Array.from(Buffer.from(signature, 'hex')),
})

const outcomeOf = (
  unit: string,
  key: string,
  verdict: Verdict,
): Pick<ChallengeOutcome, 'verdict' | 'said'> => {
  if (verdict.proven) {
    const said = `${unit} is genuine: it has just signed with the key that is known for it, ${key}`
    return { verdict: 'genuine', said }
  }
  if (verdict.why === 'signature') {
    const said =
      `${unit} is NOT shown to be genuine: what answered signed with another key than ${key}; ` +
      'another board uses its id, or its key was lost'
    return { verdict: 'other_key', said }
  }
  if (verdict.why === 'unanswered') {
    const said =
      `${unit} gave no answer in time: nothing is shown; its firmware may know no challenges, ` +
      'or its line may be bad'
    return { verdict: 'no_answer', said }
  }
  const said = `${unit} has its key, but answered as of another start: ask again`
  return { verdict: 'other_start', said }
}

const saidOf = (reason: string): string => reasons[reason] ?? reason

const reasons: Readonly<Record<string, string>> = {
  unknown: 'its firmware knows no challenges',
  failed: 'it has no key of its own',
  malformed: 'its firmware does not understand this challenge',
  stale: 'the challenge came too late, or for another boot; ask again',
  busy: 'it is at another command; ask again',
}

const keyless = (unit: string, custody: string): OperatingError =>
  new OperatingError('challenge_keyless', {
    message:
      custody === 'gateway'
        ? `this gateway signs for ${unit}: it has no key that it could show`
        : `no key of ${unit} is known`,
    remedy: 'Where its board can make one: tenfold command <unit> make-key.',
  })
