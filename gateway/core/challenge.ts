// What came of a challenge that a person asked for: the words that command line and page share. No
// logic: who judges is gateway/proof.ts.

export interface ChallengeOutcome {
  /**
   * `genuine`: signed with the key that is trusted for the unit. `other_key`: with another one.
   * `other_start`: with that key, but in another boot or before it was asked. `no_answer`: none in
   * time. `refused`: the unit says that it cannot.
   */
  verdict: 'genuine' | 'other_key' | 'other_start' | 'no_answer' | 'refused'
  /** did:key that is trusted for the unit: the one of its first hello. */
  key: string
  /** The same as a sentence. */
  said: string
}
