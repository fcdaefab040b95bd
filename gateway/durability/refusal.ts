// The one error of this library: a question that the data cannot answer.
// Every refusal says what happened (code, message) and what to do instead (remedy); nothing here
// returns NaN in place of an answer.

/** Why an analysis was refused. Codes are stable; messages may change. */
export type RefusalCode =
  | 'too_few_failures'
  | 'all_censored'
  | 'bad_time'
  | 'bad_argument'
  | 'infinite_likelihood'
  | 'unsorted_interval'
  | 'no_convergence'
  | 'wrong_kind'
  | 'bad_column'
  | 'bad_row'

/** Thrown by every public function here when its input cannot be used. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  /** What happened and why, without the remedy. */
  readonly reason: string
  /** What to do about it, in one sentence. */
  readonly remedy: string

  constructor(code: RefusalCode, reason: string, remedy: string) {
    super(`${reason}. ${remedy}.`)
    this.code = code
    this.reason = reason
    this.remedy = remedy
  }
}

/** Throws a Refusal; an expression, so that it can stand after `??`. */
export const refuse = (code: RefusalCode, reason: string, remedy: string): never => {
  throw new Refusal(code, reason, remedy)
}

/** A confidence level must lie strictly between 0 and 1. */
export const checkConfidence = (confidence: number): number =>
  confidence > 0 && confidence < 1
    ? confidence
    : refuse('bad_argument', `confidence is ${confidence}`, 'Give a fraction such as 0.9 or 0.95')
